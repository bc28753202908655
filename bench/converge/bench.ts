import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import type { LabHost } from '../../src/lab/lab.ts'
import { say, stopOnInterrupt } from '../program.ts'
import { compareEndStates } from './equality.ts'
import { Hosts, here } from './hosts.ts'
import { machine } from './machine.ts'
import { type Results, type Samples, markdown } from './results.ts'
import {
  Ansible,
  Fettle,
  Floor,
  type Scenario,
  type Tool,
  copyYardstick,
  scenarios,
} from './tools.ts'

const { values: flags } = parseArgs({
  options: {
    hosts: { type: 'string', default: '1,10' },
    rounds: { type: 'string' },
    tools: { type: 'string', default: 'ssh,floor,fettle,fettle-shared,mitogen,tuned,ansible' },
    scenarios: { type: 'string', default: 'equal,first,nothing,one' },
    /** Where the yardstick's playbook is. */
    ansible: { type: 'string', default: here('../../../shared/bench/web-role/ansible') },
    fettle: { type: 'string', default: here('../../dist/cli/fettle.cjs') },
    /** Lets it install Ansible and Mitogen with apt. */
    install: { type: 'boolean', default: false },
    /** Where results.md and results.json go. */
    out: { type: 'string', default: here('.') },
  },
})
const asked = { tools: flags.tools.split(','), scenarios: flags.scenarios.split(',') }

/** How many rounds each pace gets, by scenario: for up to 3 hosts, and for more. */
const rounds: Readonly<Record<Scenario, readonly Readonly<Record<Tool['pace'], number>>[]>> = {
  first: [
    { fast: 3, mitogen: 2, ansible: 1 },
    { fast: 2, mitogen: 1, ansible: 0 },
  ],
  nothing: [
    { fast: 15, mitogen: 5, ansible: 3 },
    { fast: 9, mitogen: 2, ansible: 1 },
  ],
  one: [
    { fast: 7, mitogen: 3, ansible: 1 },
    { fast: 5, mitogen: 1, ansible: 0 },
  ],
}

// A reader that went away is no reason to leave hosts behind.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
const stop = stopOnInterrupt()
await main().catch((error: unknown) => {
  if (!stop.aborted) throw error
  process.exitCode = 130
})

async function main(): Promise<void> {
  const results: Results = { date: today(), machine: {}, equal: [], samples: [], skipped: [] }
  if (!existsSync(flags.fettle)) throw new Error(`There is no ${flags.fettle}: npm run build`)
  if (loadavg()[0]! > 0.5) say(`This machine is busy (load ${loadavg()[0]!.toFixed(1)}).`)
  const hosts = await Hosts.open(stop, say)
  try {
    const tools = await toolsFor(hosts, results)
    Object.assign(results.machine, await machine(hosts))
    for (const count of flags.hosts.split(',').map(Number)) {
      say(`Booting and preparing ${count} host${count > 1 ? 's' : ''}`)
      const booted = await hosts.boot(count)
      if (count === 1) await compare(hosts, booted, tools, results)
      for (const scenario of scenarios)
        if (asked.scenarios.includes(scenario))
          await measure(scenario, hosts, booted, tools, results)
      // What was measured is kept, should the rest go wrong.
      await write(results, tools)
    }
  } finally {
    say('Removing the hosts')
    await hosts.remove()
  }
}

/** The tools that were asked for and are there. */
async function toolsFor(hosts: Hosts, results: Results): Promise<Tool[]> {
  const all: Tool[] = [
    new Floor(hosts, undefined),
    new Floor(hosts, 'floor.sh'),
    new Fettle(hosts, flags.fettle, true),
    new Fettle(hosts, flags.fettle, false),
    ...(['mitogen', 'tuned', 'ansible'] as const).map((name) => new Ansible(hosts, name)),
  ]
  const unknown = asked.tools.filter((name) => !all.some((tool) => tool.name === name))
  if (unknown.length > 0) throw new Error(`There is no tool ${unknown.join(', ')}.`)
  const missing = await whyNoAnsible(hosts)
  if (missing) {
    say(missing)
    results.skipped.push(missing)
  } else await copyYardstick(flags.ansible, hosts)
  return all.filter(
    (tool) => asked.tools.includes(tool.name) && !(missing && tool instanceof Ansible),
  )
}

async function whyNoAnsible(hosts: Hosts): Promise<string | undefined> {
  const wanted = ['mitogen', 'tuned', 'ansible'].some((name) => asked.tools.includes(name))
  if (!wanted) return 'Ansible was not asked for.'
  if (!existsSync(flags.ansible))
    return 'Ansible: the yardstick is not here; name its `ansible` folder with --ansible.'
  const install = 'apt-get install --no-install-recommends -y ansible ansible-mitogen'
  const strategy = '/usr/lib/python3/dist-packages/ansible_mitogen/plugins/strategy'
  const there = async (): Promise<boolean> =>
    existsSync(strategy) &&
    (await hosts.run(['sh', '-c', 'command -v ansible-playbook'])).code === 0
  if (!(await there()) && flags.install && process.getuid?.() === 0)
    await hosts.must(['sh', '-c', `DEBIAN_FRONTEND=noninteractive ${install}`])
  return (await there()) ? undefined : `Ansible or Mitogen is not installed: ${install}`
}

async function compare(
  hosts: Hosts,
  booted: readonly LabHost[],
  tools: readonly Tool[],
  { equal }: Results,
): Promise<void> {
  const fettle = tools.find((tool) => tool instanceof Fettle)
  const ansible = tools.find((tool) => tool instanceof Ansible && tool.name !== 'ansible')
  if (!asked.scenarios.includes('equal') || !fettle || !ansible) return
  say('Comparing the end states')
  const found = await compareEndStates(hosts, booted[0]!, fettle as Fettle, ansible as Ansible)
  equal.push(...found)
  found.forEach(say)
}

/** All tools take turns on the same hosts, in another order each round. */
async function measure(
  scenario: Scenario,
  hosts: Hosts,
  booted: readonly LabHost[],
  tools: readonly Tool[],
  { samples }: Results,
): Promise<void> {
  if (scenario !== 'first') await converge(hosts, booted)
  const paces = rounds[scenario][booted.length > 3 ? 1 : 0]!
  const fast = Number(flags.rounds ?? paces.fast)
  for (let round = 0; round < fast; round++)
    for (const tool of rotated(tools, round)) {
      const most = tool.pace === 'fast' ? fast : Math.min(fast, paces[tool.pace])
      if (round >= most || !tool.scenarios.includes(scenario)) continue
      const { seconds, cpu } = await once(tool, scenario, hosts, booted)
      say(
        `${booted.length} × ${scenario}, round ${round + 1}: ${tool.name} ${seconds.toFixed(2)} s (${cpu.toFixed(2)})`,
      )
      const own = samplesOf(samples, tool.name, scenario, booted.length)
      own.seconds.push(seconds)
      own.cpu.push(cpu)
    }
}

async function once(
  tool: Tool,
  scenario: Scenario,
  hosts: Hosts,
  booted: readonly LabHost[],
): Promise<{ seconds: number; cpu: number }> {
  if (scenario === 'first') await hosts.reset(booted)
  if (scenario === 'one') await hosts.edit()
  await tool.prepare(scenario, booted)
  const run = await tool.run(scenario, booted)
  const complaint = await tool.complaint(scenario, booted, run)
  if (complaint) throw new Error(`${tool.name}, ${scenario}: ${complaint}`)
  return run
}

/** Whatever the last first run was: now the hosts are as described. */
async function converge(hosts: Hosts, booted: readonly LabHost[]): Promise<void> {
  const fettle = new Fettle(hosts, flags.fettle, false)
  const { code, output } = await fettle.call(['up', '--yes', '--lab'], booted)
  if (code !== 0) throw new Error(`fettle ended with ${code}:\n${output}`)
}

function rotated<Each>(all: readonly Each[], by: number): Each[] {
  const at = by % all.length
  return [...all.slice(at), ...all.slice(0, at)]
}

function samplesOf(all: Samples[], tool: string, scenario: Scenario, hosts: number): Samples {
  const known = all.find(
    (each) => each.tool === tool && each.scenario === scenario && each.hosts === hosts,
  )
  if (known) return known
  const made: Samples = { tool, scenario, hosts, seconds: [], cpu: [] }
  all.push(made)
  return made
}

async function write(results: Results, tools: readonly Tool[]): Promise<void> {
  const text = markdown(results, tools)
  await mkdir(flags.out, { recursive: true })
  await writeFile(resolve(flags.out, 'results.md'), text)
  await writeFile(resolve(flags.out, 'results.json'), `${JSON.stringify(results, null, 1)}\n`)
  say(text)
}

function today(): string {
  return new Date().toISOString().slice(0, 10)
}
