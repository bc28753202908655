import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../base/clock.ts'
import { type FettleError, asFettleError, problem } from '../base/errors.ts'
import { Hold } from '../engine/hold.ts'
import type { Lease, Runner } from '../engine/lease.ts'
import { awaitTurn } from '../engine/turn.ts'
import { type App, type AppHost, type PlacedApp, userOf } from '../model/app.ts'
import { placeOf } from '../model/place.ts'
import type { Limit, Machine, Session } from '../transport/machine.ts'
import { Balancers } from './balancers.ts'
import { HostRollout } from './host-rollout.ts'
import { balance } from './pool.ts'
import { recover } from './recovery.ts'
import type { Crew, RolloutEvent } from './rollout.ts'
import { type AppState, parseState, readState } from './state.ts'

/** Everything that a change of what an app serves with has to be handed. */
export interface DeliveryOptions {
  readonly runner: Runner
  readonly clock: Clock
  readonly machineOf: (host: string) => Machine
  /** Names of the hosts with the balancers. */
  readonly balancers: readonly string[]
  readonly stop: AbortSignal
  readonly report: (event: RolloutEvent) => void
  readonly waiting: (waiting: { readonly host: string; readonly lease: Lease }) => void
  readonly hasEnded: (runner: Runner) => boolean
}

/** An app that this run has to itself, on all its hosts. */
export class Delivery {
  readonly app: App
  readonly #options: DeliveryOptions
  readonly #sessions: Session[] = []
  readonly #holds: Hold[] = []
  readonly #balancers: Balancers
  #crew: Crew | undefined

  private constructor(app: App, options: DeliveryOptions) {
    this.app = app
    this.#options = options
    this.#balancers = new Balancers(
      app,
      options.balancers.map((name) => this.#open(options.machineOf(name))),
    )
  }

  /** Waits for its turn, and finishes or puts back what an interrupted rollout left. */
  static async open({ app, hosts }: PlacedApp, options: DeliveryOptions): Promise<Delivery> {
    const made = new Delivery(app, options)
    try {
      made.#balancers.connect()
      const [first, ...others] = await Promise.all(hosts.map((host) => made.#approach(host)))
      // The first host decides whose turn it is: nobody then waits for somebody who waits for them.
      const taken = [await made.#take(first!)]
      // All of them to their end: what is taken after a failure would never be given back.
      const takes = await Promise.allSettled(others.map((each) => made.#take(each)))
      for (const each of takes) {
        if (each.status === 'rejected') throw each.reason
        taken.push(each.value)
      }
      made.#crew = made.#crewOf(
        taken,
        taken.map(({ state }) => state),
      )
      if (await recover(made.crew)) await made.refresh()
      await balance(made.crew)
      return made
    } catch (thrown) {
      await made.close()
      throw thrown
    }
  }

  /** Of this change, on record and on the hosts. */
  get id(): string {
    return this.#options.runner.id
  }

  get crew(): Crew {
    return this.#crew!
  }

  /** Reads again what the hosts know. */
  async refresh(): Promise<void> {
    const { hosts } = this.crew
    const states = await Promise.all(
      hosts.map(async ({ host, hold }) => read(this.app, host.name, hold)),
    )
    this.#crew = this.#crewOf(hosts, states)
  }

  /** Gives the app back to others. */
  async close(): Promise<void> {
    await Promise.allSettled(
      this.#holds.map(async (hold) => {
        await hold.stopBeating()
        await hold.release(limitOf('giving the app back'))
      }),
    )
    await Promise.allSettled(this.#sessions.map((session) => session.close()))
  }

  #crewOf(hosts: readonly Pick<HostRollout, 'host' | 'hold'>[], states: readonly AppState[]): Crew {
    const { clock, report, stop } = this.#options
    return {
      app: this.app,
      hosts: hosts.map(({ host, hold }, i) => new HostRollout(this.app, host, states[i]!, hold)),
      balancers: this.#balancers,
      maintenance: states.some(({ maintenance }) => maintenance),
      clock,
      report,
      stop,
    }
  }

  #open(machine: Machine): Session {
    const session = machine.open()
    this.#sessions.push(session)
    return session
  }

  async #approach(host: AppHost): Promise<Approached> {
    const machine = this.#options.machineOf(host.name)
    const session = this.#open(machine)
    return { host, machine, session, state: await read(this.app, host.name, session) }
  }

  async #take({ host, machine, session, state: first }: Approached): Promise<HostRollout> {
    const { runner, waiting, hasEnded } = this.#options
    const place = placeOf(this.app.name)
    for (let known: AppState | undefined = first; ; known = undefined) {
      const state = known ?? (await read(this.app, host.name, session))
      if (!state.prepared)
        throw problem('app-not-prepared', { app: this.app.name, host: host.name })
      const { lease } = state.journal
      const turn = { takeOver: false, queues: true, place, hasEnded, report: waiting }
      if (lease) {
        await awaitTurn(session, lease, turn)
        continue
      }
      const hold = new Hold(machine, session, runner, undefined, place)
      try {
        await hold.take(state.journal, limitOf(host.name))
      } catch (thrown) {
        if (!['lease-held', 'host-moved'].includes(asFettleError(thrown).code)) throw thrown
        await sleep(500)
        continue
      }
      this.#holds.push(hold)
      return new HostRollout(this.app, host, state, hold)
    }
  }
}

/** A host with what it knew when it was first asked. Taking it fails should that have changed since. */
interface Approached {
  readonly host: AppHost
  readonly machine: Machine
  readonly session: Session
  readonly state: AppState
}

interface Asked {
  readonly host?: string
  run?: Session['run']
  ask?: Hold['ask']
}

/** What one host knows of the app. */
async function read(app: App, host: string, over: Asked): Promise<AppState> {
  const frames = [{ script: readState(app.name, userOf(app.name)) }]
  const answers = over.ask
    ? await over.ask(frames, limitOf(host))
    : await over.run!(frames, limitOf(host))
  return parsed(host, answers[0]!.output)
}

/** What one host knows of an app, without having it. */
export async function readAppState(app: App, session: Session): Promise<AppState> {
  return read(app, session.host, session)
}

function parsed(host: string, output: Buffer): AppState {
  try {
    return parseState(output)
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown)
    throw problem('read-failed', { host, resource: 'what it knows of the app', reason })
  }
}

function limitOf(host: string): Limit {
  const state = 'Nothing was changed about what serves.'
  return {
    seconds: 60,
    error: (): FettleError => problem('host-timeout', { host, seconds: 60, state }),
  }
}
