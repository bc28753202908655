import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { problem } from '../base/errors.ts'
import { Shell, lines, sh } from '../base/shell.ts'
import {
  type Change,
  type Context,
  type Difference,
  type Kind,
  type LockOut,
  type Step,
  nothingPlanned,
} from '../model/kind.ts'
import { type Common, type Resource, describe, idOf } from '../model/resource.ts'
import { check, oneOf } from '../model/schema.ts'
import { fileKind, writeAtomically } from './file.ts'
import { type FirewallPolicy, type FirewallRule, admits, rules, ruleset } from './firewall-rules.ts'
import { firewallRules } from './lock-out.ts'
import {
  type SystemFile,
  type SystemFileState,
  parseWithFiles,
  readWithFiles,
  systemFile,
} from './system-file.ts'

/**
 * What may come in from the network, IPv4 and IPv6, kept by nftables (the package of that name) in
 * a table of Fettle's own: other tables, such as those of Docker or Podman, are left alone, and
 * what they pass on to containers does not come by here. The host itself, answers to what it sent,
 * ping and the messages that networks need are always let in. The rules are in
 * `/etc/nftables.d/fettle.nft`, take effect in one transaction, and are loaded at boot by a unit of
 * their own. Changes by hand to the rules in the kernel are found. Rules that would keep out the
 * very login that Fettle uses are refused. `absent(firewall(...))` takes the table away.
 */
export interface FirewallOptions extends Common {
  /** The first that fits decides: `[allow({ port: 22, from: '10.0.0.0/8' }), allow({ port: [80, 443] })]`. */
  readonly rules: readonly FirewallRule[]
  /** What becomes of the rest. Default: `'drop'`, without an answer. */
  readonly policy?: FirewallPolicy
}

interface FirewallDesired {
  readonly rules: readonly FirewallRule[]
  readonly policy: FirewallPolicy
}

interface FirewallState {
  readonly there: boolean
  readonly file: SystemFileState
  readonly unit: SystemFileState
  readonly dropIn: SystemFileState
  readonly enabled: boolean
  readonly active: boolean
  /** The rules in the kernel, and what they were once these very rules had been loaded. */
  readonly live: string | undefined
  readonly loaded: string | undefined
  /** `ADDRESS -> PORT` of this login, where the rules would not let it in again. */
  readonly shutsOut: string | undefined
}

/** Describes the firewall: `firewall({ rules: [allow({ port: [22, 80, 443] })] })`. One for each host. */
export function firewall(options: FirewallOptions): Resource {
  const { rules, policy = 'drop', ...common } = options
  return describe(firewallKind, table, { rules, policy }, common)
}

const table = 'fettle'
const rulesPath = '/etc/nftables.d/fettle.nft'
const unitName = 'fettle-firewall.service'
const unitPath = `/etc/systemd/system/${unitName}`
const wants = `/etc/systemd/system/sysinit.target.wants/${unitName}`
/** The kernel's own listing of the rules as they were loaded, after the hash of their file. */
const listing = '/var/lib/fettle/firewall'

/** nftables.service flushes all tables, ours too, whenever it starts, reloads or stops. */
const dropInPath = '/etc/systemd/system/nftables.service.d/fettle.conf'
const dropInText = `# Kept by Fettle.
[Service]
ExecStartPost=-/usr/sbin/nft -f ${rulesPath}
ExecReload=-/usr/sbin/nft -f ${rulesPath}
ExecStopPost=-/usr/sbin/nft -f ${rulesPath}
`

const unitText = `# Kept by Fettle.
[Unit]
Description=Firewall of Fettle
Wants=network-pre.target
Before=network-pre.target shutdown.target
After=nftables.service
Conflicts=shutdown.target
DefaultDependencies=no

[Service]
Type=oneshot
RemainAfterExit=yes
StandardInput=null
ExecStart=/usr/sbin/nft -f ${rulesPath}
ExecReload=/usr/sbin/nft -f ${rulesPath}
ExecStop=-/usr/sbin/nft delete table inet ${table}

[Install]
WantedBy=sysinit.target
`

export const firewallKind: Kind<FirewallDesired, FirewallState> = {
  name: 'firewall',
  remembers: () => ({ rules: [], policy: 'drop' }),
  named: check(`'${table}'`, (name) => name === table),
  user: 'root',
  fields: { rules, policy: oneOf('drop', 'reject', 'accept') },

  claims: () => [rulesPath, unitPath, dropInPath].map((path) => ({ what: `path ${path}` })),

  read: (resources) =>
    readWithFiles(
      lines(
        readLogin,
        sh`systemctl show -p UnitFileState,ActiveState -- ${unitName} 2>/dev/null | tr '\n' ' '; echo`,
        sh`command -v nft >/dev/null || exit 0`,
        sh`echo there`,
        sh`! live=$(nft -s list table inet ${table} 2>/dev/null) || printf 'live %s\n' "$(printf '%s\n' "$live" | base64 -w 0)"`,
        sh`[ ! -r ${listing} ] || { read -r hash; printf 'loaded %s %s\n' "$hash" "$(base64 -w 0)"; } < ${listing}`,
        sh`[ ! -r ${rulesPath} ] || printf 'hash %s\n' "$(sha256sum < ${rulesPath} | cut -c 1-64)"`,
      ),
      resources.flatMap(filesOf),
    ),

  parse(output, resources) {
    const { own, files } = parseWithFiles(output, resources.flatMap(filesOf))
    return resources.map(({ desired, absent }, i) => ({
      file: files[3 * i]!,
      unit: files[3 * i + 1]!,
      dropIn: files[3 * i + 2]!,
      ...parseOwn(own, absent ? undefined : desired),
    }))
  },

  diff(resource, state, context) {
    if (resource.absent) return removal(state)
    if (state.shutsOut !== undefined)
      throw problem(
        'locks-out',
        {
          resource: idOf(resource),
          field: 'rules',
          what: `the login that Fettle uses, ${state.shutsOut}`,
          suggestion: 'allow({ port: ..., from: ... })',
        },
        { at: resource.at },
      )
    return difference(resource, state, context)
  },

  apply: ([change]) => applyRules(change!),

  lockOut: (): LockOut => ({
    paths: [rulesPath, unitPath, dropInPath, wants, listing],
    save: firewallRules.save,
    restore: lines(
      sh`systemctl daemon-reload`,
      sh`if [ -e ${unitPath} ]; then systemctl start ${unitName}; else systemctl stop ${unitName} 2>/dev/null; fi`,
      firewallRules.restore,
    ),
  }),
}

/** Who is logged in from where: sudo does not pass it on, so our parents are asked. */
const readLogin = Shell.literal(`pid=$$ login=$SSH_CONNECTION
while [ -z "$login" ] && [ "$pid" -gt 1 ]; do
  pid=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status") || break
  login=$(tr '\\0' '\\n' < "/proc/$pid/environ" 2>/dev/null | sed -n 's/^SSH_CONNECTION=//p')
done
[ -z "$login" ] || echo "login $login"`)

function parseOwn(
  own: string,
  desired: FirewallDesired | undefined,
): Omit<FirewallState, 'file' | 'unit' | 'dropIn'> {
  const word = (pattern: RegExp): string | undefined => pattern.exec(own)?.[1]
  const text = (base64: string | undefined): string | undefined =>
    base64 === undefined ? undefined : Buffer.from(base64, 'base64').toString('utf8')
  const [, from, to, port] = /^login (\S+) \S+ (\S+) (\d+)$/m.exec(own) ?? []
  const shut =
    desired !== undefined &&
    from !== undefined &&
    admits(desired.policy, desired.rules, { from, to: to!, port: Number(port) }) === false
  const [, hash, loaded] = /^loaded ([0-9a-f]*) (\S*)$/m.exec(own) ?? []
  return {
    there: /^there$/m.test(own),
    enabled: word(/UnitFileState=(\S+)/) === 'enabled',
    active: word(/ActiveState=(\S+)/) === 'active',
    live: text(word(/^live (\S*)$/m)),
    // Of other rules than are in the file it says nothing.
    loaded: hash === word(/^hash (\w+)$/m) ? text(loaded) : undefined,
    shutsOut: shut ? `from ${from} to port ${port}` : undefined,
  }
}

function filesOf({ desired, absent }: Resource<FirewallDesired>): readonly SystemFile[] {
  return [
    systemFile(rulesPath, ruleset(desired.policy, desired.rules), absent),
    systemFile(unitPath, unitText, absent),
    systemFile(dropInPath, dropInText, absent),
  ]
}

function removal({ file, unit, dropIn, live, enabled }: FirewallState): Difference | undefined {
  const parts = [
    live !== undefined && 'its rules in the kernel',
    (enabled || [file, unit, dropIn].some(({ type }) => type !== 'absent')) && 'its files',
  ].filter(Boolean)
  return parts.length === 0 ? undefined : { verb: 'remove', summary: parts.join(', ') }
}

/** Those of the two files of systemd that are not as they should be. */
function unitChanges(resource: Resource<FirewallDesired>, state: FirewallState): SystemFile[] {
  const [, unit, dropIn] = filesOf(resource)
  const differs = (file: SystemFile, now: SystemFileState): SystemFile[] =>
    fileKind.diff(file, now, nothingPlanned) ? [file] : []
  return [...differs(unit!, state.unit), ...differs(dropIn!, state.dropIn)]
}

/** What is done, and no more than is said. */
interface Steps {
  /** The file, if only its owner and permissions. */
  readonly write: boolean
  /** Why the rules are loaded; undefined: they are not. */
  readonly load: string | undefined
  readonly units: readonly SystemFile[]
  readonly enable: boolean
  /** Loads them too, as its unit says. */
  readonly start: boolean
}

function stepsFor(resource: Resource<FirewallDesired>, state: FirewallState): Steps {
  const file = filesOf(resource)[0]!
  const hash = createHash('sha256').update(file.desired.content).digest('hex')
  return {
    write: fileKind.diff(file, state.file, nothingPlanned) !== undefined,
    load: state.file.sha256 !== hash ? wordsOf(resource.desired) : drift(state),
    units: unitChanges(resource, state),
    enable: !state.enabled,
    start: !state.active,
  }
}

const wordsOf = ({ policy, rules }: FirewallDesired): string =>
  `${policy} all but ${rules.length} rule${rules.length === 1 ? '' : 's'}`

/** How the kernel's rules are not those of the file. */
function drift({ live, loaded }: FirewallState): string | undefined {
  if (live === undefined) return 'load the rules'
  if (loaded === undefined) return 'load the rules, as nobody knows which ones are in the kernel'
  return live === loaded ? undefined : 'load the rules again, as they were changed in the kernel'
}

function difference(
  resource: Resource<FirewallDesired>,
  state: FirewallState,
  context: Context,
): Difference | undefined {
  const wanted = wordsOf(resource.desired)
  if (!state.there)
    return context.opaque.length > 0
      ? { verb: 'unknown', summary: `${wanted}, once ${context.opaque.at(-1)} has brought nft` }
      : { verb: 'change', summary: 'there is no nft here (package nftables)' }
  const { write, load, units, enable, start } = stepsFor(resource, state)
  const kept = fileKind.diff(filesOf(resource)[0]!, state.file, nothingPlanned)
  const changes = [
    write && load !== wanted && kept!.summary,
    load,
    units.length > 0 && 'its unit',
    enable && 'enabled',
    start && (load === undefined ? 'started, which loads the rules again' : 'started'),
  ].filter(Boolean)
  if (changes.length === 0) return undefined
  const drifted =
    load !== undefined && load !== wanted && state.live !== undefined && state.loaded !== undefined
  const text = kept?.text ?? (drifted ? { before: state.live!, after: state.loaded! } : undefined)
  const verb = state.file.type === 'absent' ? 'create' : 'change'
  return { verb, summary: changes.join(', '), ...(text ? { text } : {}) }
}

/** The kernel first, in one transaction: rules that it does not take must not come with the next boot. */
function applyRules({ resource, state }: Change<FirewallDesired, FirewallState>): Step {
  if (resource.absent)
    return {
      script: lines(
        sh`[ ! -e ${unitPath} ] || systemctl -q disable --now ${unitName} || exit 1`,
        sh`rm -f -- ${rulesPath} ${unitPath} ${dropInPath} ${listing} || exit 1`,
        sh`[ ! -d ${dirOf(dropInPath)} ] || rmdir --ignore-fail-on-non-empty -- ${dirOf(dropInPath)}`,
        sh`systemctl daemon-reload 2>/dev/null`,
        sh`! nft list table inet ${table} >/dev/null 2>&1 || nft delete table inet ${table}`,
      ),
    }
  const [file] = filesOf(resource)
  const { write, load, units, enable, start } = stepsFor(resource, state)
  return {
    script: lines(
      sh`command -v nft >/dev/null || { echo 'there is no nft here (package nftables)'; exit 1; }`,
      sh`stage=$(mktemp -d) || exit 1; trap 'rm -rf -- "$stage"' EXIT`,
      sh`cat > "$stage/rules" || exit 1`,
      load !== undefined && loadRules,
      write && sh`mkdir -p -- ${dirOf(rulesPath)} || exit 1`,
      write &&
        sh`( ${writeAtomically(file!.name, file!.desired)}
) < "$stage/rules" || exit 1`,
      ...units.map(
        ({ name, desired }) =>
          sh`mkdir -p -- ${dirOf(name)} && printf '%s' ${desired.content as string} | ( ${writeAtomically(name, desired)}
) || exit 1`,
      ),
      units.length > 0 && sh`systemctl daemon-reload || exit 1`,
      enable && sh`systemctl -q enable ${unitName} || exit 1`,
      start && sh`systemctl start ${unitName} || exit 1`,
      (load !== undefined || start) && noteListing,
    ),
    input: file!.desired.content as string,
  }
}

const dirOf = (path: string): string => path.slice(0, path.lastIndexOf('/'))

const loadRules: Shell = lines(
  sh`reason=$(nft -c -f "$stage/rules" 2>&1) || { printf '%s\n' "$reason"; echo "nft does not take the rules: $(printf '%s' "$reason" | sed "s|^$stage/rules:||; 1q")"; exit 1; }`,
  sh`nft -f "$stage/rules" || exit 1`,
)

const noteListing: Shell = lines(
  sh`mkdir -p -m 0700 -- ${dirOf(listing)} || exit 1`,
  sh`{ sha256sum < "$stage/rules" | cut -c 1-64; nft -s list table inet ${table}; } > ${`${listing}.new`} && mv -fT -- ${`${listing}.new`} ${listing}`,
)
