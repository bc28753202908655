import { setTimeout as sleep } from 'node:timers/promises'
import { type Place, type PlaceStats, includes } from './balancers.ts'
import type { HostRollout } from './host-rollout.ts'
import type { Crew } from './rollout.ts'
import { pace } from './pace.ts'
import { stopIfAsked } from './interruption.ts'
import { unitsOf } from './instances.ts'

/** What the balancers counted for some slots together. */
interface Count {
  readonly requests: number
  /** Of these an answer has begun. */
  readonly answered: number
  /** Under way, answered or not. */
  readonly current: number
  /** Answers 500 to 599, and requests that got none. */
  readonly failures: number
  /** Seconds until an answer began, on average over the last 1,024 of each slot. */
  readonly latency: number
}

const none: Count = { requests: 0, answered: 0, current: 0, failures: 0, latency: 0 }

/** Too few requests to say that a release is slow, or to tell its failures from those there always are. */
const enough = 20

/** Slower than this is slow, whatever the release before was. Seconds. */
const quick = 0.05

/** Failures that every app may have. */
const usual = 0.01

/**
 * Watches new instances after traffic has moved: that they go on, that the balancers find them well,
 * and that they answer no worse than the release before. Meanwhile the old ones finish what they are at.
 */
export class Watch {
  readonly #crew: Crew
  readonly #fresh: readonly Place[]
  readonly #old: readonly Place[]
  /** When the old ones get nothing more, idle or not; undefined when they get nothing already. */
  #drainUntil: number | undefined
  #before: Count = none
  #start = new Map<string, Count>()
  /** When there were how many requests. */
  readonly #seen: { readonly at: number; readonly requests: number }[] = []

  constructor(crew: Crew, fresh: readonly Place[], old: readonly Place[]) {
    this.#crew = crew
    this.#fresh = fresh
    this.#old = old
  }

  /** For how long old instances may yet finish what they are at, in seconds; undefined when they are done. */
  get draining(): number | undefined {
    if (this.#drainUntil === undefined) return undefined
    return Math.max(0, this.#drainUntil - this.#crew.clock.elapsed()) / 1000
  }

  /** Before traffic moves: how good the release before is, and what the slots have counted so far. */
  async begin(): Promise<void> {
    const [old, fresh] = await this.#stats()
    const { clock, app } = this.#crew
    if (this.#old.length > 0) this.#drainUntil = clock.elapsed() + app.rollout.drain * 1000
    this.#before = sum(old.map(countOf))
    this.#start = new Map(fresh.map((each) => [keyOf(each), countOf(each)]))
  }

  /** Throws `release-bad` as soon as something is wrong. */
  async settled(hosts: readonly HostRollout[]): Promise<void> {
    const { clock, app } = this.#crew
    const until = clock.elapsed() + app.rollout.settle * 1000
    // One that has not answered anything yet is watched on, for as long as an answer may take.
    const last = until + app.balance.timeout * 1000
    let mute = false
    let asked = 0
    do {
      stopIfAsked(this.#crew.stop)
      await sleep(Math.min(pace(asked++), Math.max(100, until - clock.elapsed())))
      const [now] = await Promise.all([
        this.#checkTraffic(hosts),
        ...hosts.map((host) => host.check()),
      ])
      mute = now.requests > 0 && now.answered === 0
      if (mute && (now.failures >= now.requests || clock.elapsed() > last))
        await this.#bad(
          hosts,
          this.#fresh[0]!.host.name,
          `none of its ${now.requests} requests got an answer`,
        )
    } while (mute || clock.elapsed() < until)
    stopIfAsked(this.#crew.stop)
  }

  /** What the new ones were asked and answered so far. Whether the old ones are done is heard at once. */
  async #checkTraffic(hosts: readonly HostRollout[]): Promise<Count> {
    if (this.#crew.maintenance || this.#fresh.length === 0) return none
    const [old, stats] = await this.#stats()
    const down = stats.find(({ status }) => status.startsWith('DOWN'))
    if (down)
      await this.#bad(
        hosts,
        down.host,
        `the balancer finds its slot ${down.slot} down (${down.checkStatus})`,
      )
    const now = sum(stats.map((each) => minus(countOf(each), this.#start.get(keyOf(each)))))
    const reason = this.#worse(now) ?? this.#stuck(now)
    if (reason) await this.#bad(hosts, stats[0]!.host, reason)
    await this.#retire(old)
    return now
  }

  /** The old ones get nothing more once they are idle, or the time for that is over. */
  async #retire(old: readonly PlaceStats[]): Promise<void> {
    const left = this.draining
    if (left === undefined) return
    const quiet = old.every(({ current, queue }) => current + queue === 0)
    if (left > 0 && !(quiet && (await this.#crew.balancers.isIdle(this.#old)))) return
    await this.#crew.balancers.retire(this.#old)
    this.#drainUntil = undefined
  }

  /** Requests that never get an answer are counted nowhere until they are given up. */
  #stuck({ requests, answered, current, failures }: Count): string | undefined {
    const { app, clock } = this.#crew
    const at = clock.elapsed()
    this.#seen.push({ at, requests })
    // Without one before it, nobody knows how long its answers may take.
    if (this.#before.requests === 0) return undefined
    const patience = Math.max(app.health.timeout, app.rollout.worse * this.#before.latency)
    const asked = this.#seen.findLast((each) => each.at <= at - patience * 1000)?.requests ?? 0
    const waiting = Math.min(current, asked - answered - failures)
    if (waiting < 3 || waiting * 2 < asked) return undefined
    return `${waiting} of its ${requests} requests have waited for an answer for more than ${patience.toFixed(1)} s`
  }

  #worse(now: Count): string | undefined {
    const { worse } = this.#crew.app.rollout
    const [rate, before] = [now, this.#before].map(rateOf) as [number, number]
    if (now.failures >= 3 && rate > worse * Math.max(before, usual))
      return `${now.failures} of its ${now.requests} answers failed (${percent(rate)}, before: ${percent(before)})`
    if (now.requests < enough || this.#before.requests < enough) return undefined
    if (now.latency <= worse * Math.max(this.#before.latency, quick)) return undefined
    return `it answers after ${now.latency.toFixed(2)} s, the release before did after ${this.#before.latency.toFixed(2)} s`
  }

  async #bad(hosts: readonly HostRollout[], name: string, reason: string): Promise<never> {
    const host = hosts.find((each) => each.host.name === name) ?? hosts[0]!
    throw await host.bad(reason, unitsOf(this.#crew.app, host.next!))
  }

  /** What the balancers say of the old slots and of the fresh ones. */
  async #stats(): Promise<[old: PlaceStats[], fresh: PlaceStats[]]> {
    const isOld = ({ host, slot }: PlaceStats): boolean => includes(this.#old, host, slot)
    const all = await this.#crew.balancers.stats([...this.#old, ...this.#fresh])
    return [all.filter(isOld), all.filter((each) => !isOld(each))]
  }
}

/** A slot as one balancer counts it. */
const keyOf = ({ balancer, host, slot }: PlaceStats): string => `${balancer} ${host} ${slot}`

const countOf = (each: PlaceStats): Count => ({
  requests: each.requests,
  answered: each.answered,
  current: each.current,
  failures: each.responses5xx + each.connectionErrors + each.responseErrors,
  latency: each.responseTime / 1000,
})

const minus = (now: Count, before: Count | undefined): Count => ({
  requests: now.requests - (before?.requests ?? 0),
  answered: now.answered - (before?.answered ?? 0),
  current: now.current,
  failures: now.failures - (before?.failures ?? 0),
  latency: now.latency,
})

/** Latencies weigh as much as there were requests. */
function sum(counts: readonly Count[]): Count {
  const total = (of: (each: Count) => number): number =>
    counts.reduce((all, each) => all + of(each), 0)
  const requests = total((each) => each.requests)
  const weighed = total((each) => each.latency * each.requests)
  return {
    requests,
    answered: total((each) => each.answered),
    current: total((each) => each.current),
    failures: total((each) => each.failures),
    latency: requests === 0 ? 0 : weighed / requests,
  }
}

const rateOf = ({ requests, failures }: Count): number => (requests === 0 ? 0 : failures / requests)

const percent = (rate: number): string => `${(rate * 100).toFixed(1)} %`
