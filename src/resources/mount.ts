import { holdsSecret } from '../base/secret.ts'
import { Shell, lines, sh } from '../base/shell.ts'
import { type Change, type Context, type Difference, type Kind, type Step } from '../model/kind.ts'
import { type Common, type Resource, describe } from '../model/resource.ts'
import { check, path } from '../model/schema.ts'
import { entryDifference, entryOptions, escaped, inFstab, thenEntry } from './fstab.ts'
import {
  type OptionDifference,
  forKernel,
  isBind,
  isLater,
  lostOptions,
  optionDifferences,
} from './mount-options.ts'
import {
  type MountDesired,
  type MountState,
  entryOf,
  findDevice,
  parseMounts,
  readMounts,
} from './mount-state.ts'

/**
 * Something mounted on a directory: now, and at every boot by its entry in `/etc/fstab`. The
 * directory is made where there is none. Other options are set by a remount; another device or
 * file system takes the place of the old one, which fails while that is in use. With `noauto` or
 * `x-systemd.automount` only the entry is kept. `absent(mount(...))` unmounts what is there and
 * removes the entry; the directory stays.
 */
export interface MountOptions extends Common {
  /** `/dev/sdb1`, `UUID=...`, `LABEL=...`, `server:/path`, `tmpfs`; for a bind mount the directory that it shows. */
  readonly device: string
  /** The file system. Default: what the device holds. */
  readonly type?: string
  /** As mount(8) takes them: `['noatime', 'nofail']`, `'bind'`. Default: none but its own. */
  readonly options?: string | readonly string[]
  /** When it is checked at boot: 1 for the root, 2 for others. Default: 0, never. */
  readonly pass?: 0 | 1 | 2
}

/** Describes a mount: `mount('/data', { device: 'UUID=...', type: 'ext4', options: ['noatime'] })`. */
export function mount(target: string, given: MountOptions): Resource {
  const { device, type, options = [], pass = 0, ...common } = given
  const list = typeof options === 'string' ? options.split(',') : options
  const usual = device === 'tmpfs' ? 'tmpfs' : Array.isArray(list) && isBind(list) ? 'none' : 'auto'
  return describe(mountKind, target, { device, type: type ?? usual, options: list, pass }, common)
}

const isWord = (value: unknown): value is string =>
  typeof value === 'string' && /^[^\p{Cc}\s#-]\P{Cc}*$/u.test(value) && !holdsSecret(value)

export const mountKind: Kind<MountDesired, MountState> = {
  name: 'mount',
  remembers: ({ desired }) => desired,
  leavesBefore: ['directory', 'package'],
  named: (value) =>
    path(value) ?? check('a path on one line', (each) => !/\p{Cc}/u.test(each as string))(value),
  user: 'root',
  // What lies below the path is another thing afterwards.
  opaque: true,
  fields: {
    device: check("a device, such as '/dev/sdb1', 'UUID=...' or 'server:/path'", isWord),
    type: check(
      "a file system such as 'ext4'; for swap there is swap(...)",
      (value) => typeof value === 'string' && /^\w[\w.-]*$/.test(value) && value !== 'swap',
    ),
    options: check(
      "options such as ['noatime', 'nofail']; a password goes into a file of its own, such as credentials=PATH",
      (value) => Array.isArray(value) && value.every((each) => isWord(each) && !/[,\s]/.test(each)),
    ),
    pass: check('0, 1 or 2', (value) => value === 0 || value === 1 || value === 2),
  },

  claims: () => [{ what: 'path /etc/fstab', shared: true }],
  read: readMounts,
  parse: parseMounts,
  diff: (resource, state, context) =>
    resource.absent ? removal(resource, state) : difference(resource, state, context),
  apply: ([change]) => (change!.resource.absent ? unmount(change!) : makeMount(change!)),
}

function removal(resource: Resource<MountDesired>, state: MountState): Difference | undefined {
  const entry = entryDifference(entryOf(resource), state.fstab)
  const changes = [state.mounted && `unmount ${state.mounted.source}`, entry && inFstab]
  const summary = changes.filter(Boolean).join(', ')
  return summary === '' ? undefined : { verb: 'remove', summary, ...textOf(entry) }
}

const textOf = (entry: Difference | undefined): Pick<Difference, 'text'> =>
  entry?.text === undefined ? {} : { text: entry.text }

interface Move {
  readonly how: 'mount' | 'replace' | 'remount'
  /** What a remount is for, as far as the kernel shows it. */
  readonly options: readonly OptionDifference[]
}

/** What must be done for it to be mounted as described, beside its entry. */
function moveOf({ name, desired }: Resource<MountDesired>, state: MountState): Move | undefined {
  if (isLater(desired.options)) return undefined
  if (!state.mounted) return { how: 'mount', options: [] }
  if (!state.same) return { how: 'replace', options: [] }
  const differences = optionDifferences(desired.options, state.mounted)
  // The kernel does not show all that was set; what the entry says had been set before.
  const before = forKernel(entryOptions(state.fstab, name)).sort()
  const after = forKernel(desired.options).sort()
  const known = before.join() === after.join() || entryOptions(state.fstab, name).length === 0
  return differences.length > 0 || !known ? { how: 'remount', options: differences } : undefined
}

function difference(
  resource: Resource<MountDesired>,
  state: MountState,
  context: Context,
): Difference | undefined {
  const { name, desired } = resource
  const move = moveOf(resource, state)
  const entry = entryDifference(entryOf(resource), state.fstab)
  if (!move && !entry) return undefined
  const verb = entry?.verb === 'create' && !state.mounted ? 'create' : 'change'
  const trouble = troubleWith(resource, state)
  if (trouble !== undefined) return { verb: 'change', summary: trouble }
  if (move && state.device === 'missing' && !isMade(desired.device, context)) {
    const last = context.opaque.at(-1)
    return last === undefined
      ? { verb: 'change', summary: `there is no ${desired.device} here` }
      : { verb: 'unknown', summary: `${desired.device}, once ${last} has brought it` }
  }
  const fresh = state.place === 'absent' && !isMade(name, context)
  const words = [move && wordsFor(move, resource, state, fresh), entry && inFstab]
  return { verb, summary: words.filter(Boolean).join(', '), ...textOf(entry) }
}

function wordsFor(
  move: Move,
  { name, desired }: Resource<MountDesired>,
  { fstab, mounted }: MountState,
  fresh: boolean,
): string {
  if (move.how === 'mount') return `mount ${desired.device}${fresh ? ' on a new directory' : ''}`
  if (move.how === 'replace')
    return `${mounted!.source} (${mounted!.type}) -> ${desired.device} (${desired.type})`
  const changes = move.options.map(({ now, wanted }) => `${now} -> ${wanted}`)
  const lost = lostOptions(entryOptions(fstab, name), desired.options, mounted!)
  return [
    `remount${changes.length > 0 ? `: ${changes.join(', ')}` : ''}`,
    ...lost.map((each) => `${each} stays until it is mounted anew`),
  ].join(', ')
}

/** An earlier change makes that directory. */
const isMade = (path: string, { earlier }: Context): boolean =>
  ['directory', 'file', 'git'].some((kind) => earlier.get(`${kind}:${path}`)?.verb === 'create')

/** Why it cannot be done. */
function troubleWith(
  { name, desired }: Resource<MountDesired>,
  { device, place }: MountState,
): string | undefined {
  const bind = isBind(desired.options)
  if (place.startsWith('link ')) return `${name} leads to ${place.slice(5)}: describe it so`
  if (place === 'file' && device === 'directory') return `${name} is a file`
  if (!bind && device === 'directory') return `${desired.device} is a directory: that takes 'bind'`
  if (!bind && device === 'file') return `${desired.device} is a file, not a device`
  return undefined
}

function makeMount({ resource, state }: Change<MountDesired, MountState>): Step {
  const { name, desired } = resource
  const trouble = troubleWith(resource, state)
  if (trouble !== undefined) return { script: sh`echo ${trouble}; exit 1` }
  const move = moveOf(resource, state)
  const options = desired.options.join(',') || 'defaults'
  const { device, type } = desired
  const make = sh`try -t ${type} -o ${options} -- ${device} ${name}`
  const node = /^\/(?!\/)|^(PART)?(UUID|LABEL)=/.test(device) && !type.startsWith('fuse')
  return thenEntry(
    entryOf(resource),
    state.fstab,
    move && tryMount,
    move &&
      move.how !== 'remount' &&
      node &&
      lines(
        findDevice,
        sh`find_device ${device}; [ -e "$path" ] || { echo ${`there is no ${device} here`}; exit 1; }`,
        sh`[ -d "$path" ] || [ -b "$path" ] || [ -e ${name} ] || { echo ${`${name} must be a file for a file to be mounted on it`}; exit 1; }`,
      ),
    move?.how === 'mount' &&
      sh`[ -e ${name} ] || mkdir -p -- ${name} || exit 1
${make} || exit 1`,
    move?.how === 'replace' &&
      sh`umount -- ${name} || exit 1
${make} || { now='nothing is mounted there now'; mount -- ${name} </dev/null 2>/dev/null && now='what was there before is mounted again'; echo "$reason ($now)"; exit 1; }`,
    move?.how === 'remount' && remount(resource, move.options),
  )
}

/** Its last line, which is taken for the reason, may only point at dmesg(1). */
const tryMount: Shell = Shell.literal(
  `try() {
  said=$(mount "$@" </dev/null 2>&1) && return
  printf '%s\\n' "$said"
  reason=$(printf '%s\\n' "$said" | grep -v 'dmesg(1)' | tail -n 1)
  echo "$reason"; return 1
}`,
)

/** With the device, as mount(8) mixes in what the entry says otherwise. */
function remount(
  { name, desired }: Resource<MountDesired>,
  differences: readonly OptionDifference[],
): Shell {
  const options = [
    'remount',
    ...(isBind(desired.options) ? ['bind'] : []),
    ...forKernel(desired.options),
    ...differences.map(({ wanted }) => wanted),
  ]
  const type = desired.type === 'auto' ? [] : ['-t', desired.type]
  return sh`try ${type} -o ${[...new Set(options)].join(',')} -- ${desired.device} ${name} || exit 1`
}

/** All that is stacked there. */
function unmount({ resource, state }: Change<MountDesired, MountState>): Step {
  const mounted = `$5 == ENVIRON["target"] { found = 1 } END { exit !found }`
  return thenEntry(
    entryOf(resource),
    state.fstab,
    sh`while target=${escaped(resource.name)} awk ${mounted} /proc/self/mountinfo; do umount -- ${resource.name} || exit 1; done`,
  )
}
