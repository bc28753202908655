import type { Clock } from '../base/clock.ts'
import type { AppDescription, AppHost } from '../model/app.ts'
import type { Session } from '../transport/machine.ts'
import { Balancers } from './balancers.ts'

/** An app that is to be removed from some hosts, as far as balancers know it. */
export interface Leaving {
  readonly app: Pick<AppDescription, 'name' | 'port'>
  readonly hosts: readonly AppHost[]
  /** How long its instances may take to finish their requests. Seconds. */
  readonly drain: number
}

/**
 * Before instances are removed no balancer gives them requests any more, and those that they are at are
 * finished. Where no balancer does, as it has been told already, nothing happens.
 */
export async function leaveBalancers(
  { app, hosts, drain }: Leaving,
  sessions: readonly Session[],
  clock: Clock,
): Promise<void> {
  // Each by itself: one of them may know slots that another one has no more.
  const each = sessions.map(async (session) => {
    const balancer = new Balancers(app, [session])
    const places = (await Promise.all(hosts.map((host) => balancer.live(host)))).flat()
    if (places.length === 0) return
    await balancer.retire(places)
    await balancer.untilIdle(places, drain, clock)
  })
  await Promise.all(each)
}
