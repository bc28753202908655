import { writeFileSync } from 'node:fs'
import { type Surveyed } from '../engine/survey.ts'
import { kinds } from '../resources/kinds.ts'
import { type Outcome, type PlanDocument, planDocument } from '../wire/plan.ts'
import { type PlanSelection, planFile } from '../wire/plan-file.ts'
import {
  type Context,
  type Flags,
  beginSurvey,
  checkSelection,
  closeAll,
  openContext,
  rememberFacts,
  surveyHosts,
} from './context.ts'
import { exitCodes } from './exit-code.ts'
import { hostsLines, planLines, planSummary } from './render/plan.ts'
import { paintFor } from './render/style.ts'
import { json } from './render/json.ts'

/** `fettle plan`: what `up` would change, exactly. */
export async function plan(flags: Flags): Promise<number> {
  const context = await openContext(flags)
  const surveyed = flags.json
    ? await surveyHosts(context, flags, () => false)
    : await showInWaves(context, flags)
  const document = await planDocument(surveyed.map(outcomeOf), kinds)
  if (flags.out !== undefined)
    writeFileSync(
      flags.out,
      `${json(planFile(document, surveyed.map(outcomeOf), selectionOf(flags)))}\n`,
    )
  if (flags.json) showPlan(document, flags)
  else process.stdout.write(`${planSummary(document, paintFor(process.stdout))}\n`)
  await closeAll(surveyed)
  return surveyed.some((each) => 'error' in each) ? exitCodes.failed : exitCodes.done
}

/** Shows hosts as soon as those that are still to come keep silent; gives all, in their order. */
async function showInWaves(context: Context, flags: Flags): Promise<Surveyed[]> {
  const reading = beginSurvey(context, flags, () => false)
  const paint = paintFor(process.stdout)
  const seen: Surveyed[] = []
  for (let wave = await reading.next(); wave.length > 0; wave = await reading.next()) {
    seen.push(...wave)
    rememberFacts(wave, context)
    if (reading.waited.length === 0) await checkSelection(seen, flags)
    const { hosts } = await planDocument(wave.map(outcomeOf), kinds)
    for (const line of hostsLines(hosts, paint, flags.full === true))
      process.stdout.write(`${line}\n`)
    reading.tell()
  }
  const order = context.hosts.map(({ name }) => name)
  return seen.sort((a, b) => order.indexOf(a.host.name) - order.indexOf(b.host.name))
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
