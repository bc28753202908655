import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../base/clock.ts'
import { type FettleError, problem } from '../base/errors.ts'
import { type Shell, lines, sh } from '../base/shell.ts'
import { type SlotChange, liveSlots, readConfig, setSlots } from '../balancer/slots.ts'
import { type SlotStats, countOldWorkers, parseStats, readStats } from '../balancer/socket.ts'
import { type AppDescription, type AppHost, portOf } from '../model/app.ts'
import type { Session } from '../transport/machine.ts'
import { pace } from './pace.ts'

/** A slot of one of the app's hosts. */
export interface Place {
  readonly host: AppHost
  readonly slot: number
}

/** What one balancer says of a slot. */
export interface PlaceStats extends SlotStats {
  readonly balancer: string
}

/** What a balancer has printed. */
interface Said {
  readonly host: string
  readonly output: string
}

type Balanced = Pick<AppDescription, 'name' | 'port'>

/** The balancers in front of an app, which are all told the same. */
export class Balancers {
  readonly #app: Balanced
  readonly #sessions: readonly Session[]

  constructor(app: Balanced, sessions: readonly Session[]) {
    this.#app = app
    this.#sessions = sessions
  }

  /** Logs in, so that nobody has to wait for that later; where it fails, what is asked then says so. */
  connect(): void {
    for (const session of this.#sessions) session.run([{ script: sh`:` }]).catch(() => undefined)
  }

  /**
   * `fresh` take traffic from now on, and `old` no new clients: those that stick to one still come. First
   * every balancer must reach the fresh ones.
   */
  async move(fresh: readonly Place[], old: readonly Place[]): Promise<void> {
    const reach = this.#reach(fresh)
    const set = setSlots([...this.#changes(fresh, 'ready'), ...this.#changes(old, 'drain')])
    if (this.#sessions.length === 1) {
      await this.#askAll(lines(reach, set))
      return
    }
    await this.#askAll(reach)
    await this.#askAll(set)
  }

  /** Nothing more for these; what they are at is finished. */
  async retire(places: readonly Place[]): Promise<void> {
    await this.#askAll(setSlots(this.#changes(places, 'maint')))
  }

  /** Back to what took traffic before, whatever can be reached. */
  async putBack(old: readonly Place[], fresh: readonly Place[]): Promise<void> {
    await this.#askAll(setSlots([...this.#changes(old, 'ready'), ...this.#changes(fresh, 'maint')]))
  }

  /** Those of these slots that some balancer gives no traffic to. */
  async missing(places: readonly Place[]): Promise<Place[]> {
    if (places.length === 0) return []
    const answers = await this.#askAll(readConfig)
    const live = answers.map(({ output }) => liveSlots(output).get(this.#app.name))
    return places.filter(
      ({ host, slot }) => !live.every((each) => each?.get(host.name)?.includes(slot)),
    )
  }

  /** The slots of a host that some balancer gives traffic to. */
  async live(host: AppHost): Promise<Place[]> {
    const answers = await this.#askAll(readConfig)
    const slots = answers.flatMap(
      ({ output }) => liveSlots(output).get(this.#app.name)?.get(host.name) ?? [],
    )
    return [...new Set(slots)].map((slot) => ({ host, slot }))
  }

  /** What the balancers say of these slots. */
  async stats(places: readonly Place[]): Promise<PlaceStats[]> {
    if (places.length === 0) return []
    const answers = await this.#askAll(readStats(this.#app.name))
    return answers.flatMap((answer) => statsOf(places, answer))
  }

  /** Until they are idle, so many seconds are over, or it is told to stop, which ends it at once. */
  async untilIdle(
    places: readonly Place[],
    seconds: number,
    clock: Clock,
    stop?: AbortSignal,
  ): Promise<void> {
    const until = clock.elapsed() + seconds * 1000
    const left = (): number => (stop?.aborted ? 0 : Math.max(0, until - clock.elapsed()))
    for (let asked = 0; places.length > 0 && left() > 0; asked++) {
      if (await this.isIdle(places)) return
      // What it rejects with is that it was told to stop, which `left` says.
      await sleep(Math.min(pace(asked), left()), undefined, { signal: stop }).catch(() => undefined)
    }
  }

  /** Nobody is served by these any more, nor can be by a HAProxy that was replaced by a reload. */
  async isIdle(places: readonly Place[]): Promise<boolean> {
    // In this order: a reload in between is seen.
    const script = lines(sh`${readStats(this.#app.name)} || exit 1`, countOldWorkers)
    const answers = await this.#askAll(script)
    return answers.every(({ host, output }) => {
      const rows = output.trimEnd().split('\n')
      const old = Number(rows.pop())
      const stats = statsOf(places, { host, output: rows.join('\n') })
      return old === 0 && stats.every(({ current, queue }) => current + queue === 0)
    })
  }

  #changes(places: readonly Place[], state: SlotChange['state']): SlotChange[] {
    return places.map(({ host, slot }) => ({ app: this.#app.name, host: host.name, slot, state }))
  }

  #reach(places: readonly Place[]): Shell {
    return lines(
      ...places.map(({ host, slot }) => {
        const port = portOf(this.#app, slot)
        const address = host.address.includes(':') ? `[${host.address}]` : host.address
        return sh`socat -u OPEN:/dev/null ${`TCP:${address}:${port},connect-timeout=3`} 2>/dev/null || { echo ${`it does not reach ${host.name} on port ${port}: is there a firewall in between?`}; exit 1; }`
      }),
      sh`:`,
    )
  }

  #askAll(script: Shell): Promise<Said[]> {
    return Promise.all(this.#sessions.map((session) => this.#ask(session, script)))
  }

  async #ask(session: Session, script: Shell): Promise<Said> {
    const error = (): FettleError => this.#failed(session, 'it did not answer within 90 s')
    const [answer] = await session.run([{ script, user: 'root' }], { seconds: 90, error })
    const output = answer!.output.toString()
    if (answer!.code !== 0)
      throw this.#failed(session, output.trim().split('\n').at(-1) || `exit code ${answer!.code}`)
    return { host: session.host, output }
  }

  #failed({ host }: Session, reason: string): FettleError {
    return problem('balancer-failed', { app: this.#app.name, host, reason })
  }
}

/** Whether a slot of a host is one of these. */
export const includes = (places: readonly Place[], host: string, slot: number): boolean =>
  places.some((each) => each.host.name === host && each.slot === slot)

const statsOf = (places: readonly Place[], { host: balancer, output }: Said): PlaceStats[] =>
  parseStats(output).flatMap((each) =>
    includes(places, each.host, each.slot) ? [{ ...each, balancer }] : [],
  )
