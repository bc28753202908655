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
  /** Names of the apps that are placed on it. */
  readonly apps: readonly string[]
}

/** What the command line limits the tests to; an empty list limits nothing. */
export interface Wishes {
  readonly roles: readonly string[]
  readonly hosts: readonly string[]
}

/**
 * The hosts to boot: the first of each set of roles and apps, since those with the same ones are made
 * in the same way; or all that are named.
 */
export function chooseHosts(fleet: Fleet, { roles, hosts }: Wishes): Chosen[] {
  const all = [...fleet.hosts.values()]
  const makingOf = (host: FleetHost): string =>
    JSON.stringify([host.roles.map(({ name }) => name), appsOn(fleet, host)])
  const chosen = selectHosts(fleet, { hosts, roles, only: [] })
  const booted = hosts.length > 0 ? chosen : firstOfEach(chosen, makingOf)
  const standIn = (host: FleetHost): FleetHost | undefined =>
    booted.find((each) => makingOf(each) === makingOf(host))
  return booted.map((host) => ({
    host,
    standsFor: all.filter(
      (each) => each === host || (!booted.includes(each) && standIn(each) === host),
    ),
    apps: appsOn(fleet, host),
  }))
}

function firstOfEach(
  hosts: readonly FleetHost[],
  makingOf: (host: FleetHost) => string,
): FleetHost[] {
  const first = new Map<string, FleetHost>()
  for (const host of hosts) if (!first.has(makingOf(host))) first.set(makingOf(host), host)
  return [...first.values()]
}

const appsOn = ({ apps }: Fleet, { name }: FleetHost): string[] =>
  [...apps.values()].flatMap(({ app, hosts }) =>
    hosts.some((each) => each.name === name) ? [app.name] : [],
  )

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
