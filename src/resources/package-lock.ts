import { problem } from '../base/errors.ts'
import { Shell, lines, sh } from '../base/shell.ts'
import { compareVersions } from '../model/debian-version.ts'
import type { Context } from '../model/kind.ts'
import { type Lock, type LockedRelease, closureOf } from '../model/lock.ts'
import { parsePolicy, refusalOf } from './package-foresight.ts'

/** What fettle.lock says of a described package, and how the host stands to that. */
export interface LockedState {
  readonly release: string
  readonly version: string
  /** On the first that needs them: packages that are installed in another version than the locked one. */
  readonly drift: readonly Drift[]
  /** All that the described packages may bring, `NAME=VERSION` each. */
  readonly all: readonly string[]
  /** What stands in the way of all of them. */
  readonly trouble: Trouble
}

export interface Drift {
  readonly name: string
  readonly from: string
  readonly to: string
}

interface Trouble {
  /** Described packages of which the lock says nothing. */
  readonly missing: readonly string[]
  /** Locked versions that no source has any more. */
  readonly gone: readonly { name: string; version: string; there: readonly string[] }[]
  /** Why apt will not, though all versions are there. */
  readonly refusal: string | undefined
}

/** What dpkg says of one package. */
export interface Row {
  readonly status: string
  readonly version: string
}

/** Names to ask dpkg for: of all releases, as the host's own is known only there. */
export function lockedNames(lock: Lock, names: readonly string[]): string[] {
  return [...lock].flatMap(([release, packages]) => [
    ...closureOf(packages, keysOf(release, names)).keys(),
  ])
}

/** Puts all that may come to this host, as it is locked, into `$all`. */
export function lockedVersions(lock: Lock, names: readonly string[]): Shell {
  const cases = [...lock].map(([release, packages]) => {
    const all = assigned(closureOf(packages, keysOf(release, names))).join(' ')
    return sh`${release}) all=${` ${all} `} ;;`
  })
  return lines(
    sh`system; all= roots=${` ${names.join(' ')}`}`,
    sh`case "$system $arch" in`,
    ...cases,
    Shell.literal('esac\ncompare'),
  )
}

const assigned = (closure: LockedRelease): string[] =>
  [...closure].map(([name, { version }]) => `${name}=${version}`).sort()

const keysOf = (release: string, names: readonly string[]): string[] =>
  names.map((name) => keyOf(name, release.split(' ')[2]!))

/** The name without the host's own architecture. */
const keyOf = (name: string, native: string): string =>
  name.endsWith(`:${native}`) ? name.slice(0, -native.length - 1) : name

/** How described packages stand to the lock; the answer says it for one of them, each asked once and in order. */
export function lockedStates(
  lock: Lock,
  names: readonly string[],
  host: { system: string; native: string; row(name: string): Row },
  sections: { readonly apt: string; readonly policy: string },
): (name: string) => LockedState {
  const release = `${host.system} ${host.native}`
  const packages = lock.get(release) ?? new Map()
  const keys = keysOf(release, names)
  const closure = closureOf(packages, keys)
  const differs = [...closure].filter(([name, { version }]) => {
    const row = host.row(name)
    return row.status !== 'installed' || row.version !== version
  })
  const drift = differs.flatMap(([name, { version: to }]): Drift[] => {
    const { status, version: from } = host.row(name)
    return status === 'installed' && !keys.includes(name) ? [{ name, from, to }] : []
  })
  drift.sort((a, b) => (a.name < b.name ? -1 : 1))
  const missing = keys.filter((key) => !packages.has(key))
  const trouble = { missing, ...troubleOf(new Map(differs), keys, drift, sections) }
  const told = new Set<string>()
  return (name) => {
    const key = keyOf(name, host.native)
    const needed = closureOf(packages, [key])
    const own = drift.filter((each) => needed.has(each.name) && !told.has(each.name))
    for (const each of own) told.add(each.name)
    const version = packages.get(key)?.version ?? ''
    return { release, version, drift: own, all: assigned(closure), trouble }
  }
}

/**
 * Why apt would not. A version that the lists lack is gone only where they know a newer one: else
 * they are older than the lock, and are brought up to date before the installation.
 */
function troubleOf(
  differs: LockedRelease,
  keys: readonly string[],
  drift: readonly Drift[],
  { apt, policy }: { readonly apt: string; readonly policy: string },
): Pick<Trouble, 'gone' | 'refusal'> {
  const there = parsePolicy(policy)
  const asked = new Set([...keys, ...drift.map(({ name }) => name)])
  const refusal = refusalOf(apt)
  const lacking = [...differs]
    .map(([name, { version }]) => ({ name, version, there: there.get(name) ?? [] }))
    .filter((each) => !each.there.includes(each.version))
    .filter(({ name }) => refusal !== undefined || asked.has(name))
  const gone = lacking.filter((each) =>
    each.there.some((version) => compareVersions(version, each.version) > 0),
  )
  return { gone: policy === '' ? [] : gone, refusal: lacking.length > 0 ? undefined : refusal }
}

/** Throws what keeps the lock from being kept. */
export function checkLocked(
  { name, described, fits }: { name: string; described: string | undefined; fits: boolean },
  { release, version, trouble }: LockedState,
  context: Context,
): void {
  const { missing, gone, refusal } = trouble
  if (missing.length > 0) throw problem('not-locked', { release, packages: missing.join(', ') })
  if (described !== undefined && !fits)
    throw problem('lock-disagrees', {
      resource: `package:${name}`,
      described,
      locked: version,
    })
  // What is planned before may bring another source.
  if (context.opaque.some((each) => !each.startsWith('package:'))) return
  const names = gone.map((each) => each.name).join(' ')
  const packages = gone
    .map((each) => `${each.name} ${each.version} (there is ${each.there.join(', ')})`)
    .join(', nor ')
  if (gone.length > 0) throw problem('version-gone', { release, packages, names })
  if (refusal !== undefined)
    throw problem('lock-not-enough', { packages: `package:${name}`, reason: refusal })
}

/** `libfoo 1.0 -> 1.1`; that it goes back is said. */
export function transition(from: string, to: string): string {
  return `${from} -> ${to}${compareVersions(from, to) > 0 ? ' (downgrade)' : ''}`
}

/** Before the installation: apt knows of no other versions, and what came along stays marked so. */
export function beforeLocked(states: readonly LockedState[], drifted: readonly string[]): Shell {
  const { all } = states[0]!
  return lines(
    sh`all=${all.join(' ')} pinfile=$work/pins`,
    sh`pin $all`,
    drifted.length > 0 && sh`auto=$(apt-mark showauto -- ${drifted})`,
  )
}

export const afterLocked: Shell = Shell.literal('[ -z "$auto" ] || apt-mark -qq auto $auto || :')
