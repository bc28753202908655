import { bringTree } from '../apps/bring.ts'
import { buildHere } from '../apps/build-here.ts'
import { countsFor } from '../apps/counts.ts'
import { envOf } from '../apps/env.ts'
import { environmentFile } from '../apps/environment-file.ts'
import { type ErrorCode, asFettleError } from '../base/errors.ts'
import { treesOf } from '../apps/paths.ts'
import { type Release, releaseOf } from '../apps/release.ts'
import { rollOut } from '../apps/rollout.ts'
import type { Snapshot } from '../apps/snapshot.ts'
import { type Source, openSource } from '../apps/source.ts'
import { tidy } from '../apps/tidy.ts'
import type { Delivery } from '../apps/delivery.ts'
import type { App } from '../model/app.ts'
import { processesOf } from '../runtimes/procfile.ts'
import type { Runtime } from '../runtimes/runtime.ts'
import { runtimeFor } from '../runtimes/runtimes.ts'
import type { DeployRecord } from '../wire/ledger.ts'
import { type Context, type Flags, openContext } from './context.ts'
import { appNamed, delivering, servedBy } from './delivering.ts'
import type { Project } from './project.ts'

/** `fettle deploy`: a commit of an app takes the place of what serves, on all of its hosts or on none. */
export async function deploy(name: string, rev: string | undefined, flags: Flags): Promise<number> {
  const context = await openContext(flags)
  const placed = appNamed(context.fleet, name)
  // Mistakes in the source, its processes and its environment are found before anything is contacted.
  const order = await prepare(placed.app, rev, context.project)
  for (const note of order.snapshot.notes) process.stderr.write(`${note}\n`)
  const intent = { app: name, action: 'deploy', to: order.release.name } as const
  return delivering(context, placed, flags, intent, (delivery) =>
    carryOut(order, delivery, context),
  )
}

/** All that is needed to deliver, and nothing of it done. */
interface Order {
  readonly source: Source
  readonly snapshot: Snapshot
  readonly runtime: Runtime | undefined
  readonly release: Release
}

async function prepare(app: App, rev: string | undefined, project: Project): Promise<Order> {
  const source = await openSource(app, project.folder, project.path('cache', 'sources'))
  const found = await source.resolve(rev)
  const runtime = runtimeFor(app, found.files)
  const processes = processesOf(found.files, runtime, app)
  const entries = envOf(app, {
    runtime: runtime?.env(`${treesOf(app.name)}/${found.id}`) ?? {},
    file: project.envFile(app.name),
    secrets: await project.secrets(),
  })
  const release = releaseOf(app, found, processes, environmentFile(entries), runtime)
  const shown = (chunk: Buffer): void => void process.stderr.write(chunk)
  const snapshot = app.build.where === 'here' ? await buildHere(app, runtime, found, shown) : found
  return { source, snapshot, runtime, release }
}

async function carryOut(
  order: Order,
  delivery: Delivery,
  context: Context,
): Promise<Partial<DeployRecord>> {
  const { crew } = delivery
  try {
    const record = await serve(order, delivery, context)
    await tidy(crew, true)
    return record
  } catch (thrown) {
    // Nothing of it is left; a host that cannot be asked now is tidied by a later deploy.
    if (!goesOn.has(asFettleError(thrown).code)) await tidy(crew, false).catch(() => undefined)
    throw thrown
  }
}

/** Errors after which what was rolled out still serves, or may be another run's. */
const goesOn: ReadonlySet<ErrorCode> = new Set(['lease-lost', 'rollout-unfinished'])

async function serve(
  { source, snapshot, runtime, release }: Order,
  { app, crew, id }: Delivery,
  context: Context,
): Promise<Partial<DeployRecord>> {
  await bringTree(crew, snapshot, runtime)
  for (const host of crew.hosts) {
    const counts = countsFor(app, Object.keys(release.processes), host.state.current)
    host.plan({ id, release: release.name, commit: release.commit, counts })
  }
  const { name, commit } = release
  const before = crew.hosts[0]!.state.current?.commit
  const changelog = before && commit ? await source.changelog(before, commit) : []
  const subject = changelog[0] ?? (commit ? await source.subject(commit) : undefined)
  const served = await servedBy(context, { release: name, commit, subject })
  await rollOut(crew, served, release)
  return {
    changelog,
    range: { ...(before ? { from: before } : {}), ...(commit ? { to: commit } : {}) },
  }
}
