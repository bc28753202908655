import { type FettleError, asFettleError } from '../base/errors.ts'
import type { HostResult } from './events.ts'
import { type ConvergeOptions, HostRun, type Reached } from './host-run.ts'

/** Applies a host's plan over the session that it was read with. Never throws: see the result. */
export async function converge(reached: Reached, options: ConvergeOptions): Promise<HostResult> {
  const run = new HostRun(reached, options)
  const begun = options.clock.elapsed()
  let error: FettleError | undefined
  try {
    await run.begin()
    await run.applyChanges()
    await run.doActions()
    await run.checkAll()
    await run.finish()
  } catch (thrown) {
    error = asFettleError(thrown)
  }
  // What went wrong first says more than that nobody answers any more: the lease expires by itself.
  const unreleased = await run.release()
  error ??= unreleased
  const seconds = (options.clock.elapsed() - begun) / 1000
  const stopped = error?.code === 'interrupted'
  const status = error === undefined ? 'done' : stopped ? 'stopped' : 'failed'
  const failure = error === undefined || stopped ? {} : { error }
  const result: HostResult = {
    host: reached.plan.host,
    status,
    made: run.made,
    left: run.left(),
    ...failure,
    seconds,
  }
  options.report({ type: 'host-ended', host: reached.plan.host, result })
  return result
}
