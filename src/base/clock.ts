/** Time as it is handed to whoever needs it, so that nobody reads it off the machine on the side. */
export interface Clock {
  /** The time of day. */
  now(): Date
  /** Milliseconds from an arbitrary start; never goes back. */
  elapsed(): number
}

export const systemClock: Clock = {
  now: () => new Date(),
  // `performance` would have Node load what measures it: a few milliseconds of every run.
  elapsed: () => Number(process.hrtime.bigint()) / 1e6,
}
