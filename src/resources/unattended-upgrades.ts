import type { Common, Resource } from '../model/resource.ts'
import { file } from './file.ts'
import { packages } from './package.ts'
import { refuse } from './refusal.ts'

/**
 * Upgrades that the host installs by itself each day, by Debian's own means: the package
 * `unattended-upgrades` and one file of settings, `/etc/apt/apt.conf.d/52fettle-unattended-upgrades`,
 * which comes after the files of the package and leaves them alone. apt's timers start it, as they
 * do wherever nobody has switched them off.
 */
export interface UnattendedUpgradesOptions extends Common {
  /** `'security'`: what the distribution's security team publishes. `'all'`: all that apt is set up for. Default: `'security'`. */
  readonly origins?: 'security' | 'all'
  /** Whether it may restart the host when an upgrade needs that: at once, or at a time such as `'04:00'`. Default: false. */
  readonly reboot?: boolean | string
  /** Who is told of each change; the host must be able to send mail. */
  readonly mail?: string
}

/** Describes upgrades by the host itself: `unattendedUpgrades({ reboot: '04:00', mail: 'ops@example.org' })`. */
export function unattendedUpgrades(options: UnattendedUpgradesOptions = {}): Resource[] {
  const { origins = 'security', reboot = false, mail, ...common } = options
  checkFields({ origins, reboot, mail })
  const settings = file('/etc/apt/apt.conf.d/52fettle-unattended-upgrades', {
    content: settingsOf({ origins, reboot, mail }),
    owner: 'root',
    group: 'root',
    mode: '0644',
    validate: 'apt-config -c %s dump >/dev/null',
    user: 'root',
    ...common,
  })
  return [...packages(['unattended-upgrades'], common), settings]
}

interface Settings {
  readonly origins: string
  readonly reboot: boolean | string
  readonly mail: string | undefined
}

function checkFields({ origins, reboot, mail }: Settings): void {
  const wrong = (field: string, value: unknown, suggestion: string): never =>
    refuse('unattendedUpgrades', field, {
      problem: `cannot be ${JSON.stringify(value)}`,
      suggestion,
    })
  if (!Object.hasOwn(patterns, origins)) wrong('origins', origins, "'security' or 'all'")
  if (typeof reboot !== 'boolean' && !/^([01]\d|2[0-3]):[0-5]\d$/.test(String(reboot)))
    wrong('reboot', reboot, "true, false or a time such as '04:00'")
  if (mail !== undefined && !/^[\w.+-]+(@[\w.-]+)?$/.test(mail))
    wrong('mail', mail, "an address such as 'ops@example.org'")
}

/** As `apt-cache policy` shows them; the host fills in the name of its release. */
const patterns: Readonly<Record<string, readonly string[]>> = {
  security: [
    'origin=Debian,codename=${distro_codename}-security,label=Debian-Security',
    'origin=Debian,codename=${distro_codename},label=Debian-Security',
    'origin=Ubuntu,archive=${distro_codename}-security',
  ],
  all: ['origin=*'],
}

function settingsOf({ origins, reboot, mail }: Settings): string {
  const rows = [
    '// Kept by Fettle.',
    'APT::Periodic::Enable "1";',
    'APT::Periodic::Update-Package-Lists "1";',
    'APT::Periodic::Unattended-Upgrade "1";',
    'APT::Periodic::AutocleanInterval "7";',
    '// Lists add up over files: these are all, and not further ones.',
    '#clear Unattended-Upgrade::Allowed-Origins;',
    '#clear Unattended-Upgrade::Origins-Pattern;',
    'Unattended-Upgrade::Origins-Pattern {',
    ...patterns[origins]!.map((each) => `  "${each}";`),
    '};',
    `Unattended-Upgrade::Automatic-Reboot "${reboot !== false}";`,
    ...(typeof reboot === 'string'
      ? [`Unattended-Upgrade::Automatic-Reboot-Time "${reboot}";`]
      : []),
    ...(mail === undefined
      ? []
      : [`Unattended-Upgrade::Mail "${mail}";`, 'Unattended-Upgrade::MailReport "on-change";']),
  ]
  return `${rows.join('\n')}\n`
}
