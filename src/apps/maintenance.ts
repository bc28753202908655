import { type Crew, drained, each, placesOf } from './rollout.ts'

/** No new requests reach the app; those that it is at are finished. It goes on running. */
export async function closeForMaintenance(crew: Crew): Promise<void> {
  await each(crew.hosts, (host) => host.keepMaintenance(true))
  const places = placesOf(crew.hosts, 'current')
  await crew.balancers.move([], places)
  await drained(crew, places)
}

export async function openAgain(crew: Crew): Promise<void> {
  await crew.balancers.move(placesOf(crew.hosts, 'current'), [])
  await each(crew.hosts, (host) => host.keepMaintenance(false))
}
