import { Shell, lines, sh } from '../base/shell.ts'
import { type Change, type Context, type Difference, type Kind, type Step } from '../model/kind.ts'
import { type Common, type Resource, describe, given } from '../model/resource.ts'
import { check, optional, path } from '../model/schema.ts'
import { entryDifference, escaped, fstab, fstabEntry, inFstab, thenEntry } from './fstab.ts'
import { findDevice } from './mount-state.ts'
import { refuse } from './refusal.ts'
import type { TextState } from './text-edit.ts'

/**
 * Swap space: a file, which is made, or a partition, which is formatted only when there is nothing
 * on it. It is on now, and at every boot by its entry in `/etc/fstab`. A container has the swap of
 * its host: there the file and the entry are all, and the plan says so. `absent(swap(...))` turns
 * it off and removes the entry and the file; a partition keeps what is on it.
 */
export interface SwapOptions extends Common {
  /** Of a file, which needs it: `'512M'`, `'2G'`. Another size makes the file anew. */
  readonly size?: string
  /** Which is filled first: 0 to 32767, the highest. Default: as the kernel gives them out. */
  readonly priority?: number
}

interface SwapDesired {
  readonly size?: string
  readonly priority?: number
}

interface SwapState {
  readonly fstab: TextState
  /** What is there, links followed for devices alone. */
  readonly type: 'absent' | 'file' | 'block' | 'other'
  readonly mode: string
  readonly uid: string
  /** Bytes. */
  readonly size: number
  /** What blkid sees on it: `swap`, `ext4`...; empty: nothing. */
  readonly holds: string
  /** Whether it is on, and with which priority. */
  readonly on: number | undefined
  readonly container: boolean
}

/** Describes swap: `swap('/swapfile', { size: '2G' })`, `swap('/dev/sdb2')`, `swap('LABEL=swap')`. */
export function swap(name: string, options: SwapOptions = {}): Resource {
  const { size, priority, ...common } = options
  const needed = typeof name === 'string' && isFile(name)
  if (needed !== (size !== undefined) && typeof name === 'string')
    refuse(`swap:${name}`, 'size', {
      problem: needed ? 'is missing' : 'cannot be given for a partition',
      suggestion: needed ? "a size, such as '2G'" : 'it without a size',
    })
  return describe(swapKind, name, given({ size, priority }), common)
}

const isTag = (name: string): boolean => /^(PART)?(UUID|LABEL)=[^\s\p{Cc}]+$/u.test(name)

const isFile = (name: string): boolean => !isTag(name) && !name.startsWith('/dev/')

export const swapKind: Kind<SwapDesired, SwapState> = {
  name: 'swap',
  remembers: ({ desired }) => desired,
  named: (name) =>
    typeof name === 'string' && isTag(name)
      ? undefined
      : (path(name) ??
        check(
          'a path on one line',
          (each) => !/\p{Cc}/u.test(each as string) && each !== '/',
        )(name)),
  user: 'root',
  fields: {
    size: optional(
      check(
        "a size, such as '512M' or '2G'",
        (value) => typeof value === 'string' && /^[1-9]\d{0,5}[MGT]$/.test(value),
      ),
    ),
    priority: optional(
      check(
        'a whole number from 0 to 32767',
        (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 32_767,
      ),
    ),
  },

  claims: ({ name }) => [{ what: 'path /etc/fstab', shared: true }, { what: `path ${name}` }],

  read: (resources) =>
    lines(
      fstab.read([entryOf(resources[0]!)]),
      sh`printf '\\0'; cat /proc/swaps 2>/dev/null; printf '\\0'`,
      sh`[ ! -e /run/systemd/container ] || echo container`,
      findDevice,
      look,
      ...resources.map(({ name }, i) => sh`look ${i} ${name}`),
      sh`:`,
    ),

  parse: parseSwaps,
  diff: (resource, state, context) =>
    resource.absent ? removal(resource, state) : difference(resource, state, context),
  apply: ([change]) => (change!.resource.absent ? turnOff(change!) : makeSwap(change!)),
}

function entryOf({ name, desired, absent }: Resource<SwapDesired>): ReturnType<typeof fstabEntry> {
  const options = desired.priority === undefined ? 'sw' : `sw,pri=${desired.priority}`
  return fstabEntry({ device: name, target: 'none', type: 'swap', options, pass: 0 }, absent)
}

/** Sets `holds` to what is on `$1`. */
const probe: Shell = Shell.literal(
  `probe() {
  holds=$(blkid -p -o value -s TYPE -s PTTYPE -- "$1" 2>/dev/null); code=$?
  case $code in 0) holds=$(echo $holds);; 2) holds=;; *) holds=unknown;; esac
}`,
)

/** Prints the index, the type, permissions, owner, size, what it holds, and its real path. */
const look: Shell = lines(
  probe,
  Shell.literal(
    `look() {
  find_device "$2"; type=absent about='- - 0' holds=
  if [ -b "$path" ]; then type=block; probe "$path"
  elif [ -f "$path" ] && [ ! -L "$path" ]; then type=file; about=$(stat -c '%a %u %s' -- "$path"); probe "$path"
  elif [ -e "$path" ] || [ -L "$path" ]; then type=other; fi
  printf '%s\\n' "$1 $type $about \${holds:--}" "$(readlink -f -- "$path")"
}`,
  ),
)

function parseSwaps(output: Buffer, resources: readonly Resource<SwapDesired>[]): SwapState[] {
  const first = output.indexOf(0)
  const second = output.indexOf(0, first + 1)
  const [text] = fstab.parse(output.subarray(0, first), [entryOf(resources[0]!)])
  const active = new Map(
    output
      .toString('utf8', first + 1, second)
      .split('\n')
      .slice(1)
      .map((row) => row.split(/\s+/))
      .map((fields) => [fields[0]!, Number(fields[4])]),
  )
  const rows = output.toString('utf8', second + 1).split('\n')
  const container = rows[0] === 'container'
  return resources.map(({ name }, i) => {
    const at = (container ? 1 : 0) + 2 * i
    const [, type, mode, uid, size, holds] =
      /^\d+ (\w+) (\S+) (\S+) (\d+) (.+)$/.exec(rows[at] ?? '') ?? []
    if (holds === undefined) throw new Error(`it was not told what is at ${name}`)
    return {
      fstab: text!,
      type: type as SwapState['type'],
      mode: mode!,
      uid: uid!,
      size: Number(size),
      holds: holds === '-' ? '' : holds,
      on: container ? undefined : active.get(escaped(rows[at + 1]!)),
      container,
    }
  })
}

const units = { M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 }

const bytesOf = (size: string): number =>
  Number(size.slice(0, -1)) * units[size.at(-1) as keyof typeof units]

function sizeText(bytes: number): string {
  const unit = (['T', 'G', 'M'] as const).find((each) => bytes > 0 && bytes % units[each] === 0)
  return unit ? `${bytes / units[unit]}${unit}` : `${bytes} bytes`
}

const textOf = (entry: Difference | undefined): Pick<Difference, 'text'> =>
  entry?.text === undefined ? {} : { text: entry.text }

function removal(resource: Resource<SwapDesired>, state: SwapState): Difference | undefined {
  const entry = entryDifference(entryOf(resource), state.fstab)
  const changes = [
    state.on !== undefined && 'turn off',
    entry && inFstab,
    isOurs(resource, state) && `the file of ${sizeText(state.size)}`,
  ]
  const summary = changes.filter(Boolean).join(', ')
  return summary === '' ? undefined : { verb: 'remove', summary, ...textOf(entry) }
}

/** A file that may be removed. */
const isOurs = ({ name }: Resource<SwapDesired>, { type, holds }: SwapState): boolean =>
  isFile(name) && type === 'file' && holds === 'swap'

/** What must be done, beside the entry. */
interface Moves {
  /** Make the file, or format the partition. */
  readonly make: boolean
  readonly secure: boolean
  /** Turn it on, or on anew with its priority. */
  readonly on: boolean
}

function movesOf({ name, desired }: Resource<SwapDesired>, state: SwapState): Moves {
  const file = isFile(name)
  const make = state.holds !== 'swap' || (file && state.size !== bytesOf(desired.size!))
  const secure = file && !make && (Number(state.mode) !== 600 || state.uid !== '0')
  const { priority = state.on } = desired
  return {
    make,
    secure,
    on: !state.container && (make || state.on === undefined || state.on !== priority),
  }
}

function difference(
  resource: Resource<SwapDesired>,
  state: SwapState,
  { opaque }: Context,
): Difference | undefined {
  const { name } = resource
  const trouble = troubleWith(resource, state)
  if (trouble !== undefined) return { verb: 'change', summary: trouble }
  if (!isFile(name) && state.type === 'absent')
    return opaque.length > 0
      ? { verb: 'unknown', summary: `on, once ${opaque.at(-1)} has brought ${name}` }
      : { verb: 'change', summary: `there is no ${name} here` }
  const moves = movesOf(resource, state)
  const entry = entryDifference(entryOf(resource), state.fstab)
  const changes = [...wordsFor(moves, resource, state), ...(entry ? [inFstab] : [])]
  if (changes.length === 0) return undefined
  const note = state.container ? ' (not turned on: a container has the swap of its host)' : ''
  const verb = moves.make && state.holds !== 'swap' ? 'create' : 'change'
  return { verb, summary: changes.join(', ') + note, ...textOf(entry) }
}

function wordsFor(
  moves: Moves,
  { name, desired }: Resource<SwapDesired>,
  { type, size, mode, uid, on }: SwapState,
): string[] {
  const made =
    type === 'absent'
      ? `a file of ${desired.size}`
      : isFile(name)
        ? `${sizeText(size)} -> ${desired.size}`
        : 'format it'
  const { priority = on } = desired
  return [
    ...(moves.make ? [made] : []),
    ...(moves.secure && Number(mode) !== 600 ? [`mode ${mode.padStart(4, '0')} -> 0600`] : []),
    ...(moves.secure && uid !== '0' ? [`owner ${uid} -> root`] : []),
    ...(moves.on && on === undefined ? ['turn on'] : []),
    ...(on !== priority && on !== undefined ? [`priority ${on} -> ${priority}`] : []),
  ]
}

/** Nothing that somebody may miss is written over. */
function troubleWith(
  { name }: Resource<SwapDesired>,
  { type, holds }: SwapState,
): string | undefined {
  if (type === 'absent') return undefined
  if (isFile(name) && type !== 'file') return `${name} is not a file`
  if (!isFile(name) && type !== 'block') return `${name} is not a device`
  if (holds === 'swap') return undefined
  if (isFile(name)) return `${name} is a file that holds something else`
  return holds === '' ? undefined : `${name} holds ${holds}: wipefs clears it, if nobody needs that`
}

function makeSwap({ resource, state }: Change<SwapDesired, SwapState>): Step {
  const { name, desired } = resource
  const trouble = troubleWith(resource, state)
  if (trouble !== undefined) return { script: sh`echo ${trouble}; exit 1` }
  const moves = movesOf(resource, state)
  const priority = desired.priority === undefined ? [] : ['-p', String(desired.priority)]
  return thenEntry(
    entryOf(resource),
    state.fstab,
    !isFile(name) &&
      lines(
        findDevice,
        sh`find_device ${name}; [ -b "$path" ] || { echo ${`there is no ${name} here`}; exit 1; }`,
      ),
    moves.make && isFile(name) && makeFile(name, bytesOf(desired.size!)),
    moves.make &&
      !isFile(name) &&
      lines(
        probe,
        sh`probe "$path"; [ ! "$holds" ] || { echo "it holds $holds"; exit 1; }`,
        sh`mkswap -- "$path" || exit 1`,
      ),
    moves.secure && sh`chown root: -- ${name} && chmod 0600 -- ${name} || exit 1`,
    state.on !== undefined && moves.on && sh`swapoff -- ${name} || exit 1`,
    moves.make && isFile(name) && sh`mv -fT -- "$new" ${name} || exit 1`,
    moves.on && sh`swapon ${priority} -- ${name} || exit 1`,
  )
}

/** Makes `"$new"` beside it, whole. A file system that copies on write must not do so here. */
function makeFile(name: string, bytes: number): Shell {
  return lines(
    sh`umask 077; new=${`${name}.fettle-new`}; rm -f -- "$new"; trap 'rm -f -- "$new"' EXIT`,
    sh`: > "$new" || exit 1`,
    sh`[ "$(stat -fc %T -- "$new")" != btrfs ] || chattr +C -- "$new" || exit 1`,
    sh`said=$(fallocate -l ${bytes} -- "$new" 2>&1) || case $said in
*'not supported'*) dd if=/dev/zero of="$new" bs=1M iflag=count_bytes count=${bytes} status=none || exit 1;;
*) echo "$said"; exit 1;;
esac`,
    sh`mkswap -- "$new" || exit 1`,
  )
}

function turnOff({ resource, state }: Change<SwapDesired, SwapState>): Step {
  const { name } = resource
  const step = thenEntry(
    entryOf(resource),
    state.fstab,
    state.on !== undefined && sh`swapoff -- ${name} || exit 1`,
  )
  const last = isOurs(resource, state) && sh`rm -f -- ${name} || exit 1`
  return { ...step, script: lines(step.script, last) }
}
