import { type Shell, lines, sh } from '../base/shell.ts'
import { type Change, type Context, type Difference, type Kind, type Step } from '../model/kind.ts'
import { type Common, type Resource, describe, given } from '../model/resource.ts'
import { account, flag, listOf, mode, optional, path, text } from '../model/schema.ts'
import {
  type Inode,
  type Ownership,
  applyOwnership,
  inodeReading,
  ownershipDifferences,
  parseStat,
} from './inode.ts'
import { inOrder } from './in-order.ts'
import { lockOutOf } from './lock-out.ts'
import { refuse } from './refusal.ts'

/** A directory. Missing parents are made too, with the usual permissions. */
export interface DirectoryOptions extends Ownership, Common {
  /** For `absent(...)`: remove what is inside as well. Left out: only an empty directory is removed. */
  readonly recursive?: boolean
  /**
   * Remove everything in it that no resource of this host names by its path, each by name in the
   * plan; what is in a described directory below it is that one's own affair. Describe it `after`
   * the packages that put files there. What is mounted in it is an error, and stays.
   */
  readonly purge?: boolean
}

interface DirectoryDesired extends Ownership {
  readonly recursive?: boolean
  readonly purge?: boolean
  /** What is not purged: the paths below it that others claim; `~NAME/...` is in somebody's home. */
  readonly kept?: readonly string[]
}

interface DirectoryState extends Inode {
  /** Paths that are to be purged, `/` at the end of a directory's. Names are bytes, as latin1. */
  readonly extra: readonly string[]
}

/** Describes a directory: `directory('/srv/shop', { owner: 'deploy', mode: '0750' })`. */
export function directory(path: string, options: DirectoryOptions = {}): Resource {
  const { owner, group, mode, recursive, purge, ...common } = options
  if (purge && /^\/[^/]*$/.test(path))
    refuse(`directory:${path}`, 'purge', {
      problem: 'cannot be true for a directory that a system is made of',
      suggestion: 'the directory in it that is yours',
    })
  return describe(directoryKind, path, given({ owner, group, mode, recursive, purge }), common)
}

export const directoryKind: Kind<DirectoryDesired, DirectoryState> = {
  name: 'directory',
  remembers: ({ desired: { recursive } }) => given({ recursive }),
  named: path,
  user: 'login',
  fields: {
    owner: optional(account),
    group: optional(account),
    mode: optional(mode),
    recursive: optional(flag),
    purge: optional(flag),
    kept: optional(listOf(text)),
  },

  claims: inodeReading.claims,

  lockOut: ({ name }, login) => lockOutOf(name, login),

  among(resource, others) {
    const { name, desired, absent } = resource
    if (!desired.purge || absent) return resource
    const kept = others().filter((each) => each.startsWith(`${name}/`) || each.startsWith('~'))
    return { ...resource, desired: { ...desired, kept } }
  },

  paths: inodeReading.paths,
  read: findExtra,

  parse(output, resources) {
    const names = resources.map(({ name }) => name)
    const { inodes, rest } = parseStat(output, names)
    const extra = new Map<string, string[]>(purged(resources).map(({ name }) => [name, []]))
    for (const row of rest.toString('latin1').split('\0').slice(0, -1)) {
      const found = row.slice(2)
      const owner = [...extra.keys()]
        .filter((name) => found.startsWith(`${Buffer.from(name).toString('latin1')}/`))
        .sort((a, b) => b.length - a.length)[0]
      extra.get(owner ?? '')?.push(row.startsWith('d') ? `${found}/` : found)
    }
    return inodes.map((inode, i) => ({ ...inode, extra: extra.get(names[i]!) ?? [] }))
  },

  diff(resource, state, context) {
    const { desired, absent } = resource
    if (absent) return removal(desired, state)
    if (state.type === 'absent') {
      const facts = [
        desired.mode && `mode ${desired.mode}`,
        desired.owner && `owner ${desired.owner}`,
        desired.group && `group ${desired.group}`,
      ]
      const wanted = facts.filter(Boolean).join(', ') || 'directory'
      return purgeLater(desired, wanted, context) ?? { verb: 'create', summary: wanted }
    }
    if (state.type !== 'directory')
      return {
        verb: 'change',
        summary: `to be a directory, but there is a ${state.type} in its place`,
      }
    const changes = ownershipDifferences(desired, state)
    const later = purgeLater(desired, changes.join(', '), context)
    if (later) return later
    if (state.extra.length > 0) changes.push(removals(resource.name, state.extra))
    if (changes.length === 0) return undefined
    return { verb: 'change', summary: changes.join(', '), ...allOf(resource.name, state.extra) }
  },

  batch: 'in order',
  apply: (changes) => inOrder(changes.map(applyDirectory)),
}

function removal({ recursive }: DirectoryDesired, { type }: Inode): Difference | undefined {
  if (type === 'absent') return undefined
  if (recursive)
    return { verb: 'remove', summary: type === 'directory' ? 'with all that is in it' : type }
  return {
    verb: 'remove',
    summary: type === 'directory' ? type : `there is a ${type} in its place`,
  }
}

const purged = (resources: readonly Resource<DirectoryDesired>[]): Resource<DirectoryDesired>[] =>
  resources.filter(({ desired, absent }) => desired.purge && !absent)

/**
 * Prints what is in the directories and not kept, without going into it: type and path. What leads
 * to something that is kept is kept as well.
 */
function findExtra(resources: readonly Resource<DirectoryDesired>[]): Shell | undefined {
  const all = purged(resources)
  if (all.length === 0) return undefined
  const names = all.map(({ name }) => name)
  const kept = [...new Set(all.flatMap(({ desired }) => desired.kept ?? []))].map(pattern)
  const leading = [...new Set(kept.flatMap(parents))]
  const anyOf = (patterns: readonly string[]): string[] =>
    patterns.flatMap((each) => ['-o', '-path', each])
  return sh`find ${names} -mindepth 1 '(' -false ${anyOf(kept)} ')' -prune -o -xtype d '(' -false ${anyOf(leading)} ')' -o -printf '%y %p\\0' -prune 2>/dev/null`
}

/** The path as find(1) matches it. Whose home it is in is not known here: whoever's, it is kept. */
const pattern = (path: string): string => path.replace(/[*?[\\]/g, '\\$&').replace(/^~[^/]*/, '*')

function parents(path: string): string[] {
  const parts = path.split('/')
  return parts.slice(2).map((_, i) => parts.slice(0, i + 2).join('/'))
}

/** An opaque step before it may put further things there, or take some away. */
function purgeLater(
  { purge }: DirectoryDesired,
  wanted: string,
  { opaque }: Context,
): Difference | undefined {
  if (!purge || opaque.length === 0) return undefined
  const rest = `removes what is not described, known after ${opaque.at(-1)}`
  return { verb: 'unknown', summary: [wanted, rest].filter(Boolean).join(', ') }
}

const longestList = 8

function removals(directory: string, extra: readonly string[]): string {
  const names = extra.slice(0, longestList).map((each) => shown(directory, each))
  const more = extra.length > longestList ? `, ... (${extra.length} in all)` : ''
  return `removes ${names.join(', ')}${more}`
}

/** The names, as a text that is to become empty, where the summary has not got them all. */
function allOf(directory: string, extra: readonly string[]): Pick<Difference, 'text'> {
  if (extra.length <= longestList) return {}
  const before = extra.map((each) => `${shown(directory, each)}\n`).join('')
  return { text: { before, after: '' } }
}

/** As it is named within the directory; in quotes when it has control characters. */
function shown(directory: string, path: string): string {
  const inside = Buffer.from(path, 'latin1')
    .toString('utf8')
    .slice(directory.length + 1)
  return /\p{Cc}/u.test(inside) ? JSON.stringify(inside) : inside
}

function applyDirectory({ resource, state }: Change<DirectoryDesired, DirectoryState>): Step {
  const { name, desired, absent } = resource
  if (absent) return { script: desired.recursive ? sh`rm -rf -- ${name}` : sh`rmdir -- ${name}` }
  const paths = state.extra.map((each) => `${each.replace(/\/$/, '')}\0`).join('')
  const size = paths.length
  return {
    script: lines(
      sh`if [ -L ${name} ] || { [ -e ${name} ] && [ ! -d ${name} ]; }; then echo 'something else is in its place'; exit 1; fi`,
      sh`mkdir -p -- ${name} || exit 1`,
      sh`{ ${applyOwnership(desired, sh`${name}`)}; } || exit 1`,
      paths !== '' &&
        sh`said=$(head -c ${size} | xargs -0 rm -rf --one-file-system --preserve-root=all -- 2>&1) || { printf 'not all of it could be removed: %s\n' "$(printf '%s\n' "$said" | head -n 1)"; exit 1; }`,
    ),
    input: paths === '' ? undefined : Buffer.from(paths, 'latin1'),
  }
}
