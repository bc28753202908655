import { writeFileSync } from 'node:fs'
import { type Surveyed } from '../engine/survey.ts'
import { kinds } from '../resources/kinds.ts'
import { type Outcome, type PlanDocument, planDocument } from '../wire/plan.ts'
import { type PlanSelection, planFile } from '../wire/plan-file.ts'
import { type Flags, closeAll, openContext, surveyHosts } from './context.ts'
import { exitCodes } from './exit-code.ts'
import { planLines } from './render/plan.ts'
import { paintFor } from './render/style.ts'
import { json } from './render/json.ts'

/** `fettle plan`: what `up` would change, exactly. */
export async function plan(flags: Flags): Promise<number> {
  const context = await openContext(flags)
  const surveyed = await surveyHosts(context, flags, () => false)
  const document = await planDocument(surveyed.map(outcomeOf), kinds)
  if (flags.out !== undefined)
    writeFileSync(
      flags.out,
      `${json(planFile(document, surveyed.map(outcomeOf), selectionOf(flags)))}\n`,
    )
  showPlan(document, flags)
  await closeAll(surveyed)
  return surveyed.some((each) => 'error' in each) ? exitCodes.failed : exitCodes.done
}

function selectionOf({ host, role, only, lab = false, orphans = 'list' }: Flags): PlanSelection {
  return { hosts: host, roles: role, only, orphans, lab }
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
