import { isDeepStrictEqual } from 'node:util'
import { problem } from '../base/errors.ts'
import { type Facts, FactsNeeded } from './facts.ts'
import type { Fleet, FleetHost } from './fleet.ts'
import type { Kind } from './kind.ts'
import { inOrder } from './order.ts'
import { callerPosition } from './position.ts'
import { type Resource, idOf } from './resource.ts'
import type { Host, Resources, Role } from './role.ts'
import { closest } from './suggestion.ts'

/**
 * What should be true of a host: its roles' resources in the order in which they are applied,
 * checked as far as that is possible without contacting anything. Throws an error of the
 * catalogue, or FactsNeeded when a role looks at facts and there are none.
 */
export function desiredOf(
  fleet: Fleet,
  host: FleetHost,
  facts: Facts | undefined,
  kinds: ReadonlyMap<string, Kind>,
): Resource[] {
  const seen = viewOf(fleet, host, facts)
  const prepared = seen.apps
    .filter(({ hosts }) => hosts.some(({ name }) => name === host.name))
    .map(({ app }) => flatten(app.prepares(seen), app))
  const all = [
    ...host.roles.flatMap((role) => flatten(role.describe(seen), role)),
    ...sideBySide(prepared),
  ]
  const resources = merge(all, host.name)
  checkClaims(resources, host.name, kinds)
  checkReferences(resources, host.name, kinds)
  return inOrder(amongOthers(resources, kinds), host.name)
}

/** What each list begins with comes first, next to each other: all packages are one transaction then. */
function sideBySide(lists: readonly (readonly Resource[])[]): Resource[] {
  const starts = lists.map((list) => {
    const end = list.findIndex(({ kind }) => kind !== list[0]!.kind)
    return end < 0 ? list.length : end
  })
  return [
    ...lists.flatMap((list, i) => list.slice(0, starts[i])),
    ...lists.flatMap((list, i) => list.slice(starts[i])),
  ]
}

/** The host as its roles see it. */
function viewOf(fleet: Fleet, host: FleetHost, facts: Facts | undefined): Host<any> {
  return {
    name: host.name,
    address: host.address,
    privateAddress: host.privateAddress,
    labels: host.labels,
    roles: host.roles.map(({ name }) => name),
    vars: strictVars(host),
    apps: [...fleet.apps.values()],
    get facts() {
      if (!facts) throw new FactsNeeded(host.name)
      return facts
    },
    peers: (role) =>
      [...fleet.hosts.values()]
        .filter((each) => each.roles.some(({ name }) => name === role))
        .map(({ name, address, privateAddress }) => ({ name, address, privateAddress })),
  }
}

function strictVars(host: FleetHost): object {
  return new Proxy(host.vars, {
    get(vars, name) {
      if (typeof name === 'symbol' || name in vars || name === 'toJSON')
        return Reflect.get(vars, name)
      const suggestion = closest(name, Object.keys(vars))
      throw problem('unknown-var', { host: host.name, name, suggestion }, { at: callerPosition() })
    },
  })
}

function flatten(given: Resources, role: Pick<Role<any>, 'name' | 'at'>): Resource[] {
  if (given === false || given === null || given === undefined) return []
  if (Array.isArray(given)) return given.flatMap((each: Resources) => flatten(each, role))
  if (typeof given === 'object' && 'kind' in given && 'desired' in given) return [given]
  const value = JSON.stringify(given) ?? String(given)
  throw problem('not-a-resource', { role: role.name, value }, { at: role.at })
}

/** Two roles may ask for the very same thing; it is then one resource with the wishes of both. */
function merge(resources: readonly Resource[], host: string): Resource[] {
  const byId = new Map<string, Resource>()
  for (const resource of resources) {
    const id = idOf(resource)
    const known = byId.get(id)
    if (!known) {
      byId.set(id, resource)
      continue
    }
    const { absent, user, desired } = resource
    if (
      absent !== known.absent ||
      user !== known.user ||
      !isDeepStrictEqual(desired, known.desired)
    )
      throw claimedTwice(id, host, resource, known)
    byId.set(id, {
      ...known,
      after: [...new Set([...known.after, ...resource.after])],
      notify: [...known.notify, ...resource.notify],
    })
  }
  return [...byId.values()]
}

function checkClaims(
  resources: readonly Resource[],
  host: string,
  kinds: ReadonlyMap<string, Kind>,
): void {
  const owners = new Map<string, { resource: Resource; shared: boolean }>()
  for (const resource of resources)
    for (const { what, shared = false } of kinds.get(resource.kind)?.claims?.(resource) ?? []) {
      const owner = owners.get(what)
      if (owner && !(owner.shared && shared))
        throw claimedTwice(what, host, resource, owner.resource)
      owners.set(what, { resource, shared })
    }
}

/** Each resource with what it must know of the paths that the others claim. */
function amongOthers(
  resources: readonly Resource[],
  kinds: ReadonlyMap<string, Kind>,
): readonly Resource[] {
  const pathsOf = (resource: Resource): string[] =>
    (kinds.get(resource.kind)?.claims?.(resource) ?? [])
      .filter(({ what }) => what.startsWith('path '))
      .map(({ what }) => what.slice('path '.length))
  return resources.map((resource) => {
    const others = (): string[] => resources.filter((each) => each !== resource).flatMap(pathsOf)
    return kinds.get(resource.kind)?.among?.(resource, others) ?? resource
  })
}

function claimedTwice(what: string, host: string, resource: Resource, other: Resource): Error {
  const { at } = resource
  const where = other.at ? `${other.at.file}:${other.at.line}` : idOf(other)
  return problem('claimed-twice', { resource: what, host, other: where }, { at })
}

function checkReferences(
  resources: readonly Resource[],
  host: string,
  kinds: ReadonlyMap<string, Kind>,
): void {
  const byId = new Map(resources.map((each) => [idOf(each), each]))
  for (const resource of resources) {
    const targets = [...resource.after, ...resource.notify.map(({ target }) => target)]
    const missing = targets.find((target) => !byId.has(target))
    if (missing !== undefined) {
      const details = { resource: idOf(resource), host, target: missing }
      throw problem('unknown-dependency', details, { at: resource.at })
    }
    for (const { target, action } of resource.notify) {
      const actions = Object.keys(kinds.get(byId.get(target)!.kind)?.actions ?? {})
      if (actions.includes(action)) continue
      const suggestion =
        actions.length === 0
          ? 'something that has actions, such as a service'
          : closest(action, actions)
      throw problem(
        'unknown-action',
        { resource: idOf(resource), target, action, suggestion },
        { at: resource.at },
      )
    }
  }
}
