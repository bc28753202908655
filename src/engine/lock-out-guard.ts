import { setTimeout as sleep } from 'node:timers/promises'
import { type Clock } from '../base/clock.ts'
import { type FettleError, problem } from '../base/errors.ts'
import type { Shell } from '../base/shell.ts'
import type { LockOut } from '../model/kind.ts'
import type { Answer, Frame, Machine } from '../transport/machine.ts'
import { arm, disarm, guardTerm, hasRestored, postpone } from './guard.ts'
import type { Hold } from './hold.ts'

/** For how long logins are tried after a change; what is left of the minute is the host's. Seconds. */
const patience = 45

const gone = 'nobody logged in before the time was up'

/** The dead man's switch of one run on one host: see `guard.ts`. */
export class LockOutGuard {
  readonly #machine: Machine
  readonly #hold: Hold
  readonly #lockOuts: readonly LockOut[]
  readonly #clock: Clock
  readonly #ask: (frame: Frame, what: string) => Promise<Answer>
  #armed = false
  #fired = false
  #proven = false

  constructor(
    machine: Machine,
    hold: Hold,
    lockOuts: readonly LockOut[],
    clock: Clock,
    ask: (frame: Frame, what: string) => Promise<Answer>,
  ) {
    this.#machine = machine
    this.#hold = hold
    this.#lockOuts = lockOuts
    this.#clock = clock
    this.#ask = ask
  }

  get armed(): boolean {
    return this.#armed
  }

  /** Whether the host has put back what it had. */
  get fired(): boolean {
    return this.#fired
  }

  /** Before a change that may lock out: the host saves what it has, once, and starts its timer. */
  async arm(): Promise<void> {
    const frame = this.#armed ? { script: postpone, user: 'root' } : arm(this.#lockOuts)
    const { code, output } = await this.#ask(frame, 'arming the dead man’s switch')
    if (code !== 0) throw this.#failed(output)
    this.#armed = true
    this.#proven = false
    this.#hold.onBeat = postpone
  }

  /** Whether one can still log in after the last change, also one that failed half-way. */
  async isProven(): Promise<boolean> {
    return this.#proven || (await this.#loginOnce(postpone)) === undefined
  }

  /** After it: logs in anew. Throws `locked-out` when the host had to help itself. */
  async prove(what: string): Promise<void> {
    this.#hold.onBeat = undefined
    const reason = await this.#login(postpone, patience)
    if (reason === undefined) {
      this.#proven = true
      this.#hold.onBeat = postpone
      return
    }
    const back = await this.#login(hasRestored, 3 * guardTerm)
    this.#fired = true
    this.#armed = false
    throw problem('locked-out', {
      host: this.#machine.name,
      resource: what,
      reason,
      state:
        back === undefined
          ? 'The host has put back what it had before this run, by itself, and lets us in again.'
          : `The host was to put back by itself what it had, but still lets nobody in: ${back}`,
    })
  }

  /** At the end, when all was put to the test. */
  async disarm(): Promise<void> {
    if (!this.#armed) return
    this.#hold.onBeat = undefined
    this.#armed = false
    const { code, output } = await this.#ask(
      { script: disarm, user: 'root' },
      'disarming the dead man’s switch',
    )
    if (code !== 0) throw this.#failed(output)
  }

  /** Logs in over new connections until the script succeeds there; why not, when it never did. */
  async #login(script: Shell, seconds: number): Promise<string | undefined> {
    const end = this.#clock.elapsed() + seconds * 1000
    let before: string | undefined
    for (;;) {
      const reason = await this.#loginOnce(script)
      if (reason === undefined || this.#clock.elapsed() > end) return reason
      // Too late, which does not say why.
      if (reason === gone && script === postpone) return before ?? gone
      before = reason
      await sleep(1000)
    }
  }

  async #loginOnce(script: Shell): Promise<string | undefined> {
    const session = this.#machine.open(true)
    const error = (): FettleError =>
      problem('host-timeout', {
        host: this.#machine.name,
        seconds: 10,
        state: 'A new login was tried.',
      })
    try {
      const [answer] = await session.run([{ script, user: 'root' }], { seconds: 10, error })
      return answer!.code === 0 ? undefined : gone
    } catch (thrown) {
      return thrown instanceof Error ? thrown.message : String(thrown)
    } finally {
      await session.close()
    }
  }

  #failed(output: Buffer): FettleError {
    const reason = output.toString().trim().split('\n').at(-1) || 'it printed nothing'
    return problem('guard-failed', { host: this.#machine.name, reason })
  }
}
