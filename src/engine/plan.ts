import { createHash } from 'node:crypto'
import { Secret, reveal } from '../base/secret.ts'
import type { Change, Difference, Kind } from '../model/kind.ts'
import { type Resource, idOf } from '../model/resource.ts'
import type { Noted } from './journal.ts'
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
  /** Over what is described and what was seen, in hex. */
  readonly hash: string
}

/** Compares what is described with what was seen. Pure. */
export function planHost(
  host: string,
  resources: readonly Resource[],
  all: readonly Resource[],
  observation: Observation,
  kinds: ReadonlyMap<string, Kind>,
): HostPlan {
  const changes: Change[] = []
  const earlier = new Map<string, Difference>()
  const opaque: string[] = []
  for (const resource of resources) {
    const kind = kinds.get(resource.kind)!
    const state = observation.states.get(idOf(resource))
    const lacksUser = observation.unread.get(idOf(resource))
    if (lacksUser && earlier.size === 0) throw lacksUser
    const difference = lacksUser
      ? unknownUntil(resource.user)
      : kind.diff(resource, state, { earlier, opaque })
    if (!difference) continue
    changes.push({ resource, state, difference })
    earlier.set(idOf(resource), difference)
    if (kind.opaque) opaque.push(idOf(resource))
  }
  const described = new Set(all.map(idOf))
  const owed = observation.noted.filter(({ target }) => described.has(target))
  return {
    host,
    changes,
    owed,
    resources,
    states: observation.states,
    all,
    hash: hashOf([
      resources.map(withoutPosition),
      observation.states,
      [...observation.unread.keys()],
      owed,
    ]),
  }
}

/** Who is to make it is not there yet; an earlier change is expected to bring that user. */
function unknownUntil(user: string | undefined): Difference {
  return { verb: 'unknown', summary: `known once there is a user ${user}` }
}

export function isEmpty(plan: HostPlan): boolean {
  return plan.changes.length === 0 && plan.owed.length === 0
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
