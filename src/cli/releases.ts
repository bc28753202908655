import type { Served } from '../apps/state.ts'
import { type Flags, openContext } from './context.ts'
import { appNamed } from './delivering.ts'
import { exitCodes } from './exit-code.ts'
import { lookEverywhere } from './looking.ts'
import { errorLines } from './render/error.ts'
import { json } from './render/json.ts'
import { paintFor, visible } from './render/style.ts'

/** `fettle releases`: what served, oldest first, and what serves. */
export async function releases(name: string, flags: Flags): Promise<number> {
  const context = await openContext(flags)
  const placed = appNamed(context.fleet, name)
  const looks = await lookEverywhere(context, placed, async (_session, state) => state)
  const states = looks.flatMap((each) =>
    'found' in each ? [{ host: each.host.name, ...each.found }] : [],
  )
  const failed = looks.flatMap((each) => ('error' in each ? [each.error] : []))
  const rows = new Map<string, Served>()
  for (const { history } of states)
    for (const each of history) rows.set(`${each.when} ${each.release}`, each)
  const all = [...rows.values()].sort((a, b) => (a.when < b.when ? -1 : 1))
  const serving = states.flatMap(({ host, current, next }) => [
    { host, release: current?.release ?? null, next: next?.release ?? null },
  ])
  if (flags.json) {
    process.stdout.write(
      `${json({ version: 1, type: 'releases', app: name, releases: all, hosts: serving, errors: failed })}\n`,
    )
    return failed.length > 0 ? exitCodes.failed : exitCodes.done
  }
  const paint = paintFor(process.stdout)
  const hostsWith = (release: string): string[] =>
    serving.filter((each) => each.release === release).map(({ host }) => host)
  const last = new Map(all.map((each) => [each.release, each]))
  const lines = all.map((each) => {
    const hosts = last.get(each.release) === each ? hostsWith(each.release) : []
    const now = hosts.length > 0 ? paint('green', `serves on ${hosts.join(', ')}`) : ''
    const time = each.when.replace('T', ' ').slice(0, 16)
    const cells = [time, paint('bold', each.release), each.who, visible(each.subject ?? ''), now]
    return cells.filter(Boolean).join('  ')
  })
  const begun = serving
    .filter(({ next }) => next !== null)
    .map(({ host, next }) =>
      paint('red', `${host}: a rollout of ${next} goes on, or was interrupted.`),
    )
  const text = lines.length === 0 ? [`Nothing of ${name} has served yet.`] : lines
  process.stdout.write(`${[...text, ...begun].join('\n')}\n`)
  for (const error of failed)
    process.stderr.write(`${errorLines(error, paintFor(process.stderr)).join('\n')}\n`)
  return failed.length > 0 ? exitCodes.failed : exitCodes.done
}
