import { type FettleError, asFettleError, problem } from '../base/errors.ts'
import { type Shell, lines, sh } from '../base/shell.ts'
import type { Answer, Frame, Limit, Machine, Session } from '../transport/machine.ts'
import { type Journal, ownShell } from './journal.ts'
import {
  type Runner,
  fence,
  fenceAgainstOthers,
  lost,
  moveIn,
  parseLease,
  release,
  renew,
  runnerText,
  take,
} from './lease.ts'
import { folder, leaseTerm } from '../model/place.ts'

/**
 * A host that this run has to itself. Everything it is asked goes behind a fence: should another run
 * have taken over, nothing more is done. Steps that take long are bridged by signs of life over a
 * session of their own, so that they come from Fettle and end when it does.
 */
export class Hold {
  readonly #machine: Machine
  #session: Session
  readonly #runner: Runner
  /** What else a sign of life does on the host. */
  onBeat: Shell | undefined
  #beats: Session | undefined
  #timer: NodeJS.Timeout | undefined
  #beating = false
  #held = false
  /** Opened here, so it is closed here. */
  #reopened = false
  /** The lease names a shell that is none of this connection. */
  #astray = false
  readonly #beatSeconds: number
  readonly #place: string

  /** `place`: where on the host its lease is. */
  constructor(
    machine: Machine,
    session: Session,
    runner: Runner,
    beatSeconds: number = leaseTerm / 3,
    place: string = folder,
  ) {
    this.#machine = machine
    this.#session = session
    this.#runner = runner
    this.#beatSeconds = beatSeconds
    this.#place = place
  }

  /** Throws `lease-held` or `host-moved` when somebody else was here since the host was read. */
  async take({ shell, runs }: Pick<Journal, 'shell' | 'runs'>, limit: Limit): Promise<void> {
    const script = take(this.#runner, shell, runs, this.#place)
    const [answer] = await this.#session.run([{ script, user: 'root' }], limit)
    if (answer!.code !== 0) throw this.#refused(answer!)
    this.#held = true
    this.#timer = setInterval(() => void this.#beat(), this.#beatSeconds * 1000).unref()
  }

  get session(): Session {
    return this.#session
  }

  /** Asks over a new connection from now on, as the old one is dead. */
  reopen(): void {
    if (this.#reopened) void this.#session.close()
    this.#session = this.#machine.open(true)
    this.#reopened = true
    this.#astray = true
    void this.#beats?.close()
    this.#beats = undefined
  }

  /** Whether the connection still carries anything. */
  async isAlive(): Promise<boolean> {
    const error = (): FettleError => problem('lease-lost', { host: this.#session.host })
    const asked = this.#session.run([{ script: sh`:` }], { seconds: 5, error })
    return asked.then(
      () => true,
      () => false,
    )
  }

  /**
   * Makes the new connection the run's own. What was asked over the old one is let finish, for so many
   * seconds; false when it did not.
   */
  async moveIn(seconds: number, limit: Limit): Promise<boolean> {
    const [own] = await this.ask([{ script: ownShell }], limit)
    const script = moveIn(own!.output.toString().trim(), seconds)
    const [answer] = await this.ask([{ script, user: 'root' }], {
      ...limit,
      seconds: limit.seconds + seconds,
    })
    this.#astray = answer!.code !== 0
    return !this.#astray
  }

  /** Asks the host, as long as it is this run's. Throws `lease-lost` when it is not. */
  async ask(frames: readonly Frame[], limit: Limit): Promise<Answer[]> {
    try {
      const answers = await this.#session.run(
        frames.map((frame) => this.#fenced(frame)),
        limit,
      )
      if (!answers.some(isLost)) return answers
    } catch (thrown) {
      // A run that takes over ends this one's shell, which looks like a lost connection.
      if (!(await this.#isTaken(thrown))) throw thrown
    }
    this.#held = false
    throw problem('lease-lost', { host: this.#session.host })
  }

  /** Ends the signs of life. */
  async stopBeating(): Promise<void> {
    clearInterval(this.#timer)
    await this.#beats?.close()
  }

  /** Gives the host back. What an old connection left there is ended first. */
  async release(limit: Limit): Promise<void> {
    if (!this.#held) return
    this.#held = false
    const script = this.#astray ? fence(this.#runner.id, true, this.#place) : release(this.#place)
    await this.#session.run([this.#fenced({ script, user: 'root' })], limit)
    if (this.#reopened) await this.#session.close()
  }

  async #isTaken(thrown: unknown): Promise<boolean> {
    if (asFettleError(thrown).code !== 'connection-lost') return false
    const session = this.#machine.open(true)
    const limit = { seconds: 5, error: () => problem('lease-lost', { host: '' }) }
    try {
      const [answer] = await session.run([this.#fenced({ script: sh`:` })], limit)
      return isLost(answer!)
    } catch {
      return false
    } finally {
      await session.close()
    }
  }

  #fenced(frame: Frame): Frame {
    return { ...frame, script: lines(fenceAgainstOthers(this.#runner, this.#place), frame.script) }
  }

  async #beat(): Promise<void> {
    if (this.#beating) return
    this.#beating = true
    const script = lines(renew(this.#place), this.onBeat)
    const limit = { seconds: this.#beatSeconds, error: () => problem('lease-lost', { host: '' }) }
    try {
      this.#beats ??= this.#machine.open(this.#reopened)
      await this.#beats.run([this.#fenced({ script, user: 'root' })], limit)
    } catch {
      // The next one tries again over a new session; when all fail the lease expires, as it should.
      this.#beats = undefined
    } finally {
      this.#beating = false
    }
  }

  #refused({ code, output }: Answer): FettleError {
    const host = this.#session.host
    const reason = output.toString().trim().split('\n').at(-1) ?? ''
    if (code !== 75) return problem('lease-failed', { host, reason: reason || `exit code ${code}` })
    if (reason === 'moved') return problem('host-moved', { host })
    const lease = reason.startsWith('held ') ? parseLease(reason.slice('held '.length)) : undefined
    return lease
      ? heldBy(host, lease.runner, lease.left)
      : problem('lease-held', { host, who: 'another run begins', left: leaseTerm })
  }
}

const isLost = ({ code, output }: Answer): boolean =>
  code === 75 && output.toString('latin1').trim() === lost

/** What to say about a run that is not over. */
export function heldBy(host: string, runner: Runner, left: number): FettleError {
  return problem('lease-held', { host, who: runnerText(runner), left: Math.max(0, left) })
}
