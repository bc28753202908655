import { lines, sh } from '../base/shell.ts'
import {
  type Change,
  type Context,
  type Difference,
  type Kind,
  type Step,
  nothingPlanned,
} from '../model/kind.ts'
import { type Common, type Resource, describe } from '../model/resource.ts'
import { check } from '../model/schema.ts'
import { fileKind, writeAtomically } from './file.ts'
import { service, serviceKind } from './service.ts'
import {
  type SystemFile,
  type SystemFileState,
  parseWithFiles,
  readWithFiles,
  systemFile,
} from './system-file.ts'
import { showUnits } from './unit-state.ts'

/**
 * The servers that the clock is set by, with systemd-timesyncd (the package of that name), which
 * runs and is enabled. A container has the clock of its host: there only the settings are kept, and
 * the plan says so. `absent(ntp(...))` goes back to the servers that the system comes with.
 */
export interface NtpOptions extends Common {
  /** Names or addresses, tried in this order. */
  readonly servers: readonly string[]
}

interface NtpDesired {
  readonly servers: readonly string[]
}

interface NtpState {
  readonly file: SystemFileState
  readonly service: ReturnType<typeof serviceKind.parse>[number]
  /** The servers that it was started with; undefined: it does not say. */
  readonly live: string | undefined
  readonly container: boolean
}

/** Describes the servers: `ntp({ servers: ['ntp1.example.com', 'ntp2.example.com'] })`. */
export function ntp(options: NtpOptions): Resource {
  const { servers, ...common } = options
  return describe(ntpKind, daemon, { servers }, common)
}

const daemon = 'systemd-timesyncd'
const path = '/etc/systemd/timesyncd.conf.d/fettle.conf'

const bus = 'org.freedesktop.timesync1'

const daemonUnit = service(daemon) as Parameters<typeof serviceKind.diff>[0]

export const ntpKind: Kind<NtpDesired, NtpState> = {
  name: 'ntp',
  remembers: () => ({ servers: [] }),
  named: check(`'${daemon}'`, (name) => name === daemon),
  user: 'root',
  fields: {
    servers: check(
      "names or addresses of servers, such as ['ntp.example.com']",
      (value) =>
        Array.isArray(value) &&
        value.length > 0 &&
        value.every((each) => typeof each === 'string' && /^[A-Za-z0-9:][\w.:%-]*$/.test(each)),
    ),
  },

  claims: () => [{ what: `path ${path}` }],

  // To ask a daemon that is not on the bus, as one that its package has just started, would take
  // until the bus gives up.
  read: (resources) =>
    readWithFiles(
      lines(
        sh`[ ! -e /run/systemd/container ] || echo container`,
        sh`unit=$(${showUnits(serviceKind.units!([daemonUnit]))}); printf '%s\n\n' "$unit"`,
        sh`case $unit in *ActiveState=active*)
  case $(busctl call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus NameHasOwner s ${bus} 2>/dev/null) in *true)
    busctl get-property ${bus} ${`/${bus.replaceAll('.', '/')}`} ${`${bus}.Manager`} SystemNTPServers 2>/dev/null;;
  esac;;
esac`,
      ),
      resources.map(fileOf),
    ),

  parse(output, resources) {
    const { own, files } = parseWithFiles(output, resources.map(fileOf))
    const container = own.startsWith('container\n')
    const [unit = '', rest = ''] = own.replace(/^container\n/, '').split(/\n\n+/)
    const [state] = serviceKind.parse(Buffer.from(unit), [daemonUnit])
    // Such as `as 2 "ntp1.example.com" "fd00::1"`.
    const [, names] = /^as \d+(.*)$/m.exec(rest) ?? []
    const live = names?.replaceAll('"', '').trim()
    return files.map((file) => ({ file, service: state!, live, container }))
  },

  diff: (resource, state, context) =>
    resource.absent ? removal(resource, state) : difference(resource, state, context),

  apply: ([change]) => applyServers(change!),
}

/** The first, empty one takes back what other files name. */
function fileOf({ desired, absent }: Resource<NtpDesired>): SystemFile {
  const content = `# Kept by Fettle.\n[Time]\nNTP=\nNTP=${desired.servers.join(' ')}\n`
  return systemFile(path, content, absent)
}

/** It runs with other servers than the file says, or than it will say. */
function isStale(
  { desired, absent }: Resource<NtpDesired>,
  { live, service, container }: NtpState,
  kept: Difference | undefined,
): boolean {
  if (container || service.active !== 'active') return false
  const other = !absent && live !== undefined && live !== desired.servers.join(' ')
  return kept !== undefined || other
}

function removal(resource: Resource<NtpDesired>, state: NtpState): Difference | undefined {
  const found = fileKind.diff(fileOf(resource), state.file, nothingPlanned)
  if (!found) return undefined
  const stale = isStale(resource, state, found)
  return { verb: 'remove', summary: `its settings${stale ? ', restart' : ''}` }
}

function difference(
  resource: Resource<NtpDesired>,
  state: NtpState,
  context: Context,
): Difference | undefined {
  const wanted = resource.desired.servers.join(' ')
  const kept = fileKind.diff(fileOf(resource), state.file, nothingPlanned)
  const unit = state.container ? undefined : serviceKind.diff(daemonUnit, state.service, context)
  if (unit && state.service.load === 'not-found' && context.opaque.length === 0)
    return { verb: 'change', summary: `there is no ${daemon} here (the package of that name)` }
  const stale = isStale(resource, state, kept)
  const changes = [
    (kept || stale) && `servers ${wanted}`,
    stale && 'restart',
    unit && unit.summary,
  ].filter(Boolean)
  if (changes.length === 0) return undefined
  const note = state.container ? ' (settings only: a container has the clock of its host)' : ''
  const verb = state.file.type === 'absent' ? 'create' : 'change'
  const text = kept?.text === undefined ? {} : { text: kept.text }
  const summary = changes.join(', ') + note
  return { verb: unit?.verb === 'unknown' ? 'unknown' : verb, summary, ...text }
}

function applyServers({ resource, state }: Change<NtpDesired, NtpState>): Step {
  const file = fileOf(resource)
  const kept = fileKind.diff(file, state.file, nothingPlanned)
  const unit =
    resource.absent || state.container
      ? undefined
      : serviceKind.diff(daemonUnit, state.service, nothingPlanned)
  const stale = isStale(resource, state, kept)
  const start =
    unit && serviceKind.apply([{ resource: daemonUnit, state: state.service, difference: unit }])
  return {
    script: lines(
      start &&
        sh`systemctl cat -- ${daemon} >/dev/null 2>&1 || { echo ${`there is no ${daemon} here: install the package of that name`}; exit 1; }`,
      kept &&
        !file.absent &&
        sh`mkdir -p -- ${path.slice(0, path.lastIndexOf('/'))} && (
${writeAtomically(path, file.desired)}
) || exit 1`,
      kept && file.absent && sh`rm -f -- ${path} || exit 1`,
      start?.script,
      stale && sh`systemctl restart -- ${daemon} || exit 1`,
    ),
    ...(kept && !file.absent ? { input: file.desired.content as string } : {}),
  }
}
