import { container } from './container.ts'
import { go } from './go.ts'
import { node } from './node.ts'
import { php } from './php.ts'
import { python } from './python.ts'
import { ruby } from './ruby.ts'
import type { Runtime, SourceFiles } from './runtime.ts'
import { staticSite } from './static.ts'

/** In the order in which they are asked: many apps of Node have a Dockerfile too, and a page for it. */
export const runtimes: readonly Runtime[] = [node, python, ruby, php, go, container, staticSite]

/** What an app is: as its description says, else by its files. */
export function runtimeOf(files: SourceFiles, wanted?: string): Runtime | undefined {
  return runtimes.find((each) =>
    wanted === undefined ? each.recognises(files) : each.name === wanted,
  )
}
