import { isIP } from 'node:net'
import { problem } from '../base/errors.ts'
import type { Fleet, FleetHost } from '../model/fleet.ts'
import { selectHosts } from '../model/selection.ts'
import { closest } from '../model/suggestion.ts'
import type { TestCase } from './case.ts'

/** A host that is booted, and the hosts of the fleet that it stands for: itself among them. */
export interface Chosen {
  readonly host: FleetHost
  readonly standsFor: readonly FleetHost[]
}

/** What the command line limits the tests to; an empty list limits nothing. */
export interface Wishes {
  readonly roles: readonly string[]
  readonly hosts: readonly string[]
}

/**
 * The hosts to boot: the first of each set of roles, since those with the same roles are made in
 * the same way; or all that are named.
 */
export function chooseHosts(fleet: Fleet, { roles, hosts }: Wishes): Chosen[] {
  const all = [...fleet.hosts.values()]
  const booted =
    hosts.length > 0
      ? selectHosts(fleet, { hosts, roles, only: [] })
      : firstOfEach(selectHosts(fleet, { hosts: [], roles, only: [] }))
  return booted.map((host) => ({
    host,
    standsFor: all.filter(
      (each) => each === host || (!booted.includes(each) && standIn(each, booted) === host),
    ),
  }))
}

function firstOfEach(hosts: readonly FleetHost[]): FleetHost[] {
  const first = new Map<string, FleetHost>()
  for (const host of hosts) if (!first.has(rolesOf(host))) first.set(rolesOf(host), host)
  return [...first.values()]
}

const standIn = (host: FleetHost, booted: readonly FleetHost[]): FleetHost | undefined =>
  booted.find((each) => rolesOf(each) === rolesOf(host))

const rolesOf = ({ roles }: FleetHost): string => JSON.stringify(roles.map(({ name }) => name))

/** Where each host of the fleet is now, by the one that stands for it. */
export function placesOf(
  chosen: readonly Chosen[],
  addressOf: (host: string) => string,
): ReadonlyMap<string, string> {
  return new Map(
    chosen.flatMap(({ host, standsFor }) =>
      standsFor.map((each) => [each.name, addressOf(host.name)] as const),
    ),
  )
}

/** Lines for /etc/hosts: the names of the other hosts, and those that the description calls them by. */
export function namesOf(
  { host }: Chosen,
  chosen: readonly Chosen[],
  addressOf: (host: string) => string,
): string {
  return chosen
    .flatMap((each) =>
      each.standsFor
        .filter(({ name }) => name !== host.name)
        .map(({ name, address }) => {
          const names = [...new Set([name, address])].filter((known) => isIP(known) === 0)
          return `${addressOf(each.host.name)}\t${names.join(' ')}\n`
        }),
    )
    .join('')
}

/** The tests of the roles that are asked for. A role that nobody has is a mistake. */
export function chooseCases(
  fleet: Fleet,
  cases: readonly TestCase[],
  { roles }: Wishes,
): TestCase[] {
  const known = [
    ...new Set([...fleet.hosts.values()].flatMap((host) => host.roles.map(({ name }) => name))),
  ]
  for (const { role, at } of cases)
    if (!known.includes(role))
      throw problem(
        'unknown-selection',
        { what: 'role of any host', name: role, suggestion: closest(role, known) },
        { at },
      )
  return cases.filter(({ role }) => roles.length === 0 || roles.includes(role))
}
