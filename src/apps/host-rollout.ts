import { type FettleError, problem } from '../base/errors.ts'
import { redact } from '../base/secret.ts'
import { type Shell, lines, sh } from '../base/shell.ts'
import type { Hold } from '../engine/hold.ts'
import { type App, type AppHost, portOf, slotsOf } from '../model/app.ts'
import type { Answer, Frame } from '../transport/machine.ts'
import {
  ailing,
  awaitHealth,
  blamed,
  lastLog,
  lookAt,
  mainsOf,
  start,
  stop,
  stopAllBut,
  unitsOf,
  webUnits,
  workerUnits,
} from './instances.ts'
import { placeJobs } from './jobs.ts'
import { type Release, runReleaseCommand, stage } from './release.ts'
import {
  type AppState,
  type Served,
  type Serving,
  keep,
  keepHistory,
  keepMaintenance,
} from './state.ts'

/** What is to serve on a host. */
export interface Wanted {
  /** Of the rollout. */
  readonly id: string
  readonly release: string
  readonly commit: string | undefined
  /** How many of each process. */
  readonly counts: Readonly<Record<string, number>>
}

/** How many lines of a log an error shows. */
const logRows = 30

/** One app on one host while its release changes. Each step is one round trip. */
export class HostRollout {
  readonly host: AppHost
  readonly state: AppState
  readonly hold: Hold
  readonly #app: App
  /** What is to take the place of what serves; undefined before `plan`. */
  next: Serving | undefined
  /** The processes of its new instances when it was looked at last. */
  #mains: readonly string[] = []

  constructor(app: App, host: AppHost, state: AppState, hold: Hold) {
    this.#app = app
    this.host = host
    this.state = state
    this.hold = hold
  }

  /** Decides on slots that are free now. Throws `ports-taken` where others sit on them. */
  plan({ id, release, commit, counts }: Wanted): void {
    const { web = 0, ...workers } = counts
    const { scaled } = this.state.current ?? {}
    this.next = {
      id,
      release,
      ...(commit === undefined ? {} : { commit }),
      slots: this.#freeSlots(web),
      workers,
      ...(scaled ? { scaled } : {}),
    }
  }

  /** More or fewer instances of what serves; those that stay go on. */
  planCounts(id: string, counts: Readonly<Record<string, number>>): void {
    const current = this.state.current!
    const { web = 0, ...workers } = counts
    const kept = current.slots.slice(0, web)
    const slots = [...kept, ...this.#freeSlots(web - kept.length)]
    this.next = { ...current, id, slots, workers, scaled: counts }
  }

  #freeSlots(wanted: number): number[] {
    const { current, listening } = this.state
    const all = Array.from({ length: slotsOf(this.#app) }, (_, slot) => slot)
    const free = all.filter(
      (slot) => !current?.slots.includes(slot) && !listening.includes(portOf(this.#app, slot)),
    )
    if (free.length >= wanted) return free.slice(0, wanted)
    throw problem('ports-taken', {
      app: this.#app.name,
      host: this.host.name,
      wanted,
      first: portOf(this.#app, 0),
      last: portOf(this.#app, all.length - 1),
    })
  }

  /** Makes the release of its tree. */
  async stage(release: Release): Promise<void> {
    const { script, input } = stage(this.#app, release, this.host.address)
    const answer = await this.ask({ script, input }, 'making the release')
    if (answer.code !== 0) throw this.#failed('making the release', answer)
  }

  async runReleaseCommand(release: Release): Promise<void> {
    const script = runReleaseCommand(this.#app, release, this.host.address)
    const answer = await this.ask({ script }, 'its release command')
    if (answer.code === 0) return
    const log = tail(answer)
    throw problem(
      'release-command-failed',
      { app: this.#app.name, host: this.host.name, code: answer.code, reason: lastLine(log) },
      { log },
    )
  }

  /** Starts the new instances beside the old ones, and waits until they are well. */
  async begin(): Promise<void> {
    const next = this.next!
    const units = webUnits(this.#app, next)
    const script = lines(
      keep(this.#app.name, 'next', next),
      start(units),
      awaitHealth(this.#app, next, this.host.address),
    )
    await this.#must(script, units)
  }

  /** Waits until what serves is well, such as after a reboot. */
  async awaitWell(): Promise<void> {
    const current = this.state.current!
    await this.#must(
      awaitHealth(this.#app, current, this.host.address),
      webUnits(this.#app, current),
    )
  }

  /** Workers of two releases never run at once: the old ones end before the new ones begin. */
  async switchWorkers(): Promise<void> {
    const { current } = this.state
    const old = current ? workerUnits(this.#app, current) : []
    const fresh = workerUnits(this.#app, this.next!)
    const stays = (unit: string): boolean =>
      this.#scales && old.includes(unit) && fresh.includes(unit)
    const [ending, beginning] = [old, fresh].map((units) => units.filter((unit) => !stays(unit)))
    if (ending!.length + beginning!.length === 0) return
    await this.#must(lines(stop(ending!), start(beginning!), sh`:`), beginning!)
  }

  /** The instances are those that serve already, more or fewer of them. */
  get #scales(): boolean {
    const { current } = this.state
    return (
      this.next!.slots.some((slot) => current?.slots.includes(slot)) ||
      (this.next!.slots.length === 0 && current?.release === this.next!.release)
    )
  }

  /** Throws when a new instance is not well any more. */
  async check(): Promise<void> {
    const units = this.#freshUnits()
    const script = lookAt(units, this.#mains)
    const output = (await this.ask({ script }, 'looking at its instances')).output.toString()
    const [reason] = ailing(output)
    if (reason) throw await this.bad(reason, units)
    const mains = mainsOf(output)
    if (mains.length === units.length) this.#mains = mains
  }

  #freshUnits(): string[] {
    const { current } = this.state
    const old = this.#scales && current ? unitsOf(this.#app, current) : []
    return unitsOf(this.#app, this.next!).filter((unit) => !old.includes(unit))
  }

  /** From now on the new release is the one that serves, whatever happens. */
  async commit(served: Served | undefined, runsJobs: boolean): Promise<void> {
    const { name } = this.#app
    const next = this.next!
    const script = lines(
      sh`{ ${keep(name, 'current', next)}; } || exit 1`,
      served && keepHistory(name, served),
      stopAllBut(this.#app, unitsOf(this.#app, next)),
      placeJobs(this.#app, runsJobs ? next.release : undefined),
      keep(name, 'next', undefined),
    )
    await this.#must(script, [])
  }

  async keepMaintenance(on: boolean): Promise<void> {
    await this.#must(keepMaintenance(this.#app.name, on), [])
  }

  /** What served before is all that runs. */
  async putBack(): Promise<void> {
    const { current } = this.state
    const old = current ? unitsOf(this.#app, current) : []
    const next = this.next ?? this.state.next
    const workers = next ? workerUnits(this.#app, next) : []
    const script = lines(
      stop(workers.filter((unit) => !old.includes(unit))),
      start(old),
      stopAllBut(this.#app, old),
      keep(this.#app.name, 'next', undefined),
    )
    await this.#must(script, old)
  }

  /** An error about the new release, with what its instances said last. */
  async bad(reason: string, units: readonly string[]): Promise<FettleError> {
    const script = lastLog(blamed(units, reason), logRows)
    const answer = await this.ask({ script }, 'reading its log')
    return this.#bad(reason, tail(answer))
  }

  async #must(script: Shell, units: readonly string[]): Promise<void> {
    const answer = await this.ask({ script }, 'changing its instances')
    if (answer.code === 0) return
    const reason = lastLine(tail(answer)) || `exit code ${answer.code}`
    throw units.length > 0 ? await this.bad(reason, units) : this.#bad(reason, tail(answer))
  }

  #bad(reason: string, log: string): FettleError {
    const details = {
      app: this.#app.name,
      release: this.next?.release ?? this.state.current?.release ?? '',
      host: this.host.name,
      reason,
    }
    return problem('release-bad', details, { log })
  }

  /** Asks as root. */
  async ask(frame: Frame, doing: string): Promise<Answer> {
    const seconds = this.#app.health.within * 50 + this.#app.rollout.stop + 1860
    const error = (): FettleError =>
      problem('step-timeout', {
        host: this.host.name,
        resource: doing,
        seconds,
        state: 'The next command for this app puts back what is not finished.',
      })
    const [answer] = await this.hold.ask([{ user: 'root', ...frame }], { seconds, error })
    return answer!
  }

  #failed(doing: string, answer: Answer): FettleError {
    return problem(
      'deploy-step-failed',
      { app: this.#app.name, host: this.host.name, doing, reason: lastLine(tail(answer)) },
      { log: tail(answer) },
    )
  }
}

const tail = ({ output }: Answer): string =>
  redact(output.toString('utf8')).trimEnd().split('\n').slice(-logRows).join('\n')

const lastLine = (log: string): string => log.trim().split('\n').at(-1) ?? ''
