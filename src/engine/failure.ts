import { type FettleError, problem } from '../base/errors.ts'
import { redact } from '../base/secret.ts'
import type { Answer } from '../transport/machine.ts'

/** What to say of a step or an action that ended with another exit code than 0. */
export function failure(
  code: 'step-failed' | 'action-failed',
  host: string,
  what: string,
  answer: Answer,
  state: string,
): FettleError {
  const log = redact(answer.output.toString('utf8')).trim()
  const reason = log.split('\n').at(-1) || 'it printed nothing'
  if (code === 'action-failed')
    return problem(code, { host, action: what, code: answer.code, reason }, { log })
  const next = `Correct the cause (its output is above; \`fettle ssh ${host}\` takes you there), then run again.`
  return problem(code, { host, resource: what, code: answer.code, reason, state, next }, { log })
}

/** What state a host is in: how many changes were made, what is left, what is noted there. */
export function stateText(made: number, left: readonly string[], owed: readonly string[]): string {
  const done =
    made === 0
      ? 'Nothing was changed before that'
      : `${made === 1 ? '1 change was' : `${made} changes were`} made before that and read back`
  const noted = owed.length === 0 ? '' : ` Noted on the host for the next run: ${owed.join(', ')}.`
  return `${done}; left: ${left.length === 0 ? 'nothing' : left.join(', ')}.${noted}`
}
