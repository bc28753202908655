import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { median } from '../converge/timing.ts'
import type { Run } from '../scale/run.ts'
import { say, stopOnInterrupt } from '../program.ts'
import { type Bytes, Hosts, appHosts, here } from './hosts.ts'
import { Repository } from './repository.ts'
import { type Deploy, type Measured, markdown, untilSwitched } from './results.ts'

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    files: { type: 'string', default: '400' },
    /** MB of all of them. */
    size: { type: 'string', default: '20' },
    /** Files that differ from one commit to the next. */
    change: { type: 'string', default: '4' },
    settle: { type: 'string', default: '1' },
    /** How many hosts change at once. */
    'at-once': { type: 'string', default: '1,3' },
    fettle: { type: 'string', default: here('../../dist/cli/fettle.cjs') },
    /** Where results.md goes. */
    out: { type: 'string', default: here('.') },
  },
})
const [rounds, files, size, change, settle] = [
  flags.rounds,
  flags.files,
  flags.size,
  flags.change,
  flags.settle,
].map(Number) as [number, number, number, number, number]

// A reader that went away is no reason to leave hosts behind.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
const stop = stopOnInterrupt()
await main().catch((error: unknown) => {
  if (!stop.aborted) throw error
  process.exitCode = 130
})

async function main(): Promise<void> {
  if (!existsSync(flags.fettle)) throw new Error(`There is no ${flags.fettle}: npm run build`)
  const load = [loadavg()[0]!]
  const hosts = await Hosts.open(resolve(flags.fettle), stop, say)
  try {
    say(`Booting ${appHosts.length + 1} hosts`)
    await hosts.boot()
    const folder = join(hosts.fleet, 'shop')
    const repository = await Repository.make(folder, here('server.py'), files, size * 1e6)
    await hosts.set('settle', settle)
    await hosts.fettle('up', '--yes')
    const measured: Measured[] = []
    for (const atOnce of flags['at-once'].split(',').map(Number)) {
      await hosts.set('atOnce', atOnce)
      measured.push(...(await measure(hosts, repository, atOnce)))
    }
    load.push(loadavg()[0]!)
    const made = { rounds, files, size, change, settle, load }
    await mkdir(flags.out, { recursive: true })
    await writeFile(resolve(flags.out, 'results.md'), markdown(measured, made))
  } finally {
    say('Removing the hosts')
    await hosts.remove()
  }
}

/** First deploys, and later ones with new and with kept connections. */
async function measure(hosts: Hosts, repository: Repository, atOnce: number): Promise<Measured[]> {
  const first: Deploy[] = []
  const later: Deploy[] = []
  const shared: Deploy[] = []
  const waits = settle * Math.ceil(appHosts.length / atOnce)
  for (let i = 0; i < Math.min(3, rounds); i++) {
    await hosts.forget('shop')
    await hosts.disconnect()
    first.push(await deploy(hosts, waits))
  }
  for (let i = 0; i < rounds; i++)
    for (const [kept, into] of [
      [false, later],
      [true, shared],
    ] as const) {
      await repository.change(change)
      if (!kept) await hosts.disconnect()
      into.push(await deploy(hosts, waits))
    }
  await repository.change(change)
  const laterTrips = await hosts.roundTrips('shop')
  await hosts.forget('shop')
  const firstTrips = await hosts.roundTrips('shop')
  const how = `${atOnce} host${atOnce === 1 ? '' : 's'} at once`
  const all = [
    { what: `first deploy, ${how}`, deploys: first, trips: firstTrips },
    { what: `later deploy, ${how}`, deploys: later, trips: laterTrips },
    { what: `later deploy, ${how}, connections kept`, deploys: shared, trips: laterTrips },
  ]
  for (const { what, deploys } of all)
    say(`${what}: ${median(deploys.map(untilSwitched)).toFixed(2)} s`)
  return all
}

async function deploy(hosts: Hosts, waits: number): Promise<Deploy> {
  const before = await counted(hosts)
  const run = await hosts.fettle('deploy', 'shop', '--json')
  const after = await counted(hosts)
  const [one, other] = [before, after].map((each) => each[0]!) as [Bytes, Bytes]
  return {
    seconds: run.seconds,
    waits,
    phases: phasesOf(run),
    bytes: { in: other.in - one.in, out: other.out - one.out },
  }
}

function counted(hosts: Hosts): Promise<Bytes[]> {
  return Promise.all(appHosts.map((name) => hosts.bytes(name)))
}

function phasesOf({ lines }: Run): Record<string, number> {
  const text = lines.map((each) => each.text).join('\n')
  const record = JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1)) as {
    readonly phases: readonly { readonly phase: string; readonly seconds: number }[]
    readonly duration: number
  }
  const sums: Record<string, number> = { 'in all': record.duration }
  for (const { phase, seconds } of record.phases) sums[phase] = (sums[phase] ?? 0) + seconds
  return sums
}
