import { setTimeout as pause } from 'node:timers/promises'
import type { SourcePosition } from '../base/errors.ts'
import { callerPosition } from '../model/position.ts'

/** An expectation that was not met. */
export class Unmet extends Error {
  override readonly name = 'Unmet'
  readonly expected: string
  readonly seen: string
  /** The line of the test. */
  readonly at: SourcePosition | undefined

  constructor(expected: string, seen: string, at: SourcePosition | undefined) {
    super(`expected ${expected}; seen ${seen}`)
    this.expected = expected
    this.seen = seen
    this.at = at
  }
}

/** There was nothing to look at, such as no answer: the words say what was there instead. */
export class NothingSeen extends Error {
  override readonly name = 'NothingSeen'
}

/** A text that must be in it, or a pattern that must match. */
export type Like = string | RegExp

export const isLike = (text: string, like: Like): boolean =>
  typeof like === 'string' ? text.includes(like) : text.search(like) >= 0

export const likeWords = (like: Like): string =>
  typeof like === 'string' ? `the text ${JSON.stringify(like)}` : `a match of ${String(like)}`

/** The beginning of a text on lines of its own, for people. */
export function excerpt(text: string): string {
  const rows = text.trimEnd().split('\n')
  const shown = rows.slice(0, 12).map((row) => (row.length > 160 ? `${row.slice(0, 160)}...` : row))
  const more = rows.length > shown.length ? [`(${rows.length - shown.length} more lines)`] : []
  return [...shown, ...more].map((row) => `\n${row}`).join('')
}

/** What the expectations of one test have in common: nothing of it is forgotten. */
export class Watch {
  readonly #unasked = new Map<object, { what: string; at: SourcePosition }>()
  readonly #begun: Promise<unknown>[] = []
  #count = 0

  named(subject: object, what: string): void {
    this.#unasked.set(subject, { what, at: callerPosition() })
  }

  asked<Result>(subject: object, look: Promise<Result>): Promise<Result> {
    this.#unasked.delete(subject)
    this.#count += 1
    this.#begun.push(look)
    // It is waited for in any case, so that a forgotten `await` loses nothing.
    look.catch(() => undefined)
    return look
  }

  /** Waits for what was begun; throws the first failure, also of what the test did not wait for. */
  async end(): Promise<void> {
    const ended = await Promise.allSettled(this.#begun)
    const failed = ended.find((each) => each.status === 'rejected')
    if (failed) throw failed.reason
    for (const { what, at } of this.#unasked.values())
      throw new Unmet(`that ${what} is asked something`, 'nothing: add what it must be', at)
    if (this.#count === 0) throw new Unmet('a test that looks at the host', 'nothing', undefined)
  }
}

/** How long an expectation is given to become true, and who keeps count of it. */
export interface Surroundings {
  readonly watch: Watch
  /** Seconds; 0: one look. */
  readonly patience: number
}

/** Something of a host that can be looked at. */
export abstract class Subject<Seen> {
  readonly #what: string
  readonly #watch: Watch
  readonly #patience: number

  protected constructor(what: string, { watch, patience }: Surroundings) {
    this.#what = what
    this.#watch = watch
    this.#patience = patience
    watch.named(this, what)
  }

  protected abstract read(): Promise<Seen>

  /** What is there now, for checks of your own. */
  look(): Promise<Seen> {
    const at = callerPosition()
    return this.#watch.asked(
      this,
      this.#hold('can be seen', at, () => undefined),
    )
  }

  /** `fault` says what was seen when that is not what `expected` says. */
  protected expect(expected: string, fault: (seen: Seen) => string | undefined): Promise<void> {
    const held = this.#hold(expected, callerPosition(), fault)
    return this.#watch.asked(
      this,
      held.then(() => undefined),
    )
  }

  async #hold(
    expected: string,
    at: SourcePosition,
    fault: (seen: Seen) => string | undefined,
  ): Promise<Seen> {
    const end = performance.now() + this.#patience * 1000
    for (let wait = 50; ; wait = Math.min(1000, wait * 2)) {
      const [found, seen] = await this.#once(fault)
      if (found === undefined) return seen!
      if (performance.now() + wait > end) throw new Unmet(`${this.#what} ${expected}`, found, at)
      await pause(wait)
    }
  }

  async #once(fault: (seen: Seen) => string | undefined): Promise<[string | undefined, Seen?]> {
    try {
      const seen = await this.read()
      return [fault(seen), seen]
    } catch (thrown) {
      if (thrown instanceof NothingSeen) return [thrown.message]
      throw thrown
    }
  }
}
