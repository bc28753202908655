import { Failure } from './connection.ts'

/** Which instances sticky clients were taken from: those must not answer anybody any more. */
export class Instances {
  readonly #left = new Map<string, number>()

  /** A sticky client is answered by another one from now on. */
  left(instance: string): void {
    if (!this.#left.has(instance)) this.#left.set(instance, performance.now())
  }

  /** Throws when a client that was at home there had been sent elsewhere before that. */
  answered(instance: string, begun: number): void {
    const left = this.#left.get(instance)
    if (left === undefined || begun < left) return
    this.#left.delete(instance)
    throw new Failure('moved', `${instance} goes on, and a sticky client was taken from it`)
  }
}
