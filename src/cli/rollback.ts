import type { AppState } from '../apps/state.ts'
import { countsFor } from '../apps/counts.ts'
import { rollOut } from '../apps/rollout.ts'
import { problem } from '../base/errors.ts'
import { closest } from '../model/suggestion.ts'
import { type Flags, openContext } from './context.ts'
import { appNamed, delivering, servedBy } from './delivering.ts'

/** `fettle rollback`: what served before takes the place of what serves, with its configuration of then. */
export async function rollback(
  name: string,
  wanted: string | undefined,
  flags: Flags,
): Promise<number> {
  const context = await openContext(flags)
  const placed = appNamed(context.fleet, name)
  const { app } = placed
  const intent = { app: name, action: 'rollback', ...(wanted ? { to: wanted } : {}) } as const
  return delivering(context, placed, flags, intent, async (delivery) => {
    const { crew } = delivery
    const { release, commit, subject } = earlier(
      name,
      crew.hosts.map(({ state }) => state),
      wanted,
    )
    for (const host of crew.hosts) {
      const counts = countsFor(app, host.state.releases.get(release)!, host.state.current)
      host.plan({ id: delivery.id, release, commit, counts })
    }
    const served = await servedBy(context, { release, commit, subject })
    await rollOut(crew, served, undefined)
    return { to: release }
  })
}

type Earlier = { readonly release: string; readonly commit?: string; readonly subject?: string }

/** The release that is meant, or the last one before that which serves; every host must still have it. */
function earlier(app: string, states: readonly AppState[], wanted: string | undefined): Earlier {
  const [first] = states
  const serving = first?.current?.release
  const everywhere = (first?.history ?? []).filter(({ release }) =>
    states.every(({ releases }) => releases.has(release)),
  )
  const fits = ({ release, commit }: Earlier): boolean =>
    wanted === undefined
      ? release !== serving
      : release.startsWith(wanted) || (commit?.startsWith(wanted) ?? false)
  const found = everywhere.findLast(fits)
  if (found) return found
  const known = [...new Set(everywhere.map(({ release }) => release))].filter(
    (each) => each !== serving,
  )
  if (wanted === undefined || known.length === 0) throw problem('nothing-to-roll-back', { app })
  throw problem('unknown-selection', {
    what: `release of ${app}`,
    name: wanted,
    suggestion: closest(wanted, known),
  })
}
