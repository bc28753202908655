import { holdsSecret, reveal } from '../base/secret.ts'
import type { Kind } from '../model/kind.ts'
import { type Common, type Resource, describe, given } from '../model/resource.ts'
import {
  check,
  filled,
  line as oneLine,
  oneOf,
  optional,
  path as pathCheck,
} from '../model/schema.ts'
import { lockOutOf } from './lock-out.ts'
import { refuse } from './refusal.ts'
import {
  type Found,
  type TextEdit,
  type TextState,
  bytes,
  editing,
  longestText,
} from './text-edit.ts'

/**
 * One line in a file that somebody else keeps, such as a package. `absent(line(...))` takes it
 * away. A file that is yours alone is better described whole, with `file`.
 */
export interface LineOptions extends Common {
  /** The line itself. A file that has it already, anywhere, is left as it is. */
  readonly line: string
  /**
   * The line takes the place of lines that start with this, or with any of these:
   * `['PermitRootLogin ', '#PermitRootLogin ']`. The first one is replaced, further ones are
   * removed. Plain text, and blanks count.
   */
  readonly startsWith?: string | readonly string[]
  /** Where it goes when there is no such line yet. Default: `'end'`. */
  readonly at?: 'start' | 'end'
  /** A name for what the line says, in place of the line: `PATH#NAME`. Needed when it holds a secret. */
  readonly name?: string
  /** A command that must succeed before the new file takes its place; `%s` is its path: `'visudo -cf %s'`. */
  readonly validate?: string
}

interface LineDesired {
  readonly path: string
  readonly line: string
  readonly startsWith?: readonly string[]
  readonly at?: 'start' | 'end'
  readonly validate?: string
}

/** Describes a line: `line('/etc/hosts', { line: '10.0.0.5 db' })`. */
export function line(path: string, options: LineOptions): Resource {
  const { line, startsWith, at, name, validate, ...common } = options
  if (name === undefined && typeof line === 'string' && holdsSecret(line))
    refuse(`line:${path}`, 'name', {
      problem: 'is missing, and a line with a secret cannot be its own name',
      suggestion: "a name, such as 'token'",
    })
  const prefixes = typeof startsWith === 'string' ? [startsWith] : startsWith
  const desired = { path, line, ...given({ startsWith: prefixes, at, validate }) }
  return describe(lineKind, `${path}#${name ?? line}`, desired, common)
}

export const lineKind: Kind<LineDesired, TextState> = {
  name: 'line',
  remembers: ({ desired }) => desired,
  named: check('a path, # and a name', (name) => typeof name === 'string' && !/[\n\0]/.test(name)),
  user: 'login',
  fields: {
    path: pathCheck,
    line: (value) =>
      oneLine(value) ??
      check('a line of at most 96 KiB', (text) => {
        const whole = reveal(text as string)
        return Buffer.byteLength(whole) <= longestText && !/[\n\0]/.test(whole)
      })(value),
    startsWith: optional(
      check(
        'the beginning of a line, or a list of those',
        (value) =>
          Array.isArray(value) && value.length > 0 && value.every((each) => !oneLine(each)),
      ),
    ),
    at: optional(oneOf('start', 'end')),
    validate: optional(filled),
  },

  ...editing(editOf),

  lockOut: ({ desired }, login) => lockOutOf(desired.path, login),
}

function editOf({ desired, absent }: Resource<LineDesired>): TextEdit {
  const { path, at = 'end', validate, startsWith = [] } = desired
  const prefixes = startsWith.map(bytes)
  const line = bytes(desired.line)
  const find = (rows: readonly string[]): Found => {
    const drop = rows.flatMap((row, i) =>
      row === line || prefixes.some((prefix) => row.startsWith(prefix)) ? [i] : [],
    )
    const only = drop.length === 1 && rows[drop[0]!] === line
    const same = absent ? drop.length === 0 : prefixes.length > 0 ? only : drop.length > 0
    return { drop, same }
  }
  return {
    path,
    text: absent ? '' : `${desired.line}\n`,
    at,
    validate,
    find,
    awk: `
  count = split(ENVIRON["prefixes"], prefix, "\\n"); line = ENVIRON["line"]; wanted = text != ""
  if (wanted) line = substr(text, 1, length(text) - 1)
  for (i = 1; i <= n; i++) {
    hit = (row[i] == line "")
    for (j = 1; j <= count; j++) if (index(row[i], prefix[j]) == 1) hit = 1
    if (hit) { drop[i] = 1; hits++; if (!first) first = i }
  }
  if (wanted && hits) same = count ? (hits == 1 && row[first] == line "") : 1`,
    environment: { line: absent ? desired.line : '', prefixes: startsWith.join('\n') },
  }
}
