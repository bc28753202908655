import type { Surveyed } from '../engine/survey.ts'

/** So long nobody has answered when it is said who is waited for. Seconds. */
const patience = 5

/** Hosts while they are read: those that answer need not wait for those that hang. */
export class Reading {
  readonly #names: readonly string[]
  readonly #reads: readonly Promise<Surveyed>[]
  readonly #read = new Map<number, Surveyed>()
  readonly #report: (waited: readonly string[]) => void

  /** `report` is told the names of those that keep everyone waiting. */
  constructor(
    names: readonly string[],
    reads: readonly Promise<Surveyed>[],
    report: (waited: readonly string[]) => void,
  ) {
    this.#names = names
    this.#reads = reads
    this.#report = report
    for (const [i, each] of reads.entries())
      void each.then(
        (surveyed) => this.#read.set(i, surveyed),
        () => undefined,
      )
  }

  /** All of them, in the order given. */
  async all(): Promise<Surveyed[]> {
    await this.#settled(() => false)
    return Promise.all(this.#reads)
  }

  /** Those that answer, and what the others come to; there must be one to go on with. */
  async prompt(): Promise<{
    read: Surveyed[]
    late: readonly string[]
    rest(): Promise<Surveyed[]>
  }> {
    await this.#settled(() => this.#read.size > 0)
    const early = new Set(this.#read.keys())
    const late = this.#names.filter((_, i) => !early.has(i))
    const rest = async (): Promise<Surveyed[]> => {
      await Promise.all(this.#reads)
      return this.#reads.flatMap((_, i) => (early.has(i) ? [] : [this.#read.get(i)!]))
    }
    return { read: [...early].sort((a, b) => a - b).map((i) => this.#read.get(i)!), late, rest }
  }

  /** Until all are read or, when nobody has answered for a while, `enough` says so. */
  async #settled(enough: () => boolean): Promise<void> {
    const all = Promise.all(this.#reads)
    let said = ''
    let [known, since] = [0, performance.now()]
    while (this.#read.size < this.#reads.length) {
      if (known !== this.#read.size) [known, since] = [this.#read.size, performance.now()]
      if (performance.now() - since >= patience * 1000) {
        const waited = this.#names.filter((_, i) => !this.#read.has(i))
        if (waited.join() !== said) this.#report(waited)
        said = waited.join()
        if (enough()) return
      }
      await oneOf(all, 0.5)
    }
  }
}

/** Waits for the promise, but not for longer than so many seconds. */
async function oneOf(promise: Promise<unknown>, seconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const time = new Promise((resolve) => (timer = setTimeout(resolve, seconds * 1000)))
  await Promise.race([promise, time]).finally(() => clearTimeout(timer))
}
