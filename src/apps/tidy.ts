import { lines, sh } from '../base/shell.ts'
import { type Crew, each, phase } from './rollout.ts'
import { pruneReleases } from './release.ts'
import { pruneTrees } from './retention.ts'
import { pruneMade } from '../runtimes/runtimes.ts'
import { treesOf } from './paths.ts'

/**
 * Removes releases that are too old, with their trees; what serves or served just now always stays.
 * `passed`: what was rolled out serves; else nothing of it is left, unless it had served before.
 */
export async function tidy(crew: Crew, passed: boolean): Promise<void> {
  const { app, hosts } = crew
  await phase(crew, 'tidy', hosts, () =>
    each(hosts, async (host) => {
      const { current, history } = host.state
      const recent = [...new Set(history.map(({ release }) => release).reverse())]
      const kept = [passed ? host.next?.release : undefined, current?.release, ...recent].flatMap(
        (name) => name ?? [],
      )
      const names = [...new Set(kept)].slice(0, app.rollout.keep)
      const script = lines(
        sh`( ${pruneReleases(app, names)}
)`,
        sh`( ${pruneTrees(app, [])}
)`,
        pruneMade(app.name, treesOf(app.name)),
      )
      await host.ask({ script }, 'removing old releases')
    }),
  )
}
