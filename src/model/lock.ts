/** The exact versions of packages by release, such as `debian 12 amd64`. */
export type Lock = ReadonlyMap<string, LockedRelease>

/** By name, with the architecture where it is not the host's own: `libc6:i386`. */
export type LockedRelease = ReadonlyMap<string, LockedPackage>

export interface LockedPackage {
  readonly version: string
  /** Where it came from when it was locked: `Debian-Security/oldstable-security`. For people. */
  readonly origin: string
  /** Locked packages that it may bring along, directly. */
  readonly needs: readonly string[]
}

/** The named packages that are locked, and all that they may bring along. */
export function closureOf(
  release: LockedRelease,
  names: Iterable<string>,
): Map<string, LockedPackage> {
  const found = new Map<string, LockedPackage>()
  const waiting = [...names]
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const locked = release.get(name)
    if (!locked || found.has(name)) continue
    found.set(name, locked)
    waiting.push(...locked.needs)
  }
  return found
}

/** What one host says that its packages come to. */
export interface Locking {
  readonly host: string
  readonly release: string
  /** Names that the description itself gives. */
  readonly described: readonly string[]
  readonly packages: LockedRelease
}

/** Two hosts of a release would have the same package in different versions. */
export interface LockConflict {
  readonly package: string
  readonly release: string
  readonly one: string
  readonly host: string
  readonly other: string
  readonly otherHost: string
}

/**
 * The lock with what hosts said. `prune`: what none of them describes or needs any more goes, which
 * only who has asked for all hosts can tell.
 */
export function withLockings(
  lock: Lock,
  lockings: readonly Locking[],
  prune: boolean,
): { lock: Lock } | { conflict: LockConflict } {
  const releases = new Map<string, Map<string, LockedPackage>>()
  const said = new Map<string, Locking>()
  for (const locking of lockings) {
    const { release } = locking
    const all = releases.get(release) ?? new Map(lock.get(release))
    releases.set(release, all)
    for (const [name, each] of locking.packages) {
      const key = `${release} ${name}`
      const earlier = said.get(key)
      const known = earlier && all.get(name)
      if (known && known.version !== each.version)
        return { conflict: conflictOf(name, locking, each, earlier, known) }
      all.set(name, known ? { ...each, needs: sorted([...known.needs, ...each.needs]) } : each)
      said.set(key, locking)
    }
  }
  for (const [release, all] of prune ? releases : []) {
    const described = lockings.filter((each) => each.release === release)
    const needed = closureOf(
      all,
      described.flatMap((each) => each.described),
    )
    for (const name of all.keys()) if (!needed.has(name)) all.delete(name)
  }
  return { lock: prune ? releases : new Map([...lock, ...releases]) }
}

function conflictOf(
  name: string,
  { host, release }: Locking,
  { version }: LockedPackage,
  earlier: Locking,
  known: LockedPackage,
): LockConflict {
  return {
    package: name,
    release,
    one: known.version,
    host: earlier.host,
    other: version,
    otherHost: host,
  }
}

/** One line of what an upgrade of the lock came to. */
export interface LockChange {
  readonly release: string
  readonly name: string
  /** Left out: it was not locked. */
  readonly from?: LockedPackage
  /** Left out: it is not locked any more. */
  readonly to?: LockedPackage
}

/** Versions that differ, by release and name. */
export function lockChanges(before: Lock, after: Lock): LockChange[] {
  return sorted([...before.keys(), ...after.keys()]).flatMap((release) => {
    const [old, now] = [before.get(release), after.get(release)]
    return sorted([...(old?.keys() ?? []), ...(now?.keys() ?? [])]).flatMap((name) => {
      const [from, to] = [old?.get(name), now?.get(name)]
      if (from?.version === to?.version) return []
      return [{ release, name, ...(from && { from }), ...(to && { to }) }]
    })
  })
}

/** Each once, in an order that does not hang on anybody's language. */
export function sorted(names: readonly string[]): string[] {
  return [...new Set(names)].sort((a, b) => (a < b ? -1 : 1))
}

/** Whether a version comes from where a distribution publishes corrections of holes. */
export function isSecurity({ origin }: LockedPackage): boolean {
  return /security|esm-(apps|infra)/i.test(origin)
}
