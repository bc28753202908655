import { problem } from '../base/errors.ts'
import type { HostRollout } from './host-rollout.ts'
import { type Crew, each, phase } from './rollout.ts'
import { buildProblem, buildStep } from './build.ts'
import type { Runtime } from '../runtimes/runtime.ts'
import type { Snapshot } from './snapshot.ts'
import { noTrees, parseTrees, readTrees, uploadProblem, uploadStep } from './upload.ts'

/** The tree of a snapshot on every host: only what a host lacks is sent, and it is built there. */
export async function bringTree(
  crew: Crew,
  snapshot: Snapshot,
  runtime: Runtime | undefined,
): Promise<void> {
  const { hosts } = crew
  for (const host of hosts) checkRoom(crew, host, snapshot)
  const lacking = new Set<HostRollout>()
  await phase(crew, 'upload', hosts, () =>
    each(hosts, async (host) => {
      if (await upload(crew, host, snapshot, runtime)) lacking.add(host)
    }),
  )
  if (lacking.size === 0) return
  const building = [...lacking]
  await phase(crew, 'build', building, () =>
    each(building, async (host) => {
      const script = buildStep(crew.app, runtime, snapshot)
      const answer = await host.ask({ script, onOutput: outputOf(crew, host) }, 'its build')
      if (answer.code !== 0) throw buildProblem(crew.app, host.host.name, answer)
    }),
  )
  await checkSame(crew, snapshot, runtime)
}

/** What has to be the same on all hosts is. */
async function checkSame(
  { app, hosts }: Crew,
  { id }: Snapshot,
  runtime: Runtime | undefined,
): Promise<void> {
  const script = runtime?.enclosure?.identity(app, id)
  if (!script) return
  const answers = await Promise.all(
    hosts.map((host) => host.ask({ script }, 'looking at what it runs in')),
  )
  const [first, ...others] = answers.map(({ output }) => output.toString('utf8').trim())
  const odd = others.findIndex((each) => each !== first)
  if (odd < 0) return
  throw problem('image-differs', {
    app: app.name,
    image: app.image ?? id,
    host: hosts[odd + 1]!.host.name,
    first: hosts[0]!.host.name,
  })
}

/** So much is left free beside a source, its tree and what a build takes meanwhile. KiB. */
const spare = 8 * 1024

/** A full disk is found before anything is sent. */
function checkRoom({ app }: Crew, { host, state }: HostRollout, { entries }: Snapshot): void {
  const size = entries.reduce((all, each) => all + each.size, 0)
  const wanted = Math.ceil((3 * size) / 1024) + spare
  if (state.free >= wanted) return
  const inMiB = (kibibytes: number): number => Math.ceil(kibibytes / 1024)
  throw problem('no-room', {
    app: app.name,
    host: host.name,
    free: inMiB(state.free),
    wanted: inMiB(wanted),
  })
}

/** Whether it has to be built there. */
async function upload(
  { app }: Crew,
  host: HostRollout,
  snapshot: Snapshot,
  runtime: Runtime | undefined,
): Promise<boolean> {
  const { output } = await host.ask({ script: readTrees(app) }, 'reading its trees')
  const have = parseTrees(output)
  if (have.trees.includes(snapshot.id)) {
    const script = runtime?.enclosure?.isThere(app.name, snapshot.id)
    return script !== undefined && (await host.ask({ script }, 'looking for its image')).code !== 0
  }
  const first = await host.ask(await uploadStep(app, snapshot, have), 'the upload')
  if (first.code === 0) return true
  // What was there is not what it was said to be: all of it is sent.
  const second = await host.ask(await uploadStep(app, snapshot, noTrees), 'the upload')
  if (second.code !== 0) throw uploadProblem(app.name, host.host.name, second)
  return true
}

/** Of several hosts only the first one's words are shown: they build the same. */
function outputOf({ hosts, report }: Crew, host: HostRollout): (chunk: Buffer) => void {
  return (chunk) => {
    if (host === hosts[0]) report({ type: 'output', text: chunk.toString('utf8') })
  }
}
