import { type SourcePosition, problem } from '../base/errors.ts'
import { callerPosition } from './position.ts'
import type { Check, Complaint, Fields } from './schema.ts'
import { closest } from './suggestion.ts'

/** One thing that can be true of a host: plain data, made by the function of its kind. */
export interface Resource<Desired = unknown> {
  readonly kind: string
  /** Unique within its kind on a host. */
  readonly name: string
  readonly desired: Desired
  /** Wanted gone instead of there. */
  readonly absent: boolean
  /** Who reads and changes it; undefined is the login user. */
  readonly user: string | undefined
  /** Resources that must be true before this one is touched. */
  readonly after: readonly string[]
  /** What to do when this one changed. */
  readonly notify: readonly Notification[]
  /** The line that described it. */
  readonly at: SourcePosition | undefined
}

/** Asks a resource to do something after another one changed, such as a service to restart. */
export interface Notification {
  readonly target: string
  readonly action: string
}

/** What every resource takes beside its own fields. */
export interface Common {
  /** These come first: resources, or their ids such as `'package:nginx'`. */
  readonly after?: Reference | readonly Reference[]
  /** When this one has changed: `reload(nginx)`, `restart(worker)`. Once per run, at its end. */
  readonly notify?: Notification | readonly Notification[]
  /** Who reads and changes it on the host. Default: what its kind needs, else the login user. */
  readonly user?: string
}

export type Reference = Resource | string | readonly Resource[]

/** The permanent name of a resource on its host: `file:/etc/motd`. */
export function idOf(resource: Pick<Resource, 'kind' | 'name'>): string {
  return `${resource.kind}:${resource.name}`
}

/** As much of a kind as it takes to describe a resource of it. */
export interface Describable<Desired extends object> {
  readonly name: string
  readonly named: Check
  readonly fields: Fields<Desired>
  readonly user: 'root' | 'login'
}

/**
 * Makes a resource of a kind after checking its fields. Throws `invalid-resource`, which names the
 * user's line and what to write instead.
 */
export function describe<Desired extends object>(
  kind: Describable<Desired>,
  name: string,
  desired: Desired,
  common: Common = {},
): Resource<Desired> {
  const at = callerPosition()
  const resource = {
    kind: kind.name,
    name,
    desired,
    absent: false,
    user: common.user ?? (kind.user === 'login' ? undefined : kind.user),
    after: many(common.after).flatMap(idsOf),
    notify: many(common.notify),
    at,
  }
  checkFields(kind, resource, common)
  return resource
}

/** The same resource, wanted gone. On a list: all of them. */
export function absent<Each extends Resource>(resource: Each): Each
export function absent<Each extends Resource>(resources: readonly Each[]): Each[]
export function absent<Each extends Resource>(given: Each | readonly Each[]): Each | Each[] {
  return isList(given)
    ? given.map((each) => ({ ...each, absent: true }))
    : { ...given, absent: true }
}

/** The same resources, read and changed as this user, where they do not name one themselves. */
export function as(user: string, resources: readonly Resource[]): Resource[] {
  return resources.map((each) => (each.user === undefined ? { ...each, user } : each))
}

const commonFields: readonly string[] = ['after', 'notify', 'user']

function checkFields<Desired extends object>(
  kind: Describable<Desired>,
  resource: Resource<Desired>,
  common: Common,
): void {
  const given = resource.desired as Record<string, unknown>
  const fields = kind.fields as Record<string, (value: unknown) => Complaint | undefined>
  const fail = (field: string, complaint: Complaint): never => {
    throw problem(
      'invalid-resource',
      { resource: idOf(resource), field, ...complaint },
      { at: resource.at },
    )
  }
  const misnamed = kind.named(resource.name)
  if (misnamed) fail('its name', misnamed)
  for (const [field, check] of Object.entries(fields)) {
    const complaint = check(given[field])
    if (complaint) fail(field, complaint)
  }
  const known = [...Object.keys(fields), ...commonFields]
  for (const field of Object.keys({ ...given, ...common }))
    if (!known.includes(field))
      fail(field, { problem: 'is not a field of this kind', suggestion: closest(field, known) })
  if (resource.user !== undefined && !/^[A-Za-z_][A-Za-z0-9._-]*\$?$/.test(resource.user))
    fail('user', {
      problem: `cannot be ${JSON.stringify(resource.user)}`,
      suggestion: "a user's name",
    })
}

/** The same fields without those that are undefined. */
export function given<Each extends object>(
  fields: Each,
): { [Key in keyof Each]: Exclude<Each[Key], undefined> } {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as never
}

const isList = <T>(value: T | readonly T[]): value is readonly T[] => Array.isArray(value)

function many<T>(value: T | readonly T[] | undefined): readonly T[] {
  return value === undefined ? [] : isList(value) ? value : [value]
}

function idsOf(reference: Reference): string[] {
  if (typeof reference === 'string') return [reference]
  return isList(reference as Resource | readonly Resource[])
    ? (reference as readonly Resource[]).map(idOf)
    : [idOf(reference as Resource)]
}
