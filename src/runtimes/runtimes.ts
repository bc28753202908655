import { type FettleError, problem } from '../base/errors.ts'
import { type Shell, lines } from '../base/shell.ts'
import type { AppDescription } from '../model/app.ts'
import { container } from './container.ts'
import { go } from './go.ts'
import { node } from './node.ts'
import { php } from './php.ts'
import { python } from './python.ts'
import { ruby } from './ruby.ts'
import type { Runtime, SourceFiles } from './runtime.ts'
import { localFiles, placeOf, sourceFiles } from './source-files.ts'
import { staticSite } from './static.ts'

/** In the order in which they are asked: many apps of Node have a Dockerfile too, and a page for it. */
export const runtimes: readonly Runtime[] = [node, python, ruby, php, go, container, staticSite]

/** What an app is: as its description says, else by its files. */
export function runtimeOf(files: SourceFiles, wanted?: string): Runtime | undefined {
  return runtimes.find((each) =>
    wanted === undefined ? each.recognises(files) : each.name === wanted,
  )
}

type Described = Pick<AppDescription, 'name' | 'runtime' | 'processes' | 'source' | 'build' | 'at'>

/**
 * The runtime of an app with these files; undefined for one that needs none, as its commands are
 * named. Throws `runtime-unknown` or `runtime-not-supported`.
 */
export function runtimeFor(app: Described, files: SourceFiles): Runtime | undefined {
  const runtime = runtimeOf(files, app.runtime)
  const { command, output, where } = app.build
  const field = command ? 'command' : output ? 'output' : where === 'here' ? 'where' : undefined
  if (runtime?.enclosure && field !== undefined)
    throw problem(
      'runtime-not-supported',
      { app: app.name, runtime: runtime.name, field: `build.${field}` },
      { at: app.at },
    )
  const named = files.paths.includes('Procfile') || Object.keys(app.processes).length > 0
  if (!runtime && !named) throw runtimeUnknown(app, 'its files do not tell what it is')
  return runtime
}

/**
 * The packages of Debian that an app needs on its hosts, from what can be seen of its source here;
 * `folder` is that of the description.
 */
export function packagesFor(app: Described, folder: string): readonly string[] {
  const files = localFiles(app, folder)
  if (!files && app.runtime === undefined)
    throw runtimeUnknown(
      app,
      'its source is a URL, whose files are not seen before it is delivered',
    )
  const seen = files ?? sourceFiles([], () => undefined)
  const { command, where } = app.build
  const builds = where === 'host' && command !== '' && !isArchive(app, folder)
  // A site that Node builds and Apache serves: `runtime` says how it runs, its files how it is built.
  const builder = command && builds ? runtimeOf(seen) : undefined
  const wanted = [runtimeFor(app, seen), builder].flatMap(
    (each) => each?.packages(seen, builds) ?? [],
  )
  return [...new Set(wanted)]
}

const isArchive = (app: Described, folder: string): boolean =>
  placeOf(app, folder).kind === 'archive'

/** Removes what was made of trees of an app that are no longer in this folder, whatever it is now. */
export function pruneMade(app: string, trees: string): Shell {
  return lines(...runtimes.map(({ enclosure }) => enclosure?.prune(app, trees)))
}

function runtimeUnknown(app: Described, reason: string): FettleError {
  return problem('runtime-unknown', { app: app.name, reason }, { at: app.at })
}
