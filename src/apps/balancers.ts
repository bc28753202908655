import { type FettleError, problem } from '../base/errors.ts'
import { type SlotChange, setSlots } from '../balancer/slots.ts'
import { type SlotStats, parseStats, readStats } from '../balancer/socket.ts'
import type { App } from '../model/app.ts'
import type { Session } from '../transport/machine.ts'

/** A slot of one of the app's hosts. */
export interface Place {
  readonly host: string
  readonly slot: number
}

/** The balancers in front of an app, which are all told the same. */
export class Balancers {
  readonly #app: App
  readonly #sessions: readonly Session[]

  constructor(app: App, sessions: readonly Session[]) {
    this.#app = app
    this.#sessions = sessions
  }

  /** Has these checked by the balancers, without any traffic; then they take it. */
  async admit(places: readonly Place[]): Promise<void> {
    if (places.length === 0) return
    await this.#set(places, 'ready')
  }

  /** No new clients for these; those that stick to one still come. */
  async drain(places: readonly Place[]): Promise<void> {
    if (places.length > 0) await this.#set(places, 'drain')
  }

  /** Nothing more for these; what they are at is finished. */
  async retire(places: readonly Place[]): Promise<void> {
    if (places.length > 0) await this.#set(places, 'maint')
  }

  /** What each balancer says of these slots. */
  async stats(places: readonly Place[]): Promise<SlotStats[]> {
    const answers = await Promise.all(
      this.#sessions.map((session) => this.#ask(session, readStats(this.#app.name))),
    )
    return answers
      .flatMap((output) => parseStats(output))
      .filter(({ host, slot }) => places.some((each) => each.host === host && each.slot === slot))
  }

  async #set(places: readonly Place[], state: SlotChange['state']): Promise<void> {
    const changes = places.map((each) => ({ ...each, app: this.#app.name, state }))
    await Promise.all(this.#sessions.map((session) => this.#ask(session, setSlots(changes))))
  }

  async #ask(session: Session, script: ReturnType<typeof setSlots>): Promise<string> {
    const error = (): FettleError => this.#failed(session, 'it did not answer within 30 s')
    const [answer] = await session.run([{ script, user: 'root' }], { seconds: 30, error })
    const output = answer!.output.toString()
    if (answer!.code !== 0)
      throw this.#failed(session, output.trim().split('\n').at(-1) || `exit code ${answer!.code}`)
    return output
  }

  #failed({ host }: Session, reason: string): FettleError {
    return problem('balancer-failed', { app: this.#app.name, host, reason })
  }
}
