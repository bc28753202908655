import type { SourcePosition } from '../base/errors.ts'
import type { PlacedApp } from './app.ts'
import type { Facts } from './facts.ts'
import { callerPosition } from './position.ts'
import type { Resource } from './resource.ts'

/** A host as a role sees it. */
export interface Host<Vars = object> {
  readonly name: string
  readonly address: string
  /** Where the other hosts reach it. */
  readonly privateAddress: string
  readonly labels: Readonly<Record<string, string>>
  /** Names of the roles that are placed on it. */
  readonly roles: readonly string[]
  /** The fleet's vars and over them the host's own. A name that is not set is an error. */
  readonly vars: Vars
  /** As read in the last run; read first when there was none. */
  readonly facts: Facts
  /** All apps of the fleet, for whoever balances them. */
  readonly apps: readonly PlacedApp[]
  /** The hosts of a role, such as those of the database, in the order of the fleet. */
  peers(role: string): readonly Peer[]
}

/** Another host of the fleet. */
export interface Peer {
  readonly name: string
  readonly address: string
  readonly privateAddress: string
}

/** Resources in nested lists; what is false, null or undefined is left out. */
export type Resources = Resource | false | null | undefined | readonly Resources[]

/** Hosts by name, by label (`{ zone: 'a' }`), or all of them (`'*'`). */
export type Selector = string | Readonly<Record<string, string>>

/** A named function from a host to resources. */
export interface Role<Vars = object> {
  readonly name: string
  readonly describe: (host: Host<Vars>) => Resources
  readonly maxUnavailable: number | undefined
  readonly at: SourcePosition | undefined
  /** Places it: `web.on('web1', 'web2')`, `base.on('*')`, `db.on({ tier: 'data' })`. */
  on(...where: readonly Selector[]): Placement<Vars>
}

export interface Placement<Vars = object> {
  readonly role: Role<Vars>
  readonly where: readonly Selector[]
  readonly at: SourcePosition | undefined
}

/** The vars of all roles together. */
export type VarsOf<Placed> = (
  Placed extends Placement<infer Vars> ? (vars: Vars) => void : never
) extends (vars: infer All) => void
  ? All
  : never

export interface RoleOptions {
  /** At most so many hosts of this role are changed at once; the next ones wait, and stay as they are if one fails. */
  readonly maxUnavailable?: number
}

/**
 * Describes a role. The vars that it needs are its type parameter:
 *
 *     const web = role<{ domain: string }>('web', (host) => [packages('nginx'), ...])
 */
export function role<Vars = object>(
  name: string,
  describe: (host: Host<Vars>) => Resources,
  options: RoleOptions = {},
): Role<Vars> {
  const made: Role<Vars> = {
    name,
    describe,
    maxUnavailable: options.maxUnavailable,
    at: callerPosition(),
    on: (...where) => ({ role: made, where, at: callerPosition() }),
  }
  return made
}
