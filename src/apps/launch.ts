import { type App, userOf } from '../model/app.ts'
import type { Launcher } from '../runtimes/runtime.ts'
import { namesIn } from './environment-file.ts'
import { onHost } from './on-host.ts'
import { dataOf, treesOf } from './paths.ts'
import type { Release } from './release.ts'

/** How the programs of a release are started. */
export function launcherOf(
  { name, rollout }: App,
  { tree, environment, enclosure }: Release,
): Launcher {
  const launched = {
    app: name,
    user: userOf(name),
    tree,
    folder: `${treesOf(name)}/${tree}`,
    data: dataOf(name),
    names: namesIn(environment),
    stop: rollout.stop,
  }
  return enclosure ? enclosure.launch(launched) : onHost(launched)
}
