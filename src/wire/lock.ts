import { problem } from '../base/errors.ts'
import { type Lock, type LockedPackage, sorted } from '../model/lock.ts'

/** `fettle.lock`: JSON, a line for each package, everything in the order of its name. */
export interface LockDocument {
  readonly version: 1
  /** By release (`debian 12 amd64`), then by name of the package. */
  readonly releases: Readonly<Record<string, Readonly<Record<string, LockedPackage>>>>
}

export function formatLock(lock: Lock): string {
  const releases = sorted([...lock.keys()]).map((release) => {
    const packages = lock.get(release)!
    const lines = sorted([...packages.keys()]).map((name) => {
      const { version, origin, needs } = packages.get(name)!
      return `      ${JSON.stringify(name)}: ${spaced({ version, origin, needs: sorted(needs) })}`
    })
    const body = lines.length === 0 ? '{}' : `{\n${lines.join(',\n')}\n    }`
    return `    ${JSON.stringify(release)}: ${body}`
  })
  const body = releases.length === 0 ? '{}' : `{\n${releases.join(',\n')}\n  }`
  return `{\n  "version": 1,\n  "releases": ${body}\n}\n`
}

function spaced({ version, origin, needs }: LockedPackage): string {
  const list = needs.map((each) => JSON.stringify(each)).join(', ')
  return `{ "version": ${JSON.stringify(version)}, "origin": ${JSON.stringify(origin)}, "needs": [${list}] }`
}

/** Throws `lock-broken`: what the file says ends up in commands, so nothing else is taken. */
export function parseLock(text: string, path: string): Lock {
  const fail = (reason: string): never => {
    throw problem('lock-broken', { path, reason })
  }
  let document: Partial<LockDocument> | null
  try {
    document = JSON.parse(text) as Partial<LockDocument> | null
  } catch (thrown) {
    return fail(
      /^(<{7}|={7}|>{7})/m.test(text) ? 'it has marks of a merge' : (thrown as Error).message,
    )
  }
  if (document?.version !== 1) return fail('it is not of version 1')
  return new Map(
    entries(document.releases, fail).map(([release, packages]) => {
      if (!/^[a-z0-9._-]+ [a-z0-9._-]+ [a-z0-9-]+$/.test(release)) fail(`release ${release}`)
      return [
        release,
        new Map(
          entries(packages, fail).map(([name, each]) => [
            name,
            isLocked(name, each) ? each : fail(`package ${name} of ${release}`),
          ]),
        ),
      ]
    }),
  )
}

function entries(value: unknown, fail: (reason: string) => never): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return fail('it is not of the shape that docs/formats/lock.md tells')
  return Object.entries(value)
}

const isName = (value: unknown): boolean =>
  typeof value === 'string' && /^[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?$/.test(value)

function isLocked(name: string, value: unknown): value is LockedPackage {
  const { version, origin, needs } = (value ?? {}) as Partial<LockedPackage>
  return (
    isName(name) &&
    typeof version === 'string' &&
    /^[0-9][\w.+~:-]*$/.test(version) &&
    typeof origin === 'string' &&
    Array.isArray(needs) &&
    needs.every(isName)
  )
}
