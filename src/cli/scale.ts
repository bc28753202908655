import { countsFor } from '../apps/counts.ts'
import { rollOut } from '../apps/rollout.ts'
import { problem } from '../base/errors.ts'
import { closest } from '../model/suggestion.ts'
import { type Flags, openContext } from './context.ts'
import { appNamed, delivering, servedBy } from './delivering.ts'

/** `fettle scale shop web=4 worker=2`: so many instances on each host, until it is said otherwise. */
export async function scale(name: string, words: readonly string[], flags: Flags): Promise<number> {
  const wanted = Object.fromEntries(words.map(countOf))
  const context = await openContext(flags)
  const placed = appNamed(context.fleet, name)
  const intent = { app: name, action: 'scale', to: words.join(' ') } as const
  return delivering(context, placed, flags, intent, async (delivery) => {
    const { crew } = delivery
    for (const host of crew.hosts) {
      const { current, releases } = host.state
      if (!current) throw problem('app-not-deployed', { app: name, host: host.host.name })
      const counts = countsFor(placed.app, releases.get(current.release) ?? [], current)
      const unknown = Object.keys(wanted).find((each) => !(each in counts))
      if (unknown !== undefined)
        throw problem('unknown-selection', {
          what: `process of ${name}`,
          name: unknown,
          suggestion: closest(unknown, Object.keys(counts)),
        })
      host.planCounts(delivery.id, { ...counts, ...wanted })
    }
    const { release, commit } = crew.hosts[0]!.state.current!
    await rollOut(crew, await servedBy(context, { release, commit }), undefined)
    return {}
  })
}

function countOf(word: string): [string, number] {
  const [, process, count] = /^([a-z][a-z0-9-]*)=(\d{1,2})$/.exec(word) ?? []
  if (process === undefined || Number(count) > 50)
    throw problem('usage', {
      problem: `${word} is not a process and how many of it.`,
      next: 'Write for example web=4, up to 50.',
    })
  return [process, Number(count)]
}
