import { describe, expect } from 'vitest'
import { converges, planned } from '../../test/lab/converges.ts'
import { bootForFile, labAvailable, labSuite, test } from '../../test/lab/fixture.ts'
import { absent, idOf } from '../model/resource.ts'
import { type UnattendedUpgradesOptions, unattendedUpgrades } from './unattended-upgrades.ts'

const contentOf = (options: UnattendedUpgradesOptions): string =>
  (unattendedUpgrades(options)[1]!.desired as { content: string }).content

test('are a package and a file', () => {
  expect(unattendedUpgrades().map(idOf)).toEqual([
    'package:unattended-upgrades',
    'file:/etc/apt/apt.conf.d/52fettle-unattended-upgrades',
  ])
  expect(contentOf({})).toContain('Automatic-Reboot "false"')
  expect(contentOf({})).not.toMatch(/Mail|Reboot-Time/)
  const all = contentOf({ origins: 'all', reboot: '04:30', mail: 'ops@example.org' })
  expect(all).toMatch(
    /"origin=\*";\n\};\n.*Reboot "true";\n.*Time "04:30";\n.*Mail "ops@example.org";/,
  )
})

test.each<[unknown, string]>([
  [{ origins: 'some' }, 'origins'],
  [{ origins: 'toString' }, 'origins'],
  [{ reboot: '4:00' }, 'reboot'],
  [{ reboot: '24:00' }, 'reboot'],
  [{ mail: 'a b' }, 'mail'],
  [{ mail: 'a"; x "' }, 'mail'],
  [{ often: true }, 'often'],
])('refuses %j', (options, field) =>
  expect(() => unattendedUpgrades(options as never)).toThrow(field),
)

describe.skipIf(!labAvailable)('upgrades by the host itself', () => {
  const hosts = bootForFile()

  test('take what is described, and nothing that the package adds to it', async () => {
    const [web1] = hosts()
    const run = async (script: string): Promise<string> => (await web1!.exec(script)).output
    const allowed = (): Promise<string> =>
      run(`unattended-upgrade --dry-run -v 2>&1 | sed -n 's/^Allowed origins are: //p'`)
    await converges(web1!, unattendedUpgrades())
    expect(await allowed()).toBe(
      `origin=Debian,codename=${labSuite}-security,label=Debian-Security, origin=Debian,codename=${labSuite},label=Debian-Security, origin=Ubuntu,archive=${labSuite}-security\n`,
    )
    expect(
      await run(
        'apt-config shell x APT::Periodic::Unattended-Upgrade; apt-config dump Unattended-Upgrade::Automatic-Reboot',
      ),
    ).toContain(`x='1'\nUnattended-Upgrade::Automatic-Reboot "false";`)
    const all = unattendedUpgrades({ origins: 'all', reboot: '04:00', mail: 'root' })
    expect(await converges(web1!, all)).toHaveLength(1)
    expect(await allowed()).toBe('origin=*\n')
    expect(await run('apt-config dump | grep -E "Automatic-Reboot|::Mail" | sort')).toBe(
      `Unattended-Upgrade::Automatic-Reboot "true";
Unattended-Upgrade::Automatic-Reboot-Time "04:00";
Unattended-Upgrade::Mail "root";
Unattended-Upgrade::MailReport "on-change";
`,
    )
    await run('echo >/etc/apt/apt.conf.d/20auto-upgrades')
    expect(await planned(web1!, all)).toEqual([])
    await converges(web1!, absent(all))
  }, 120_000)
})
