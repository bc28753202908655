import type { App } from '../model/app.ts'
import type { Serving } from './state.ts'

/** How many instances of each process a host runs: as `fettle scale` said, else as described. */
export function countsFor(
  app: App,
  processes: readonly string[],
  current: Serving | undefined,
): Record<string, number> {
  const count = (process: string): number =>
    current?.scaled?.[process] ?? app.instances[process] ?? 1
  return Object.fromEntries(
    processes.filter((each) => each !== 'release').map((each) => [each, count(each)]),
  )
}
