import { problem } from '../base/errors.ts'
import type { Fleet, FleetHost } from './fleet.ts'
import { type Resource, idOf } from './resource.ts'
import { closest } from './suggestion.ts'

/** What a command is limited to; an empty list limits nothing. */
export interface Selection {
  /** Host names, patterns with `*`, or labels as `zone=a`. */
  readonly hosts: readonly string[]
  readonly roles: readonly string[]
  /** Resource ids, kinds, or patterns with `*`: `file:/etc/*`, `service`. */
  readonly only: readonly string[]
}

/** The chosen hosts in the order of the fleet; a name that fits nothing is an error. */
export function selectHosts(fleet: Fleet, selection: Selection): FleetHost[] {
  const all = [...fleet.hosts.values()]
  for (const name of selection.hosts)
    if (!all.some((host) => fitsHost(host, name)))
      throw problem('unknown-selection', {
        what: 'host',
        name,
        suggestion: closest(name, [...fleet.hosts.keys()]),
      })
  const roles = [...new Set(all.flatMap((host) => host.roles.map(({ name }) => name)))]
  for (const name of selection.roles)
    if (!roles.includes(name))
      throw problem('unknown-selection', { what: 'role', name, suggestion: closest(name, roles) })
  return all.filter(
    (host) =>
      (selection.hosts.length === 0 || selection.hosts.some((name) => fitsHost(host, name))) &&
      (selection.roles.length === 0 ||
        host.roles.some(({ name }) => selection.roles.includes(name))),
  )
}

/** The chosen resources of a host. */
export function selectResources(
  resources: readonly Resource[],
  only: readonly string[],
): Resource[] {
  if (only.length === 0) return [...resources]
  return resources.filter((each) =>
    only.some((pattern) => each.kind === pattern || fits(idOf(each), pattern)),
  )
}

function fitsHost(host: FleetHost, pattern: string): boolean {
  const label = /^([^=]+)=(.*)$/.exec(pattern)
  return label ? host.labels[label[1]!] === label[2] : fits(host.name, pattern)
}

function fits(name: string, pattern: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 's').test(name)
}
