import type { FettleError } from '../base/errors.ts'
import type { Shell } from '../base/shell.ts'

/** What a host is asked to do in one go: a script for a POSIX shell and the bytes on its input. */
export interface Frame {
  readonly script: Shell
  /** Who runs it: the login user when left out. */
  readonly user?: string | undefined
  /** There may be no such user yet: the answer then says so, instead of all of `run` failing. */
  readonly userMayLack?: boolean | undefined
  /** What the script finds on its standard input; nothing when left out. */
  readonly input?: Payload | undefined
  /** Sees output while it comes; the answer holds all of it all the same. */
  readonly onOutput?: ((chunk: Buffer) => void) | undefined
}

/** Bytes for a host. A string may hold secret marks: they are revealed as it is written. */
export type Payload = string | Uint8Array

/** What came of a frame: the exit code of its script and what it printed (stdout and stderr). */
export interface Answer {
  readonly code: number
  readonly output: Buffer
  /** The script did not run, as its user is not there (see `userMayLack`). */
  readonly lacksUser?: FettleError
}

/** How long to wait for answers, and what to say when they do not come. */
export interface Limit {
  readonly seconds: number
  readonly error: () => FettleError
}

/**
 * One connection to one host. Frames run in the order given. All frames of one `run` travel in one
 * write, so reading any number of things takes one round trip.
 */
export interface Session {
  readonly host: string
  /** Who logs in, where that is known. */
  readonly login: string | undefined
  /** How many times this side has waited for the host so far. */
  readonly roundTrips: number
  /** Resolves once the login is through and the host is ready to be asked; may never do. */
  readonly loggedIn: Promise<void>
  /**
   * Rejects with an error of the catalogue when the host cannot be reached or goes away, and with
   * the limit's own error (after ending the session) when the answers are not there in time.
   */
  run(frames: readonly Frame[], limit?: Limit): Promise<Answer[]>
  close(): Promise<void>
}

/** A host that can be asked. */
export interface Machine {
  readonly name: string
  /** `anew`: with a login of its own, over a connection that nothing else uses. */
  open(anew?: boolean): Session
}
