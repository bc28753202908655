import type { Clock } from '../base/clock.ts'
import { type FettleError, asFettleError, problem } from '../base/errors.ts'
import { redact } from '../base/secret.ts'
import type { Shell } from '../base/shell.ts'
import { type Change, type Difference, type Kind, nothingPlanned } from '../model/kind.ts'
import { type Resource, idOf } from '../model/resource.ts'
import type { Answer, Frame, Limit, Machine, Session } from '../transport/machine.ts'
import { actionsOf, askedBy, dueActions, settledBy } from './actions.ts'
import type { Made, RunEvent } from './events.ts'
import { type Crossed, cross } from './crossing.ts'
import { failure, stateText } from './failure.ts'
import { Hold } from './hold.ts'
import { type Noted, note, onRecord, remember, strike, wasDone } from './journal.ts'
import type { Runner } from './lease.ts'
import { LockOutGuard } from './lock-out-guard.ts'
import { textOf } from './memory.ts'
import { observe, reread } from './observe.ts'
import type { HostPlan } from './plan.ts'
import { Risk } from './risk.ts'
import { nextStep } from './step.ts'
import { textDiff } from './text-diff.ts'

export interface ConvergeOptions {
  readonly kinds: ReadonlyMap<string, Kind>
  readonly clock: Clock
  /** Who runs, for others who meet this run on a host. */
  readonly runner: Runner
  readonly report: (event: RunEvent) => void
  /** Aborted: the step in hand is finished and no further one begun. */
  readonly stop: AbortSignal
  /** For one step. */
  readonly timeoutSeconds: number
}

/** A host with its plan and the session that it was read with. */
export interface Reached {
  readonly machine: Machine
  readonly session: Session
  readonly plan: HostPlan
}

/** One run on one host: the state of it between steps. */
export class HostRun {
  readonly made: Made[] = []
  readonly #plan: HostPlan
  readonly #options: ConvergeOptions
  readonly #hold: Hold
  readonly #guard: LockOutGuard
  readonly #risk: Risk
  /** What each resource was when its change was decided on, by id. */
  readonly #seen: Map<string, unknown>
  #noted: readonly Noted[] = []
  #todo: readonly Change[]
  #owed: readonly string[] = []
  #opaqueRan = false

  constructor({ machine, session, plan }: Reached, options: ConvergeOptions) {
    this.#plan = plan
    this.#options = options
    this.#risk = new Risk(plan, options.kinds, session.login)
    this.#hold = new Hold(machine, session, options.runner)
    const ask = async (frame: Frame, what: string): Promise<Answer> =>
      (await this.#ask([frame], what))[0]!
    this.#guard = new LockOutGuard(machine, this.#hold, this.#risk.lockOuts(), options.clock, ask)
    this.#todo = plan.changes
    this.#seen = new Map(plan.states)
    this.#owe(plan.owed)
  }

  /** What was planned and not done, actions included. */
  left(): string[] {
    return [...this.#todo.map(({ resource }) => idOf(resource)), ...this.#owed]
  }

  /** Takes the host, which remembers from now on also what is about to be made. */
  async begin(): Promise<void> {
    await this.#hold.take(this.#plan.journal, this.#limit('taking the host'))
    await this.#remember(this.#plan.memory.first)
  }

  /** All is made and proven. */
  async finish(): Promise<void> {
    await this.#guard.disarm()
    await this.#remember(this.#plan.memory.last)
  }

  /**
   * Gives the host back, however the run went. A guard that is still armed stays so: what was
   * changed about logging in and not put to the test is put back by the host, or by the next run.
   */
  async release(): Promise<FettleError | undefined> {
    try {
      await this.#hold.stopBeating()
      const isSafe = this.#guard.armed && !this.#isUntested() && (await this.#guard.isProven())
      if (isSafe) await this.#guard.disarm()
      // An armed guard keeps the host: what is read before it has put things back is soon not true.
      if (!this.#guard.armed) await this.#hold.release(this.#limit('giving the host back'))
      return undefined
    } catch (thrown) {
      return asFettleError(thrown)
    }
  }

  async applyChanges(): Promise<void> {
    while (this.#todo.length > 0) {
      this.#stopIfAsked()
      const step = nextStep(this.#todo, this.#options.kinds)
      const kind = this.#kindOf(step[0]!.resource)
      const changes = await this.#resolve(kind, step)
      this.#todo = [...changes, ...this.#todo.slice(step.length)]
      await this.#apply(kind, changes)
    }
  }

  /** Restarts, reloads and the like that changes asked for, each once. */
  async doActions(): Promise<void> {
    for (const { resource, action, notes } of dueActions(
      this.#noted,
      this.#plan.all,
      this.#options.kinds,
    )) {
      this.#stopIfAsked()
      const label = `${action} ${idOf(resource)}`
      this.#options.report({ type: 'step-begun', host: this.#plan.host, ids: [label] })
      const begun = this.#options.clock.elapsed()
      const script = this.#kindOf(resource).actions![action]!(resource)
      const risky =
        this.#risk.lockOutOf(resource) !== undefined ||
        notes.some(({ cause }) => this.#risk.has(cause))
      if (risky) await this.#guard.arm()
      const key = `${this.#options.runner.id} ${label}`
      const isRoot = (resource.user ?? this.#hold.session.login) === 'root'
      const frame = {
        script: risky && isRoot ? onRecord(script, key) : script,
        user: resource.user,
      }
      const crossed = await this.#cross(risky, [frame], label)
      const [answer] =
        'lost' in crossed
          ? await this.#ask([{ script: wasDone(key), user: 'root' }], label)
          : crossed.answers
      if ('lost' in crossed && answer!.code !== 0)
        throw this.#answerLost(label, 'whether it was done is not known, so it stays noted')
      if (answer!.code !== 0) throw this.#failure('action-failed', label, answer!)
      await this.#strike(notes)
      const causes = [...new Set(notes.map(({ cause }) => cause))].join(', ')
      this.#madeOne({
        id: idOf(resource),
        verb: 'action',
        summary: `${action} for ${causes}`,
        seconds: this.#since(begun),
      })
    }
  }

  /**
   * Reads everything once more when a step ran whose effects reach beyond its own resource, so
   * that a package or command that undid an earlier step is an error and not a surprise next time.
   */
  async checkAll(): Promise<void> {
    if (!this.#opaqueRan) return
    const { resources } = this.#plan
    const limit = this.#limit('reading everything again')
    const { session } = this.#hold
    const { states, unread } = await observe(session, resources, this.#options.kinds, limit)
    for (const lacksUser of unread.values()) throw lacksUser
    for (const resource of resources)
      this.#checkTaken(this.#kindOf(resource), [resource], [states.get(idOf(resource))])
  }

  /** Settles what was unknown when the plan was made: reads it now and keeps what does differ. */
  async #resolve(kind: Kind, step: readonly Change[]): Promise<Change[]> {
    if (step[0]!.difference.verb !== 'unknown') return [...step]
    const resources = step.map(({ resource }) => resource)
    const reading = reread(kind, resources, this.#plan.host)
    const [answer] = await this.#ask([reading.frame], idOf(resources[0]!))
    const states = reading.states(answer!.output)
    return resources.flatMap((resource, i) => {
      const state = states[i]
      this.#seen.set(idOf(resource), state)
      const difference = kind.diff(resource, state, nothingPlanned)
      if (difference) return [{ resource, state, difference }]
      this.#options.report({ type: 'needless', host: this.#plan.host, id: idOf(resource) })
      return []
    })
  }

  async #apply(kind: Kind, changes: readonly Change[]): Promise<void> {
    if (changes.length === 0) return
    const { report, clock } = this.#options
    const resources = changes.map(({ resource }) => resource)
    const ids = resources.map(idOf)
    report({ type: 'step-begun', host: this.#plan.host, ids })
    const begun = clock.elapsed()
    const risky = resources.some((each) => this.#risk.lockOutOf(each))
    if (risky) await this.#guard.arm()
    await this.#noteNotifications(resources)
    const settled = changes.flatMap((change) => settledBy(change, this.#noted))
    const { script, input } = kind.apply(changes)
    const reading = reread(kind, resources, this.#plan.host)
    const what = ids.join(', ')
    const crossed = await this.#cross(
      risky,
      [
        {
          script,
          input,
          user: resources[0]!.user,
          onOutput: (chunk) => report({ type: 'output', host: this.#plan.host, chunk }),
        },
        reading.frame,
      ],
      what,
    )
    const seconds = this.#since(begun)
    const [answer, after] =
      'lost' in crossed
        ? [undefined, (await this.#ask([reading.frame], what))[0]!]
        : (crossed.answers as [Answer, Answer])
    if (answer && answer.code !== 0)
      throw await this.#stepFailed(kind, changes, [answer, after], seconds)
    const states = reading.states(after.output)
    const missing = answer ? undefined : await this.#madeBefore(kind, changes, states, seconds)
    if (missing) throw this.#answerLost(idOf(missing), 'it is not as described')
    this.#checkTaken(kind, resources, states)
    this.#opaqueRan ||= kind.opaque === true
    await this.#strike(settled)
    await this.#madeAll(kind, changes, states, seconds)
  }

  /** The first that is not as described is what failed, where they were made one after the other. */
  async #stepFailed(
    kind: Kind,
    changes: readonly Change[],
    [answer, after]: readonly [Answer, Answer],
    seconds: number,
  ): Promise<FettleError> {
    const resources = changes.map(({ resource }) => resource)
    const ids = resources.map(idOf)
    if (kind.batch !== 'in order') return this.#failure('step-failed', ids.join(', '), answer)
    const states = reread(kind, resources, this.#plan.host).states(after.output)
    const first = await this.#madeBefore(kind, changes, states, seconds)
    return this.#failure('step-failed', first ? idOf(first) : ids.join(', '), answer)
  }

  /** Of changes made in order: counts those as made before the first that is not, and gives that. */
  async #madeBefore(
    kind: Kind,
    changes: readonly Change[],
    states: readonly unknown[],
    seconds: number,
  ): Promise<Resource | undefined> {
    const at = changes.findIndex(({ resource }, i) => this.#stillDiffers(kind, resource, states[i]))
    if (kind.batch === 'in order' && at > 0)
      await this.#madeAll(kind, changes.slice(0, at), states, seconds)
    return changes[at]?.resource
  }

  async #madeAll(
    kind: Kind,
    changes: readonly Change[],
    states: readonly unknown[],
    seconds: number,
  ): Promise<void> {
    this.#todo = this.#todo.slice(changes.length)
    for (const [i, change] of changes.entries()) {
      const diff = await textDiff(change.difference)
      const summary = kind.outcome?.(change, states[i]) ?? change.difference.summary
      this.#madeOne({
        id: idOf(change.resource),
        verb: change.difference.verb as Made['verb'],
        summary: redact(summary),
        ...(diff ? { diff } : {}),
        seconds,
      })
    }
  }

  async #noteNotifications(resources: readonly Resource[]): Promise<void> {
    const wanted = resources.flatMap(askedBy)
    if (wanted.length === 0) return
    const isSame = (one: Noted, other: Noted): boolean =>
      one.target === other.target && one.action === other.action
    const fresh = wanted.filter(
      (each, i) => ![...this.#noted, ...wanted.slice(0, i)].some((before) => isSame(before, each)),
    )
    if (fresh.length > 0) await this.#keepNotes('noting what to do at the end', note(fresh))
    this.#owe([...this.#noted, ...wanted])
  }

  async #strike(notes: readonly Noted[]): Promise<void> {
    if (notes.length === 0) return
    await this.#keepNotes('striking out what is done', strike(notes))
    this.#owe(this.#noted.filter((each) => !notes.includes(each)))
  }

  async #keepNotes(what: string, script: Shell): Promise<void> {
    const [answer] = await this.#ask([{ script, user: 'root' }], what)
    if (answer!.code !== 0) throw this.#failure('step-failed', what, answer!)
  }

  #owe(noted: readonly Noted[]): void {
    this.#noted = noted
    this.#owed = actionsOf(dueActions(noted, this.#plan.all, this.#options.kinds))
  }

  #checkTaken(kind: Kind, resources: readonly Resource[], states: readonly unknown[]): void {
    for (const [i, resource] of resources.entries()) {
      const still = this.#stillDiffers(kind, resource, states[i])
      if (still)
        throw problem('change-did-not-take', {
          host: this.#plan.host,
          resource: idOf(resource),
          difference: redact(`${still.verb} ${still.summary}`),
          state: this.#state(),
        })
    }
  }

  #stillDiffers(kind: Kind, resource: Resource, after: unknown): Difference | undefined {
    const seen = this.#seen.get(idOf(resource))
    const state = seen === undefined ? after : (kind.asPlanned?.(seen, after) ?? after)
    return kind.diff(resource, state, nothingPlanned)
  }

  #ask(frames: readonly Frame[], resource: string): Promise<Answer[]> {
    return this.#hold.ask(frames, this.#limit(resource))
  }

  /** With a new login after what may lock us out. */
  async #cross(risky: boolean, frames: readonly Frame[], what: string): Promise<Crossed> {
    if (!risky) return { answers: await this.#ask(frames, what) }
    try {
      return await cross(this.#hold, this.#guard, frames, what, this.#limit(what))
    } catch (thrown) {
      if (this.#guard.fired) this.#isBack()
      throw thrown
    }
  }

  /** What the host has put back is not made, but left. */
  #isBack(): void {
    const kept = this.made.filter(({ id }) => !this.#risk.has(id))
    const back = this.made.filter(({ id }) => this.#risk.has(id)).map(({ id }) => id)
    this.made.splice(0, this.made.length, ...kept)
    const again = this.#plan.changes.filter(({ resource }) => back.includes(idOf(resource)))
    this.#todo = [...again, ...this.#todo]
  }

  async #remember(memory: readonly string[] | undefined): Promise<void> {
    if (memory === undefined) return
    const frame = { script: remember, input: textOf(memory), user: 'root' }
    const [answer] = await this.#ask([frame], 'remembering what is managed')
    if (answer!.code !== 0)
      throw this.#failure('step-failed', 'remembering what is managed', answer!)
  }

  /** Something that may lock out was changed, and what makes it hold has not been done yet. */
  #isUntested(): boolean {
    return this.#noted.some(({ cause }) => this.#risk.has(cause))
  }

  #limit(resource: string): Limit {
    const seconds = this.#options.timeoutSeconds
    const error = (): FettleError =>
      problem('step-timeout', { host: this.#plan.host, resource, seconds, state: this.#state() })
    return { seconds, error }
  }

  #failure(code: 'step-failed' | 'action-failed', what: string, answer: Answer): FettleError {
    return failure(code, this.#plan.host, what, answer, this.#state())
  }

  #answerLost(resource: string, finding: string): FettleError {
    const { host } = this.#plan
    return problem('answer-lost', { host, resource, finding, state: this.#state() })
  }

  /** What state the host is in now, for an error. */
  #state(): string {
    return stateText(this.made.length, this.left(), this.#owed)
  }

  #stopIfAsked(): void {
    if (this.#options.stop.aborted) throw problem('interrupted', { state: this.#state() })
  }

  #kindOf(resource: Resource): Kind {
    return this.#options.kinds.get(resource.kind)!
  }

  #since(begun: number): number {
    return (this.#options.clock.elapsed() - begun) / 1000
  }

  #madeOne(made: Made): void {
    this.made.push(made)
    this.#options.report({ type: 'made', host: this.#plan.host, made })
  }
}
