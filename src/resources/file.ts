import { createHash } from 'node:crypto'
import { holdsSecret, reveal } from '../base/secret.ts'
import { Shell, lines, sh } from '../base/shell.ts'
import type { Change, Difference, Kind, Step } from '../model/kind.ts'
import { type Common, type Resource, describe, given } from '../model/resource.ts'
import { account, check, filled, mode, optional, path } from '../model/schema.ts'
import {
  type Inode,
  type Ownership,
  applyOwnership,
  ownershipDifferences,
  parseStat,
} from './inode.ts'
import { bytesOf, inOrder } from './in-order.ts'
import { lockOutOf } from './lock-out.ts'
import { readSource, template } from './source.ts'

/** A regular file with exactly this content. It takes its place in one rename, so no reader ever sees half of it. */
export interface FileOptions extends Ownership, Common {
  /** The content itself: a text, or bytes. */
  readonly content?: string | Uint8Array
  /** Instead of content: a file to copy, relative to the file that describes it. */
  readonly source?: string
  /** Instead of content: an Eta template, relative to the file that describes it. */
  readonly template?: string
  /** What the template may name, as `it.name`. */
  readonly values?: Readonly<Record<string, unknown>>
  /** A command that must succeed before the new file takes its place; `%s` is its path: `'visudo -cf %s'`. */
  readonly validate?: string
}

interface FileDesired extends Ownership {
  readonly content: string | Uint8Array
  readonly validate?: string
}

interface FileState extends Inode {
  /** Of the content, in hex; undefined when there is no readable file. */
  readonly sha256: string | undefined
  /** The content when it differs from the described one and is not too long to show. */
  readonly content: Buffer | undefined
}

/** Longer content is not brought here to be compared line by line. Bytes. */
const longestDiff = 256 * 1024

/** A shell takes longer to add a word the more it has: for so many files there is one `sha256sum`. */
const atOnce = 100
const hashThem = sh`[ "$#" = 0 ] || contents "$@"`

/** Describes a file: `file('/etc/motd', { content: 'hello\n' })`. */
export function file(path: string, options: FileOptions = {}): Resource {
  const {
    content,
    source,
    template: from,
    values,
    validate,
    owner,
    group,
    mode,
    ...common
  } = options
  const text =
    content ??
    (source !== undefined ? readSource(source) : from !== undefined ? template(from, values) : '')
  // A secret is for its owner's eyes, unless the description says otherwise.
  const permissions = mode ?? (typeof text === 'string' && holdsSecret(text) ? '0600' : undefined)
  const desired = { content: text, ...given({ validate, owner, group, mode: permissions }) }
  return describe(fileKind, path, desired, common)
}

export const fileKind: Kind<FileDesired, FileState> = {
  name: 'file',
  remembers: () => ({ content: '' }),
  named: path,
  user: 'login',
  fields: {
    content: check(
      'a text or bytes',
      (value) => typeof value === 'string' || value instanceof Uint8Array,
    ),
    validate: optional(filled),
    owner: optional(account),
    group: optional(account),
    mode: optional(mode),
  },

  claims: (resource) => [{ what: `path ${resource.name}` }],

  paths: (resources) => resources.map(({ name }) => name),

  read: readContents,

  parse(output, resources) {
    const { inodes, rest } = parseStat(
      output,
      resources.map(({ name }) => name),
    )
    const contents = new Map<number, { sha256: string; content: Buffer | undefined }>()
    for (const row of rest.toString('latin1').split('\n').filter(Boolean)) {
      const [index, hash = '', content] = row.split(' ')
      contents.set(Number(index), {
        sha256: hash,
        content: content === undefined ? undefined : Buffer.from(content, 'base64'),
      })
    }
    return inodes.map((inode, i) => ({
      sha256: undefined,
      content: undefined,
      ...inode,
      ...contents.get(i),
    }))
  },

  diff(resource, state) {
    if (resource.absent) return state.type === 'absent' ? undefined : removal(state)
    const { desired } = resource
    if (state.type === 'directory') return { verb: 'change', summary: `to be a file, but ${taken}` }
    if (state.type === 'absent')
      return { verb: 'create', summary: creation(desired), ...texts(desired, undefined) }
    const changes = ownershipDifferences(desired, state)
    if (state.type !== 'file') changes.unshift(`${state.type} -> file`)
    if (state.sha256 === sha256(desired.content))
      return changes.length === 0 ? undefined : { verb: 'change', summary: changes.join(', ') }
    const same = state.type === 'file' ? ['content'] : []
    return { verb: 'change', summary: [...same, ...changes].join(', '), ...texts(desired, state) }
  },

  batch: 'in order',
  apply: (changes) => inOrder(changes.map(applyFile)),

  lockOut: ({ name }, login) => lockOutOf(name, login),
}

/**
 * Prints a line for each file that is there: its place in the list, its hash and, where that is not
 * the wanted one, its content; of what is to go there is none.
 */
export function readContents(resources: readonly Resource<FileDesired>[]): Shell {
  return lines(
    sh`contents() {
    sha256sum -- "$@" | for each in $wanted; do
      read -r hash rest || break
      hash=${Shell.literal('${hash#\\\\}')}
      case ${Shell.literal('${each#*:}')} in "$hash" | -) printf '%s %s\n' ${Shell.literal('"${each%%:*}"')} "$hash" ;;
      *) printf '%s %s ' ${Shell.literal('"${each%%:*}"')} "$hash"; head -c ${longestDiff} -- "$1" | base64 -w 0; echo ;; esac
      shift
    done
  }
  set --; wanted=`,
    ...resources.map(({ name, desired, absent }, i) => {
      const wanted = `${i}:${absent ? '-' : sha256(desired.content)}`
      const present = sh`p=${name}; [ -f "$p" ] && [ ! -L "$p" ] && [ -r "$p" ] && set -- "$@" "$p" && wanted="$wanted "${wanted}`
      return (i + 1) % atOnce === 0 ? lines(present, hashThem, sh`set --; wanted=`) : present
    }),
    hashThem,
  )
}

function applyFile({ resource, state }: Change<FileDesired, FileState>): Step {
  const { name, desired, absent } = resource
  if (absent) return { script: sh`rm -f -- ${name}` }
  const rewrite = state.type !== 'file' || state.sha256 !== sha256(desired.content)
  if (!rewrite) return { script: applyOwnership(desired, sh`${name}`) }
  const size = bytesOf(desired.content).length
  const script = writeAtomically(name, desired, { validate: desired.validate, size })
  return { script, input: desired.content }
}

/**
 * Writes standard input to a new file beside `path`, gives it the old one's (or the described)
 * ownership and permissions, has it validated, and puts it into place. With a size only so many
 * bytes are taken, and they must all be there: a connection that is cut ends the input early.
 */
export function writeAtomically(
  path: string,
  ownership: Ownership,
  { validate, size }: { readonly validate?: string | undefined; readonly size?: number } = {},
): Shell {
  const folder = path.slice(0, path.lastIndexOf('/')) || '/'
  const check =
    validate === undefined ? undefined : Shell.literal(validate.replaceAll('%s', '"$new"'))
  return lines(
    sh`path=${path}`,
    sh`[ ! -d "$path" ] || [ -L "$path" ] || { echo ${taken}; exit 1; }`,
    sh`new=$(mktemp -- ${`${folder === '/' ? '' : folder}/.fettle.XXXXXXXX`}) || exit 1`,
    sh`trap 'rm -f -- "$new"' EXIT`,
    size === undefined ? sh`cat > "$new" || exit 1` : receive(size),
    sh`if [ -f "$path" ] && [ ! -L "$path" ]; then`,
    keepOwnership,
    sh`else ${ownership.mode === undefined ? sh`chmod 0644 -- "$new" || exit 1` : sh`:`}; fi`,
    sh`{ ${applyOwnership(ownership, sh`"$new"`)}; } || exit 1`,
    check &&
      sh`{ ${check}
} </dev/null || { echo 'the new content was not valid, the old file is untouched'; exit 1; }`,
    takePlace,
    // A process less, as it is gone when it was renamed. How that ended is how this ends.
    sh`if [ "$?" != 0 ]; then false; elif [ ! -e "$new" ]; then trap - EXIT; fi`,
  )
}

/** `dd` says how much it got: in the same process, whoever cut it short. */
const receive = (size: number): Shell =>
  sh`said=$(dd bs=65536 iflag=fullblock,count_bytes count=${size} of="$new" 2>&1) || { printf '%s\n' "$said" | sed "s|^dd: [^']*'[^']*': ||; 1q"; exit 1; }
case "$said" in *"
"${size}' byte'*) ;; *) echo 'its content did not arrive whole, the old file is untouched'; exit 1 ;; esac`

/** Gives `"$new"` the ownership and the permissions that `"$path"` has. */
export const keepOwnership: Shell = Shell.literal(
  `chown --reference="$path" -- "$new" && chmod --reference="$path" -- "$new" || {
    echo "only root can keep its owner and group: describe it with user: 'root'"; exit 1; }`,
)

/**
 * Puts `"$new"` at `"$path"` in one rename; what is mounted there, as containers have /etc/hosts,
 * cannot be renamed over and is written in place.
 */
export const takePlace: Shell = Shell.literal(
  `if [ -f "$path" ] && mountpoint -q -- "$path" 2>/dev/null; then cat -- "$new" > "$path"; else mv -fT -- "$new" "$path"; fi`,
)

function creation({ content, owner, group, mode }: FileDesired): string {
  const facts = [
    bytes(bytesOf(content).length),
    mode && `mode ${mode.padStart(4, '0')}`,
    owner && `owner ${owner}`,
    group && `group ${group}`,
  ]
  return facts.filter(Boolean).join(', ')
}

const bytes = (size: number): string => `${size} byte${size === 1 ? '' : 's'}`

const taken = 'there is a directory in its place'

function removal(state: FileState): Difference {
  if (state.type === 'directory') return { verb: 'remove', summary: taken }
  return { verb: 'remove', summary: `${state.type}, ${bytes(state.size)}` }
}

/** Both texts, unless one of them is not text or too long to be shown. */
function texts(desired: FileDesired, state: FileState | undefined): Pick<Difference, 'text'> {
  const { content } = desired
  const after = typeof content === 'string' ? content : asText(content)
  const before = state?.content === undefined ? '' : asText(state.content)
  const whole = state === undefined || state.type !== 'file' || state.content?.length === state.size
  return before === undefined || after === undefined || !whole || after.length > longestDiff
    ? {}
    : { text: { before, after } }
}

function asText(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return text.includes('\0') ? undefined : text
  } catch {
    return undefined
  }
}

const hashes = new WeakMap<Uint8Array, string>()

/** The hash of the content as it will be on the host, in hex. */
function sha256(content: string | Uint8Array): string {
  if (typeof content === 'string') return createHash('sha256').update(reveal(content)).digest('hex')
  const known = hashes.get(content) ?? createHash('sha256').update(content).digest('hex')
  hashes.set(content, known)
  return known
}
