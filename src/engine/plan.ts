import { createHash } from 'node:crypto'
import { Secret, reveal } from '../base/secret.ts'
import { type Change, type Difference, type Kind, nothingPlanned } from '../model/kind.ts'
import { type Resource, idOf } from '../model/resource.ts'
import type { Journal, Noted } from './journal.ts'
import { type Shared, memoryAfter } from './memory.ts'
import type { Observation } from './observe.ts'

/** What is to be done on one host. */
export interface HostPlan {
  readonly host: string
  /** In the order in which they are made. */
  readonly changes: readonly Change[]
  /** Actions that an interrupted run still owes. */
  readonly owed: readonly Noted[]
  /** All resources that were looked at. */
  readonly resources: readonly Resource[]
  /** What was seen of them, by id. */
  readonly states: ReadonlyMap<string, unknown>
  /** Every resource of the host, for actions on those that were not selected. */
  readonly all: readonly Resource[]
  /** What left the description and is still there: how it would be removed. */
  readonly orphans: readonly Change[]
  /** Ids of what left the description and can only be removed by hand. */
  readonly strays: readonly string[]
  /** What another project manages there as well. */
  readonly shared: readonly Shared[]
  readonly journal: Journal
  /** What the host is to remember: before the first change and after the last; undefined: as it does. */
  readonly memory: { readonly first?: readonly string[]; readonly last?: readonly string[] }
  /** Over what is described and what was seen, in hex. */
  readonly hash: string
}

/** What left the description of a host, and what is to become of it. */
export interface Leaving {
  /** Wanted gone, with what was seen of them. */
  readonly orphans: readonly Resource[]
  readonly states: ReadonlyMap<string, unknown>
  /** Ids of those that Fettle cannot remove. */
  readonly strays: readonly string[]
  /** Ids of those that were not asked about. */
  readonly others: readonly string[]
  /** `list` shows them, `remove` removes them, `keep` leaves them there and forgets them. */
  readonly wish: 'list' | 'remove' | 'keep'
  /** The name of this project, where it has one. */
  readonly project?: string | undefined
  readonly shared?: readonly Shared[]
}

const nothingLeaves: Leaving = {
  orphans: [],
  states: new Map(),
  strays: [],
  others: [],
  wish: 'list',
}

/** Compares what is described with what was seen. Pure. */
export function planHost(
  host: string,
  selected: readonly Resource[],
  all: readonly Resource[],
  observation: Observation,
  kinds: ReadonlyMap<string, Kind>,
  leaving: Leaving = nothingLeaves,
): HostPlan {
  const going = leaving.wish === 'remove' ? stillThere(leaving, kinds) : []
  const resources = [...going.map(({ resource }) => resource), ...selected]
  const states = new Map([...observation.states, ...leaving.states])
  const changes = compare(resources, going.length, { states, unread: observation.unread }, kinds)
  const described = new Set(all.map(idOf))
  const { journal } = observation
  const owed = journal.noted.filter(({ target }) => described.has(target))
  let hash: string | undefined
  return {
    host,
    changes,
    owed,
    resources,
    states,
    all,
    ...orphansIn(leaving, kinds),
    shared: leaving.shared ?? [],
    journal,
    memory: memoriesOf(selected, all, journal, leaving, kinds),
    // Nobody asks for it where nothing is to change.
    get hash() {
      return (hash ??= hashOf([
        resources.map(withoutPosition),
        states,
        [...observation.unread.keys()],
        owed,
      ]))
    },
  }
}

/**
 * How each differs, in the order in which that is changed. The first so many left the description:
 * they make room for the rest, but for those that have to wait for it.
 */
function compare(
  resources: readonly Resource[],
  leaving: number,
  { states, unread }: Pick<Observation, 'states' | 'unread'>,
  kinds: ReadonlyMap<string, Kind>,
): Change[] {
  const changes: Change[] = []
  const earlier = new Map<string, Difference>()
  const opaque: string[] = []
  const waiting: Resource[] = []
  const look = (resource: Resource, mayWait: boolean): void => {
    const kind = kinds.get(resource.kind)!
    const state = states.get(idOf(resource))
    const lacksUser = unread.get(idOf(resource))
    if (lacksUser && earlier.size === 0) throw lacksUser
    const difference = lacksUser
      ? unknownUntil(resource.user)
      : (kind.diff(resource, state, { earlier, opaque }) ?? broughtBack(kind, resource, opaque))
    if (!difference) return
    if (difference.waits && mayWait) {
      waiting.push(resource)
      return
    }
    changes.push({ resource, state, difference })
    earlier.set(idOf(resource), difference)
    if (kind.opaque) opaque.push(idOf(resource))
  }
  for (const [i, each] of resources.entries()) look(each, i < leaving)
  for (const each of waiting) look(each, false)
  return changes
}

/** What would be removed, of what is still there. */
function orphansIn(
  leaving: Leaving,
  kinds: ReadonlyMap<string, Kind>,
): Pick<HostPlan, 'orphans' | 'strays'> {
  const { strays, wish } = leaving
  if (wish !== 'list') return { orphans: [], strays: wish === 'keep' ? [] : strays }
  // As they would be removed: one may be in the way of another.
  const there = stillThere(leaving, kinds).map(({ resource }) => resource)
  const seen = { states: new Map(leaving.states), unread: new Map() }
  return { orphans: compare(there, there.length, seen, kinds), strays }
}

function stillThere({ orphans, states }: Leaving, kinds: ReadonlyMap<string, Kind>): Change[] {
  return orphans.flatMap((resource) => {
    const state = states.get(idOf(resource))
    const difference = kinds.get(resource.kind)!.diff(resource, state, nothingPlanned)
    return difference ? [{ resource, state, difference }] : []
  })
}

function memoriesOf(
  selected: readonly Resource[],
  all: readonly Resource[],
  journal: Journal,
  leaving: Leaving,
  kinds: ReadonlyMap<string, Kind>,
): HostPlan['memory'] {
  if (journal.memory === undefined) return {}
  const before = journal.memory
  const { strays, others, wish, project } = leaving
  const left = [...stillThere(leaving, kinds).map(({ resource }) => idOf(resource)), ...strays]
  const after = (ids: readonly string[]): readonly string[] =>
    memoryAfter(before, all, selected, new Set([...ids, ...others]), kinds, project)
  const first = after(left)
  const last = after(wish === 'list' ? left : wish === 'remove' ? strays : [])
  const same = (one: readonly string[], other: readonly string[]): boolean =>
    one.join('\n') === other.join('\n')
  return {
    ...(same(first, before) ? {} : { first }),
    ...(same(last, first) ? {} : { last }),
  }
}

/** Who is to make it is not there yet; an earlier change is expected to bring that user. */
function unknownUntil(user: string | undefined): Difference {
  return { verb: 'unknown', summary: `known once there is a user ${user}` }
}

/** A short hash for each resource, as it is described and was seen. */
export function fingerprints({ resources, states }: HostPlan): Record<string, string> {
  return Object.fromEntries(
    resources.map((each) => [
      idOf(each),
      hashOf([withoutPosition(each), states.get(idOf(each))]).slice(0, 12),
    ]),
  )
}

/** What is gone as described may be brought by what comes first, as packages bring default files. */
function broughtBack(
  kind: Kind,
  { absent }: Resource,
  opaque: readonly string[],
): Difference | undefined {
  if (!absent || opaque.length === 0 || kind.remembers === 'nothing') return undefined
  return { verb: 'unknown', summary: `removed, if ${opaque.at(-1)} brings it` }
}

export function isEmpty(plan: HostPlan): boolean {
  return plan.changes.length === 0 && plan.owed.length === 0
}

/** Whether a run has anything to do there, if only to have the host remember what is managed. */
export function hasWork(plan: HostPlan): boolean {
  return !isEmpty(plan) || plan.memory.first !== undefined || plan.memory.last !== undefined
}

/** The same thing described on another line is the same thing. */
const withoutPosition = (resource: Resource): Resource => ({ ...resource, at: undefined })

/** One hash for the plans of several hosts, whatever their order. */
export function fleetHash(plans: readonly HostPlan[]): string {
  return hashOf(plans.map(({ host, hash }) => `${host} ${hash}`).sort()).slice(0, 16)
}

/** A hash over plain data: keys in order, secrets as their values. */
function hashOf(data: unknown): string {
  const parts: string[] = []
  feed(parts, data)
  return sha256(parts.join(''))
}

const sha256 = (data: string | Uint8Array): string =>
  createHash('sha256').update(data).digest('hex')

/** Each part says its kind and its length, so that no two data have the same parts. */
function feed(parts: string[], data: unknown): void {
  if (data instanceof Uint8Array) parts.push(`bytes ${sha256(data)};`)
  else if (data instanceof Map) feed(parts, Object.fromEntries(data))
  else if (Array.isArray(data)) {
    parts.push(`list ${data.length}:`)
    for (const each of data) feed(parts, each)
  } else if (typeof data === 'object' && data !== null && !(data instanceof Secret)) {
    const entries = Object.entries(data).filter(([, value]) => value !== undefined)
    parts.push(`object ${entries.length}:`)
    for (const [key, value] of entries.sort(([a], [b]) => (a < b ? -1 : 1))) {
      feed(parts, key)
      feed(parts, value)
    }
  } else {
    const text = reveal(String(data))
    parts.push(`${typeof data} ${text.length}:${text};`)
  }
}
