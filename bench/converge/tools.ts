import { chmod, cp, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LabHost } from '../../src/lab/lab.ts'
import { type Hosts, here, packageNames, sshLine } from './hosts.ts'
import { type Run, timed } from './timing.ts'

export const scenarios = ['first', 'nothing', 'one'] as const
export type Scenario = (typeof scenarios)[number]

/** Something that can be timed. */
export interface Tool {
  readonly name: string
  readonly title: string
  /** How many rounds it gets: the slow ones get fewer. */
  readonly pace: 'fast' | 'mitogen' | 'ansible'
  readonly scenarios: readonly Scenario[]
  /** What is not timed: ends or makes shared connections, forgets what a first run cannot know. */
  prepare(scenario: Scenario, hosts: readonly LabHost[]): Promise<void>
  run(scenario: Scenario, hosts: readonly LabHost[]): Promise<Run>
  /** Says what is wrong with a run, or nothing when it did what it was to do. */
  complaint(scenario: Scenario, hosts: readonly LabHost[], run: Run): Complaint
}

type Complaint = Promise<string | undefined>

const longest = 900

/** Bare ssh: `apt-get install` alone, or one script that reads all states. The least that it takes. */
export class Floor implements Tool {
  readonly name: string
  readonly title: string
  readonly pace = 'fast'
  readonly scenarios: readonly Scenario[]
  readonly #hosts: Hosts
  readonly #script: string | undefined

  /** Without a script it is `ssh HOST true`. */
  constructor(hosts: Hosts, script: 'floor.sh' | undefined) {
    this.#hosts = hosts
    this.#script = script
    this.name = script ? 'floor' : 'ssh'
    this.title = script
      ? 'floor: bare ssh, one shell script with the same reads (first run: apt alone)'
      : '`ssh HOST true`'
    this.scenarios = script ? scenarios : ['nothing']
  }

  async prepare(): Promise<void> {}

  async run(scenario: Scenario, hosts: readonly LabHost[]): Promise<Run> {
    const script = join(this.#hosts.folder, 'floor.sh')
    await writeFile(script, await this.#text(scenario))
    const lines = hosts.map((host) => `${sshLine(host)} sh -s < floor.sh > floor.${host.name}`)
    const text =
      lines.length === 1
        ? `exec ${lines[0]}\n`
        : `${lines.map((line) => `${line} & pids="$pids $!"\n`).join('')}
code=0; for pid in $pids; do wait "$pid" || code=$?; done; exit $code\n`
    const all = join(this.#hosts.folder, 'floor-all.sh')
    await writeFile(all, text)
    return timed(['sh', all], {
      cwd: this.#hosts.folder,
      stop: this.#hosts.stop,
      seconds: longest,
    })
  }

  async complaint(scenario: Scenario, hosts: readonly LabHost[], { code }: Run): Complaint {
    if (code !== 0) return `it ended with ${code}`
    if (!this.#script || scenario === 'first') return undefined
    for (const { name } of hosts) {
      const said = await readFile(join(this.#hosts.folder, `floor.${name}`), 'utf8')
      const count = (pattern: RegExp): number => [...said.matchAll(pattern)].length
      const found = [
        count(/^[0-9a-f]{64} {2}\//gm),
        count(/^\/\S+ [dfl] \d+ /gm),
        count(/ installed /g),
        count(/^key .* ssh-ed25519 /gm),
        count(/^ActiveState=active$/gm),
        count(/^end$/gm),
      ].join(' ')
      if (found !== '26 51 12 5 4 1') return `on ${name} it read ${found}:\n${said}`
      if (scenario === 'one' && !said.includes(`${this.#hosts.workers}\nrestarted`))
        return `on ${name} nothing was restarted:\n${said}`
    }
    return undefined
  }

  async #text(scenario: Scenario): Promise<string> {
    if (!this.#script) return 'true\n'
    if (scenario === 'first')
      return `export DEBIAN_FRONTEND=noninteractive
apt-get -q -y install ${packageNames.join(' ')} 2>&1\n`
    const reads = await readFile(here(this.#script), 'utf8')
    if (scenario === 'nothing') return reads
    return `${reads}
file=/etc/webapp/worker.conf
sed 's/^concurrency = .*/concurrency = ${this.#hosts.workers}/' $file > $file.new &&
  chown --reference=$file $file.new && chmod --reference=$file $file.new &&
  mv $file.new $file && systemctl restart web-worker &&
  sed -n 's/^concurrency = //p' $file && echo restarted\n`
  }
}

/** Fettle as people run it: `fettle up --yes`, the built one. */
export class Fettle implements Tool {
  readonly name: string
  readonly title: string
  readonly pace = 'fast'
  readonly scenarios: readonly Scenario[]
  readonly #hosts: Hosts
  readonly #main: string
  readonly #shared: boolean

  constructor(hosts: Hosts, main: string, shared: boolean) {
    this.#hosts = hosts
    this.#main = main
    this.#shared = shared
    this.name = shared ? 'fettle-shared' : 'fettle'
    this.title = shared ? 'fettle, again within a minute (shared connection)' : 'fettle'
    this.scenarios = shared ? ['nothing', 'one'] : scenarios
  }

  async prepare(scenario: Scenario, hosts: readonly LabHost[]): Promise<void> {
    if (scenario === 'first')
      await rm(join(this.#hosts.folder, '.fettle', 'cache'), { recursive: true, force: true })
    if (!this.#shared) return this.#hosts.disconnect()
    const words = ['facts', '--lab', ...hosts.flatMap(({ name }) => ['--host', name])]
    await this.#hosts.must([process.execPath, this.#main, ...words], this.#environment())
  }

  run(_scenario: Scenario, hosts: readonly LabHost[]): Promise<Run> {
    return this.call(['up', '--yes', '--lab'], hosts)
  }

  /** Runs a command of Fettle for these hosts. */
  call(words: readonly string[], hosts: readonly LabHost[]): Promise<Run> {
    const chosen = hosts.flatMap(({ name }) => ['--host', name])
    return timed([process.execPath, this.#main, ...words, ...chosen], {
      cwd: this.#hosts.folder,
      environment: this.#environment(),
      stop: this.#hosts.stop,
      seconds: longest,
    })
  }

  async complaint(scenario: Scenario, hosts: readonly LabHost[], { code, output }: Run): Complaint {
    if (code !== 0) return `it ended with ${code}:\n${output}`
    const said =
      scenario === 'nothing'
        ? [`Nothing to change on ${hosts.length} host`]
        : hosts.map(
            ({ name }) => `${name}  done: ${scenario === 'one' ? '1 change, 1 action' : ''}`,
          )
    const missing = said.find((each) => !output.includes(each))
    return missing && `it did not say ${JSON.stringify(missing)}:\n${output}`
  }

  #environment(): Record<string, string> {
    return { XDG_RUNTIME_DIR: join(this.#hosts.folder, 'run') }
  }
}

const titles: Readonly<Record<string, string>> = {
  mitogen: 'ansible with Mitogen',
  tuned: 'ansible tuned: pipelining, forks, shared connections, cached facts',
  ansible: 'ansible as installed',
}

/** The yardstick: Ansible with one of its three configurations. */
export class Ansible implements Tool {
  readonly name: string
  readonly title: string
  readonly pace: Tool['pace']
  readonly scenarios: readonly Scenario[] = scenarios
  readonly #hosts: Hosts

  constructor(hosts: Hosts, name: 'ansible' | 'tuned' | 'mitogen') {
    this.name = name
    this.title = titles[name]!
    this.pace = name === 'mitogen' ? name : 'ansible'
    this.#hosts = hosts
  }

  async prepare(scenario: Scenario): Promise<void> {
    // Tuned keeps its connections for half an hour, and that is what it is tuned for.
    if (this.name !== 'tuned') await this.#hosts.disconnect()
    if (scenario === 'first')
      await rm(join(this.#hosts.folder, 'ansible-facts'), { recursive: true, force: true })
  }

  run(_scenario: Scenario, hosts: readonly LabHost[]): Promise<Run> {
    return this.call([], hosts)
  }

  /** Runs the playbook with further words. */
  call(words: readonly string[], hosts: readonly LabHost[]): Promise<Run> {
    const { folder, stop } = this.#hosts
    const config = this.name === 'ansible' ? 'default' : this.name
    return timed(['ansible-playbook', '-i', './inventory.sh', 'site.yml', ...words], {
      cwd: join(folder, 'ansible'),
      environment: {
        LAB_DIR: folder,
        HOSTS: String(hosts.length),
        ANSIBLE_CONFIG: join(folder, 'ansible', `${config}.cfg`),
        ANSIBLE_LOCAL_TEMP: join(folder, 'run', 'ansible-tmp'),
        ANSIBLE_SSH_CONTROL_PATH_DIR: join(folder, 'run', 'ansible'),
      },
      stop,
      seconds: longest,
    })
  }

  async complaint(scenario: Scenario, hosts: readonly LabHost[], run: Run): Complaint {
    if (run.code !== 0) return `it ended with ${run.code}:\n${run.output}`
    const recap = changedOf(run)
    const right = (changed: number | undefined): boolean =>
      scenario === 'nothing'
        ? changed === 0
        : scenario === 'one'
          ? changed === 2
          : changed !== undefined && changed > 0
    const wrong = hosts.find(({ name }) => !right(recap.get(name)))
    return wrong && `on ${wrong.name} changed=${recap.get(wrong.name)}:\n${run.output}`
  }
}

/** How many tasks changed something, by host. */
export function changedOf({ output }: Run): Map<string, number> {
  const rows = output.matchAll(/^(\S+)\s*: ok=\d+\s+changed=(\d+)\s+unreachable=0\s+failed=0\s/gm)
  return new Map([...rows].map(([, host = '', changed]) => [host, Number(changed)]))
}

/** Copies the yardstick to the benchmark's folder, where what it keeps is the benchmark's own. */
export async function copyYardstick(from: string, hosts: Hosts): Promise<void> {
  const to = join(hosts.folder, 'ansible')
  await cp(from, to, { recursive: true })
  for (const each of await readdir(to, { withFileTypes: true, recursive: true }))
    await chmod(join(each.parentPath, each.name), each.isDirectory() ? 0o755 : 0o644)
  await chmod(join(to, 'inventory.sh'), 0o755)
  await mkdir(join(hosts.folder, 'run', 'ansible'), { mode: 0o700 })
  for (const name of ['mitogen', 'tuned']) {
    const file = join(to, `${name}.cfg`)
    const text = await readFile(file, 'utf8')
    await writeFile(file, text.replaceAll('/tmp/fettle-bench', hosts.folder))
  }
}
