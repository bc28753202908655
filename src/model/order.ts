import { problem } from '../base/errors.ts'
import { type Resource, idOf } from './resource.ts'

/** The order of the description, except that what a resource waits for comes before it. */
export function inOrder(resources: readonly Resource[], host: string): Resource[] {
  const byId = new Map(resources.map((each) => [idOf(each), each]))
  const ordered = new Map<string, Resource>()
  for (const first of resources) {
    // From it to what it waits for, to what that waits for: the last is placed first.
    const way = [first]
    const onWay = new Set([idOf(first)])
    while (way.length > 0) {
      const resource = way.at(-1)!
      const before = resource.after.find((id) => byId.has(id) && !ordered.has(id))
      if (before === undefined) {
        ordered.set(idOf(resource), resource)
        onWay.delete(idOf(resource))
        way.pop()
      } else {
        if (onWay.has(before)) throw cycle(way, before, host)
        onWay.add(before)
        way.push(byId.get(before)!)
      }
    }
  }
  return [...ordered.values()]
}

function cycle(way: readonly Resource[], again: string, host: string): Error {
  const circle = way.slice(way.findIndex((each) => idOf(each) === again))
  const ids = [...circle.map(idOf), again].join(' -> ')
  return problem('dependency-cycle', { host, cycle: ids }, { at: circle[0]!.at })
}
