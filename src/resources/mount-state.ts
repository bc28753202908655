import { Shell, lines, sh } from '../base/shell.ts'
import type { Resource } from '../model/resource.ts'
import { escaped, fstab, fstabEntry, unescaped } from './fstab.ts'
import { type Mounted, isBind } from './mount-options.ts'
import type { TextState } from './text-edit.ts'

export interface MountDesired {
  readonly device: string
  readonly type: string
  readonly options: readonly string[]
  readonly pass: number
}

export interface MountState {
  readonly fstab: TextState
  /** What is on top at that path. */
  readonly mounted: Mounted | undefined
  /** Whether that is the described device, with the described file system. */
  readonly same: boolean
  /** What the described device is; `word` when it is no path, such as a server's. */
  readonly device: 'block' | 'directory' | 'file' | 'missing' | 'word'
  /** What is at the path: `mounted`, `directory`, `file`, `absent`, or `link` and where it leads. */
  readonly place: string
}

/** The entry in fstab that a mount keeps. */
export function entryOf({
  name,
  desired,
  absent,
}: Resource<MountDesired>): ReturnType<typeof fstabEntry> {
  const { device, type, options, pass } = desired
  const entry = { device, target: name, type, options: options.join(',') || 'defaults', pass }
  return fstabEntry(entry, absent)
}

/** The device as far as it is a path, or a name that stands for one. */
function nodeOf({ device, type }: MountDesired): string {
  const named = /^(PART)?(UUID|LABEL)=/.test(device) || /^\/(?!\/)/.test(device)
  return named && !type.startsWith('fuse') ? device : ''
}

/** Sets `$path` to the node of the device `$1`. */
export const findDevice: Shell = Shell.literal(
  `find_device() {
  case $1 in
  UUID=*) path=/dev/disk/by-uuid/\${1#*=};;
  LABEL=*) path=/dev/disk/by-label/\${1#*=};;
  PARTUUID=*) path=/dev/disk/by-partuuid/\${1#*=};;
  PARTLABEL=*) path=/dev/disk/by-partlabel/\${1#*=};;
  *) path=$1; return;;
  esac
  [ -e "$path" ] || path=$(findfs "$1" 2>/dev/null) || path=$1
}`,
)

/**
 * Three parts with a NUL between them: fstab, our rows of mountinfo, and what was looked at. Only
 * where nothing is mounted the place is looked at: a server that is gone would keep us waiting.
 */
export function readMounts(resources: readonly Resource<MountDesired>[]): Shell {
  const targets = resources.map(({ name }) => escaped(name)).join('\n')
  return lines(
    fstab.read([entryOf(resources[0]!)]),
    sh`printf '\\0'; set -f; nl=${'\n'}`,
    sh`rows=$(targets=${targets} awk ${ours} /proc/self/mountinfo)`,
    sh`printf '%s\n\\0' "$rows"`,
    findDevice,
    look,
    ...resources.map(
      ({ name, desired }, i) =>
        sh`look ${i} ${name} ${escaped(name)} ${nodeOf(desired)} ${isBind(desired.options) ? 'bind' : ''}`,
    ),
    sources,
  )
}

/** Each with its mount point before it, so that this can be found. */
const ours = `BEGIN { n = split(ENVIRON["targets"], all, "\\n"); for (i = 1; i <= n; i++) want[all[i]] }
$5 in want { print $5, $0 }`

/** Prints the index, what the device is, its number, whether it is what shows here, what is here. */
const look: Shell = Shell.literal(
  `look() {
  kind=word number=- shows=no
  if [ "$4" ]; then
    find_device "$4"
    if [ -b "$path" ]; then kind=block; number=$(stat -Lc %t:%T -- "$path")
    elif [ -d "$path" ]; then kind=directory
    elif [ -e "$path" ]; then kind=file
    else kind=missing; fi
  fi
  case $nl$rows in
  *"$nl$3 "*) place=mounted; [ ! "$5" ] || [ ! "$path" -ef "$2" ] || shows=yes;;
  *) real=$(readlink -m -- "$2")
    if [ "$real" != "$2" ]; then place="link $real"
    elif [ -d "$2" ]; then place=directory
    elif [ -e "$2" ]; then place=file
    else place=absent; fi;;
  esac
  printf '%s\\n' "$1 $kind $number $shows $place"
}`,
)

/** The numbers of what is mounted from a node: some file systems (btrfs) have numbers of their own. */
const sources: Shell = Shell.literal(
  `case $rows in *' - '*' /dev/'*)
  stat -Lc 'source %t:%T %n' -- $(printf '%s\\n' "$rows" | sed -n 's|^.* - [^ ]* \\(/dev/[^ ]*\\) .*$|\\1|p') 2>/dev/null;;
esac; :`,
)

export function parseMounts(
  output: Buffer,
  resources: readonly Resource<MountDesired>[],
): MountState[] {
  const first = output.indexOf(0)
  const second = output.indexOf(0, first + 1)
  const [text] = fstab.parse(output.subarray(0, first), [entryOf(resources[0]!)])
  const rows = output.toString('utf8', first + 1, second).split('\n')
  const looks = output.toString('utf8', second + 1).split('\n')
  const numbers = new Map(
    looks.flatMap((row) => {
      const [, number, path] = /^source (\S+) (.*)$/.exec(row) ?? []
      return number === undefined ? [] : [[path!, number] as const]
    }),
  )
  return resources.map(({ name, desired }, i) => {
    const row = rows.findLast((each) => each.startsWith(`${escaped(name)} `))
    const [, kind, number = '', shows, place] =
      looks
        .map((each) => /^(\d+) (\w+) (\S+) (\w+) (.+)$/.exec(each)?.slice(1) ?? [])
        .find(([index]) => index === String(i)) ?? []
    if (place === undefined) throw new Error(`it was not told what is at ${name}`)
    const device = kind as MountState['device']
    const found = row === undefined ? undefined : mountedOf(row)
    const same =
      found !== undefined &&
      device !== 'missing' &&
      typeFits(desired.type, found.mounted.type) &&
      (isBind(desired.options)
        ? shows === 'yes'
        : device === 'block'
          ? found.number === decimal(number) || numbers.get(found.mounted.source) === number
          : isNamed(desired, found.mounted.source))
    return { fstab: text!, mounted: found?.mounted, same, device, place }
  })
}

/** A row of mountinfo, after the mount point that was put before it. */
function mountedOf(row: string): { mounted: Mounted; number: string } {
  const fields = row.split(' ').slice(1)
  const [type = '', source = '', superOptions = ''] = fields.slice(fields.indexOf('-') + 1)
  const mounted = {
    type,
    source: unescaped(source),
    options: fields[5]!.split(','),
    superOptions: superOptions.split(',').map(unescaped),
  }
  return { mounted, number: fields[2]! }
}

/** stat(1) has it in hex. */
const decimal = (number: string): string =>
  number
    .split(':')
    .map((each) => String(parseInt(each, 16)))
    .join(':')

/** A program's file system goes by another name; version 4 of NFS has one of its own. */
const typeFits = (wanted: string, type: string): boolean =>
  wanted === 'auto' ||
  wanted === 'none' ||
  wanted === type ||
  (wanted === 'nfs' && type === 'nfs4') ||
  type.startsWith('fuse')

/** Where nothing lies behind it, as of a tmpfs, the name of the device says nothing. */
function isNamed({ device, type }: MountDesired, source: string): boolean {
  const plain = (name: string): string => name.replace(/(.)\/+$/, '$1')
  const behind = /[/:]/.test(device)
  return behind || type === 'auto' ? plain(device) === plain(source) : true
}
