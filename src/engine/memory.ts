import { createHash } from 'node:crypto'
import { redact } from '../base/secret.ts'
import type { Kind } from '../model/kind.ts'
import { type Resource, idOf } from '../model/resource.ts'
import { leavingOrder } from './leaving-order.ts'

/** What a host remembers of one resource that Fettle manages: as much as its removal takes. */
interface Remembered {
  readonly kind: string
  readonly name: string
  /** The project that manages it, where that has a name. */
  readonly by?: string
  readonly user?: string
  readonly desired?: object
}

/** What is managed on a host, a line for each resource, as the host keeps it. */
export interface Memory {
  readonly lines: readonly string[]
  /** SHA-256 of the whole, in hex. */
  readonly hash: string
}

/** What a host remembers that has what a project describes, and nothing else. */
export function memoryOf(
  resources: readonly Resource[],
  kinds: ReadonlyMap<string, Kind>,
  project?: string,
): Memory {
  const lines = resources
    .filter(({ absent }) => !absent)
    .flatMap((each) => lineOf(each, kinds, project) ?? [])
  return { lines, hash: createHash('sha256').update(textOf(lines)).digest('hex') }
}

/** The file that a host keeps. */
export const textOf = (lines: readonly string[]): string =>
  lines.map((line) => `${line}\n`).join('')

function lineOf(
  resource: Resource,
  kinds: ReadonlyMap<string, Kind>,
  project: string | undefined,
): string | undefined {
  const { kind, name, user } = resource
  const remembers = kinds.get(kind)?.remembers
  if (remembers === 'nothing') return undefined
  const desired = remembers?.(resource)
  const kept: Remembered = {
    kind,
    name,
    ...(project === undefined ? {} : { by: project }),
    ...(user ? { user } : {}),
    ...(desired ? { desired } : {}),
  }
  return redact(JSON.stringify(kept))
}

/** What another project manages on the host, and this one describes as well. */
export interface Shared {
  readonly project: string
  /** As the other one knows them. */
  readonly ids: readonly string[]
}

/** What left the description. */
export interface Orphans {
  /** As resources that are wanted gone, the last one described first, as far as they can be removed so. */
  readonly removable: readonly Resource[]
  /** Ids of those that can only be removed by hand, or described as `absent`. */
  readonly others: readonly string[]
}

export const noOrphans: Orphans = { removable: [], others: [] }

/** What was remembered before its project had a name is everybody's. */
const isTheirs = ({ by }: Remembered, project: string | undefined): boolean =>
  by !== undefined && by !== project

/**
 * What the host remembers and nobody describes any more, or claims as something else: neither this project
 * nor another one.
 */
export function orphansOf(
  lines: readonly string[],
  described: readonly Resource[],
  kinds: ReadonlyMap<string, Kind>,
  project?: string,
): Orphans {
  const known = lines.flatMap(parse)
  const theirs = known.filter((each) => isTheirs(each, project)).map(asOrphan)
  const ids = new Set([...described, ...theirs].map(idOf))
  const claimed = new Set([...described, ...theirs].flatMap((each) => claimsOf(each, kinds)))
  const removable: Resource[] = []
  const others: string[] = []
  for (const each of known) {
    if (isTheirs(each, project) || ids.has(idOf(each))) continue
    const orphan = asOrphan(each)
    if (!each.desired || !kinds.has(each.kind)) others.push(idOf(each))
    else if (!claimsOf(orphan, kinds).some((claim) => claimed.has(claim))) removable.unshift(orphan)
  }
  return { removable: leavingOrder(removable, kinds), others }
}

/** What this project describes and another one manages too, by project. */
export function sharedWith(
  lines: readonly string[],
  described: readonly Resource[],
  kinds: ReadonlyMap<string, Kind>,
  project?: string,
): Shared[] {
  const ids = new Set(described.map(idOf))
  const claimed = new Set(described.flatMap((each) => claimsOf(each, kinds)))
  const found = new Map<string, string[]>()
  for (const each of lines.flatMap(parse)) {
    if (!isTheirs(each, project)) continue
    const isShared =
      ids.has(idOf(each)) || claimsOf(asOrphan(each), kinds).some((claim) => claimed.has(claim))
    if (isShared) found.set(each.by!, [...(found.get(each.by!) ?? []), idOf(each)])
  }
  return [...found].map(([name, ids]) => ({ project: name, ids }))
}

const asOrphan = ({ kind, name, user, desired }: Remembered): Resource => {
  return { kind, name, desired, absent: true, user, after: [], notify: [], at: undefined }
}

/** What only it may claim; of what is known by name only, nobody knows. */
function claimsOf(resource: Resource, kinds: ReadonlyMap<string, Kind>): string[] {
  if (!resource.desired) return []
  const claims = kinds.get(resource.kind)?.claims?.(resource) ?? []
  return claims.flatMap(({ what, shared }) => (shared ? [] : [what]))
}

function parse(line: string): Remembered[] {
  try {
    const found = JSON.parse(line) as Remembered
    return typeof found.kind === 'string' && typeof found.name === 'string' ? [found] : []
  } catch {
    // Cut short by a full disk or written by another version: what it named is not known.
    return []
  }
}

/**
 * What the host is to remember after a run: what is described and was looked at, what it remembered
 * of the rest, orphans that are still there, and what is another project's.
 */
export function memoryAfter(
  before: readonly string[],
  all: readonly Resource[],
  selected: readonly Resource[],
  orphans: ReadonlySet<string>,
  kinds: ReadonlyMap<string, Kind>,
  project?: string,
): readonly string[] {
  const theirs = new Set(
    before.filter((line) => parse(line).some((each) => isTheirs(each, project))),
  )
  const known = new Map(
    before
      .filter((line) => !theirs.has(line))
      .flatMap((line) => parse(line).map((each) => [idOf(each), line])),
  )
  const looked = new Set(selected.map(idOf))
  const described = new Map(
    all.flatMap((each): [string, string][] => {
      const id = idOf(each)
      const line = looked.has(id) ? !each.absent && lineOf(each, kinds, project) : known.get(id)
      return line ? [[id, line]] : []
    }),
  )
  return [...inOldOrder(described, known, orphans), ...theirs]
}

/**
 * An orphan stays right behind what it was behind: what was described before it, such as the server of a
 * database, is removed after it, whichever of them left the description first.
 */
function inOldOrder(
  described: ReadonlyMap<string, string>,
  known: ReadonlyMap<string, string>,
  orphans: ReadonlySet<string>,
): string[] {
  const behind = new Map<string, string[]>()
  let last = ''
  for (const [id, line] of known)
    if (described.has(id)) last = id
    else if (orphans.has(id)) behind.set(last, [...(behind.get(last) ?? []), line])
  return [
    ...(behind.get('') ?? []),
    ...[...described].flatMap(([id, line]) => [line, ...(behind.get(id) ?? [])]),
  ]
}
