import { type FettleError, asFettleError, problem } from '../base/errors.ts'
import { redact } from '../base/secret.ts'
import type { Shell } from '../base/shell.ts'
import { limited } from '../engine/limited.ts'
import { survey } from '../engine/survey.ts'
import type { FleetHost } from '../model/fleet.ts'
import { type Locking, type LockedRelease, type Lock } from '../model/lock.ts'
import type { Resource } from '../model/resource.ts'
import { kinds } from '../resources/kinds.ts'
import {
  type Basis,
  type Choice,
  type Closure,
  type Gone,
  basisScript,
  closureScript,
  lockedAs,
  parseBasis,
  parseClosure,
  yieldingFor,
} from '../resources/package-closure.ts'
import { type PackageDesired, fits } from '../resources/package-state.ts'
import type { Session } from '../transport/machine.ts'
import { type Context, type Flags, closeAll } from './context.ts'

/** What may be chosen anew, given all that is locked for a release and what apt would choose today. */
export type Choose = (
  locked: LockedRelease,
  newest: () => Promise<LockedRelease>,
) => Promise<Choice>

/** What a host said. */
export interface Asked extends Locking {
  /** What it would be if nothing were locked; where that was asked for. */
  readonly newest?: LockedRelease
  /** Locked versions that its sources do not have, and what they have. */
  readonly gone: readonly Gone[]
}

export interface Answers {
  readonly asked: readonly Asked[]
  readonly errors: readonly FettleError[]
}

type Described = Resource<PackageDesired>

/** A host that is asked, for all of its release with the same packages. */
interface Asking {
  readonly host: FleetHost
  readonly session: Session
  readonly described: readonly Described[]
}

/** Asks one host of each release and description of packages. Nothing but apt's lists is changed. */
export async function askHosts(
  context: Context,
  flags: Flags,
  lock: Lock,
  choose: Choose,
): Promise<Answers> {
  const { parallel, timeout: timeoutSeconds } = flags
  const surveyed = await survey(context.fleet, context.hosts, context.machineOf, {
    kinds,
    knownFacts: context.project.knownFacts(),
    only: ['package'],
    parallel,
    timeoutSeconds,
  })
  try {
    const askings = new Map<string, Asking>()
    for (const each of surveyed) {
      if ('error' in each) continue
      const described = each.plan.resources.filter(({ absent }) => !absent) as Described[]
      const { os, architecture } = each.facts
      const wishes = described.map(({ name, desired }) => [name, desired])
      const key = JSON.stringify([os, architecture, wishes])
      if (described.length > 0 && !askings.has(key)) askings.set(key, { ...each, described })
    }
    const answers = await limited(parallel, [...askings.values()], (each) =>
      new Question(each, timeoutSeconds, lock).ask(choose).catch(asFettleError),
    )
    return {
      asked: answers.flatMap((each) => (each instanceof Error ? [] : [each])),
      errors: [
        ...surveyed.flatMap((each) => ('error' in each ? [each.error] : [])),
        ...answers.flatMap((each) => (each instanceof Error ? [each] : [])),
      ],
    }
  } finally {
    await closeAll(surveyed)
  }
}

class Question {
  readonly #asking: Asking
  readonly #seconds: number
  readonly #lock: Lock

  constructor(asking: Asking, seconds: number, lock: Lock) {
    this.#asking = asking
    this.#seconds = seconds
    this.#lock = lock
  }

  async ask(choose: Choose): Promise<Asked> {
    const { host, described } = this.#asking
    const basis = parseBasis(await this.#run(basisScript))
    const { release } = basis
    const locked = this.#lock.get(release) ?? new Map()
    let known: Promise<LockedRelease> | undefined
    const newest = (): Promise<LockedRelease> =>
      (known ??= this.#closure(basis, { keep: new Map() }).then(({ packages }) => packages))
    const choice = describedAnew(await choose(locked, newest), described, basis.native)
    const closure = await this.#closure(basis, choice)
    const packages = lockedAs(closure, choice)
    const gone = closure.gone.filter(({ name, version }) => packages.get(name)?.version === version)
    const names = described.map(({ name }) => withoutNative(name, basis.native))
    const today = known && { newest: await known }
    return { host: host.name, release, described: names, packages, gone, ...today }
  }

  /** Asks again while something needs a package of the base in one exact version: it is locked too. */
  async #closure(basis: Basis, choice: Choice): Promise<Closure> {
    const locked = this.#lock.get(basis.release)
    const further = basis.base.map(({ name }) => name).filter((name) => locked?.has(name))
    let { loose = [] } = choice
    for (;;) {
      const now = { ...choice, loose }
      const script = closureScript(this.#asking.described, further, basis, now)
      const closure = parseClosure(await this.#run(script), basis, now)
      const gone = closure.gone.map(({ name }) => name)
      const more = closure.exact.filter((name) => !further.includes(name))
      if (closure.failed !== undefined) {
        if (loose.length > 0 || gone.length === 0) throw this.#failure(closure.failed)
        // What comes instead of them needs other versions of what they need.
        loose = yieldingFor(choice.keep, gone)
      } else if (more.length > 0) further.push(...more)
      else return closure
    }
  }

  async #run(script: Shell): Promise<Buffer> {
    const { host, session } = this.#asking
    const seconds = this.#seconds
    const error = (): FettleError =>
      problem('host-timeout', {
        host: host.name,
        seconds,
        state: 'fettle.lock was not changed.',
      })
    const [answer] = await session.run([{ script, user: 'root' }], { seconds, error })
    if (answer!.code === 0) return answer!.output
    const log = redact(answer!.output.toString('utf8')).trim()
    throw this.#failure(log.split('\n').at(-1) || 'it printed nothing', log)
  }

  #failure(reason: string, log?: string): FettleError {
    const next = reason.startsWith('no source has')
      ? 'Correct the name. If the description brings the source too: `fettle up --only apt-repository` first.'
      : 'Correct the cause (`fettle lock --upgrade NAME` where versions that are locked stand in the way), then run again.'
    return problem('lock-failed', { host: this.#asking.host.name, reason, next }, { log })
  }
}

const withoutNative = (name: string, native: string): string =>
  name.endsWith(`:${native}`) ? name.slice(0, -native.length - 1) : name

/** What is described in another version than the one that is locked is not kept. */
function describedAnew(
  { keep, yielding = [] }: Choice,
  described: readonly Described[],
  native: string,
): Choice {
  const other = described
    .map(({ name, desired }) => ({ name: withoutNative(name, native), wanted: desired.version }))
    .filter(({ name, wanted }) => keep.has(name) && !fits(keep.get(name)!.version, wanted))
    .map(({ name }) => name)
  return {
    keep: new Map([...keep].filter(([name]) => !other.includes(name))),
    yielding: [...yielding, ...yieldingFor(keep, other)],
  }
}
