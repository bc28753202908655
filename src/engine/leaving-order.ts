import type { Kind } from '../model/kind.ts'
import { type Resource, idOf } from '../model/resource.ts'

/**
 * What left the description, in the order in which it can be removed: as given, but what stands in a folder
 * goes before the folder, and what needs another to be removed goes before that, whichever of them left first.
 * A circle is borne, other than in a description (`model/order.ts`): nobody can correct what a host remembers.
 */
export function leavingOrder(
  orphans: readonly Resource[],
  kinds: ReadonlyMap<string, Kind>,
): Resource[] {
  const inside = new Map<string, Resource[]>()
  const needing = new Map<string, Resource[]>()
  for (const each of orphans) {
    for (const folder of pathsOf(each, kinds).flatMap(foldersOf)) add(inside, folder, each)
    for (const kind of kinds.get(each.kind)!.leavesBefore ?? []) add(needing, kind, each)
  }
  const ordered = new Map<string, Resource>()
  const begun = new Set<string>()
  const place = (resource: Resource): void => {
    const id = idOf(resource)
    if (begun.has(id)) return
    begun.add(id)
    for (const path of pathsOf(resource, kinds)) inside.get(path)?.forEach(place)
    needing.get(resource.kind)?.forEach(place)
    ordered.set(id, resource)
  }
  orphans.forEach(place)
  return [...ordered.values()]
}

function add(map: Map<string, Resource[]>, key: string, resource: Resource): void {
  const known = map.get(key)
  if (known) known.push(resource)
  else map.set(key, [resource])
}

function pathsOf(resource: Resource, kinds: ReadonlyMap<string, Kind>): string[] {
  const claims = kinds.get(resource.kind)!.claims?.(resource) ?? []
  return claims.flatMap(({ what }) => (what.startsWith('path /') ? [what.slice(5)] : []))
}

/** All that it stands in, but for the root. */
function foldersOf(path: string): string[] {
  const ends = [...path.matchAll(/\//g)].map(({ index }) => index).filter((at) => at > 0)
  return ends.map((at) => path.slice(0, at))
}
