import { type Secret, holdsSecret } from '../base/secret.ts'
import { lines, sh } from '../base/shell.ts'
import {
  type Change,
  type Context,
  type Difference,
  type Kind,
  type Step,
  nothingPlanned,
} from '../model/kind.ts'
import { type Common, type Resource, describe, given } from '../model/resource.ts'
import {
  type Check,
  account,
  check,
  filled,
  flag,
  line,
  listOf,
  optional,
} from '../model/schema.ts'
import { environmentCheck } from './command.ts'
import { accountExists } from './cron.ts'
import { fileKind } from './file.ts'
import { refuse } from './refusal.ts'
import { transform } from './secret-text.ts'
import {
  type SystemFile,
  type SystemFileState,
  parseWithFiles,
  readWithFiles,
  systemFile,
} from './system-file.ts'
import { propertiesOf, unitBlocks } from './unit-state.ts'
import { folder, placeUnits } from './unit-files.ts'
import { render } from './unit.ts'

/** A job that systemd runs at given times. */
interface TimerFields extends Common {
  /**
   * What a shell is to run; its output goes to the journal of `NAME.service`. Everybody on the host
   * can see the command line of a process, so secrets are refused here: pass them in `environment`.
   */
  readonly command: string
  /** At which times: `'daily'`, `'Mon..Fri 02:00'`, `'*-*-* 02:00:00'`, or a list of such. See systemd.time(7). */
  readonly onCalendar?: string | readonly string[]
  /** Instead of onCalendar: how long after its last run began: `'15min'`, `'1h 30min'`. The first run comes that long after boot, or after it was described. */
  readonly every?: string
  /** The user who runs it. Default: root. (`user` is who writes the units.) */
  readonly runAs?: string
  /** With onCalendar: a time that was missed because the host was down is made up for at boot. Default: false. */
  readonly persistent?: boolean
  /** Up to this much later, by chance, so that many hosts do not all start at once: `'10min'`. */
  readonly randomizedDelay?: string
  /** Variables for the command, in a file that only root can read. */
  readonly environment?: Readonly<Record<string, string | Secret>>
}

/**
 * A command that systemd runs at given times: `NAME.service` and `NAME.timer`, enabled and started.
 * The units are Fettle's: a change to the times takes effect at once and runs nothing by itself.
 * `absent(timer(...))` removes both; a job that runs just then runs to its end.
 */
export type TimerOptions = TimerFields &
  (
    | { readonly onCalendar: string | readonly string[]; readonly every?: never }
    | { readonly every: string; readonly onCalendar?: never }
  )

interface TimerDesired {
  readonly command: string
  readonly onCalendar?: readonly string[]
  readonly every?: string
  readonly runAs: string
  readonly persistent: boolean
  readonly randomizedDelay?: string
  readonly environment?: Readonly<Record<string, string>>
}

interface TimerState {
  /** Of the service, the timer and the environment. */
  readonly files: readonly SystemFileState[]
  /** systemd has in memory what earlier versions of the files said. */
  readonly stale: boolean
  readonly enabled: string
  readonly active: string
}

/** Describes a timer: `timer('backup', { command: 'backup --all', onCalendar: 'daily' })`. */
export function timer(name: string, options: TimerOptions): Resource {
  const {
    command,
    onCalendar,
    every,
    runAs = 'root',
    persistent = false,
    randomizedDelay,
    environment,
    ...common
  } = options
  if ((onCalendar === undefined) === (every === undefined))
    refuse(`timer:${name}`, 'onCalendar', {
      problem: every === undefined ? 'is missing' : 'cannot go with every',
      suggestion: 'either onCalendar or every',
    })
  if (persistent && every !== undefined)
    refuse(`timer:${name}`, 'persistent', {
      problem: 'cannot go with every',
      suggestion: 'it with onCalendar, or leave it out',
    })
  const times = typeof onCalendar === 'string' ? [onCalendar] : onCalendar
  const texts =
    environment &&
    Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, String(value)]))
  const more = given({ onCalendar: times, every, randomizedDelay, environment: texts })
  return describe(timerKind, name, { command, runAs, persistent, ...more }, common)
}

const span: Check = check(
  "a time span such as '90s', '15min' or '1h 30min'",
  (value) =>
    typeof value === 'string' &&
    /^\s*(\d+(\.\d+)?\s*(us|ms|s|sec|seconds?|m|min|minutes?|h|hr|hours?|d|days?|w|weeks?)\s*)+$/.test(
      value,
    ),
)

export const timerKind: Kind<TimerDesired, TimerState> = {
  name: 'timer',
  remembers: () => ({ command: '', runAs: 'root', persistent: false }),
  named: check(
    "a name for its units, without '.timer': letters, digits, _ - and further dots",
    (name) =>
      typeof name === 'string' && /^[\w][\w.-]{0,99}$/.test(name) && !name.endsWith('.timer'),
  ),
  user: 'root',
  fields: {
    command: (value) =>
      filled(value) ??
      check('the secret in environment: everybody can see command lines', (text) => {
        return !holdsSecret(text as string)
      })(value),
    onCalendar: optional(
      (value) =>
        listOf(line)(value) ??
        check("at least one time, such as 'daily'", (list) => (list as []).length > 0)(value),
    ),
    every: optional(span),
    runAs: account,
    persistent: flag,
    randomizedDelay: optional(span),
    environment: optional(environmentCheck),
  },

  claims: (resource) => [
    ...filesOf(resource).map(({ name }) => ({ what: `path ${name}` })),
    { what: `unit ${resource.name}.timer` },
  ],

  units: (resources) => resources.flatMap(({ name }) => [`${name}.service`, `${name}.timer`]),

  read: (resources) => readWithFiles(sh`:`, resources.flatMap(filesOf)),

  parse(output, resources) {
    const { own, files } = parseWithFiles(output, resources.flatMap(filesOf))
    const units = unitBlocks(own).map(propertiesOf)
    return resources.map((_, i) => {
      const [service, timer] = units.slice(2 * i, 2 * i + 2)
      return {
        files: files.slice(3 * i, 3 * i + 3),
        stale: [service, timer].some((each) => each?.get('NeedDaemonReload') === 'yes'),
        enabled: timer?.get('UnitFileState') ?? '',
        active: timer?.get('ActiveState') ?? '',
      }
    })
  },

  diff(resource, state, context) {
    return resource.absent ? removal(resource, state) : difference(resource, state, context)
  },

  apply: ([change]) => applyTimer(change!),
}

const parts = ['command', 'times', 'environment'] as const

/** The service, the timer and the environment, which is absent when there is none. */
function filesOf({ name, desired, absent }: Resource<TimerDesired>): SystemFile[] {
  const { environment } = desired
  const path = `${folder}/${name}`
  return [
    systemFile(`${path}.service`, serviceText(name, desired), absent),
    systemFile(`${path}.timer`, timerText(name, desired), absent),
    environmentFile(`${path}.env`, environment, absent || environment === undefined),
  ]
}

function environmentFile(
  path: string,
  environment: Readonly<Record<string, string>> = {},
  absent: boolean,
): SystemFile {
  const rows = Object.entries(environment).map(
    ([key, value]) => `${key}=${transform(value, inQuotes)}\n`,
  )
  const file = systemFile(path, `# Kept by Fettle.\n${rows.join('')}`, absent)
  return { ...file, desired: { ...file.desired, mode: '0600' } }
}

/** As systemd.exec(5) has it for an EnvironmentFile. */
const inQuotes = (value: string): string => `"${value.replace(/["\\`$]/g, '\\$&')}"`

function serviceText(name: string, desired: TimerDesired): string {
  const { command, runAs, environment } = desired
  return render({
    Unit: { Description: `${name}, run by ${name}.timer` },
    Service: {
      Type: 'oneshot',
      ...(runAs === 'root' ? {} : { User: runAs }),
      ...(environment ? { EnvironmentFile: `${folder}/${name}.env` } : {}),
      ExecStart: `/bin/sh -c ${argument(command)}`,
    },
  })
}

/** One argument of a command line in a unit, in which % and $ mean something to systemd. */
function argument(text: string): string {
  const escaped = text
    .replace(/[\\"]/g, '\\$&')
    .replaceAll('\n', '\\n')
    .replaceAll('%', '%%')
    .replaceAll('$', '$$$$')
  return `"${escaped}"`
}

function timerText(name: string, desired: TimerDesired): string {
  const { onCalendar, every, persistent, randomizedDelay } = desired
  return render({
    Unit: { Description: `Times of ${name}.service` },
    Timer: {
      ...(onCalendar ? { OnCalendar: onCalendar } : {}),
      ...(every ? { OnActiveSec: every, OnUnitActiveSec: every } : {}),
      ...(persistent ? { Persistent: true } : {}),
      ...(randomizedDelay ? { RandomizedDelaySec: randomizedDelay } : {}),
      AccuracySec: '1s',
    },
    Install: { WantedBy: 'timers.target' },
  })
}

function removal(resource: Resource<TimerDesired>, state: TimerState): Difference | undefined {
  const there = filesOf(resource).filter((_, i) => state.files[i]!.type !== 'absent')
  if (there.length > 0) {
    const names = there.map(({ name }) => name.slice(folder.length + 1))
    return { verb: 'remove', summary: names.join(', ') }
  }
  const running = state.active !== '' && state.active !== 'inactive'
  return running || state.stale ? { verb: 'remove', summary: `${resource.name}.timer` } : undefined
}

function difference(
  resource: Resource<TimerDesired>,
  state: TimerState,
  context: Context,
): Difference | undefined {
  const { onCalendar, every, runAs } = resource.desired
  const files = filesOf(resource)
  const changes = files.map((file, i) => fileKind.diff(file, state.files[i]!, context))
  const text = textOf(files, changes)
  if (state.files[0]!.type === 'absent' && state.files[1]!.type === 'absent') {
    const times = onCalendar ? onCalendar.join(', ') : `every ${every}`
    return { verb: 'create', summary: `${times} as ${runAs}`, ...text }
  }
  const summary = [
    ...changes.flatMap((change, i) => (change ? [partSummary(change, parts[i]!)] : [])),
    ...(state.stale && !changes.some(Boolean) ? ['daemon-reload'] : []),
    ...(state.enabled === 'enabled' ? [] : [`${state.enabled || 'disabled'} -> enabled`]),
    ...(state.active === 'active' ? [] : [`${state.active || 'inactive'} -> active`]),
  ].join(', ')
  return summary === '' ? undefined : { verb: 'change', summary, ...text }
}

const partSummary = ({ verb, summary, text }: Difference, part: string): string =>
  verb === 'remove' ? `${part} removed` : text ? part : `${part}: ${summary}`

/** The texts of all files that differ, one after the other under their paths. */
function textOf(
  files: readonly SystemFile[],
  changes: readonly (Difference | undefined)[],
): Pick<Difference, 'text'> {
  const shown = files.flatMap(({ name }, i) => {
    const text = changes[i]?.text
    return text ? [{ name, text }] : []
  })
  if (shown.length === 0) return {}
  const join = (side: 'before' | 'after'): string =>
    shown.map(({ name, text }) => `# ${name}\n${text[side]}`).join('\n')
  return { text: { before: join('before'), after: join('after') } }
}

function applyTimer({ resource, state }: Change<TimerDesired, TimerState>): Step {
  const { name, desired, absent } = resource
  const timer = `${name}.timer`
  const files = filesOf(resource)
  const changed = files.filter((file, i) => fileKind.diff(file, state.files[i]!, nothingPlanned))
  const write = changed.filter((file) => !file.absent)
  const { script, input } = placeUnits({
    write,
    verify: write.filter((file) => !file.name.endsWith('.env')),
    remove: changed.filter((file) => file.absent),
  })
  if (absent) {
    const stop = sh`systemctl disable --now -- ${timer} 2>/dev/null || systemctl stop -- ${timer} 2>/dev/null`
    return { script: lines(stop, script, sh`systemctl daemon-reload`), input }
  }
  const again = changed.some((file) => file.name.endsWith('.timer')) ? 'restart' : 'start'
  const { onCalendar = [], runAs } = desired
  return {
    script: lines(
      accountExists(runAs),
      ...onCalendar.map(
        (time) =>
          sh`systemd-analyze calendar -- ${time} >/dev/null 2>&1 || { echo ${`systemd does not know the time ${time} (see systemd.time(7))`}; exit 1; }`,
      ),
      script,
      sh`systemctl daemon-reload || exit 1`,
      sh`systemctl enable -q -- ${timer} || exit 1`,
      sh`systemctl ${again} -- ${timer} || exit 1`,
    ),
    input,
  }
}
