import { type Instance, listInstances, parseInstances } from '../apps/processes.ts'
import { unitsOf } from '../apps/instances.ts'
import { unitOf } from '../apps/units.ts'
import type { AppState } from '../apps/state.ts'
import { type FettleError, problem } from '../base/errors.ts'
import type { PlacedApp } from '../model/app.ts'
import { type Flags, openContext } from './context.ts'
import { appNamed } from './delivering.ts'
import { exitCodes } from './exit-code.ts'
import { type Look, lookEverywhere } from './looking.ts'
import { errorLines } from './render/error.ts'
import { json } from './render/json.ts'
import { type Paint, paintFor } from './render/style.ts'

interface Running {
  readonly state: AppState
  readonly instances: readonly Instance[]
}

/** `fettle ps`: every instance of some apps, or of all. */
export async function ps(names: readonly string[], flags: Flags): Promise<number> {
  const context = await openContext(flags)
  const apps =
    names.length > 0
      ? names.map((name) => appNamed(context.fleet, name))
      : [...context.fleet.apps.values()]
  const found = await Promise.all(
    apps.map(async (placed) => ({
      placed,
      looks: await lookEverywhere(context, placed, async (session, state): Promise<Running> => {
        const error = (): FettleError =>
          problem('host-timeout', {
            host: session.host,
            seconds: 60,
            state: 'Nothing was changed.',
          })
        const limit = { seconds: 60, error }
        const [answer] = await session.run([{ script: listInstances(placed.app) }], limit)
        const instances = parseInstances(placed.app, answer!.output.toString())
        return { state, instances: instances.filter((each) => isWanted(placed, state, each)) }
      }),
    })),
  )
  const ok = found.every(({ looks }) => looks.every((each) => 'found' in each))
  if (flags.json)
    process.stdout.write(`${json({ version: 1, type: 'ps', apps: found.map(documentOf) })}\n`)
  else
    process.stdout.write(
      `${found.flatMap((each) => linesOf(each, paintFor(process.stdout))).join('\n')}\n`,
    )
  return ok ? exitCodes.done : exitCodes.failed
}

/** systemd may know stopped ones for a while: they count only where they should run. */
function isWanted({ app }: PlacedApp, { current, next }: AppState, each: Instance): boolean {
  if (each.state !== 'inactive') return true
  const unit = unitOf(app.name, each.process, each.release, each.instance)
  return [current, next].some((serving) => serving && unitsOf(app, serving).includes(unit))
}

interface Found {
  readonly placed: PlacedApp
  readonly looks: readonly Look<Running>[]
}

function documentOf({ placed, looks }: Found): object {
  return {
    app: placed.app.name,
    hosts: looks.map((each) =>
      'error' in each
        ? { host: each.host.name, error: each.error }
        : {
            host: each.host.name,
            current: each.found.state.current ?? null,
            next: each.found.state.next ?? null,
            maintenance: each.found.state.maintenance,
            instances: each.found.instances,
          },
    ),
  }
}

function linesOf({ placed: { app }, looks }: Found, paint: Paint): string[] {
  const closed = looks.some((each) => 'found' in each && each.found.state.maintenance)
  const title = `${paint('bold', app.name)}${closed ? paint('yellow', '  maintenance') : ''}`
  return [
    title,
    ...looks.flatMap((each) => {
      if ('error' in each) return errorLines(each.error, paint)
      const { state, instances } = each.found
      const { current, next } = state
      const shown = instances.map((instance) =>
        instanceLine(each.host.name, instance, state, paint),
      )
      const none = shown.length === 0 ? [`  ${each.host.name}  nothing runs`] : []
      const begun =
        next && next.id !== current?.id
          ? [
              paint(
                'red',
                `  ${each.host.name}  a rollout of ${next.release} goes on, or was interrupted`,
              ),
            ]
          : []
      return [...none, ...shown, ...begun]
    }),
  ]
}

function instanceLine(
  host: string,
  each: Instance,
  { current, next }: AppState,
  paint: Paint,
): string {
  const { process, instance, release, state, restarts, memory } = each
  const role = release === current?.release ? '' : release === next?.release ? 'next' : 'old'
  const size = memory === undefined ? '' : `${Math.round(memory / 2 ** 20)} MiB`
  return [
    `  ${host.padEnd(10)}`,
    `${process}@${instance}`.padEnd(18),
    paint(state === 'active' ? 'green' : 'red', state.padEnd(10)),
    release,
    size.padStart(9),
    restarts > 0 ? paint('red', `${restarts} restarts`) : '',
    role,
  ]
    .join('  ')
    .trimEnd()
}
