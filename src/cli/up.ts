import { existsSync, readFileSync } from 'node:fs'
import { problem } from '../base/errors.ts'
import { type HostPlan, hasWork, isEmpty } from '../engine/plan.ts'
import type { Surveyed } from '../engine/survey.ts'
import { kinds } from '../resources/kinds.ts'
import { type PlanDocument, planDocument } from '../wire/plan.ts'
import {
  type PlanFile,
  type PlanSelection,
  checkUnmoved,
  parsePlanFile,
} from '../wire/plan-file.ts'
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
import type { Ending } from './apply.ts'
import { exitCodes } from './exit-code.ts'
import { outcomeOf, showPlan } from './plan.ts'
import { takeTurns } from './turn.ts'

/** `fettle up`: plan, show, ask, apply, record. */
export async function up(path: string | undefined, given: Flags): Promise<number> {
  const file = path === undefined ? undefined : readPlanFile(path, given)
  const flags = file ? { ...given, ...asFlags(file.selection), planHash: file.hash } : given
  const context = await openContext(flags)
  // What is applied only as a whole waits for every host.
  const whole = flags.planHash !== undefined || flags.json === true || flags.yes !== true
  if (whole) {
    const surveyed = await surveyHosts(context, flags, isWanted)
    return (await upOn(surveyed, context, flags, file, path)).code
  }
  const reading = beginSurvey(context, flags, isWanted)
  const surveyed = await reading.next()
  rememberFacts(surveyed, context)
  if (reading.waited.length === 0) {
    await checkSelection(surveyed, flags)
    return (await upOn(surveyed, context, flags)).code
  }
  reading.tell()
  const ending = await upOn(surveyed, context, flags).catch((thrown: unknown) => {
    void reading.rest().then(closeAll)
    throw thrown
  })
  const late = await reading.rest()
  rememberFacts(late, context)
  return upOnRest(late, ending, context, flags)
}

/** Plans, shows, asks, applies and records what was read. */
async function upOn(
  first: Surveyed[],
  everything: Context,
  flags: Flags,
  file?: PlanFile,
  path = '',
): Promise<Ending> {
  let surveyed = first
  const context = { ...everything, hosts: first.map(({ host }) => host) }
  try {
    surveyed = await takeTurns(surveyed, context, flags)
    const outcomes = surveyed.map(outcomeOf)
    const plan = await planDocument(outcomes, kinds)
    if (file) checkUnmoved(file, path, plan, outcomes)
    checkHash(plan, flags)
    // Whoever gives the hash of a plan has seen it.
    if (!flags.json && flags.planHash === undefined) showPlan(plan, flags)
    if (!surveyed.some((each) => 'plan' in each && !isEmpty(each.plan)))
      return await nothingToDo(surveyed, plan, context, flags)
    if (await confirmed(flags)) surveyed = await readAgain(surveyed, plan, context, flags)
    else return { code: exitCodes.wrong, whole: false }
    // Loaded only here: a run that changes nothing does without.
    const { apply } = await import('./apply.ts')
    return await apply(surveyed, plan, context, flags)
  } finally {
    await closeAll(surveyed)
  }
}

/** Those that answered late, or not at all, have a run of their own, unless one was not made before. */
async function upOnRest(
  late: Surveyed[],
  { code, whole }: Ending,
  context: Context,
  flags: Flags,
): Promise<number> {
  const busy = late.filter((each) => 'plan' in each && hasWork(each.plan))
  if (whole && busy.length > 0) return Math.max(code, (await upOn(late, context, flags)).code)
  const plan = await planDocument(late.map(outcomeOf), kinds)
  showPlan(plan, flags)
  await closeAll(late)
  if (busy.length > 0) {
    const names = busy.map(({ host }) => host.name).join(', ')
    process.stderr.write(`Untouched, as the run had failed before their turn: ${names}.\n`)
  }
  const unread = late.filter((each) => 'error' in each)
  if (unread.length === 0) return code
  // On record, as it is when they fail at once.
  const { apply } = await import('./apply.ts')
  return Math.max(code, (await apply(unread, plan, context, flags)).code)
}

/** A session serves to change something, or to wait for another run. */
const isWanted = (plan: HostPlan): boolean => hasWork(plan) || plan.journal.lease !== undefined

function readPlanFile(path: string, flags: Flags): PlanFile {
  const chosen = [...flags.host, ...flags.role, ...flags.only]
  if (chosen.length > 0)
    throw problem('usage', {
      problem: 'A plan file says itself what it is about, so nothing can be chosen beside it.',
      next: 'Leave --host, --role and --only to `fettle plan --out`.',
    })
  if (!existsSync(path))
    throw problem('plan-file-broken', { path, reason: 'there is no such file' })
  return parsePlanFile(readFileSync(path, 'utf8'), path)
}

const asFlags = ({ hosts, roles, only, orphans, lab }: PlanSelection): Partial<Flags> => ({
  host: hosts,
  role: roles,
  only,
  orphans,
  lab,
})

async function nothingToDo(
  surveyed: readonly Surveyed[],
  plan: PlanDocument,
  context: Context,
  flags: Flags,
): Promise<Ending> {
  if (surveyed.some((each) => 'plan' in each && hasWork(each.plan)))
    await (await import('./apply.ts')).keepMemories(surveyed, context, flags)
  if (flags.json) showPlan(plan, flags)
  const failed = surveyed.some((each) => 'error' in each)
  return { code: failed ? exitCodes.failed : exitCodes.done, whole: true }
}

function checkHash(plan: PlanDocument, flags: Flags): void {
  if (flags.planHash !== undefined && flags.planHash !== plan.hash)
    throw problem('plan-moved', { expected: flags.planHash, actual: plan.hash })
}

async function confirmed(flags: Flags): Promise<boolean> {
  if (flags.yes || flags.planHash !== undefined) return true
  if (!process.stdin.isTTY || flags.json) throw problem('needs-confirmation', {})
  const { createInterface } = await import('node:readline/promises')
  const prompt = createInterface({ input: process.stdin, output: process.stderr })
  // Ctrl-C and the end of input at the question mean no.
  const answer = await prompt.question('\nApply this? [y/N] ').catch(() => '')
  prompt.close()
  if (/^y(es)?$/i.test(answer.trim())) return true
  process.stderr.write('Nothing was changed.\n')
  return false
}

/** A person may have thought for a while: what is applied must still be what was shown. */
async function readAgain(
  surveyed: Surveyed[],
  shown: PlanDocument,
  context: Context,
  flags: Flags,
): Promise<Surveyed[]> {
  if (flags.yes || flags.planHash !== undefined) return surveyed
  await closeAll(surveyed)
  const again = await surveyHosts(context, flags)
  const { hash } = await planDocument(again.map(outcomeOf), kinds)
  if (hash === shown.hash) return again
  await closeAll(again)
  throw problem('plan-moved', { expected: shown.hash, actual: hash })
}
