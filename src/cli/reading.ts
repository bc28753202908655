import { systemClock } from '../base/clock.ts'
import type { Surveyed } from '../engine/survey.ts'

/** So long nobody has answered when it is said who is waited for. Seconds. */
const silence = 5

/** The others wait at least so long for a login that hangs. Seconds. */
const shortest = 1

/** What a host has done so far, and when. Milliseconds. */
interface Signs {
  asked?: number
  loggedIn?: number
  read?: { readonly at: number; readonly surveyed: Surveyed }
  given?: true
}

/** Hosts while they are read: those that answer need not wait for those that hang. */
export class Reading {
  readonly #hosts: ReadonlyMap<string, Signs>
  readonly #reads: readonly Promise<Surveyed>[]
  readonly #report: (waited: readonly string[]) => void
  readonly #now: () => number
  #lastSign: number
  #said = ''

  /** `begin` is handed what notes signs of life; `report` the names of those that keep everyone waiting. */
  constructor(
    names: readonly string[],
    begin: (sign: (host: string, what: 'asked' | 'loggedIn') => void) => Promise<Surveyed>[],
    report: (waited: readonly string[]) => void,
    now: () => number = systemClock.elapsed,
  ) {
    this.#hosts = new Map(names.map((name) => [name, {}]))
    this.#report = report
    this.#now = now
    this.#lastSign = now()
    this.#reads = begin((host, what) => {
      this.#hosts.get(host)![what] ??= now()
      if (what === 'loggedIn') this.#lastSign = now()
    })
    for (const [i, each] of this.#reads.entries())
      void each.then(
        (surveyed) => this.#note(names[i]!, surveyed),
        () => undefined,
      )
  }

  #note(host: string, surveyed: Surveyed): void {
    this.#lastSign = this.#now()
    this.#hosts.get(host)!.read = { at: this.#lastSign, surveyed }
  }

  /** Who has not been read yet. */
  get waited(): string[] {
    return [...this.#hosts].flatMap(([name, { read }]) => (read ? [] : [name]))
  }

  /** All of them, in the order given. */
  async all(): Promise<Surveyed[]> {
    await this.#until(() => false)
    return Promise.all(this.#reads)
  }

  /** Those that have been read since, as soon as the others keep silent; none when all were given. */
  async next(): Promise<Surveyed[]> {
    await this.#until(() => this.#fresh().length > 0 && this.#keepSilent())
    return this.#give()
  }

  /** All that were not given yet. */
  async rest(): Promise<Surveyed[]> {
    await Promise.all(this.#reads)
    return this.#give()
  }

  /** Says who is waited for, once. */
  tell(): void {
    const { waited } = this
    if (waited.length > 0 && waited.join() !== this.#said) this.#report(waited)
    this.#said = waited.join()
  }

  #fresh(): Signs[] {
    return [...this.#hosts.values()].filter(({ read, given }) => read && !given)
  }

  #give(): Surveyed[] {
    return this.#fresh().map((each) => {
      each.given = true
      return each.read!.surveyed
    })
  }

  /**
   * Whether those that are not read yet hang, as far as one can tell: none of them has even logged in,
   * in twice the time that the others took for everything. One that has logged in may be at work.
   */
  #keepSilent(): boolean {
    const now = this.#now()
    const quiet = now - this.#lastSign
    const hosts = [...this.#hosts.values()]
    const unread = hosts.filter(({ read }) => !read)
    // Their turn has not come.
    if (unread.some(({ asked }) => asked === undefined)) return false
    if (quiet >= silence * 1000) return true
    const took = hosts.flatMap(({ asked, read }) => (read ? [read.at - (asked ?? 0)] : []))
    const patience = Math.max(shortest * 1000, 2 * median(took))
    return (
      quiet >= shortest * 1000 &&
      unread.every(({ asked, loggedIn }) => loggedIn === undefined && now - asked! >= patience)
    )
  }

  /** Until all are read or `enough` says so. */
  async #until(enough: () => boolean): Promise<void> {
    const all = Promise.all(this.#reads)
    while (this.waited.length > 0 && !enough()) {
      if (this.#now() - this.#lastSign >= silence * 1000) this.tell()
      await oneOf(all, 0.1)
    }
    // A mistake in the description is thrown by the reads themselves.
    if (this.waited.length === 0) await all
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

/** Waits until the promise is settled, but not for longer than so many seconds. */
async function oneOf(promise: Promise<unknown>, seconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const time = new Promise((resolve) => (timer = setTimeout(resolve, seconds * 1000)))
  await Promise.race([promise, time]).finally(() => clearTimeout(timer))
}
