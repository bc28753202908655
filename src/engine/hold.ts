import { type FettleError, problem } from '../base/errors.ts'
import { type Shell, lines } from '../base/shell.ts'
import type { Answer, Frame, Limit, Machine, Session } from '../transport/machine.ts'
import type { Journal } from './journal.ts'
import {
  type Refusal,
  type Runner,
  fenceAgainstOthers,
  lost,
  release,
  renew,
  runnerText,
  take,
} from './lease.ts'
import { leaseTerm } from './place.ts'

/**
 * A host that this run has to itself. Everything it is asked goes behind a fence: should another run
 * have taken over, nothing more is done. Steps that take long are bridged by signs of life over a
 * session of their own, so that they come from Fettle and end when it does.
 */
export class Hold {
  readonly #machine: Machine
  readonly #session: Session
  readonly #runner: Runner
  /** What else a sign of life does on the host. */
  onBeat: Shell | undefined
  #beats: Session | undefined
  #timer: NodeJS.Timeout | undefined
  #beating = false
  #held = false

  constructor(machine: Machine, session: Session, runner: Runner) {
    this.#machine = machine
    this.#session = session
    this.#runner = runner
  }

  /** Throws `lease-held` or `host-moved` when somebody else was here since the host was read. */
  async take({ shell, runs }: Journal, limit: Limit): Promise<void> {
    const script = take(this.#runner, shell, runs)
    const [answer] = await this.#session.run([{ script, user: 'root' }], limit)
    if (answer!.code !== 0) throw this.#refused(answer!)
    this.#held = true
    this.#timer = setInterval(() => void this.#beat(), (leaseTerm / 3) * 1000).unref()
  }

  /** Asks the host, as long as it is this run's. Throws `lease-lost` when it is not. */
  async ask(frames: readonly Frame[], limit: Limit): Promise<Answer[]> {
    const answers = await this.#session.run(
      frames.map((frame) => this.#fenced(frame)),
      limit,
    )
    if (answers.some(isLost)) {
      this.#held = false
      throw problem('lease-lost', { host: this.#session.host })
    }
    return answers
  }

  /** Gives the host back; `anew`: over a new connection, as the old one may be dead. */
  async release(limit: Limit, anew: boolean): Promise<void> {
    clearInterval(this.#timer)
    await this.#beats?.close()
    if (!this.#held) return
    this.#held = false
    const session = anew ? this.#machine.open(true) : this.#session
    await session.run([this.#fenced({ script: release, user: 'root' })], limit)
    if (anew) await session.close()
  }

  #fenced(frame: Frame): Frame {
    return { ...frame, script: lines(fenceAgainstOthers(this.#runner), frame.script) }
  }

  async #beat(): Promise<void> {
    if (this.#beating) return
    this.#beating = true
    const script = lines(renew, this.onBeat)
    const limit = { seconds: leaseTerm / 3, error: () => problem('lease-lost', { host: '' }) }
    try {
      this.#beats ??= this.#machine.open()
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
    const refusal = reason as Refusal
    return refusal === 'moved'
      ? problem('host-moved', { host })
      : problem('lease-held', { host, who: 'Another run', left: leaseTerm })
  }
}

const isLost = ({ code, output }: Answer): boolean =>
  code === 75 && output.toString('latin1').trim() === lost

/** What to say about a run that is not over. */
export function heldBy(host: string, runner: Runner, left: number): FettleError {
  return problem('lease-held', { host, who: runnerText(runner), left: Math.max(0, left) })
}
