import type { HostResult } from '../engine/events.ts'
import type { FleetHost } from '../model/fleet.ts'
import type { Delivery } from './delivery.ts'
import type { HostRollout } from './host-rollout.ts'
import { type Crew, drained, placesOf } from './rollout.ts'

/**
 * The balancers give traffic to all that serves, or during maintenance to nothing: whoever was to see to
 * that may have been interrupted halfway.
 */
export async function balance({ balancers, hosts, maintenance, report }: Crew): Promise<void> {
  const places = placesOf(hosts, 'current')
  if (maintenance) return balancers.retire(places)
  const missing = await balancers.missing(places)
  if (missing.length === 0) return
  const names = [...new Set(missing.map(({ host }) => host.name))].join(', ')
  report({
    type: 'note',
    text: `${names}: had been left out of the balancing, and takes part again.`,
  })
  await balancers.putBack(missing, [])
}

/**
 * Does work on a host while its apps get no requests: they are finished before, and come back once the
 * instances are well. After work that failed the host stays out; the next deploy or run takes it in again.
 */
export async function outOfPool(
  host: FleetHost,
  deliveries: readonly Delivery[],
  work: () => Promise<HostResult>,
): Promise<HostResult> {
  const parts = deliveries.flatMap(({ crew }): Part[] => {
    const own = crew.hosts.find((each) => each.host.name === host.name)
    return own?.state.current && !crew.maintenance ? [{ crew, own }] : []
  })
  await Promise.all(parts.map(leave))
  const result = await work()
  const untouched = result.status === 'stopped' && result.made.length === 0
  if (result.status === 'done' || untouched) await Promise.all(parts.map(comeBack))
  return result
}

interface Part {
  readonly crew: Crew
  readonly own: HostRollout
}

async function leave({ crew, own }: Part): Promise<void> {
  const places = placesOf([own], 'current')
  // The last one that serves stays: slow is better than nothing.
  if (crew.hosts.length === 1) return
  await crew.balancers.move([], places)
  await drained(crew, places)
}

async function comeBack({ crew, own }: Part): Promise<void> {
  await own.awaitWell()
  await crew.balancers.move(placesOf([own], 'current'), [])
}
