import { asFettleError } from '../base/errors.ts'
import { type Runner, runnerText } from '../engine/lease.ts'
import type { Surveyed } from '../engine/survey.ts'
import { awaitTurn } from '../engine/turn.ts'
import { type Context, type Flags, closeAll, surveyHosts } from './context.ts'
import { hasEndedHere } from './runner.ts'

/**
 * Waits until every host is free of other runs, says what was interrupted, and reads the hosts
 * again, as those runs may have changed them since. Where no other run is, nothing is done.
 */
export async function takeTurns(
  surveyed: Surveyed[],
  context: Context,
  flags: Flags,
): Promise<Surveyed[]> {
  const held = surveyed.flatMap((each) =>
    'plan' in each && each.plan.journal.lease ? [{ ...each, lease: each.plan.journal.lease }] : [],
  )
  if (held.length === 0) return surveyed
  const said = new Set<string>()
  const failed = new Map<string, Surveyed>()
  const turns = held.map(async ({ host, session, lease }) => {
    try {
      const interrupted = await awaitTurn(session, lease, {
        takeOver: flags.takeOver === true,
        hasEnded: hasEndedHere,
        report: (waiting) => sayOnce(said, waiting.host, waiting.lease.runner),
      })
      if (interrupted)
        process.stderr.write(
          `${host.name}: the run of ${runnerText(interrupted)}, was interrupted; what it left undone is in this plan.\n`,
        )
    } catch (thrown) {
      failed.set(host.name, { host, error: asFettleError(thrown) })
    }
  })
  await Promise.all(turns)
  await closeAll(surveyed)
  const again = await surveyHosts(context, flags)
  const blocked = again.filter((each) => failed.has(each.host.name))
  await closeAll(blocked)
  return again.map((each) => failed.get(each.host.name) ?? each)
}

function sayOnce(said: Set<string>, host: string, runner: Runner): void {
  if (said.has(host)) return
  said.add(host)
  process.stderr.write(`${host}: waiting for the run of ${runnerText(runner)}.\n`)
}
