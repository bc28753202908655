import { createHash } from 'node:crypto'
import { Shell, lines, sh } from '../base/shell.ts'
import type { Notification } from '../model/resource.ts'
import { type Lease, lookAtShell, parseLease, readLease } from './lease.ts'
import { folder, readRuns } from '../model/place.ts'

/**
 * The notifications that a host still owes. One is noted on the host before the change that asks
 * for it, and struck out after its action has run, so it survives a run that dies in between.
 */
export interface Noted extends Notification {
  /** The resource whose change asked for it. */
  readonly cause: string
}

/** What Fettle itself keeps on a host. */
export interface Journal {
  /** This session's shell, for others to know it by: process id, when it was started, its group. */
  readonly shell: string
  /** Who logged in. */
  readonly login: string
  /** How many runs changed something here: another number than before says that one did. */
  readonly runs: number
  /** Who is at it, or was when it died. */
  readonly lease: Lease | undefined
  /** What is owed. */
  readonly noted: readonly Noted[]
  /** What is managed, a line each; undefined when that is just what was expected. */
  readonly memory: readonly string[] | undefined
}

const pending = `${folder}/pending`

/** An action that succeeded and whose answer may be lost with the connection. */
const outcome = `${folder}/outcome`

/** Prints what this session's shell is known by: process id, when it was started, its group. */
export const ownShell: Shell = Shell.literal(`read -r stat 2>/dev/null </proc/$$/stat
set -- \${stat##*) }
printf '%s %s %s\\n' $$ "\${20}" "$3"`)

/** Prints the journal, mostly with shell builtins. Needs no rights: nothing in it is secret. */
export function readJournal(expectedMemory: string): Shell {
  return lines(
    lookAtShell,
    sh`printf 'shell '`,
    ownShell,
    Shell.literal(`printf 'login '; id -un`),
    sh`cd ${folder} 2>/dev/null || { echo managed; exit; }`,
    readRuns,
    sh`printf 'runs %s\n' "$runs"`,
    readLease,
    Shell.literal(`for each in pending/*; do
  [ -f "$each" ] && read -r row <"$each" && printf 'note %s\\n' "$row"
done 2>/dev/null`),
    sh`[ "$(sha256sum 2>/dev/null <managed)" = ${`${expectedMemory}  -`} ] || { echo managed; cat managed 2>/dev/null; }`,
    sh`:`,
  )
}

/** Reads what `readJournal` printed. */
export function parseJournal(output: Buffer): Journal {
  const rows = output.toString('utf8').split('\n')
  const managed = rows.indexOf('managed')
  const head = managed < 0 ? rows : rows.slice(0, managed)
  const all = (word: string): string[] =>
    head.flatMap((row) => (row.startsWith(`${word} `) ? [row.slice(word.length + 1)] : []))
  return {
    shell: all('shell')[0] ?? '0 0 0',
    login: all('login')[0] ?? '',
    runs: Number(all('runs')[0] ?? 0) || 0,
    lease: all('lease').map(parseLease)[0],
    noted: all('note').flatMap(parseNote),
    memory: managed < 0 ? undefined : rows.slice(managed + 1).filter(Boolean),
  }
}

function parseNote(row: string): Noted[] {
  const [target, action, cause = ''] = row.split('\t')
  return target && action ? [{ target: decode(target), action, cause: decode(cause) }] : []
}

/** Writes notes down, so that even a host that loses its power keeps them; runs as root. */
export function note(noted: readonly Noted[]): Shell {
  return noted.reduce(
    (all, { target, action, cause }) =>
      sh`${all} && printf '%s\t%s\t%s\n' ${encode(target)} ${action} ${encode(cause)} > .new && { sync .new 2>/dev/null; mv -f .new ${pathOf({ target, action })}; }`,
    sh`mkdir -p ${pending} && cd ${pending}`,
  )
}

/** Strikes notes out; runs as root. */
export function strike(noted: readonly Notification[]): Shell {
  return sh`rm -f -- ${[...new Set(noted.map(pathOf)), outcome]}`
}

/** Does it, and writes down that it succeeded; runs as root. */
export function onRecord(action: Shell, key: string): Shell {
  return sh`( ${action}
) && { mkdir -p ${folder}; printf '%s\n' ${key} >${outcome}; }`
}

/** Whether the action with this key is on record as done; and it is no more. Runs as root. */
export function wasDone(key: string): Shell {
  return sh`[ "$(cat ${outcome} 2>/dev/null)" = ${key} ] && rm -f -- ${outcome}`
}

/** Keeps what is managed; runs as root. The lines are its input. */
export const remember: Shell = sh`mkdir -p ${folder} && cd ${folder} && cat >managed.new && { sync managed.new 2>/dev/null; mv -f managed.new managed; }`

function pathOf({ target, action }: Notification): string {
  return `${pending}/${createHash('sha256').update(`${target}\t${action}`).digest('hex').slice(0, 32)}`
}

// A name may hold tabs and newlines, a line of the journal may not.
const encode = (text: string): string => encodeURIComponent(text)

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // Somebody else's file: it names nothing that is described.
    return text
  }
}
