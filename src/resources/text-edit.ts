import { Buffer } from 'node:buffer'
import { holdsSecret, redact, reveal } from '../base/secret.ts'
import { Shell, lines, sh } from '../base/shell.ts'
import { type Context, type Difference, type Kind, type Step, unknownAfter } from '../model/kind.ts'
import type { Resource } from '../model/resource.ts'
import { keepOwnership, takePlace } from './file.ts'

/**
 * A change to a few lines of a text file that others keep as well. What it would change is found
 * out here, for the plan, and once more on the host as it is made, since another edit of the same
 * file may have come first. Both sides compare bytes and nothing else, so that they always agree:
 * there are no regular expressions, which JavaScript, grep and each awk read differently.
 */
export interface TextEdit {
  readonly path: string
  /** What is to stand there, each line ended; empty to only take away. It may hold secret marks. */
  readonly text: string
  /** Where it goes when there is nothing yet that it takes the place of. */
  readonly at: 'start' | 'end'
  readonly validate?: string | undefined
  /** The lines that it takes the place of. Lines are bytes, as latin1. */
  find(lines: readonly string[]): Found
  /** The same as the body of an awk program: sets `drop`, `first` and `same` from `row` and `n`. */
  readonly awk: string
  /** What that program finds in its environment. Each value one line, or several. */
  readonly environment: Readonly<Record<string, string>>
}

export interface Found {
  /** Indexes, in order. */
  readonly drop: readonly number[]
  /** It is there as it should be, and nothing too much. */
  readonly same: boolean
  /** Why nobody can tell. */
  readonly broken?: string
}

export interface TextState {
  readonly type: 'absent' | 'file' | 'unreadable' | 'other'
  /** At most a byte more than `longest`. */
  readonly content: Buffer
}

/** Longer files are not edited. Bytes. */
const longest = 256 * 1024

/** What is put in passes through the environment of a process. Bytes. */
export const longestText: number = 96 * 1024

/** Text as bytes, the way that lines of a file are compared. */
export const bytes = (text: string): string => Buffer.from(reveal(text)).toString('latin1')

/** All that a kind of edits is, once it says what edit a resource asks for. */
export function editing<Desired extends { readonly path: string }>(
  editOf: (resource: Resource<Desired>) => TextEdit,
): Pick<Required<Kind<Desired, TextState>>, 'claims' | 'read' | 'parse' | 'diff' | 'apply'> {
  const pathsOf = (resources: readonly Resource<Desired>[]): string[] =>
    resources.map(({ desired }) => desired.path)
  return {
    claims: ({ desired }) => [{ what: `path ${desired.path}`, shared: true }],
    read: (resources) => readTexts(pathsOf(resources)),
    parse: (output, resources) => parseTexts(output, pathsOf(resources)),
    diff: (resource, state, context) => diffText(editOf(resource), state, context),
    apply: ([change]) => applyText(editOf(change!.resource)),
  }
}

function readTexts(paths: readonly string[]): Shell {
  return lines(
    ...distinct(paths).map(
      (path, i) => sh`if [ -f ${path} ]; then
  if [ -r ${path} ]; then printf '%s file ' ${i}; head -c ${longest + 1} -- ${path} | base64 -w 0; echo
  else echo ${`${i} unreadable`}; fi
elif [ -e ${path} ] || [ -L ${path} ]; then echo ${`${i} other`}; fi`,
    ),
    sh`:`,
  )
}

function parseTexts(output: Buffer, paths: readonly string[]): TextState[] {
  const found = new Map<string, TextState>()
  const all = distinct(paths)
  for (const row of output.toString('latin1').split('\n')) {
    const [, index, type, content = ''] =
      /^(\d+) (file|unreadable|other) ?([\w+/=]*)$/.exec(row) ?? []
    const path = all[Number(index)]
    if (type !== undefined && path !== undefined)
      found.set(path, {
        type: type as TextState['type'],
        content: Buffer.from(content, 'base64'),
      })
  }
  return paths.map((path) => found.get(path) ?? { type: 'absent', content: Buffer.alloc(0) })
}

const distinct = (paths: readonly string[]): string[] => [...new Set(paths)]

/** How the file would change. */
function diffText(edit: TextEdit, state: TextState, context: Context): Difference | undefined {
  const wanted = edit.text === '' ? 'nothing of it' : 'in a new file'
  if (state.type === 'absent') {
    if (context.opaque.length > 0) return unknownAfter(context, wanted)
    if (edit.text === '') return undefined
    return { verb: 'create', summary: wanted, text: { before: '', after: edit.text } }
  }
  const trouble = troubleWith(state)
  if (trouble !== undefined) return { verb: 'change', summary: trouble }
  const { rows, open } = rowsOf(state.content)
  const { drop, same, broken } = edit.find(rows)
  if (broken !== undefined) return { verb: 'change', summary: broken }
  return same ? undefined : differenceOf(edit, rows, open, drop)
}

function differenceOf(
  edit: TextEdit,
  rows: readonly string[],
  open: boolean,
  drop: readonly number[],
): Difference {
  const place = drop[0] ?? (edit.at === 'start' ? 0 : rows.length)
  const kept = (from: number, to: number): string =>
    rows
      .slice(from, to)
      .filter((_, i) => !drop.includes(from + i))
      .map((row) => `${shown(row)}\n`)
      .join('')
  const whole = kept(0, place) + edit.text + kept(place, rows.length)
  const openStill = open && !drop.includes(rows.length - 1) && (place < rows.length || !edit.text)
  const before = rows.map(shown).join('\n') + (open || rows.length === 0 ? '' : '\n')
  const text = { before, after: openStill ? whole.slice(0, -1) : whole }
  if (edit.text === '') return { verb: 'remove', summary: count(drop.length), text }
  if (drop.length === 0) return { verb: 'create', summary: `at the ${edit.at}`, text }
  const first = cut(shown(rows[drop[0]!]!))
  const summary = drop.length === 1 ? `in place of ${first}` : `in place of ${count(drop.length)}`
  return { verb: 'change', summary, text }
}

const shown = (row: string): string => Buffer.from(row, 'latin1').toString('utf8')

const count = (lines: number): string => (lines === 1 ? '1 line' : `${lines} lines`)

function cut(line: string): string {
  const text = redact(line)
  return text.length > 50 ? `${text.slice(0, 49)}…` : text
}

function troubleWith({ type, content }: TextState): string | undefined {
  if (type === 'other') return 'it is not a file that is there'
  if (type === 'unreadable') return 'it cannot be read by this user'
  if (content.length > longest) return `it is longer than ${longest / 1024} KiB`
  return content.includes(0) ? 'it is not text: it holds NUL bytes' : undefined
}

/** The lines; `open`: the last one has no end. */
function rowsOf(content: Buffer): { rows: string[]; open: boolean } {
  const rows = content.toString('latin1').split('\n')
  const open = rows.at(-1) !== ''
  return { rows: open ? rows : rows.slice(0, -1), open }
}

/**
 * Edits the file as it is now and puts the result into its place, with the ownership and the
 * permissions that it had. A link stays one.
 */
function applyText(edit: TextEdit): Step {
  const { path, text, at, validate, awk, environment } = edit
  const check =
    validate === undefined ? undefined : Shell.literal(validate.replaceAll('%s', '"$new"'))
  return {
    script: lines(
      sh`path=${path}`,
      sh`if [ -L "$path" ]; then path=$(readlink -e -- "$path") || { echo 'it is a link to nothing'; exit 1; }; fi`,
      sh`[ ! -e "$path" ] || [ -f "$path" ] || { echo 'it is not a file'; exit 1; }`,
      sh`old=$(mktemp) || exit 1; new=; trap 'rm -f -- "$old" "$new"' EXIT`,
      sh`new=$(mktemp -- "${Shell.literal('${path%/*}')}/.fettle.XXXXXXXX") || exit 1`,
      sh`[ ! -e "$path" ] || cat -- "$path" > "$old" || exit 1`,
      sh`[ "$(wc -c < "$old")" -le ${longest} ] || { echo ${`it is longer than ${longest / 1024} KiB: describe it whole, with file(...)`}; exit 1; }`,
      sh`[ "$(tr -cd '\\000' < "$old" | wc -c)" = 0 ] || { echo 'it is not text: it holds NUL bytes'; exit 1; }`,
      sh`printf . >> "$old"`,
      sh`text=$(cat; echo .); text=${Shell.literal('${text%.}')}; at=${at}; export text at`,
      ...Object.entries(environment).map(([name, value]) => sh`${name}=${value}; export ${name}`),
      sh`LC_ALL=C awk ${program(awk)} < "$old" > "$new" || exit 1`,
      sh`if [ -e "$path" ]; then`,
      keepOwnership,
      sh`else chmod -- ${holdsSecret(text) ? '0600' : '0644'} "$new" || exit 1; fi`,
      check &&
        sh`{ ${check}
} || { echo 'the new content was not valid, the old file is untouched'; exit 1; }`,
      takePlace,
    ),
    input: text,
  }
}

/**
 * The dot that was added at the end of the file tells a last line that has no end from one that
 * has. Comparisons with `""` are of texts: awk takes "1e1" and "10" for the same number otherwise.
 */
const program = (find: string): string => `
{ row[NR] = $0 }
END {
  text = ENVIRON["text"]; n = NR; first = same = 0
  last = substr(row[n], 1, length(row[n]) - 1)
  open = (last != ""); if (open) row[n] = last; else n--
${find}
  if (same) { text = ""; split("", drop) }
  place = first ? first : (ENVIRON["at"] == "start" ? 1 : n + 1)
  for (i = 1; i <= n + 1; i++) {
    if (i == place) printf "%s", text
    if (i > n || (i in drop)) continue
    printf "%s%s", row[i], (i == n && open && (place <= n || text == "")) ? "" : "\\n"
  }
}`
