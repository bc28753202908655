import { problem } from '../base/errors.ts'
import { type Crew, changing, placesOf, putBack } from './rollout.ts'

/**
 * Ends what an interrupted rollout left: forward where it had passed on all hosts and one of them has
 * it for good, back otherwise. Whether there was any.
 */
export async function recover(crew: Crew): Promise<boolean> {
  const begun = crew.hosts.filter(({ state }) => state.next)
  if (begun.length === 0) return false
  const id = begun[0]!.state.next!.id
  const passed = crew.hosts.some(({ state }) => state.current?.id === id)
  crew.report({ type: 'interrupted', passed, hosts: begun.map(({ host }) => host.name) })
  if (passed) await goOn(crew, begun)
  else {
    const cause = problem('rollout-interrupted', { app: crew.app.name })
    const error = await putBack(crew, begun, cause)
    if (error.state.startsWith('Not everything')) throw error
  }
  return true
}

async function goOn(crew: Crew, begun: Crew['hosts']): Promise<void> {
  const [old] = changing(begun)
  if (!crew.maintenance) await crew.balancers.putBack(placesOf(begun, 'next'), old)
  for (const host of begun) {
    host.next = host.state.next
    await host.commit(undefined, host === crew.hosts[0])
  }
}
