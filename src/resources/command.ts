import { type Secret, redact, reveal } from '../base/secret.ts'
import { type Shell, lines, sh } from '../base/shell.ts'
import type { Context, Difference, Kind } from '../model/kind.ts'
import {
  type Common,
  type Notification,
  type Resource,
  describe,
  given,
  idOf,
} from '../model/resource.ts'
import { check, filled, flag, oneOf, optional, path, text } from '../model/schema.ts'
import { networkLockOut } from './network-lock-out.ts'
import { refuse } from './refusal.ts'

/** A command of yours. */
interface CommandFields extends Common {
  /** What a POSIX shell is to run. A failing command stops the run of its host. */
  readonly run: string
  /** A command that succeeds when there is nothing to do. It must not change anything. */
  readonly unless?: string
  /** A command that succeeds when there is something to do. It must not change anything. */
  readonly onlyIf?: string
  /** An absolute path: there is nothing to do once it is there. */
  readonly creates?: string
  /** `'notified'`: run only when another resource asks for it: `notify: trigger(rebuild)`. */
  readonly when?: 'notified'
  /** The folder to run in. Default: the home of the user who runs it. */
  readonly cwd?: string
  /** Variables for the command and its guards. */
  readonly environment?: Readonly<Record<string, string | Secret>>
  /** What the command finds on its standard input. */
  readonly input?: string | Secret
  /**
   * It may cut the host off. Addresses, routes and the rules of the firewall are kept before it runs,
   * and the host puts them back by itself if nobody can log in after it.
   */
  readonly mayLockOut?: boolean
}

/**
 * What `command` takes. Something must say when there is something to do (`unless`, `onlyIf`,
 * `creates`, or `when: 'notified'`), as a command that ran each time would be a change each time.
 * Guards are asked before and after: a command that ran and is still needed is an error.
 */
export type CommandOptions = CommandFields &
  (
    | { readonly unless: string }
    | { readonly onlyIf: string }
    | { readonly creates: string }
    | { readonly when: 'notified' }
  )

interface CommandDesired {
  readonly run: string
  readonly unless?: string
  readonly onlyIf?: string
  readonly creates?: string
  readonly when?: 'notified'
  readonly cwd?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly input?: string
  readonly mayLockOut?: boolean
}

/** Why there is something to do, in a few words; undefined when there is not. */
interface CommandState {
  readonly needed: string | undefined
}

/** Describes a command: `command('migrate', { run: 'bin/migrate', unless: 'bin/migrate --check' })`. */
export function command(name: string, options: CommandOptions): Resource {
  const { run, unless, onlyIf, creates, when, cwd, environment, input, mayLockOut, ...common } =
    options
  if ([unless, onlyIf, creates, when].every((each) => each === undefined))
    refuse(`command:${name}`, 'unless', {
      problem: 'is missing: nothing says when there is something to do',
      suggestion: "unless, onlyIf, creates, or when: 'notified'",
    })
  const fields = given({
    unless,
    onlyIf,
    creates,
    when,
    cwd,
    environment: environment && texts(environment),
    input: input === undefined ? undefined : String(input),
    mayLockOut,
  })
  return describe(commandKind, name, { run, ...fields }, common)
}

/** Asks a command with `when: 'notified'` to run after a change: `notify: trigger(rebuild)`. */
export function trigger(command: Resource | string): Notification {
  const target =
    typeof command === 'string' ? `command:${command.replace(/^command:/, '')}` : idOf(command)
  return { target, action: 'run' }
}

const texts = (environment: Readonly<Record<string, string | Secret>>): Record<string, string> =>
  Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, String(value)]))

/** Names of variables, and values that a process can be given. */
export const environmentCheck: (value: unknown) => ReturnType<typeof text> = check(
  'variables by name (letters, digits, _), their values texts or secrets without NUL bytes',
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries(value).every(
      ([name, each]) =>
        /^[A-Za-z_]\w*$/.test(name) && typeof each === 'string' && !reveal(each).includes('\0'),
    ),
)

export const commandKind: Kind<CommandDesired, CommandState> = {
  name: 'command',
  remembers: 'nothing',
  named: check(
    'a short name on one line',
    (name) => typeof name === 'string' && name !== '' && !/[\n\0]/.test(name),
  ),
  user: 'login',
  opaque: true,
  fields: {
    run: filled,
    unless: optional(filled),
    onlyIf: optional(filled),
    creates: optional(path),
    when: optional(oneOf('notified')),
    cwd: optional(path),
    environment: optional(environmentCheck),
    input: optional(text),
    mayLockOut: optional(flag),
  },

  // A line for each that is needed, with why; nothing of what guards print.
  read: (resources) =>
    lines(
      ...resources.map(({ desired }, i) => {
        const why = reason(desired)
        return (
          why &&
          sh`why=$( ${why}
) && printf '%s %s\n' ${i} "$why"`
        )
      }),
      sh`:`,
    ),

  parse(output, resources) {
    const needed = new Map<number, string>()
    for (const row of output.toString('utf8').split('\n')) {
      const found = /^(\d+) (.+)$/.exec(row)
      if (found) needed.set(Number(found[1]), found[2]!)
    }
    return resources.map((_, i) => ({ needed: needed.get(i) }))
  },

  diff({ desired, after, absent }, { needed }, context) {
    if (absent || desired.when === 'notified') return undefined
    const before = lastBefore(desired, after, context)
    if (before !== undefined)
      return { verb: 'unknown', summary: `${brief(desired)}, if it is needed after ${before}` }
    if (needed === undefined) return undefined
    return { verb: 'run', summary: `${brief(desired)} (${needed})` }
  },

  apply: ([change]) => ({ script: run(change!.resource.desired) }),
  lockOut: ({ desired }) => (desired.mayLockOut ? networkLockOut : undefined),

  actions: {
    run({ desired }) {
      const why = reason(desired)
      const go = run(desired)
      return why
        ? lines(sh`if ( ${why}
) >/dev/null; then ${go}
fi`)
        : go
    },
  },
}

/**
 * The last planned change that what the guards say may depend on: an opaque one, one that the
 * command waits for, or one at a path that the command or a guard names.
 */
function lastBefore(
  { run, unless = '', onlyIf = '', creates = '', cwd = '' }: CommandDesired,
  after: readonly string[],
  { earlier, opaque }: Context,
): string | undefined {
  const named = [run, unless, onlyIf, creates, cwd]
  return [...earlier.keys()].findLast((id) => {
    const path = /^[\w-]+:(\/[^#]+)/.exec(id)?.[1]
    return (
      opaque.includes(id) ||
      after.includes(id) ||
      (path !== undefined && named.some((text) => text.includes(path)))
    )
  })
}

/** The first line, short enough for a summary. */
function brief({ run }: CommandDesired): Difference['summary'] {
  const [first = '', ...rest] = redact(run).trim().split('\n')
  return first.length > 60 || rest.length > 0 ? `${first.slice(0, 59)}…` : first
}

/** A script that prints why the command is needed, or fails; undefined without any guard. */
function reason(desired: CommandDesired): Shell | undefined {
  const { unless, onlyIf, creates, cwd } = desired
  if (unless === undefined && onlyIf === undefined && creates === undefined) return undefined
  const guard = (text: string): Shell => sh`( ${prepared(desired)}
eval ${text} ) </dev/null >/dev/null 2>&1`
  return lines(
    // Otherwise a guard that cannot be asked would seem to have answered.
    cwd !== undefined && sh`[ -d ${cwd} ] || { echo ${`${cwd} is not there`}; exit; }`,
    creates !== undefined &&
      sh`{ [ -e ${creates} ] || [ -L ${creates} ]; } && exit 1; why=${`${creates} is not there`}`,
    onlyIf !== undefined && sh`${guard(onlyIf)} || exit 1; why='its onlyIf succeeded'`,
    unless !== undefined && sh`${guard(unless)} && exit 1; why="its unless ended with $?"`,
    sh`echo "$why"`,
  )
}

function run(desired: CommandDesired): Shell {
  const script = sh`( ${prepared(desired)}
eval ${desired.run} )`
  // Not as the input of the step: actions have none. printf is part of the shell.
  return desired.input === undefined ? script : sh`printf '%s' ${desired.input} | ${script}`
}

/** The folder and the variables; and none of the session's own. */
function prepared({ cwd, environment = {} }: CommandDesired): Shell {
  const variables = Object.entries(environment).map(([name, value]) => sh`export ${name}=${value}`)
  return lines(
    sh`unset mark me s u n m c h why; set --`,
    cwd !== undefined && sh`cd -- ${cwd} || exit 126`,
    ...variables,
  )
}
