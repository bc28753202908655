import { countsFor } from '../apps/counts.ts'
import { rollOut } from '../apps/rollout.ts'
import { problem } from '../base/errors.ts'
import { type Flags, openContext } from './context.ts'
import { appNamed, delivering, servedBy } from './delivering.ts'

/** `fettle restart`: new instances of the release that serves take the place of the old ones. */
export async function restart(name: string, flags: Flags): Promise<number> {
  const context = await openContext(flags)
  const placed = appNamed(context.fleet, name)
  return delivering(context, placed, flags, { app: name, action: 'restart' }, async (delivery) => {
    const { crew } = delivery
    for (const host of crew.hosts) {
      const { current, releases } = host.state
      if (!current) throw problem('app-not-deployed', { app: name, host: host.host.name })
      const { release, commit } = current
      const counts = countsFor(placed.app, releases.get(release) ?? [], current)
      host.plan({ id: delivery.id, release, commit, counts })
    }
    const { release, commit } = crew.hosts[0]!.state.current!
    await rollOut(crew, await servedBy(context, { release, commit }), undefined)
    return { to: release }
  })
}
