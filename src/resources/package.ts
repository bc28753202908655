import { lines, sh } from '../base/shell.ts'
import type { Change, Context, Difference, Kind, Step } from '../model/kind.ts'
import { unknownAfter } from '../model/kind.ts'
import type { Lock } from '../model/lock.ts'
import { type Common, type Resource, describe, given } from '../model/resource.ts'
import { check, flag, optional } from '../model/schema.ts'
import { afterLocked, beforeLocked, checkLocked, transition } from './package-lock.ts'
import { packageLockOut } from './package-lock-out.ts'
import { applyFunctions } from './package-scripts.ts'
import {
  type PackageDesired,
  type PackageState,
  argument,
  fits,
  groups,
  isRight,
  parsePackages,
  readPackages,
} from './package-state.ts'

/** Debian packages, installed and removed by apt. All changes next to each other are one apt transaction. */
export interface PackageOptions extends Common {
  /**
   * The exact version, or one with `*` as apt takes it: `'1.22.*'`. Left out: what fettle.lock says; where
   * there is none any that is installed, else the newest.
   */
  readonly version?: string
  /** Whether recommended packages come along. Left out: as apt is set up on the host (Debian: yes). */
  readonly recommends?: boolean
  /** For `absent(...)`: remove the configuration as well. */
  readonly purge?: boolean
}

/** Describes packages: `packages('nginx', 'git')`, `packages(['nginx'], { version: '1.22.*' })`. */
export function packages(...names: readonly string[]): Resource[]
export function packages(names: readonly string[], options?: PackageOptions): Resource[]
export function packages(...args: readonly unknown[]): Resource[] {
  const [names, options] = (Array.isArray(args[0]) ? args : [args, {}]) as [
    string[],
    PackageOptions?,
  ]
  const { version, recommends, purge, ...common } = options ?? {}
  const desired = given({ version, recommends, purge })
  return [...new Set(names)].map((name) => describe(packageKind, name, desired, common))
}

const matching = (suggestion: string, pattern: RegExp): ReturnType<typeof check> =>
  check(suggestion, (value) => typeof value === 'string' && pattern.test(value))

export const packageKind: Kind<PackageDesired, PackageState> = {
  name: 'package',
  remembers: () => ({}),
  named: matching(
    "a package's name such as 'nginx' or 'libc6:amd64'",
    /^[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?$/,
  ),
  user: 'root',
  opaque: true,
  batch: 'together',
  fields: {
    version: optional(matching("a version such as '1.22.1-9' or '1.22.*'", /^[0-9][\w.+~:*-]*$/)),
    recommends: optional(flag),
    purge: optional(flag),
  },

  read: (resources) => readPackages(resources, undefined),

  parse: (output, resources) => parsePackages(output, resources, undefined),

  diff(resource, state, context) {
    const { name, desired, absent } = resource
    const { locked } = state
    if (locked) {
      const { version: described } = desired
      checkLocked({ name, described, fits: fits(locked.version, described) }, locked, context)
    }
    if (isRight(resource, state)) return undefined
    if (!absent) return installation(desired, state, context)
    const verb = 'remove'
    if (state.status === 'config-files') return { verb, summary: 'its configuration' }
    const what = desired.purge ? `${state.version} and its configuration` : state.version
    return { verb, summary: [what, ...along(state)].join(', ') }
  },

  apply: applyPackages,

  outcome: ({ resource, state, difference: { verb, summary } }, after) =>
    verb === 'create' && !resource.absent && (state.locked?.version ?? state.next) !== after.version
      ? `install ${after.version}`
      : summary,

  lockOut: ({ name }, login) => packageLockOut(name.split(':')[0]!, login),
}

/** The same kind where there is a lock: what it installs is what that says. */
export function lockedPackageKind(lock: Lock): Kind<PackageDesired, PackageState> {
  return {
    ...packageKind,
    read: (resources) => readPackages(resources, lock),
    parse: (output, resources) => parsePackages(output, resources, lock),
  }
}

function installation(desired: PackageDesired, state: PackageState, context: Context): Difference {
  const { status, locked } = state
  const isNew = status === 'missing' || status === 'config-files'
  const others = context.opaque.filter((each) => !/^(package|apt-repository):/.test(each))
  if (isNew && others.length > 0)
    return unknownAfter(context, locked?.version ?? desired.version ?? 'installed')
  const listed = ![...context.earlier.keys()].some((each) => each.startsWith('apt-repository:'))
  const drift = locked?.drift.map(({ name, from, to }) => `${name} ${transition(from, to)}`) ?? []
  const notes = [...short(drift), ...(listed ? along(state) : [])]
  const next = locked?.version ?? (listed ? state.next : undefined)
  const version = next ?? versionLater(desired)
  if (isNew) return { verb: 'create', summary: [`install ${version}`, ...notes].join(', ') }
  const broken = status === 'installed' ? [] : [`${status} -> installed`]
  const isOther = locked ? state.version !== locked.version : !fits(state.version, desired.version)
  const move =
    next === undefined ? `${state.version} -> ${version}` : transition(state.version, next)
  return { verb: 'change', summary: [...broken, ...(isOther ? [move] : []), ...notes].join(', ') }
}

function versionLater({ version }: PackageDesired): string {
  if (version === undefined) return '(version known after apt-get update)'
  return version.includes('*') ? `${version} (exact version known after apt-get update)` : version
}

/** `with 2 more: a, b` and `which removes c`: the latter is never cut short. */
function along({ along: { installs, removes } }: PackageState): string[] {
  const all = installs.map(({ name, from, to }) =>
    from === undefined ? name : `${name} ${transition(from, to)}`,
  )
  return [
    ...(all.length > 0 ? [`with ${all.length} more: ${short(all).join(', ')}`] : []),
    ...(removes.length > 0 ? [`which also removes ${removes.join(', ')}`] : []),
  ]
}

const short = (all: readonly string[]): readonly string[] =>
  all.length > 20 ? [...all.slice(0, 20), '...'] : all

function applyPackages(changes: readonly Change<PackageDesired, PackageState>[]): Step {
  const whole = changes.map(({ resource, state }) => ({ ...resource, state }))
  const removed = whole.filter(({ absent, state }) => absent && state.status !== 'config-files')
  const purged = whole.filter(({ absent, desired }) => absent && desired.purge)
  const allowed = whole.flatMap(({ state }) => state.along.removes)
  const wanted = groups(whole.filter(({ absent }) => !absent))
  const runs = wanted.length === 0 && removed.length > 0 ? [{ flags: [], members: [] }] : wanted
  const locked = whole.flatMap(({ state }) => state.locked ?? [])
  const drift = locked.flatMap((each) => each.drift)
  return {
    script: lines(
      applyFunctions,
      sh`allowed=${` ${[...allowed, ...removed.map(({ name }) => name)].join(' ')} `}`,
      locked.length > 0 &&
        beforeLocked(
          locked,
          drift.map(({ name }) => name),
        ),
      ...runs.map(({ flags, members }, i) =>
        lines(
          sh`gone=${i === 0 ? removed.map(({ name }) => `${name}-`).join(' ') : ''}`,
          sh`flags=${[...flags, ...(members.some(maybeOlder) ? ['--allow-downgrades'] : [])].join(' ')}`,
          sh`foreseen=${members.every(isForeseen) ? 'yes' : ''}`,
          sh`transact ${members.flatMap(argumentsFor)}`,
        ),
      ),
      drift.length > 0 && afterLocked,
      purged.length > 0 && sh`purge ${purged.map(({ name }) => name)}`,
    ),
  }
}

type Member = Resource<PackageDesired> & { readonly state: PackageState }

/** Whether a version may go back; where none is there, none can. */
function maybeOlder({ desired, state: { status, version, locked } }: Member): boolean {
  if (!locked) return desired.version !== undefined
  const moves = [{ from: version, to: locked.version }, ...locked.drift]
  return status !== 'missing' && moves.some(({ from, to }) => from !== to)
}

/** apt said at planning what it would install. */
const isForeseen = ({ state: { next, locked } }: Member): boolean =>
  next !== undefined && locked === undefined

function argumentsFor({ name, desired, state: { locked } }: Member): string[] {
  if (!locked) return [argument(name, desired.version)]
  return [{ name, to: locked.version }, ...locked.drift].map((each) => argument(each.name, each.to))
}
