/** Time as it is handed to whoever needs it, so that nobody reads it off the machine on the side. */
export interface Clock {
  /** The time of day. */
  now(): Date
  /** Milliseconds from an arbitrary start; never goes back. */
  elapsed(): number
}

export const systemClock: Clock = {
  now: () => new Date(),
  elapsed: () => performance.now(),
}
