import { createHash } from 'node:crypto'
import { redact } from '../base/secret.ts'
import type { Kind } from '../model/kind.ts'
import { type Resource, idOf } from '../model/resource.ts'

/** What a host remembers of one resource that Fettle manages: as much as its removal takes. */
interface Remembered {
  readonly kind: string
  readonly name: string
  readonly user?: string
  readonly desired?: object
}

/** What is managed on a host, a line for each resource, as the host keeps it. */
export interface Memory {
  readonly lines: readonly string[]
  /** SHA-256 of the whole, in hex. */
  readonly hash: string
}

export function memoryOf(resources: readonly Resource[], kinds: ReadonlyMap<string, Kind>): Memory {
  return asMemory(
    resources.filter(({ absent }) => !absent).flatMap((each) => lineOf(each, kinds) ?? []),
  )
}

function asMemory(lines: readonly string[]): Memory {
  return { lines, hash: createHash('sha256').update(textOf(lines)).digest('hex') }
}

/** The file that a host keeps. */
export const textOf = (lines: readonly string[]): string =>
  lines.map((line) => `${line}\n`).join('')

function lineOf(resource: Resource, kinds: ReadonlyMap<string, Kind>): string | undefined {
  const { kind, name, user } = resource
  const remembers = kinds.get(kind)?.remembers
  if (remembers === 'nothing') return undefined
  const desired = remembers?.(resource)
  const kept: Remembered = {
    kind,
    name,
    ...(user ? { user } : {}),
    ...(desired ? { desired } : {}),
  }
  return redact(JSON.stringify(kept))
}

/** What left the description. */
export interface Orphans {
  /** As resources that are wanted gone, the last one described first. */
  readonly removable: readonly Resource[]
  /** Ids of those that can only be removed by hand, or described as `absent`. */
  readonly others: readonly string[]
}

export const noOrphans: Orphans = { removable: [], others: [] }

/** What the host remembers and nobody describes any more, or claims as something else. */
export function orphansOf(
  lines: readonly string[],
  described: readonly Resource[],
  kinds: ReadonlyMap<string, Kind>,
): Orphans {
  const ids = new Set(described.map(idOf))
  const claims = (resource: Resource): string[] =>
    (kinds.get(resource.kind)?.claims?.(resource) ?? []).flatMap(({ what, shared }) =>
      shared ? [] : [what],
    )
  const claimed = new Set(described.flatMap(claims))
  const removable: Resource[] = []
  const others: string[] = []
  for (const { kind, name, user, desired } of lines.flatMap(parse)) {
    if (ids.has(idOf({ kind, name }))) continue
    if (!desired || !kinds.has(kind)) {
      others.push(idOf({ kind, name }))
      continue
    }
    const orphan = { kind, name, desired, absent: true, user, after: [], notify: [], at: undefined }
    if (!claims(orphan).some((claim) => claimed.has(claim))) removable.unshift(orphan)
  }
  return { removable, others }
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
 * of the rest, and orphans that are still there.
 */
export function memoryAfter(
  before: readonly string[],
  all: readonly Resource[],
  selected: readonly Resource[],
  orphans: ReadonlySet<string>,
  kinds: ReadonlyMap<string, Kind>,
): readonly string[] {
  const known = new Map(before.flatMap((line) => parse(line).map((each) => [idOf(each), line])))
  const looked = new Set(selected.map(idOf))
  const described = new Map(
    all.flatMap((each): [string, string][] => {
      const id = idOf(each)
      const line = looked.has(id) ? !each.absent && lineOf(each, kinds) : known.get(id)
      return line ? [[id, line]] : []
    }),
  )
  return inOldOrder(described, known, orphans)
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
