import type { FleetHost } from '../model/fleet.ts'
import { idOf } from '../model/resource.ts'
import { actionsOf, dueActions } from './actions.ts'
import { converge } from './converge.ts'
import type { HostResult } from './events.ts'
import type { ConvergeOptions, Reached } from './host-run.ts'
import { limited } from './limited.ts'
import type { HostPlan } from './plan.ts'

/** A host with its plan and the session that it was read with. */
export interface Planned extends Reached {
  readonly host: FleetHost
}

export interface RolloutOptions extends ConvergeOptions {
  /** How many hosts are changed at once. */
  readonly parallel: number
  /** At most so many of all hosts are changed at once, whatever their roles say. */
  readonly maxUnavailable: number | undefined
  /** What a host has around it while it is changed, such as being out of a balancer's pool. */
  readonly around?: (host: FleetHost, work: () => Promise<HostResult>) => Promise<HostResult>
}

/** Applies plans batch by batch; after a batch in which a host failed, later ones stay untouched. */
export async function rollout(
  planned: readonly Planned[],
  options: RolloutOptions,
): Promise<HostResult[]> {
  const results: HostResult[] = []
  let halted = false
  for (const batch of batchesOf(planned, options.maxUnavailable)) {
    halted ||= options.stop.aborted
    const ended: HostResult[] = halted
      ? batch.map(({ plan }) => untouched(plan, options))
      : await limited(options.parallel, batch, (each) => changeHost(each, options))
    results.push(...ended)
    halted ||= ended.some(({ status }) => status !== 'done')
  }
  return results
}

async function changeHost(planned: Planned, options: RolloutOptions): Promise<HostResult> {
  const { around = (_host, work) => work() } = options
  return around(planned.host, () => converge(planned, options))
}

/**
 * Hosts in batches: in none of them are there more hosts of a role than that role's
 * `maxUnavailable`. Without any limit there is one batch.
 */
export function batchesOf<Each extends { readonly host: FleetHost }>(
  hosts: readonly Each[],
  maxUnavailable: number | undefined,
): Each[][] {
  const batches: Each[][] = []
  for (const each of hosts) {
    const fits = batches.find((batch) => hasRoom(batch, each.host, maxUnavailable))
    if (fits) fits.push(each)
    else batches.push([each])
  }
  return batches
}

function hasRoom(
  batch: readonly { readonly host: FleetHost }[],
  host: FleetHost,
  maxUnavailable: number | undefined,
): boolean {
  if (maxUnavailable !== undefined && batch.length >= maxUnavailable) return false
  return host.roles.every(
    (role) =>
      role.maxUnavailable === undefined ||
      batch.filter((each) => each.host.roles.includes(role)).length < role.maxUnavailable,
  )
}

function untouched(plan: HostPlan, { kinds, report }: RolloutOptions): HostResult {
  const result: HostResult = {
    host: plan.host,
    status: 'untouched',
    made: [],
    left: [
      ...plan.changes.map(({ resource }) => idOf(resource)),
      ...actionsOf(dueActions(plan.owed, plan.all, kinds)),
    ],
    seconds: 0,
  }
  report({ type: 'host-ended', host: plan.host, result })
  return result
}
