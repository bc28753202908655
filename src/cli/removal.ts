import { type Leaving, leaveBalancers } from '../apps/removal.ts'
import { systemClock } from '../base/clock.ts'
import { problem } from '../base/errors.ts'
import type { Planned } from '../engine/rollout.ts'
import { describeApp } from '../model/app.ts'
import { appKind, isDeploying } from '../resources/app.ts'
import type { Context } from './context.ts'
import { balancersIn } from './delivering.ts'

/**
 * What this run removes of apps takes no more requests, before anything is changed anywhere. Throws where a
 * deploy goes on.
 */
export async function leaveAllBalancers(
  planned: readonly Planned[],
  context: Context,
): Promise<void> {
  const leaving = leavingIn(planned, context)
  if (leaving.length === 0) return
  const { fleet, machineOf } = context
  // One that was never read from here may have a balancer: where it has none, nothing is done.
  const sessions = balancersIn(context, () => true).map((name) =>
    machineOf(fleet.hosts.get(name)!).open(),
  )
  try {
    await Promise.all(leaving.map((each) => leaveBalancers(each, sessions, systemClock)))
  } finally {
    await Promise.all(sessions.map((session) => session.close()))
  }
}

/** By app: of one that has left the description the usual settings count. */
function leavingIn(planned: readonly Planned[], { fleet }: Context): Leaving[] {
  const leaving = new Map<string, Leaving>()
  for (const { host, plan } of planned)
    for (const { resource, state } of plan.changes) {
      const { kind, name, absent } = resource
      if (kind !== appKind.name || !absent) continue
      // Refused before it stops serving: its own step would see to that too late.
      if (isDeploying(state)) throw problem('app-being-deployed', { app: name, host: host.name })
      const app = fleet.apps.get(name)?.app ?? describeApp(name, { source: '.' })
      const hosts = [...(leaving.get(name)?.hosts ?? []), host]
      leaving.set(name, { app, hosts, drain: app.rollout.drain })
    }
  return [...leaving.values()]
}
