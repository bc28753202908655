import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { median } from '../converge/timing.ts'
import { say, stopOnInterrupt } from '../program.ts'
import { Hosts, here } from './hosts.ts'
import { type Measured, markdown } from './results.ts'
import type { Memory, Run } from './run.ts'
import { roundTrips } from './trips.ts'

const { values: flags } = parseArgs({
  options: {
    hosts: { type: 'string', default: '100' },
    resources: { type: 'string', default: '5000' },
    rounds: { type: 'string', default: '5' },
    parts: { type: 'string', default: 'hosts,trouble,resources' },
    fettle: { type: 'string', default: here('../../dist/cli/fettle.cjs') },
    /** Where results.md goes. */
    out: { type: 'string', default: here('.') },
  },
})
const [count, resources, rounds] = [flags.hosts, flags.resources, flags.rounds].map(Number) as [
  number,
  number,
  number,
]
const dead = `web${Math.ceil(count / 2)}`
const hanging = `web${Math.ceil(count / 10)}`

// A reader that went away is no reason to leave hosts behind.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
const stop = stopOnInterrupt()
await main().catch((error: unknown) => {
  if (!stop.aborted) throw error
  process.exitCode = 130
})

async function main(): Promise<void> {
  if (!existsSync(flags.fettle)) throw new Error(`There is no ${flags.fettle}: npm run build`)
  const measured: Measured[] = []
  const parts = flags.parts.split(',')
  const load = loadavg()[0]!.toFixed(2)
  const hosts = await Hosts.open(flags.fettle, stop, say)
  try {
    const keep = async (): Promise<void> => {
      // What was measured is kept, should the rest go wrong.
      const text = markdown(measured, { hosts: count, resources, rounds, load })
      await writeFile(resolve(flags.out, 'results.md'), text)
    }
    const many = parts.some((each) => each !== 'resources')
    say(`Booting ${many ? count : 1} hosts`)
    await hosts.boot(many ? count : 1)
    if (many) await measureHosts(hosts, parts.includes('hosts'), measured)
    await keep()
    if (parts.includes('trouble')) await measureTrouble(hosts, measured)
    await keep()
    if (parts.includes('resources')) await measureResources(hosts, measured)
    await keep()
  } finally {
    say('Removing the hosts')
    await hosts.remove()
  }
}

/** The first run, then plan and up where nothing is to change. */
async function measureHosts(hosts: Hosts, wanted: boolean, measured: Measured[]): Promise<void> {
  await hosts.set('fleet', /const hosts = \d+/, `const hosts = ${count}`)
  const first = await must(hosts.fettle('fleet', ['up', '--yes']), 'done: ')
  add(measured, `${count} hosts: the first run`, [first])
  if (!wanted) return
  for (const words of [['plan'], ['up', '--yes']])
    for (const shared of [false, true]) {
      const runs: Run[] = []
      const weighed: Run[] = []
      // Looking at the memory takes time: it has rounds of its own.
      for (let round = 0; round < rounds + 2; round++) {
        if (!shared) await hosts.disconnect()
        const weighs = round >= rounds
        const ended = hosts.fettle('fleet', words, weighs)
        const run = await must(ended, `Nothing to change on ${count} hosts.`)
        ;(weighs ? weighed : runs).push(run)
      }
      const how = shared ? 'shared connections' : 'new connections'
      const most = weighed.map(({ memory }) => memory).sort((a, b) => b.all - a.all)[0]!
      add(measured, `${count} hosts: \`${words[0]}\`, nothing to change, ${how}`, runs, 15, most)
    }
}

/** A dead and a hanging host among the others: those are changed as if nothing was. */
async function measureTrouble(hosts: Hosts, measured: Measured[]): Promise<void> {
  await hosts.disconnect()
  await hosts.set('fleet', /workers = \d+/, 'workers = 5')
  const before = await must(hosts.fettle('fleet', ['up', '--yes']), 'done: ')
  add(measured, `${count} hosts: 3 files and 3 restarts on each`, [before])
  await hosts.disconnect()
  await hosts.kill(dead)
  await hosts.hang(hanging)
  await hosts.set('fleet', /workers = \d+/, 'workers = 6')
  const run = await hosts.fettle('fleet', ['up', '--yes'])
  const done = run.lines.filter(({ text }) => text.includes('  done: 3 changes, 3 actions'))
  const named = [dead, hanging].every((name) => run.lines.some(({ text }) => text === name))
  const said = run.lines.find(({ text }) => text.startsWith('Waiting for'))
  if (run.code !== 1 || done.length !== count - 2 || !named)
    throw new Error(`It ended with ${run.code}, ${done.length} done:\n${outputOf(run)}`)
  const last = done.at(-1)!.at
  measured.push({
    what: `the same, one host dead and one hanging: the other ${count - 2} are done after`,
    seconds: [last],
    note: `both named after ${run.seconds.toFixed(1)} s; “${said?.text ?? ''}” at ${said?.at.toFixed(1)} s`,
  })
  await hosts.disconnect()
  const plan = await hosts.fettle('fleet', ['plan'])
  const summary = `Nothing to change on ${count - 2} hosts, 2 hosts not read.`
  if (plan.lines.at(-1)?.text !== summary) throw new Error(outputOf(plan))
  measured.push({
    what: '`plan` of them, which ends when the last host was given up',
    seconds: [plan.seconds],
    note: 'a login is given up after 30 s',
  })
}

/** Thousands of resources on one host that knows nothing of the other description. */
async function measureResources(hosts: Hosts, measured: Measured[]): Promise<void> {
  await hosts.disconnect()
  await hosts.reset('web1')
  const folder = join(hosts.folder, 'many')
  await hosts.set('many', /const resources = \d+/, `const resources = ${resources}`)
  await must(hosts.fettle('many', ['facts']), '')
  const plan = async (what: string, said: string, limit?: number): Promise<void> => {
    const runs: Run[] = []
    for (let round = 0; round < rounds; round++) {
      await hosts.disconnect()
      runs.push(await must(hosts.fettle('many', ['plan']), said))
    }
    await hosts.disconnect()
    const { memory } = await must(hosts.fettle('many', ['plan'], true), said)
    const trips = await roundTrips(folder, 'web1')
    add(measured, what, runs, limit, memory, `${trips} round trip${trips === 1 ? '' : 's'}`)
  }
  const title = `${resources} resources on one host`
  await plan(`${title}: \`plan\`, nothing there yet`, `${resources} changes`, 3)
  add(measured, `${title}: made`, [await must(hosts.fettle('many', ['up', '--yes']), 'done: ')])
  await plan(`${title}: \`plan\`, nothing to change`, 'Nothing to change on 1 host.', 3)
  await hosts.set('many', /const edition = \d+/, 'const edition = 2')
  await plan(`${title}: \`plan\`, every file differs`, 'changes and 1 action')
  const edited = await must(hosts.fettle('many', ['up', '--yes']), 'done: ')
  add(measured, `${title}: every file changed`, [edited])
}

async function must(running: Promise<Run>, said: string): Promise<Run> {
  const run = await running
  if (run.code === 0 && run.lines.some(({ text }) => text.includes(said))) return run
  throw new Error(`It ended with ${run.code} and did not say “${said}”:\n${outputOf(run)}`)
}

const outputOf = ({ lines }: Run): string =>
  lines
    .slice(-40)
    .map(({ text }) => text)
    .join('\n')

function add(
  measured: Measured[],
  what: string,
  runs: readonly Run[],
  limit?: number,
  memory?: Memory,
  note?: string,
): void {
  const seconds = runs.map((each) => each.seconds)
  measured.push({
    what,
    seconds,
    ...(limit === undefined ? {} : { limit }),
    ...(memory ? { memory } : {}),
    ...(note === undefined ? {} : { note }),
  })
  say(`${what}: ${median(seconds).toFixed(2)} s ${note ?? ''}`)
}
