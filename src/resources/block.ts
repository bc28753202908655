import { Buffer } from 'node:buffer'
import { reveal } from '../base/secret.ts'
import type { Kind } from '../model/kind.ts'
import { type Common, type Resource, describe, given } from '../model/resource.ts'
import { type Check, check, filled, line, oneOf, optional, path, text } from '../model/schema.ts'
import { lockOutOf } from './lock-out.ts'
import {
  type Found,
  type TextEdit,
  type TextState,
  bytes,
  editing,
  longestText,
} from './text-edit.ts'

/**
 * Lines in a file that somebody else keeps, between two marker lines of Fettle's. What stands
 * between the markers is replaced, the rest of the file is not touched. `absent(block(...))` takes
 * the lines and the markers away.
 */
export interface BlockOptions extends Common {
  /** What it is called in its markers: one name for each block of a file. */
  readonly name: string
  /** The lines. */
  readonly content: string
  /** What a comment of the file begins with. Default: `'#'`. */
  readonly comment?: string
  /** Where it goes when the file has no such block yet. Default: `'end'`. */
  readonly at?: 'start' | 'end'
  /** A command that must succeed before the new file takes its place; `%s` is its path: `'visudo -cf %s'`. */
  readonly validate?: string
}

interface BlockDesired {
  readonly path: string
  readonly content: string
  readonly comment?: string
  readonly at?: 'start' | 'end'
  readonly validate?: string
}

/** Describes a block: `block('/etc/hosts', { name: 'cluster', content: '10.0.0.5 db\n10.0.0.6 cache\n' })`. */
export function block(path: string, options: BlockOptions): Resource {
  const { name, content, comment, at, validate, ...common } = options
  const ended =
    typeof content !== 'string' || content === '' || content.endsWith('\n')
      ? content
      : `${content}\n`
  const desired = { path, content: ended, ...given({ comment, at, validate }) }
  return describe(blockKind, `${path}#${name}`, desired, common)
}

const content: Check = (value) =>
  text(value) ??
  check('at most 96 KiB; describe the file whole, with file(...)', (each) => {
    return Buffer.byteLength(reveal(each as string)) <= longestText
  })(value) ??
  check(
    "lines that are not markers of Fettle's",
    (each) => !/ fettle: (begin|end) /.test(reveal(each as string)),
  )(value)

export const blockKind: Kind<BlockDesired, TextState> = {
  name: 'block',
  remembers: ({ desired }) => ({ ...desired, content: '' }),
  named: check(
    'a path, # and a name on one line',
    (name) => typeof name === 'string' && /#[^\n\0]+$/.test(name) && !/[\n\0]/.test(name),
  ),
  user: 'login',
  fields: {
    path,
    content,
    comment: optional(line),
    at: optional(oneOf('start', 'end')),
    validate: optional(filled),
  },

  ...editing(editOf),

  lockOut: ({ desired }, login) => lockOutOf(desired.path, login),
}

function editOf({ name, desired, absent }: Resource<BlockDesired>): TextEdit {
  const { path, content, comment = '#', at = 'end', validate } = desired
  const title = name.slice(path.length + 1)
  const begin = `${comment} fettle: begin ${title}`
  const end = `${comment} fettle: end ${title}`
  const whole = `${begin}\n${content}${end}\n`
  return {
    path,
    text: absent ? '' : whole,
    at,
    validate,
    find: (rows) => find(rows, bytes(begin), bytes(end), absent ? undefined : bytes(whole)),
    awk: `
  for (i = 1; i <= n; i++) {
    if (row[i] == ENVIRON["begin"] "") { if (inside) broken = 1; inside = 1; if (!first) first = i }
    if (inside) drop[i] = 1
    if (row[i] == ENVIRON["end"] "") { if (!inside) broken = 1; inside = 0 }
  }
  if (broken || inside) { print "its markers do not pair up" > "/dev/stderr"; exit 1 }`,
    environment: { begin, end },
  }
}

function find(
  rows: readonly string[],
  begin: string,
  end: string,
  wanted: string | undefined,
): Found {
  const drop: number[] = []
  let inside = false
  let broken = false
  for (const [i, row] of rows.entries()) {
    if (row === begin) {
      broken ||= inside
      inside = true
    }
    if (inside) drop.push(i)
    if (row === end) {
      broken ||= !inside
      inside = false
    }
  }
  if (broken || inside) return { drop, same: false, broken: 'its markers do not pair up' }
  const there = drop.map((i) => `${rows[i]}\n`).join('')
  return { drop, same: there === (wanted ?? '') }
}
