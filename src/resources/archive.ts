import { createHash } from 'node:crypto'
import { problem } from '../base/errors.ts'
import type { Secret } from '../base/secret.ts'
import { lines, sh } from '../base/shell.ts'
import type { Change, Context, Difference, Kind, Step } from '../model/kind.ts'
import { type Common, type Resource, describe, given, idOf } from '../model/resource.ts'
import { account, check, filled, optional, path, whole } from '../model/schema.ts'
import { functions, readArchives, seal, workOf } from './archive-scripts.ts'
import * as downloads from './download-scripts.ts'
import { type Inode, parseStat } from './inode.ts'
import { refuse } from './refusal.ts'
import { type Program, withProgram } from './program.ts'
import { readSource } from './source.ts'

/**
 * An archive, unpacked into a directory that holds nothing else. The directory is replaced as a
 * whole: what was changed by hand in it, added or removed, is found by size, time, permissions and
 * ownership (not by content, so a change that puts all of these back is not seen), shown in the
 * plan, and undone. So programs must write elsewhere, and no other resource may be inside it.
 * Permissions are those of the archive under umask 022. `absent(archive(...))` removes a directory
 * that was unpacked, with all that is in it, and leaves any other as it is.
 */
export interface ArchiveOptions extends Common {
  /** Where the host downloads it from. A secret in it is never shown; apt's helper takes none. */
  readonly url?: string | Secret
  /** Instead of a url: an archive to send there, relative to the file that describes it. */
  readonly source?: string
  /** Its checksum: the 64 digits that `sha256sum` prints. May be left out for a `source`. */
  readonly sha256?: string
  /** How many leading folders are left out of each path in it. Default: 0. */
  readonly strip?: number
  /** Who owns everything in it. Default: the user who unpacks it. */
  readonly owner?: string
  /** The group of everything in it. */
  readonly group?: string
  /** Default: as the end of its name says. All but tar.gz need a program: xz-utils, bzip2, zstd, unzip. */
  readonly format?: Format
}

type Format = 'tar' | 'tar.gz' | 'tar.xz' | 'tar.bz2' | 'tar.zst' | 'zip'

interface ArchiveDesired {
  /** Or `source` and `bytes`. */
  readonly url?: string
  readonly source?: string
  readonly bytes?: Uint8Array
  readonly format: Format
  readonly sha256: string
  readonly strip: number
  readonly owner?: string
  readonly group?: string
}

interface ArchiveState extends Inode {
  /** The hash, levels, owner and group with which it was unpacked; undefined: it was not. */
  readonly stamp: readonly string[] | undefined
  /** It is a directory that was not unpacked and is not empty. */
  readonly foreign: boolean
  /** Paths in it that were changed since. */
  readonly changed: readonly string[]
  /** A run ended in the middle and left its folder. */
  readonly interrupted: boolean
  /** The host has the program that unpacks it. */
  readonly able: boolean
}

/** Describes an unpacked archive: `archive('/opt/tool', { url: 'https://.../tool.tar.gz', sha256: '9f86...', strip: 1 })`. */
export function archive(path: string, options: ArchiveOptions): Resource {
  const { url, source, sha256, strip = 0, owner, group, format, ...common } = options
  if ((url === undefined) === (source === undefined))
    refuse(`archive:${path}`, 'url', {
      problem: 'or source must be given, and not both',
      suggestion: 'one of them',
    })
  const bytes = source === undefined ? undefined : readSource(source)
  const hash = bytes && createHash('sha256').update(bytes).digest('hex')
  const wanted = typeof sha256 === 'string' ? sha256.toLowerCase() : sha256
  if (hash !== undefined && wanted !== undefined && wanted !== hash)
    refuse(`archive:${path}`, 'sha256', {
      problem: `is not that of ${source}`,
      suggestion: hash,
    })
  const desired = {
    format: format ?? formatOf(String(url ?? source)),
    sha256: hash ?? wanted,
    strip,
    ...given({ url: url === undefined ? url : String(url), source, bytes, owner, group }),
  }
  return describe(archiveKind, path, desired as ArchiveDesired, common)
}

/** The program that unpacks each and the package that has it; what every Debian has is left out. */
const programs: Readonly<Record<Format, Program | undefined>> = {
  tar: undefined,
  'tar.gz': undefined,
  'tar.xz': ['xz', 'xz-utils'],
  'tar.bz2': ['bzip2', 'bzip2'],
  'tar.zst': ['zstd', 'zstd'],
  zip: ['unzip', 'unzip'],
}

function formatOf(name: string): string | undefined {
  const end = /\.(?:tar(\.(?:gz|xz|bz2|zst))?|t(gz|xz|bz2?|zst)|zip)(?:[?#].*)?$/i.exec(name)
  if (!end) return undefined
  const [, long, short] = end
  if (short) return `tar.${short.toLowerCase().replace(/^bz$/, 'bz2').replace(/^tbz$/, 'bz2')}`
  return long ? `tar${long.toLowerCase()}` : /\.zip/i.test(end[0]) ? 'zip' : 'tar'
}

export const archiveKind: Kind<ArchiveDesired, ArchiveState> = {
  name: 'archive',
  remembers: ({ desired: { format, sha256, strip } }) => ({ format, sha256, strip }),
  named: check(
    "an absolute path without '.', '..' or a slash at the end, such as '/opt/tool'",
    (name) => path(name) === undefined && name !== '/',
  ),
  user: 'login',
  fields: {
    url: optional(downloads.url),
    source: optional(filled),
    bytes: optional(check('bytes', (value) => value instanceof Uint8Array)),
    format: check(Object.keys(programs).join(', '), (value) =>
      Object.keys(programs).includes(String(value)),
    ),
    sha256: downloads.sha256,
    strip: whole,
    owner: optional(account),
    group: optional(account),
  },

  claims: ({ name }) => [{ what: `path ${name}` }],

  among(resource, others) {
    const inside = others().find((each) => each.startsWith(`${resource.name}/`))
    if (inside === undefined || resource.absent) return resource
    const details = {
      resource: idOf(resource),
      field: 'its directory',
      problem: `is replaced as a whole, and ${inside} is described in it`,
      suggestion: 'a path outside of it',
    }
    throw problem('invalid-resource', details, { at: resource.at })
  },

  read: (resources) =>
    readArchives(
      resources.map(({ name }) => name),
      [...new Set(resources.flatMap(({ desired }) => programs[desired.format]?.[0] ?? []))],
    ),

  parse: parseArchives,

  diff(resource, state, context) {
    const { desired, absent } = resource
    if (absent) return removal(state)
    if (isOther(state)) return taken(desired, context)
    const verb = state.stamp === undefined ? 'create' : 'change'
    if (isRight(desired, state))
      return state.interrupted
        ? { verb, summary: 'removes what an interrupted run left' }
        : undefined
    const changes = changesOf(desired, state).join(', ')
    return withProgram({ verb, summary: changes }, programs[desired.format], state.able, context)
  },

  apply: ([change]) => applyArchive(change!),
}

function parseArchives(
  output: Buffer,
  resources: readonly Resource<ArchiveDesired>[],
): ArchiveState[] {
  const paths = resources.map(({ name }) => name)
  const { inodes, rest } = parseStat(output, [...paths, ...paths.map(workOf)])
  const [head = '', ...records] = rest.toString('utf8').split('\0')
  const rows = head.split('\n')
  // The last one may be cut short.
  const whole = records.slice(0, -1)
  return resources.map(({ name, desired }, i) => {
    const words = whole.find((each) => each.startsWith('! ') && each.endsWith(` ${name}/`))
    const program = programs[desired.format]?.[0]
    return {
      ...inodes[i]!,
      stamp: words?.slice(2, -name.length - 2).split(' '),
      foreign: rows.includes(`${i} other`) || (rows.includes(`${i} ours`) && words === undefined),
      changed: [...new Set(whole.flatMap((each) => changedIn(each, name)))].sort(),
      interrupted: inodes[paths.length + i]!.type !== 'absent',
      able: program === undefined || rows.includes(program),
    }
  })
}

/** How many words stand before the path, by the type of what is there. */
const wordsBefore: Readonly<Record<string, number>> = { f: 6, d: 4, l: 3 }

/** The path in the directory that a record is about, if it is about this directory. */
function changedIn(record: string, directory: string): string[] {
  if (record.startsWith('!')) return []
  const words = record.split(' ')
  const path = words.slice(wordsBefore[words[0]!] ?? 4).join(' ')
  if (!path.startsWith(`${directory}/`)) return []
  const inside = path.slice(directory.length + 1)
  return [(words[0] === 'l' ? inside.split('\n')[0] : inside) || '.']
}

const comes = ({ sha256, url, source }: ArchiveDesired): string =>
  `${downloads.short(sha256)} from ${url ?? source}`

const isOther = ({ type, foreign }: ArchiveState): boolean =>
  foreign || (type !== 'absent' && type !== 'directory')

/** What the stamp of a directory that is as described begins with. */
const wordsOf = ({ sha256, strip, owner = '-', group = '-' }: ArchiveDesired): string[] => [
  sha256,
  String(strip),
  owner,
  group,
]

function isRight(desired: ArchiveDesired, { stamp, changed }: ArchiveState): boolean {
  return (
    stamp !== undefined && changed.length === 0 && stamp.join(' ') === wordsOf(desired).join(' ')
  )
}

function changesOf(desired: ArchiveDesired, { stamp, changed }: ArchiveState): string[] {
  const { sha256, owner, group } = desired
  if (stamp === undefined) {
    const facts = [comes(desired), owner && `owner ${owner}`, group && `group ${group}`]
    return facts.filter((each) => each !== undefined)
  }
  const [hash = '', strip, formerOwner, formerGroup] = stamp
  const differs = (word: string, before: string | undefined, after: string): string[] =>
    before === after ? [] : [`${word} ${before} -> ${after}`]
  return [
    ...(hash === sha256 ? [] : [`${downloads.short(hash)} -> ${comes(desired)}`]),
    ...differs('strip', strip, String(desired.strip)),
    ...differs('owner', formerOwner, owner ?? '-'),
    ...differs('group', formerGroup, group ?? '-'),
    ...discards(changed),
  ]
}

function discards(changed: readonly string[]): string[] {
  if (changed.length === 0) return []
  const names = changed
    .slice(0, 8)
    .map((name) => (/[^ -~]/.test(name) ? JSON.stringify(name) : name))
  return [`discards changes by hand in ${names.join(', ')}${changed.length > 8 ? ', ...' : ''}`]
}

/** A command may take away what is there, and a mount hide it. */
function taken(desired: ArchiveDesired, { opaque }: Context): Difference {
  const changing = opaque.findLast((id) => /^(command|mount):/.test(id))
  return changing === undefined
    ? { verb: 'change', summary: `${comes(desired)}, but there is something else in its place` }
    : { verb: 'unknown', summary: `${comes(desired)}, if ${changing} makes room for it` }
}

function removal(state: ArchiveState): Difference | undefined {
  const left = ['what an interrupted run left']
  if (state.stamp === undefined)
    return state.interrupted ? { verb: 'remove', summary: left.join() } : undefined
  const what = [downloads.short(state.stamp[0] ?? ''), ...discards(state.changed)]
  return { verb: 'remove', summary: what.join(', ') }
}

function applyArchive({ resource, state }: Change<ArchiveDesired, ArchiveState>): Step {
  const { name, desired, absent } = resource
  const clear = sh`work=${workOf(name)}; rm -rf -- "$work" || exit 1`
  if (absent) {
    if (state.stamp === undefined) return { script: clear }
    // Moved first, so that what is in its place is never half of it.
    return { script: lines(clear, sh`mv -T -- ${name} "$work" && rm -rf -- "$work"`) }
  }
  if (isOther(state))
    return {
      script: sh`echo ${`${name} is there and was not unpacked by Fettle: remove it first`}; exit 1`,
    }
  if (isRight(desired, state)) return { script: clear }
  const [program, from] = programs[desired.format] ?? []
  return {
    script: lines(
      downloads.failing,
      functions,
      program !== undefined &&
        sh`command -v ${program} >/dev/null || fail ${`${program} is not installed: describe packages('${from}') before`}`,
      sh`path=${name}; mkdir -p -- ${name.slice(0, name.lastIndexOf('/')) || '/'} || exit 1`,
      clear,
      sh`mkdir -m 0700 -- "$work" || exit 1; trap 'rm -rf -- "$work"' EXIT`,
      downloads.obtain(given({ url: desired.url }), desired.sha256),
      sh`unpack ${desired.format} ${desired.strip}`,
      owned(desired),
      seal(wordsOf(desired), name),
      sh`place`,
    ),
    input: desired.bytes ?? `${desired.url}\n`,
  }
}

function owned({ owner = '', group }: ArchiveDesired): ReturnType<typeof sh> | false {
  if (owner === '' && group === undefined) return false
  const both = group === undefined ? owner : `${owner}:${group}`
  return sh`chown -hR -- ${both} "$work/new" || exit 1`
}
