import { type Secret, reveal } from '../base/secret.ts'
import { type Shell, lines, sh } from '../base/shell.ts'
import type { Kind } from '../model/kind.ts'
import { type Common, type Resource, describe, given } from '../model/resource.ts'
import { type Check, type Complaint, account, check, optional } from '../model/schema.ts'
import { environmentCheck } from './command.ts'
import { fileKind, readContents, writeAtomically } from './file.ts'
import { bytesOf } from './in-order.ts'
import { transform } from './secret-text.ts'
import { type SystemFile, type SystemFileState, systemFile } from './system-file.ts'

/**
 * A job of cron, in a file of its own in `/etc/cron.d`. The package `cron` must be there to run it;
 * a `timer` needs nothing but systemd.
 */
export interface CronOptions extends Common {
  /** Five fields (`'17 2 * * mon-fri'`), or `'@daily'` and its like. */
  readonly schedule: string
  /**
   * What a shell is to run, on one line. A `%` stays a `%`: it is escaped for cron here. Everybody
   * on the host can see the command line of a process, so pass secrets in `environment`.
   */
  readonly command: string
  /** The user who runs it. Default: root. (`user` is who writes the file.) */
  readonly runAs?: string
  /** Variables for the command, and cron's own such as `MAILTO`. */
  readonly environment?: Readonly<Record<string, string | Secret>>
}

interface CronDesired {
  readonly schedule: string
  readonly command: string
  readonly runAs: string
  readonly environment?: Readonly<Record<string, string>>
}

/** Describes a job of cron: `cron('backup', { schedule: '17 2 * * *', command: 'backup --all' })`. */
export function cron(name: string, options: CronOptions): Resource {
  const { schedule, command, runAs = 'root', environment, ...common } = options
  const texts =
    environment &&
    Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, String(value)]))
  const desired = { schedule, command, runAs, ...given({ environment: texts }) }
  return describe(cronKind, name, desired, common)
}

const months = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ')
const days = 'sun mon tue wed thu fri sat'.split(' ')

interface Field {
  readonly what: string
  readonly from: number
  readonly to: number
  readonly names?: readonly string[]
}

const timeFields: readonly Field[] = [
  { what: 'minute', from: 0, to: 59 },
  { what: 'hour', from: 0, to: 23 },
  { what: 'day of the month', from: 1, to: 31 },
  { what: 'month', from: 1, to: 12, names: months },
  { what: 'day of the week', from: 0, to: 7, names: days },
]

const nicknames = 'reboot yearly annually monthly weekly daily midnight hourly'
  .split(' ')
  .map((name) => `@${name}`)

/** What cron would refuse, and what it would take for something else than it looks like. */
export const schedule: Check = (value) => {
  const example = "five fields such as '17 2 * * mon-fri', or one of " + nicknames.join(' ')
  const wrong = (problem: string): Complaint => ({ problem, suggestion: example })
  if (typeof value !== 'string' || /[^\x20-\x7e\t]/.test(value))
    return wrong(`cannot be ${JSON.stringify(value)}`)
  if (nicknames.includes(value)) return undefined
  const given = value.trim().split(/[ \t]+/)
  if (given.length !== 5) return wrong(`cannot be ${JSON.stringify(value)}`)
  const at = given.findIndex((text, i) => !text.split(',').every((e) => fits(e, timeFields[i]!)))
  if (at < 0) return undefined
  const { what, from, to } = timeFields[at]!
  return wrong(`has ${JSON.stringify(given[at])} as its ${what} (${from} to ${to})`)
}

/** `*`, a value or a range, the first and the last with a step if need be. */
function fits(text: string, { from, to, names = [] }: Field): boolean {
  const found = /^(?:\*|(\w+)(?:-(\w+))?)(?:\/(\d{1,2}))?$/.exec(text)
  if (!found) return false
  const [, first, last, step] = found
  const valueOf = (word: string): number => {
    const named = names.indexOf(word.toLowerCase())
    return named >= 0 ? named + from : /^\d{1,2}$/.test(word) ? Number(word) : Number.NaN
  }
  if (step !== undefined && (Number(step) < 1 || Number(step) > to)) return false
  if (first === undefined) return true
  const low = valueOf(first)
  if (!(low >= from && low <= to)) return false
  if (last === undefined) return step === undefined
  const high = valueOf(last)
  return high >= low && high <= to
}

/** cron reads no more of a command, or of a variable, than this. Bytes. */
const longest = 990

const cronCommand: Check = (value) => {
  if (typeof value !== 'string' || value.trim() === '' || /[\n\r\0]/.test(reveal(value)))
    return { problem: `cannot be ${JSON.stringify(value)}`, suggestion: 'one line for a shell' }
  if (/\\[\\%]/.test(reveal(value)))
    return {
      problem: 'has \\\\ or \\%, which each cron reads in its own way',
      suggestion: '% alone (it is escaped here), or the command as a file(...) and its path here',
    }
  if (Buffer.byteLength(escapePercent(reveal(value))) > longest)
    return {
      problem: `is longer than cron reads (${longest} bytes)`,
      suggestion: 'the command as a file(...) and its path here',
    }
  return undefined
}

/** cron knows no escapes in values: one kind of quotes must do. */
const cronEnvironment: Check = (value) => {
  const complaint = environmentCheck(value)
  if (complaint) return complaint
  const fine = Object.entries(value as Record<string, string>).every(([name, each]) => {
    const text = reveal(each)
    const short = Buffer.byteLength(name + text) <= longest
    return short && !/[\n\r]/.test(text) && !(text.includes('"') && text.includes("'"))
  })
  return fine
    ? undefined
    : {
        problem: 'has a value that is too long, or holds a line break or both kinds of quotes',
        suggestion: 'a script that sets it: cron cannot',
      }
}

export const cronKind: Kind<CronDesired, SystemFileState> = {
  name: 'cron',
  remembers: () => ({ schedule: '', command: '', runAs: 'root' }),
  named: check(
    'a name in letters, digits, _ and -: cron passes over other files',
    (name) => typeof name === 'string' && /^[A-Za-z0-9_][\w-]{0,99}$/.test(name),
  ),
  user: 'root',
  fields: {
    schedule,
    command: cronCommand,
    runAs: account,
    environment: optional(cronEnvironment),
  },

  claims: (resource) => [{ what: `path ${fileOf(resource).name}` }],

  paths: (resources) => resources.map(fileOf).map(({ name }) => name),

  read: (resources) => readContents(resources.map(fileOf)),

  parse: (output, resources) => fileKind.parse(output, resources.map(fileOf)),

  diff(resource, state, context) {
    const difference = fileKind.diff(fileOf(resource), state, context)
    if (difference?.verb !== 'create') return difference
    const { schedule, runAs } = resource.desired
    return { ...difference, summary: `${schedule} as ${runAs}` }
  },

  apply([change]) {
    const file = fileOf(change!.resource)
    if (file.absent) return { script: sh`rm -f -- ${file.name}` }
    return {
      script: lines(
        accountExists(change!.resource.desired.runAs),
        sh`mkdir -p /etc/cron.d || exit 1`,
        writeAtomically(file.name, file.desired, { size: bytesOf(file.desired.content).length }),
      ),
      input: file.desired.content,
    }
  },
}

/** Neither cron nor systemd says so before the job is due. */
export const accountExists = (name: string): Shell =>
  sh`id -u -- ${name} >/dev/null 2>&1 || { echo ${`there is no user ${name} to run it`}; exit 1; }`

function fileOf({ name, desired, absent }: Resource<CronDesired>): SystemFile {
  const { schedule, command, runAs, environment = {} } = desired
  const rows = [
    '# Kept by Fettle.',
    ...Object.entries(environment).map(([key, value]) => `${key}=${transform(value, quoted)}`),
    `${schedule.trim()} ${runAs} ${transform(command.trim(), escapePercent)}`,
    '',
  ]
  return systemFile(`/etc/cron.d/${name}`, rows.join('\n'), absent)
}

const quoted = (value: string): string => (value.includes('"') ? `'${value}'` : `"${value}"`)

/** A bare % would end the command; cron takes the one backslash before it away. */
const escapePercent = (command: string): string => command.replaceAll('%', '\\%')
