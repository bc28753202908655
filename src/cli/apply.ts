import { systemClock } from '../base/clock.ts'
import { problem } from '../base/errors.ts'
import type { HostResult } from '../engine/events.ts'
import { hasWork } from '../engine/plan.ts'
import { type Planned, rollout } from '../engine/rollout.ts'
import type { Surveyed } from '../engine/survey.ts'
import { type RunRecord, hostRecord } from '../wire/ledger.ts'
import type { PlanDocument } from '../wire/plan.ts'
import type { Context, Flags } from './context.ts'
import { exitCodes } from './exit-code.ts'
import { Ledger, openingRecord } from './ledger.ts'
import { LiveProgress, PlainProgress, type Progress, failureLines } from './render/progress.ts'
import { paintFor } from './render/style.ts'
import { stopOnInterrupt } from './interrupt.ts'
import { runnerHere } from './runner.ts'
import { json } from './render/json.ts'

/** How a run ended, for the caller of the program and for who comes after it. */
export interface Ending {
  readonly code: number
  /** Every host that was to be changed was. */
  readonly whole: boolean
}

/** Applies what was shown, and writes it in the ledger however it ends. */
export async function apply(
  surveyed: readonly Surveyed[],
  plan: PlanDocument,
  context: Context,
  flags: Flags,
): Promise<Ending> {
  const { leaveAllBalancers } = await import('./removal.ts')
  await leaveAllBalancers(plannedOf(surveyed), context)
  const ledger = new Ledger(context.project)
  const opening = await openingOf(plan, context)
  ledger.append({ ...opening, type: 'begun', planned: plannedIds(plan) })
  const progress = progressFor(plan, flags)
  const stop = stopOnInterrupt()
  const begun = systemClock.elapsed()
  const pool = flags.rolling
    ? await (await import('./pool.ts')).openPool(plannedOf(surveyed), context, flags)
    : undefined
  const results = await rollout(plannedOf(surveyed), {
    kinds: context.kinds(),
    clock: systemClock,
    runner: { ...runnerHere(), id: opening.id },
    report: (event) => progress.event(event),
    stop,
    timeoutSeconds: flags.timeout,
    parallel: flags.parallel,
    maxUnavailable: flags.maxUnavailable ?? (flags.rolling ? 1 : undefined),
    ...(pool ? { around: pool.around } : {}),
  }).finally(() => pool?.close())
  progress.end()
  const record: RunRecord = {
    ...opening,
    type: 'run',
    result: endOf(results, surveyed, stop.aborted),
    duration: Math.round(systemClock.elapsed() - begun) / 1000,
    hosts: [...results.map(hostRecord), ...surveyed.flatMap(unreachable)],
  }
  ledger.append(record)
  const whole = results.every(({ status }) => status === 'done')
  return { code: conclude(record, results, flags), whole }
}

/** Has the hosts remember what is managed; there is nothing else to do. */
export async function keepMemories(
  surveyed: readonly Surveyed[],
  context: Context,
  flags: Flags,
): Promise<void> {
  const results = await rollout(plannedOf(surveyed), {
    kinds: context.kinds(),
    clock: systemClock,
    runner: runnerHere(),
    report: () => undefined,
    stop: new AbortController().signal,
    timeoutSeconds: flags.timeout,
    parallel: flags.parallel,
    maxUnavailable: undefined,
  })
  for (const { error } of results) if (error) throw error
}

/** What is on record before anything is changed. */
async function openingOf(
  plan: PlanDocument,
  context: Context,
): Promise<Omit<RunRecord, 'type' | 'result' | 'duration' | 'hosts'>> {
  return { ...(await openingRecord(context.project.folder)), planHash: plan.hash }
}

function plannedIds(plan: PlanDocument): Record<string, string[]> {
  return Object.fromEntries(
    plan.hosts.flatMap(({ host, changes, actions }) => {
      const ids = [...changes.map(({ id }) => id), ...actions.map(({ action }) => action)]
      return ids.length === 0 ? [] : [[host, ids]]
    }),
  )
}

/** Hosts with something to do. */
function plannedOf(surveyed: readonly Surveyed[]): Planned[] {
  return surveyed.flatMap((each) => ('plan' in each && hasWork(each.plan) ? [each] : []))
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
  if (flags.json) {
    process.stdout.write(`${json(record)}\n`)
    return codes[record.result]
  }
  for (const line of failureLines(results, paintFor(process.stdout)))
    process.stdout.write(`${line}\n`)
  if (record.result === 'stopped') {
    const left = results.flatMap((each) => each.left.map((id) => `${each.host} ${id}`))
    throw problem('interrupted', {
      state: `Every step that was begun is done and read back. Left: ${left.join(', ')}.`,
    })
  }
  return codes[record.result]
}

const codes: Readonly<Record<RunRecord['result'], number>> = {
  done: exitCodes.done,
  failed: exitCodes.failed,
  stopped: exitCodes.interrupted,
}
