import { type FettleError, asFettleError } from '../base/errors.ts'
import type { Answer, Frame, Limit } from '../transport/machine.ts'
import type { Hold } from './hold.ts'
import type { LockOutGuard } from './lock-out-guard.ts'

/** What became of a step: its answers, or that they went with the connection. */
export type Crossed = { readonly answers: Answer[] } | { readonly lost: FettleError }

/** A step that gave no answer in time may still be at it; so long it is waited for. Seconds. */
const grace = 5

/**
 * Asks for what may lock us out, with a new login after it, before anything is made of the answer:
 * there may be none, or one about sudo. A change that is good may cut the connection that it came
 * over all the same: then the run goes on over a new one.
 */
export async function cross(
  hold: Hold,
  guard: LockOutGuard,
  frames: readonly Frame[],
  what: string,
  limit: Limit,
): Promise<Crossed> {
  const asked = await hold.ask(frames, limit).catch(asFettleError)
  const error = Array.isArray(asked) ? undefined : asked
  if (error?.code === 'lease-lost') throw error
  try {
    await guard.prove(what)
  } catch (thrown) {
    hold.reopen()
    throw thrown
  }
  if (Array.isArray(asked)) {
    if (!(await hold.isAlive())) await goOn(hold, limit, grace)
    return { answers: asked }
  }
  const isSilent = asked.code === 'step-timeout'
  if (!isSilent && asked.code !== 'connection-lost') {
    hold.reopen()
    throw asked
  }
  // What still runs has not come to anything yet.
  if (!(await goOn(hold, limit, isSilent ? grace : limit.seconds))) throw asked
  return { lost: asked }
}

async function goOn(hold: Hold, limit: Limit, seconds: number): Promise<boolean> {
  hold.reopen()
  return hold.moveIn(seconds, limit)
}
