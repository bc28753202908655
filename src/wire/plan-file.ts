import { problem } from '../base/errors.ts'
import { fingerprints } from '../engine/plan.ts'
import type { Outcome, PlanDocument } from './plan.ts'

/** What the command line asked a plan to be about. */
export interface PlanSelection {
  readonly hosts: readonly string[]
  readonly roles: readonly string[]
  readonly only: readonly string[]
  readonly orphans: 'list' | 'remove' | 'keep'
  readonly lab: boolean
}

/**
 * A plan that is kept to be applied later, exactly: `fettle plan --out`. Beside what people are
 * shown it has what it was about, and a fingerprint of each resource as it was described and seen.
 */
export interface PlanFile extends PlanDocument {
  readonly selection: PlanSelection
  /** By host and resource id. */
  readonly seen: Readonly<Record<string, Readonly<Record<string, string>>>>
}

export function planFile(
  document: PlanDocument,
  outcomes: readonly Outcome[],
  selection: PlanSelection,
): PlanFile {
  return { ...document, selection, seen: seenIn(outcomes) }
}

/** Reads the text of a plan file; throws `plan-file-broken`. */
export function parsePlanFile(text: string, path: string): PlanFile {
  const broken = (reason: string): Error => problem('plan-file-broken', { path, reason })
  let found: Partial<PlanFile>
  try {
    found = JSON.parse(text) as Partial<PlanFile>
  } catch (error) {
    throw broken(error instanceof Error ? error.message : String(error))
  }
  if (found?.type !== 'plan' || typeof found.hash !== 'string') throw broken('it is not a plan')
  if (found.version !== 1) throw broken(`it is of version ${found.version}, not 1`)
  if (!found.selection || !found.seen || !Array.isArray(found.hosts))
    throw broken('it was not written by `fettle plan --out`')
  return found as PlanFile
}

/** Throws `plan-file-moved`, which names what is not as it was, when anything is not. */
export function checkUnmoved(
  file: PlanFile,
  path: string,
  document: PlanDocument,
  outcomes: readonly Outcome[],
): void {
  if (file.hash === document.hash) return
  const now = seenIn(outcomes)
  const hosts = [...new Set([...Object.keys(file.seen), ...Object.keys(now)])]
  const moved = hosts.flatMap((host) => movedOn(host, file.seen[host], now[host]))
  throw problem('plan-file-moved', {
    path,
    // Actions that are owed to an interrupted run are no resource.
    moved: moved.length > 0 ? moved.join(', ') : 'what an interrupted run still owes',
  })
}

type Fingerprints = Readonly<Record<string, string>> | undefined

function movedOn(host: string, before: Fingerprints, now: Fingerprints): string[] {
  if (!now) return [`${host} (not read)`]
  if (!before) return [`${host} (not in the plan)`]
  const ids = [...new Set([...Object.keys(before), ...Object.keys(now)])]
  return ids.filter((id) => before[id] !== now[id]).map((id) => `${host} ${id}`)
}

function seenIn(outcomes: readonly Outcome[]): PlanFile['seen'] {
  return Object.fromEntries(
    outcomes.flatMap((each) => ('plan' in each ? [[each.host, fingerprints(each.plan)]] : [])),
  )
}
