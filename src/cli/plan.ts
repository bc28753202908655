import { type Surveyed } from '../engine/survey.ts'
import { kinds } from '../resources/kinds.ts'
import { type Outcome, type PlanDocument, planDocument } from '../wire/plan.ts'
import { type Flags, closeAll, openContext, surveyHosts } from './context.ts'
import { exitCodes } from './exit-code.ts'
import { planLines } from './render/plan.ts'
import { paintFor } from './render/style.ts'
import { json } from './render/json.ts'

/** `fettle plan`: what `up` would change, exactly. */
export async function plan(flags: Flags): Promise<number> {
  const context = await openContext(flags)
  const surveyed = await surveyHosts(context, flags)
  const document = await planDocument(surveyed.map(outcomeOf), kinds)
  showPlan(document, flags)
  await closeAll(surveyed)
  return surveyed.some((each) => 'error' in each) ? exitCodes.failed : exitCodes.done
}

export function showPlan(document: PlanDocument, flags: Flags): void {
  const text = flags.json
    ? json(document)
    : planLines(document, paintFor(process.stdout), flags.full === true).join('\n')
  process.stdout.write(`${text}\n`)
}

export function outcomeOf(surveyed: Surveyed): Outcome {
  const host = surveyed.host.name
  return 'error' in surveyed ? { host, error: surveyed.error } : { host, plan: surveyed.plan }
}
