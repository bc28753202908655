import type { ErrorCode, FettleError } from '../base/errors.ts'

/** What the exit codes of `fettle` mean; see `docs/reference/exit-codes.md`. */
export const exitCodes = {
  /** Everything that was asked for is done. */
  done: 0,
  /** Something failed on at least one host; the other hosts went on. */
  failed: 1,
  /** The command line or the description is wrong, or there is a refusal: nothing was changed. */
  wrong: 2,
  /** Interrupted by a person: the step in hand was finished. */
  interrupted: 130,
} as const

const failures: ReadonlySet<ErrorCode> = new Set([
  'internal-error',
  'lab-command-failed',
  'lab-not-possible',
  'no-room',
  'upload-failed',
  'build-failed',
  'deploy-step-failed',
  'release-command-failed',
  'rollout-put-back',
  'rollout-unfinished',
  'balancer-failed',
])

/** The exit code for an error that ended a command. */
export function exitCodeOf(error: FettleError): number {
  if (error.code === 'interrupted') return exitCodes.interrupted
  return failures.has(error.code) ? exitCodes.failed : exitCodes.wrong
}
