import { outOfPool } from '../apps/pool.ts'
import { Delivery } from '../apps/delivery.ts'
import type { Planned, RolloutOptions } from '../engine/rollout.ts'
import type { Context, Flags } from './context.ts'
import { deliveryOptions } from './delivering.ts'

/** The apps of the hosts of a run, which nobody else changes meanwhile. */
export interface Pool {
  readonly around: NonNullable<RolloutOptions['around']>
  close(): Promise<void>
}

/** Waits for the turn of each app that is on one of these hosts. */
export async function openPool(
  planned: readonly Planned[],
  context: Context,
  flags: Flags,
): Promise<Pool> {
  const names = new Set(planned.map(({ host }) => host.name))
  const deliveries: Delivery[] = []
  const close = async (): Promise<void> => {
    await Promise.all(deliveries.map((each) => each.close()))
  }
  try {
    for (const placed of context.fleet.apps.values())
      if (placed.app.domains.length > 0 && placed.hosts.some(({ name }) => names.has(name)))
        deliveries.push(await Delivery.open(placed, deliveryOptions(context, placed, flags)))
  } catch (thrown) {
    await close()
    throw thrown
  }
  return { around: (host, work) => outOfPool(host, deliveries, work), close }
}
