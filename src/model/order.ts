import { problem } from '../base/errors.ts'
import { type Resource, idOf } from './resource.ts'

/** The order of the description, except that what a resource waits for comes before it. */
export function inOrder(resources: readonly Resource[], host: string): Resource[] {
  const byId = new Map(resources.map((each) => [idOf(each), each]))
  const placed = new Set<string>()
  const ordered: Resource[] = []
  const place = (resource: Resource, waiting: readonly string[]): void => {
    const id = idOf(resource)
    if (placed.has(id)) return
    if (waiting.includes(id)) {
      const cycle = [...waiting.slice(waiting.indexOf(id)), id].join(' -> ')
      throw problem('dependency-cycle', { host, cycle }, { at: resource.at })
    }
    for (const before of resource.after) {
      const target = byId.get(before)
      if (target) place(target, [...waiting, id])
    }
    placed.add(id)
    ordered.push(resource)
  }
  for (const resource of resources) place(resource, [])
  return ordered
}
