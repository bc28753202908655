import { randomUUID } from 'node:crypto'
import { createInterface } from 'node:readline/promises'
import { systemClock } from '../base/clock.ts'
import { problem } from '../base/errors.ts'
import type { HostResult } from '../engine/events.ts'
import { isEmpty } from '../engine/plan.ts'
import { type Planned, rollout } from '../engine/rollout.ts'
import type { Surveyed } from '../engine/survey.ts'
import { kinds } from '../resources/kinds.ts'
import { type RunRecord, hostRecord } from '../wire/ledger.ts'
import { type PlanDocument, planDocument } from '../wire/plan.ts'
import { type Context, type Flags, closeAll, openContext, surveyHosts } from './context.ts'
import { exitCodes } from './exit-code.ts'
import { Ledger, provenance } from './ledger.ts'
import { outcomeOf, showPlan } from './plan.ts'
import { LiveProgress, PlainProgress, type Progress, failureLines } from './render/progress.ts'
import { paintFor } from './render/style.ts'

/** `fettle up`: plan, show, ask, apply, record. */
export async function up(flags: Flags): Promise<number> {
  const context = await openContext(flags)
  let surveyed = await surveyHosts(context, flags)
  try {
    const plan = await planDocument(surveyed.map(outcomeOf), kinds)
    checkHash(plan, flags)
    // Whoever gives the hash of a plan has seen it.
    if (!flags.json && flags.planHash === undefined) showPlan(plan, flags)
    if (plannedOf(surveyed).length === 0) return nothingToDo(surveyed, plan, flags)
    if (await confirmed(flags)) surveyed = await readAgain(surveyed, plan, context, flags)
    else return exitCodes.wrong
    return await apply(surveyed, plan, context, flags)
  } finally {
    await closeAll(surveyed)
  }
}

/** Applies what was shown, and writes it in the ledger however it ends. */
async function apply(
  surveyed: readonly Surveyed[],
  plan: PlanDocument,
  context: Context,
  flags: Flags,
): Promise<number> {
  const when = systemClock.now().toISOString()
  const begun = systemClock.elapsed()
  const origin = provenance(context.project.folder)
  const progress = progressFor(plan, flags)
  const stop = stopOnInterrupt()
  const results = await rollout(plannedOf(surveyed), {
    kinds,
    clock: systemClock,
    report: (event) => progress.event(event),
    stop,
    timeoutSeconds: flags.timeout,
    parallel: flags.parallel,
    maxUnavailable: flags.maxUnavailable,
  })
  progress.end()
  const record: RunRecord = {
    version: 1,
    type: 'run',
    id: randomUUID(),
    ...(await origin),
    when,
    command: process.argv.slice(2),
    planHash: plan.hash,
    result: endOf(results, surveyed, stop.aborted),
    duration: Math.round(systemClock.elapsed() - begun) / 1000,
    hosts: [...results.map(hostRecord), ...surveyed.flatMap(unreachable)],
  }
  new Ledger(context.project).append(record)
  return conclude(record, results, flags)
}

/** Hosts with something to do. */
function plannedOf(surveyed: readonly Surveyed[]): Planned[] {
  return surveyed.flatMap((each) => ('plan' in each && !isEmpty(each.plan) ? [each] : []))
}

function nothingToDo(surveyed: readonly Surveyed[], plan: PlanDocument, flags: Flags): number {
  if (flags.json) showPlan(plan, flags)
  return surveyed.some((each) => 'error' in each) ? exitCodes.failed : exitCodes.done
}

function checkHash(plan: PlanDocument, flags: Flags): void {
  if (flags.planHash !== undefined && flags.planHash !== plan.hash)
    throw problem('plan-moved', { expected: flags.planHash, actual: plan.hash })
}

async function confirmed(flags: Flags): Promise<boolean> {
  if (flags.yes || flags.planHash !== undefined) return true
  if (!process.stdin.isTTY || flags.json) throw problem('needs-confirmation', {})
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

function progressFor(plan: PlanDocument, flags: Flags): Progress {
  if (flags.json) return { event: () => undefined, end: () => undefined }
  if (!process.stdout.isTTY) return new PlainProgress((text) => process.stdout.write(text))
  const busy = plan.hosts.filter(({ changes, actions }) => changes.length + actions.length > 0)
  const totals = new Map(
    busy.map(({ host, changes, actions }) => [host, changes.length + actions.length]),
  )
  process.stdout.write('\n')
  return new LiveProgress(process.stdout, paintFor(process.stdout), totals)
}

/** The first Ctrl-C finishes the step in hand; a second one ends Fettle at once. */
function stopOnInterrupt(): AbortSignal {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(exitCodes.interrupted)
      process.stderr.write('\nStopping after the step in hand (once more: at once).\n')
      controller.abort()
    })
  return controller.signal
}

function endOf(
  results: readonly HostResult[],
  surveyed: readonly Surveyed[],
  stopped: boolean,
): RunRecord['result'] {
  const failed =
    results.some(({ status }) => status === 'failed') || surveyed.some((each) => 'error' in each)
  if (failed) return 'failed'
  return stopped && results.some(({ status }) => status !== 'done') ? 'stopped' : 'done'
}

function unreachable(each: Surveyed): RunRecord['hosts'][number][] {
  if (!('error' in each)) return []
  const { code, message: what } = each.error
  return [
    {
      host: each.host.name,
      result: 'unreachable',
      duration: 0,
      changes: [],
      left: [],
      error: { code, what },
    },
  ]
}

function conclude(record: RunRecord, results: readonly HostResult[], flags: Flags): number {
  if (flags.json) process.stdout.write(`${JSON.stringify(record, null, 2)}\n`)
  else
    for (const line of failureLines(results, paintFor(process.stdout)))
      process.stdout.write(`${line}\n`)
  if (record.result === 'stopped') {
    const left = results.flatMap((each) => each.left.map((id) => `${each.host} ${id}`))
    throw problem('interrupted', {
      state: `Every step that was begun is done and read back. Left: ${left.join(', ')}.`,
    })
  }
  return record.result === 'done' ? exitCodes.done : exitCodes.failed
}
