import { Shell, sh } from '../base/shell.ts'
import type { Kind } from '../model/kind.ts'

/** What stands at a path: what file, directory and link have in common. */
export interface Inode {
  readonly type: 'absent' | 'file' | 'directory' | 'link' | 'other'
  /** Octal, without leading zeros: `644`. */
  readonly mode: string
  readonly owner: string
  readonly group: string
  /** Bytes. */
  readonly size: number
  /** Where a link points, as it is written. */
  readonly target: string
}

/** Permissions and ownership as described; what is left out is left as it is. */
export interface Ownership {
  /** A user's name. Left out: the user who creates it, and whoever owns it already. */
  readonly owner?: string
  /** A group's name. Left out: as for owner. */
  readonly group?: string
  /** Octal permissions such as `'0644'`. Left out: what it has already, or the usual ones. */
  readonly mode?: string
}

export const nothingThere: Inode = {
  type: 'absent',
  mode: '',
  owner: '',
  group: '',
  size: 0,
  target: '',
}

const types: Readonly<Record<string, Inode['type']>> = { f: 'file', d: 'directory', l: 'link' }

/** Prints seven fields for each path that is there, each ended by NUL, then `end` and NUL. */
export function statPaths(paths: readonly string[]): Shell {
  const finds = portions(paths).map(
    (each) =>
      sh`find ${each} -maxdepth 0 -printf ${String.raw`%p\0%y\0%m\0%u\0%g\0%s\0%l\0`} 2>/dev/null; `,
  )
  return sh`${finds.reduce((all, each) => sh`${all}${each}`, sh``)}printf 'end\\0'`
}

/** The words of one command line may be 2 MiB together, wherever Linux was not told otherwise. */
const longestLine = 256 * 1024

/** Paths in lists that each fit on a command line. */
export function portions(paths: readonly string[]): string[][] {
  const all: string[][] = []
  let room = 0
  for (const path of paths) {
    const size = Buffer.byteLength(path)
    if (all.length === 0 || room < size) {
      all.push([])
      room = longestLine
    }
    all.at(-1)!.push(path)
    room -= size
  }
  return all
}

/** Reads what `statPaths` printed, in the order of the paths, and says where it ended. */
export function parseStat(
  output: Buffer,
  paths: readonly string[],
): { inodes: Inode[]; rest: Buffer } {
  const found = new Map<string, Inode>()
  let at = 0
  const field = (): string => {
    const end = output.indexOf(0, at)
    const text = output.toString('utf8', at, end < 0 ? output.length : end)
    at = end < 0 ? output.length : end + 1
    return text
  }
  for (let path = field(); path !== 'end' && path !== ''; path = field()) {
    const [letter, mode, owner, group, size, target] = [
      field(),
      field(),
      field(),
      field(),
      field(),
      field(),
    ]
    found.set(path, {
      type: types[letter] ?? 'other',
      mode,
      owner,
      group,
      size: Number(size),
      target,
    })
  }
  return { inodes: paths.map((path) => found.get(path) ?? nothingThere), rest: output.subarray(at) }
}

/** How a kind that is nothing but an inode, named by its path, claims and reads it. */
export const inodeReading: Pick<Required<Kind<any, Inode>>, 'claims' | 'paths' | 'parse'> = {
  claims: ({ name }) => [{ what: `path ${name}` }],

  paths: (resources) => resources.map(({ name }) => name),

  parse: (output, resources) =>
    parseStat(
      output,
      resources.map(({ name }) => name),
    ).inodes,
}

/** What differs in permissions and ownership, as `mode 0644 -> 0600`. */
export function ownershipDifferences(wanted: Ownership, inode: Inode): string[] {
  const found: string[] = []
  const { owner, group, mode } = wanted
  if (owner !== undefined && owner !== inode.owner) found.push(`owner ${inode.owner} -> ${owner}`)
  if (group !== undefined && group !== inode.group) found.push(`group ${inode.group} -> ${group}`)
  if (mode !== undefined && Number.parseInt(mode, 8) !== Number.parseInt(inode.mode, 8))
    found.push(`mode ${inode.mode.padStart(4, '0')} -> ${mode.padStart(4, '0')}`)
  return found
}

/** Gives `"$new"` (or another shell word) the ownership and permissions that are described. */
export function applyOwnership(wanted: Ownership, word: Shell): Shell {
  const { owner, group, mode } = wanted
  const steps: Shell[] = []
  if (owner !== undefined || group !== undefined)
    steps.push(
      sh`chown -h -- ${owner ?? ''}${Shell.literal(group === undefined ? '' : ':')}${group ?? Shell.literal('')} ${word}`,
    )
  // After chown, which clears the set-user and set-group bits. With five digits, as a directory
  // keeps these bits otherwise.
  if (mode !== undefined) steps.push(sh`chmod -- ${mode.padStart(5, '0')} ${word}`)
  return steps.reduce((all, step) => sh`${all} && ${step}`, sh`:`)
}
