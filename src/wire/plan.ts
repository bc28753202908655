import type { FettleError } from '../base/errors.ts'
import { redact } from '../base/secret.ts'
import { actionsOf, dueActions, expectedNotes, isCertain } from '../engine/actions.ts'
import { type HostPlan, fleetHash } from '../engine/plan.ts'
import { textDiff } from '../engine/text-diff.ts'
import type { Shared } from '../engine/memory.ts'
import type { Lease } from '../engine/lease.ts'
import type { Change, Kind } from '../model/kind.ts'
import { idOf } from '../model/resource.ts'

/** A plan as `fettle plan --json` prints it. Secrets are redacted. */
export interface PlanDocument {
  readonly version: 1
  readonly type: 'plan'
  /** Over the plans of all hosts that could be read. */
  readonly hash: string
  readonly hosts: readonly HostPlanDocument[]
}

export interface HostPlanDocument {
  readonly host: string
  readonly hash?: string
  /** How many resources were looked at. */
  readonly resources: number
  readonly changes: readonly ChangeDocument[]
  /** What will be done at the end, such as `restart service:nginx`, and for which changes. */
  readonly actions: readonly ActionDocument[]
  /** What left the description and is still there; the changes are those that `--orphans remove` would make. */
  readonly orphans?: readonly ChangeDocument[]
  /** Ids of what left the description and can only be removed by hand. */
  readonly strays?: readonly string[]
  /** What another project manages on the host as well, by project. */
  readonly shared?: readonly Shared[]
  /** Another run, at it or interrupted. */
  readonly run?: Lease
  /** Why this host could not be read. */
  readonly error?: FettleError
}

export interface ChangeDocument {
  readonly id: string
  readonly verb: 'create' | 'change' | 'remove' | 'run' | 'unknown'
  readonly summary: string
  /** Hunks of a unified diff. */
  readonly diff?: string
  /** Who makes it; left out for the login user. */
  readonly user?: string
  /** The line of the description, as `fleet.ts:12`. */
  readonly at?: string
}

export interface ActionDocument {
  readonly action: string
  readonly causes: readonly string[]
  /** An interrupted run asked for it. */
  readonly owed: boolean
  /** Whether it will be done hangs on changes that are unknown. */
  readonly unknown: boolean
}

/** A host's plan, or why there is none. */
export type Outcome =
  | { readonly host: string; readonly plan: HostPlan }
  | { readonly host: string; readonly error: FettleError }

/** Everything that people and machines are shown of a plan. */
export async function planDocument(
  outcomes: readonly Outcome[],
  kinds: ReadonlyMap<string, Kind>,
): Promise<PlanDocument> {
  const plans = outcomes.flatMap((each) => ('plan' in each ? [each.plan] : []))
  const hosts = await Promise.all(outcomes.map((each) => hostDocument(each, kinds)))
  return {
    version: 1,
    type: 'plan',
    get hash() {
      return fleetHash(plans)
    },
    hosts,
  }
}

async function hostDocument(
  outcome: Outcome,
  kinds: ReadonlyMap<string, Kind>,
): Promise<HostPlanDocument> {
  const { host } = outcome
  if ('error' in outcome)
    return { host, resources: 0, changes: [], actions: [], error: outcome.error }
  const { plan } = outcome
  const orphans = await Promise.all(plan.orphans.map(changeDocument))
  const { lease } = plan.journal
  return {
    host,
    get hash() {
      return plan.hash
    },
    resources: plan.resources.length,
    changes: await Promise.all(plan.changes.map(changeDocument)),
    actions: actionDocuments(plan, kinds),
    ...(orphans.length > 0 ? { orphans } : {}),
    ...(plan.strays.length > 0 ? { strays: plan.strays } : {}),
    ...(plan.shared.length > 0 ? { shared: plan.shared } : {}),
    ...(lease ? { run: lease } : {}),
  }
}

async function changeDocument({ resource, difference }: Change): Promise<ChangeDocument> {
  const diff = await textDiff(difference)
  const { user, at } = resource
  return {
    id: idOf(resource),
    verb: difference.verb,
    summary: redact(difference.summary),
    ...(diff ? { diff } : {}),
    ...(user ? { user } : {}),
    ...(at ? { at: `${at.file}:${at.line}` } : {}),
  }
}

function actionDocuments(plan: HostPlan, kinds: ReadonlyMap<string, Kind>): ActionDocument[] {
  return dueActions(expectedNotes(plan.changes, plan.owed), plan.all, kinds).map((due) => ({
    action: actionsOf([due])[0]!,
    causes: [...new Set(due.notes.map(({ cause }) => cause))],
    owed: due.notes.some((each) => plan.owed.includes(each)),
    unknown: !isCertain(due, plan.changes, plan.owed),
  }))
}
