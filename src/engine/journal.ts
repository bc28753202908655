import { createHash } from 'node:crypto'
import { Shell, sh } from '../base/shell.ts'
import type { Notification } from '../model/resource.ts'

/**
 * The notifications that a host still owes. One is noted on the host before the change that asks
 * for it, and struck out after its action has run, so it survives a run that dies in between.
 */
export interface Noted extends Notification {
  /** The resource whose change asked for it. */
  readonly cause: string
}

const folder = '/var/lib/fettle/pending'

/** Prints what is noted, a line each. Needs no rights: what is noted is no secret. */
export const readNotes: Shell = Shell.literal(
  `for note in ${folder}/*; do [ -f "$note" ] && cat "$note"; done 2>/dev/null; :`,
)

export function parseNotes(output: Buffer): Noted[] {
  return output
    .toString('utf8')
    .split('\n')
    .flatMap((line) => {
      const [target, action, cause = ''] = line.split('\t')
      return target && action ? [{ target: decode(target), action, cause: decode(cause) }] : []
    })
}

/** Writes notes down, so that even a host that loses its power keeps them; runs as root. */
export function note(noted: readonly Noted[]): Shell {
  return noted.reduce(
    (all, { target, action, cause }) =>
      sh`${all} && printf '%s\t%s\t%s\n' ${encode(target)} ${action} ${encode(cause)} > .new && { sync .new 2>/dev/null; mv -f .new ${pathOf({ target, action })}; }`,
    sh`mkdir -p ${folder} && cd ${folder}`,
  )
}

/** Strikes notes out; runs as root. */
export function strike(noted: readonly Notification[]): Shell {
  return sh`rm -f -- ${[...new Set(noted.map(pathOf))]}`
}

function pathOf({ target, action }: Notification): string {
  return `${folder}/${createHash('sha256').update(`${target}\t${action}`).digest('hex').slice(0, 32)}`
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
