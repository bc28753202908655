import { existsSync } from 'node:fs'
import { copyFile, cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { quote } from '../../src/base/shell.ts'
import { Lab, type LabHost } from '../../src/lab/lab.ts'
import { owner } from '../../src/lab/owner.ts'
import { ensurePrerequisites } from '../../src/lab/prerequisites.ts'
import { sweep } from '../../src/lab/sweep.ts'
import { ended } from './timing.ts'

/** What the web role installs. Its downloads are made beforehand: the network is not measured. */
export const packageNames: readonly string[] =
  'nginx-light git curl rsync htop tmux jq unzip logrotate cron acl ncdu'.split(' ')

const quietly = 'export DEBIAN_FRONTEND=noninteractive; apt-get -q -y'
/** What Ansible needs on a host, for all tools alike. */
const python = `${quietly} install --no-install-recommends python3 python3-apt`

/**
 * The benchmark's own hosts, and its folder: Fettle's description, a lab beside it, and a copy of
 * the yardstick. All of it is gone in the end.
 */
export class Hosts {
  readonly folder: string
  readonly stop: AbortSignal
  readonly #lab: Lab
  #up: LabHost[] = []
  /** The number of workers that the descriptions want now. */
  workers = 4

  private constructor(folder: string, lab: Lab, stop: AbortSignal) {
    this.folder = folder
    this.stop = stop
    this.#lab = lab
  }

  static async open(stop: AbortSignal, report: (line: string) => void): Promise<Hosts> {
    // Also the hosts of a benchmark that was killed.
    await sweep(await ensurePrerequisites(report))
    const folder = await mkdtemp(join(tmpdir(), 'fettle-bench-'))
    await cp(here('web-role'), folder, { recursive: true })
    await mkdir(join(folder, 'run'), { mode: 0o700 })
    return new Hosts(folder, await Lab.open(folder, undefined, owner()), stop)
  }

  /** Boots web1, web2, ... as far as they are not up yet, and prepares the new ones. */
  async boot(count: number): Promise<LabHost[]> {
    const known = this.#up.map(({ name }) => name)
    const names = Array.from({ length: count }, (_, i) => `web${i + 1}`)
    this.#up = await this.#lab.up(names)
    await this.#writeForAnsible()
    await this.#prepare(this.#up.filter(({ name }) => !known.includes(name)))
    return this.#up
  }

  /** Bare again, but for what every tool finds prepared. */
  async reset(hosts: readonly LabHost[]): Promise<void> {
    await this.disconnect()
    await this.#lab.reset(hosts.map(({ name }) => name))
    await this.#prepare(hosts)
  }

  /** Ends the shared connections that tools left open, so that the next one has to log in. */
  async disconnect(): Promise<void> {
    for (const socket of await this.sockets())
      await this.run(['ssh', '-F', 'none', '-o', `ControlPath=${socket}`, '-O', 'exit', 'any'])
  }

  /** The shared connections of both Fettle and Ansible: each has a folder of its own below `run`. */
  async sockets(tool = ''): Promise<string[]> {
    const folder = join(this.folder, 'run', tool)
    const all = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => [])
    return all.filter((each) => each.isSocket()).map((each) => join(each.parentPath, each.name))
  }

  /** The one edit: another number of workers, in the description of every tool. */
  async edit(): Promise<void> {
    this.workers += 1
    await replace(join(this.folder, 'fleet.ts'), /\bworkers: \d+,/, `workers: ${this.workers},`)
    const vars = join(this.folder, 'ansible', 'group_vars', 'all.yml')
    if (existsSync(vars))
      await replace(vars, /^worker_count: \d+$/m, `worker_count: ${this.workers}`)
  }

  /** Runs a script on a host over a connection of its own; throws when it fails. */
  async ssh(
    host: LabHost,
    script: string,
    files: { in?: string; out?: string } = {},
  ): Promise<string> {
    const redirect = `< ${quote(files.in ?? '/dev/null')}${files.out ? ` > ${quote(files.out)}` : ''}`
    return this.must(['sh', '-c', `exec ${sshLine(host)} ${quote(script)} ${redirect}`])
  }

  async must(words: readonly string[], environment: Record<string, string> = {}): Promise<string> {
    const { code, output } = await this.run(words, environment)
    if (code !== 0) throw new Error(`${words.join(' ')} ended with ${code}:\n${output}`)
    return output
  }

  run(
    words: readonly string[],
    environment: Record<string, string> = {},
  ): ReturnType<typeof ended> {
    return ended(words, { cwd: this.folder, environment, stop: this.stop, seconds: 600 })
  }

  async remove(): Promise<void> {
    // Also when a person has stopped everything else.
    const rest = new Hosts(this.folder, this.#lab, new AbortController().signal)
    await rest.disconnect()
    await this.#lab.down()
    await rm(this.folder, { recursive: true, force: true })
  }

  /** `inventory.sh` of the yardstick reads these. */
  async #writeForAnsible(): Promise<void> {
    const files = join(this.folder, '.fettle', 'lab')
    const rows = this.#up.map(({ name, target }) => `${name} ${target.address}\n`)
    await writeFile(join(this.folder, 'hosts.txt'), rows.join(''))
    await copyFile(join(files, 'login.key'), join(this.folder, 'key'))
    await copyFile(join(files, 'known_hosts'), join(this.folder, 'known_hosts'))
  }

  /** Two at a time: more would only wait for each other. */
  async #prepare(hosts: readonly LabHost[]): Promise<void> {
    const waiting = [...hosts]
    const archive = join(this.folder, 'apt.tar')
    const first = waiting.shift()
    if (first) await this.#prepareOne(first, archive)
    const worker = async (): Promise<void> => {
      for (let host = waiting.shift(); host; host = waiting.shift())
        await this.#prepareOne(host, archive)
    }
    await Promise.all([worker(), worker()])
  }

  /** The first one fetches apt's lists and packages; they are handed to all others, and to it again. */
  async #prepareOne(host: LabHost, archive: string): Promise<void> {
    if (!existsSync(archive)) {
      const fetch = `${quietly} -d install ${packageNames.join(' ')}`
      await this.ssh(host, `${quietly} update && { ${python}; } && { ${fetch}; }`)
      const kept = 'var/lib/apt/lists var/cache/apt/archives'
      await this.ssh(host, `tar -C / -cf - ${kept}`, { out: `${archive}.new` })
      await this.must(['mv', `${archive}.new`, archive])
    } else await this.ssh(host, `tar -C / -xf - && { ${python}; }`, { in: archive })
  }
}

async function replace(file: string, pattern: RegExp, by: string): Promise<void> {
  const text = await readFile(file, 'utf8')
  if (!pattern.test(text)) throw new Error(`${file} has no ${pattern}`)
  await writeFile(file, text.replace(pattern, by))
}

/** An ssh command line up to the command, without any shared connection. */
export function sshLine({ target }: LabHost): string {
  const own = ['-T', '-o', 'BatchMode=yes', '-o', 'ControlMaster=no', '-o', 'ControlPath=none']
  const words = ['ssh', ...own, ...(target.options ?? []), `${target.login}@${target.address}`]
  return words.map(quote).join(' ')
}

/** The path of a file of the benchmark. */
export function here(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url))
}
