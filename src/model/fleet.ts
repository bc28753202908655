import { type SourcePosition, problem } from '../base/errors.ts'
import type { AppPlacement, PlacedApp } from './app.ts'
import { checkApps } from './app-claims.ts'
import { callerPosition } from './position.ts'
import type { Placement, Role, Selector, VarsOf } from './role.ts'
import { closest } from './suggestion.ts'

/** What the user writes about one host. */
export interface HostDescription<Vars> {
  /** A host name, an address, or an alias of your ssh config. Left out: the host's name. */
  readonly address?: string
  /** Where the other hosts reach it, as an IP address: apps listen there. Left out: its address. */
  readonly privateAddress?: string
  /** Who logs in. Left out: what your ssh config says. */
  readonly login?: string
  /** Left out: what your ssh config says, else 22. */
  readonly port?: number
  /** For choosing hosts, in `on({ zone: 'a' })` and on the command line as `--host zone=a`. */
  readonly labels?: Readonly<Record<string, string>>
  /** Values for its roles, over those of the fleet. */
  readonly vars?: Partial<Vars>
}

/** What the user writes about everything. */
export interface FleetDescription<Placed extends Placement<any>> {
  /**
   * Tells what is this description's from what another one manages on the same hosts, in every checkout and
   * for ever. Left out: no other one does.
   */
  readonly name?: string
  readonly hosts: Readonly<Record<string, HostDescription<VarsOf<Placed>>>>
  /** What hosts are: `[web.on('web1')]`. */
  readonly roles?: readonly Placed[]
  /** What is delivered, and where to: `[shop.on('web1', 'web2')]`. */
  readonly apps?: readonly AppPlacement[]
  /** Values for the roles of all hosts. */
  readonly vars?: Partial<VarsOf<Placed>>
}

/** One machine of a fleet. */
export interface FleetHost {
  readonly name: string
  readonly address: string
  readonly privateAddress: string
  readonly login: string | undefined
  readonly port: number | undefined
  readonly labels: Readonly<Record<string, string>>
  readonly vars: Readonly<Record<string, unknown>>
  readonly roles: readonly Role<any>[]
}

/** The whole description: the value that `fleet.ts` exports. */
export interface Fleet {
  readonly name: string | undefined
  readonly hosts: ReadonlyMap<string, FleetHost>
  readonly apps: ReadonlyMap<string, PlacedApp>
  readonly at: SourcePosition | undefined
}

const fleets = new WeakSet<object>()

/** Whether a value was made by `fleet(...)`. */
export function isFleet(value: unknown): value is Fleet {
  return typeof value === 'object' && value !== null && fleets.has(value)
}

/** Describes everything: `export default fleet({ hosts: {...}, roles: [web.on('web1')] })`. */
export function fleet<Placed extends Placement<any>>(description: FleetDescription<Placed>): Fleet {
  const at = callerPosition()
  const { name: project } = description
  if (project !== undefined && !/^[A-Za-z0-9][\w.-]{0,62}$/.test(project))
    throw problem('invalid-fleet-name', { name: JSON.stringify(project) }, { at })
  const names = Object.keys(description.hosts)
  for (const name of names) checkHost(name, description.hosts[name]!, at)
  const roles = new Map(names.map((name) => [name, [] as Role<any>[]]))
  for (const placement of description.roles ?? [])
    for (const name of placedOn(`Role ${placement.role.name}`, placement, description.hosts)) {
      const placed = roles.get(name)!
      if (!placed.includes(placement.role)) placed.push(placement.role)
    }
  const made: Fleet = {
    name: project,
    at,
    apps: placedApps(description),
    hosts: new Map(
      names.map((name) => {
        const host = description.hosts[name]!
        const { address = name, privateAddress = address, login, port, labels = {} } = host
        const vars = { ...description.vars, ...host.vars }
        const own = { name, address, privateAddress, login, port, labels, vars }
        return [name, { ...own, roles: roles.get(name)! }]
      }),
    ),
  }
  fleets.add(made)
  return made
}

function placedApps({ apps = [], hosts }: FleetDescription<any>): Map<string, PlacedApp> {
  const placed = new Map<string, PlacedApp>()
  for (const { app, where, at } of apps) {
    if (placed.has(app.name)) throw problem('app-named-twice', { app: app.name }, { at })
    const chosen = placedOn(`App ${app.name}`, { where, at }, hosts)
    const names = Object.keys(hosts).filter((name) => chosen.includes(name))
    placed.set(app.name, {
      app,
      hosts: names.map((name) => ({
        name,
        address: hosts[name]!.privateAddress ?? hosts[name]!.address ?? name,
      })),
    })
  }
  checkApps([...placed.values()])
  return placed
}

function checkHost(name: string, host: HostDescription<any>, at: SourcePosition | undefined): void {
  const fail = (found: string, suggestion: string): never => {
    throw problem('invalid-host', { host: name, problem: found, suggestion }, { at })
  }
  if (!/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(name))
    fail(
      'its name is not a host name',
      "a name of letters, digits, dots and hyphens, such as 'web1'",
    )
  for (const [field, value] of [
    ['address', host.address],
    ['privateAddress', host.privateAddress],
    ['login', host.login],
  ] as const)
    if (value !== undefined && !/^[A-Za-z0-9_[:][\w.:%[\]-]*$/.test(value))
      fail(
        `its ${field} cannot be ${JSON.stringify(value)}`,
        `${field === 'login' ? "a user's name" : 'a host name or an address'}`,
      )
  if (
    host.port !== undefined &&
    !(Number.isInteger(host.port) && host.port > 0 && host.port < 65536)
  )
    fail(`its port cannot be ${host.port}`, 'a number from 1 to 65535')
}

interface Where {
  readonly where: readonly Selector[]
  readonly at: SourcePosition | undefined
}

/** Names of the hosts that are meant; `what` is placed there: `Role web`. */
function placedOn(
  what: string,
  { where, at }: Where,
  hosts: FleetDescription<any>['hosts'],
): string[] {
  return where.flatMap((selector) => selected(selector, what, at, hosts))
}

function selected(
  selector: Selector,
  what: string,
  at: SourcePosition | undefined,
  hosts: FleetDescription<any>['hosts'],
): string[] {
  const names = Object.keys(hosts)
  if (selector === '*') return names
  if (typeof selector === 'string') {
    if (names.includes(selector)) return [selector]
    throw problem(
      'unknown-host',
      { what, host: selector, suggestion: closest(selector, names) },
      { at },
    )
  }
  const found = names.filter((name) =>
    Object.entries(selector).every(([key, value]) => hosts[name]!.labels?.[key] === value),
  )
  if (found.length > 0) return found
  const label = Object.entries(selector)
    .map(([key, value]) => `${key}=${value}`)
    .join(' and ')
  const known = names.flatMap((name) =>
    Object.entries(hosts[name]!.labels ?? {}).map(([key, value]) => `{ ${key}: '${value}' }`),
  )
  throw problem(
    'unmatched-label',
    { what, label, suggestion: closest(label, [...new Set(known)]) },
    { at },
  )
}
