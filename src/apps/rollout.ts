import { setTimeout as sleep } from 'node:timers/promises'
import { type ErrorCode, type FettleError, asFettleError, problem } from '../base/errors.ts'
import type { Clock } from '../base/clock.ts'
import { inPortions } from '../base/portions.ts'
import type { App } from '../model/app.ts'
import { type Balancers, type Place, includes } from './balancers.ts'
import type { HostRollout } from './host-rollout.ts'
import { stopIfAsked } from './interruption.ts'
import type { Release } from './release.ts'
import type { Served, Serving } from './state.ts'
import { Watch } from './watch.ts'

/** What a rollout says while it goes on. */
export type RolloutEvent =
  | {
      readonly type: 'phase'
      readonly phase: Phase
      readonly hosts: readonly string[]
      readonly seconds: number
    }
  | { readonly type: 'put-back'; readonly error: FettleError }
  /** What a build prints, and other words for people. */
  | { readonly type: 'output'; readonly text: string }
  | { readonly type: 'note'; readonly text: string }
  /** An earlier one was; it had passed on all hosts, or is put back. */
  | { readonly type: 'interrupted'; readonly passed: boolean; readonly hosts: readonly string[] }

export type Phase =
  | 'upload'
  | 'build'
  | 'stage'
  | 'release command'
  | 'start'
  | 'switch'
  | 'watch'
  | 'finish'
  | 'tidy'
  | 'put back'

export interface Crew {
  readonly app: App
  readonly hosts: readonly HostRollout[]
  readonly balancers: Balancers
  /** The app answers with its maintenance page: nothing is switched. */
  readonly maintenance: boolean
  readonly clock: Clock
  readonly report: (event: RolloutEvent) => void
  /** Aborted: what is going on is put back. */
  readonly stop: AbortSignal
}

/**
 * Puts a release in the place of the one that serves: on some hosts at a time, beside the old one,
 * which goes on running until every host has passed. Throws after everything is as it was before.
 */
export async function rollOut(
  crew: Crew,
  served: Served,
  fresh: Release | undefined,
): Promise<void> {
  const touched: HostRollout[] = []
  const begin = (batch: readonly HostRollout[] = []): Promise<void> => {
    stopIfAsked(crew.stop)
    touched.push(...batch)
    return startBeside(crew, batch)
  }
  try {
    stopIfAsked(crew.stop)
    if (fresh) await stageEverywhere(crew, fresh)
    const [first, ...others] = batchesOf(crew)
    await begin(first)
    for (let batch = first; batch; batch = others.shift()) {
      // While these are watched the next ones start, without traffic: what takes long to start is
      // not waited for twice. How that ended is asked only when these have passed: what fails here
      // goes back at once.
      const next = begin(others[0])
      next.catch(() => undefined)
      await switchOver(crew, batch)
      await next
    }
  } catch (thrown) {
    throw await putBack(crew, touched, asFettleError(thrown), fresh?.command !== undefined)
  }
  await finish(crew, served)
}

async function stageEverywhere(crew: Crew, release: Release): Promise<void> {
  const { hosts } = crew
  await phase(crew, 'stage', hosts, () => each(hosts, (host) => host.stage(release)))
  const [first] = hosts
  if (release.command)
    await phase(crew, 'release command', [first!], () => first!.runReleaseCommand(release))
}

async function startBeside(crew: Crew, batch: readonly HostRollout[]): Promise<void> {
  if (batch.length === 0) return
  await phase(crew, 'start', batch, () => each(batch, (host) => host.begin()))
}

/** Traffic moves; then the new instances are watched while old ones finish what they are at. */
async function switchOver(crew: Crew, batch: readonly HostRollout[]): Promise<void> {
  const [old, fresh] = changing(batch)
  const watch = new Watch(crew, fresh, old)
  await phase(crew, 'switch', batch, async () => {
    if (!crew.maintenance) {
      await watch.begin()
      await crew.balancers.move(fresh, old)
    }
    await each(batch, (host) => host.switchWorkers())
  })
  await phase(crew, 'watch', batch, async () => {
    await watch.settled(batch)
    if (watch.draining === undefined) return
    await drained(crew, old, watch.draining)
    stopIfAsked(crew.stop)
  })
}

/** Until nobody is served by these any more, or so many seconds are over; then they get nothing more. */
export async function drained(
  { balancers, app, clock, stop }: Crew,
  places: readonly Place[],
  seconds: number = app.rollout.drain,
): Promise<void> {
  if (places.length === 0) return
  await balancers.untilIdle(places, seconds, clock, stop)
  if (!stop.aborted) await balancers.retire(places)
}

async function finish(crew: Crew, served: Served): Promise<void> {
  const { app, hosts } = crew
  try {
    await phase(crew, 'finish', hosts, () =>
      each(hosts, (host) => host.commit(served, host === hosts[0])),
    )
  } catch (thrown) {
    const error = asFettleError(thrown)
    if (error.code === 'lease-lost') throw error
    const details = { app: app.name, reason: error.message }
    throw problem('rollout-unfinished', details, { log: error.log })
  }
}

/** Nothing has moved when these are met, and they say so. */
const saysItself: ReadonlySet<ErrorCode> = new Set([
  'release-command-failed',
  'deploy-step-failed',
  'interrupted',
])

/** All hosts serve what they served before; the error says so, or what could not be put back. */
export async function putBack(
  crew: Crew,
  hosts: readonly HostRollout[],
  cause: FettleError,
  commandRan = false,
): Promise<FettleError> {
  // Another run has the app: what is to be done is its affair now.
  if (cause.code === 'lease-lost') return cause
  if (hosts.length === 0 && saysItself.has(cause.code)) return cause
  crew.report({ type: 'put-back', error: cause })
  const [, fresh] = changing(hosts)
  const failures: string[] = []
  const attempt = async (what: string, work: () => Promise<unknown>): Promise<boolean> => {
    try {
      await work()
      return true
    } catch (thrown) {
      failures.push(`${what}: ${asFettleError(thrown).message}`)
      return false
    }
  }
  await phase(crew, 'put back', hosts, async () => {
    // Their old instances never stopped running.
    if (!crew.maintenance) {
      const old = placesOf(hosts, 'current')
      const moved = await attempt('balancer', () =>
        patiently(() => crew.balancers.putBack(old, fresh)),
      )
      // The new instances may be all that a balancer knows: they go on until the next command.
      if (!moved) return
      const { drain } = crew.app.rollout
      await crew.balancers.untilIdle(fresh, drain, crew.clock).catch(() => undefined)
    }
    await Promise.all(hosts.map((host) => attempt(host.host.name, () => host.putBack())))
  })
  return putBackError(crew, hosts, cause, { failures, commandRan })
}

/** HAProxy may just be starting again. */
async function patiently(work: () => Promise<void>): Promise<void> {
  for (const pause of [1000, 3000]) {
    try {
      return await work()
    } catch {
      await sleep(pause)
    }
  }
  await work()
}

function putBackError(
  { app, hosts: all }: Crew,
  hosts: readonly HostRollout[],
  cause: FettleError,
  { failures, commandRan }: { readonly failures: readonly string[]; readonly commandRan: boolean },
): FettleError {
  const before = [...new Set(all.map(({ state }) => state.current?.release))]
  const [serving] = before
  const after = commandRan && hosts.length > 0 ? ' What its release command did stays done.' : ''
  const stands =
    failures.length > 0
      ? `Not everything could be put back (${failures.join('; ')}).`
      : hosts.length === 0
        ? 'No traffic had moved; nothing was changed about what serves.'
        : before.length === 1 && serving !== undefined
          ? `All hosts serve ${serving} again.`
          : serving === undefined && before.length === 1
            ? 'It had not served before, so nothing of it runs.'
            : 'Each host serves what it served before.'
  const state = stands + after
  const next =
    failures.length > 0
      ? 'The next command for this app tries again; `fettle ps` shows what runs.'
      : cause.next
  if (cause.code === 'interrupted' && failures.length === 0)
    return problem('interrupted', { state })
  return problem(
    'rollout-put-back',
    { app: app.name, reason: cause.message, state, next },
    { log: cause.log },
  )
}

/** Hosts that change at once: so many, and never all at once where there are several. */
function batchesOf({ app, hosts }: Crew): HostRollout[][] {
  return inPortions(hosts, Math.max(1, app.rollout.atOnce))
}

/** Slots that only serve now, and those that only are to. */
export function changing(hosts: readonly HostRollout[]): [old: Place[], fresh: Place[]] {
  const [all, wanted] = [placesOf(hosts, 'current'), placesOf(hosts, 'next')]
  const without = (some: readonly Place[], others: readonly Place[]): Place[] =>
    some.filter(({ host, slot }) => !includes(others, host.name, slot))
  return [without(all, wanted), without(wanted, all)]
}

export function placesOf(hosts: readonly HostRollout[], which: 'current' | 'next'): Place[] {
  return hosts.flatMap(({ host, state, next }) => {
    const serving: Serving | undefined = which === 'current' ? state.current : (next ?? state.next)
    return (serving?.slots ?? []).map((slot) => ({ host, slot }))
  })
}

/** Does the work, and reports how long it took. */
export async function phase(
  crew: Crew,
  name: Phase,
  hosts: readonly HostRollout[],
  work: () => Promise<unknown>,
): Promise<void> {
  const begun = crew.clock.elapsed()
  await work()
  crew.report({
    type: 'phase',
    phase: name,
    hosts: hosts.map(({ host }) => host.name),
    seconds: (crew.clock.elapsed() - begun) / 1000,
  })
}

/** All of them to their end, then the first failure: nothing goes on behind the back of what follows. */
export async function each(
  hosts: readonly HostRollout[],
  work: (host: HostRollout) => Promise<unknown>,
): Promise<void> {
  await settle(hosts.map(work))
}

async function settle(work: readonly Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(work)
  const failed = results.find((each) => each.status === 'rejected')
  if (failed) throw failed.reason
}
