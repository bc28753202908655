import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Lab } from '../../src/lab/lab.ts'
import { owner } from '../../src/lab/owner.ts'
import { ensurePrerequisites } from '../../src/lab/prerequisites.ts'
import { sweep } from '../../src/lab/sweep.ts'
import { type Run, run } from '../scale/run.ts'

const execute = promisify(execFile)

/** The path of a file of the benchmark. */
export const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

export const balancer = 'lb1'
export const appHosts: readonly string[] = ['web1', 'web2', 'web3']

/** What went over the network of a host. */
export interface Bytes {
  readonly in: number
  readonly out: number
}

/** The benchmark's own hosts and a folder with the description. All of it is gone in the end. */
export class Hosts {
  readonly folder: string
  readonly fleet: string
  readonly #lab: Lab
  readonly #program: string
  readonly #stop: AbortSignal

  private constructor(folder: string, lab: Lab, program: string, stop: AbortSignal) {
    this.folder = folder
    this.fleet = join(folder, 'fleet')
    this.#lab = lab
    this.#program = program
    this.#stop = stop
  }

  static async open(
    program: string,
    stop: AbortSignal,
    report: (line: string) => void,
  ): Promise<Hosts> {
    await sweep(await ensurePrerequisites(report))
    const folder = await mkdtemp(join(tmpdir(), 'fettle-deploy-'))
    const lab = await Lab.open(folder, undefined, owner())
    await mkdir(join(folder, 'run'), { mode: 0o700 })
    await cp(here('fleet'), join(folder, 'fleet'), { recursive: true })
    await mkdir(join(folder, 'fleet', '.fettle'))
    await symlink(lab.folder, join(folder, 'fleet', '.fettle', 'lab'))
    return new Hosts(folder, lab, program, stop)
  }

  async boot(): Promise<void> {
    await this.#lab.up([balancer, ...appHosts])
  }

  /** Writes another value of a constant into the description. */
  async set(name: string, value: number): Promise<void> {
    const file = join(this.fleet, 'fleet.ts')
    const text = await readFile(file, 'utf8')
    await writeFile(
      file,
      text.replace(new RegExp(`const ${name} = .*`), `const ${name} = ${value}`),
    )
  }

  /** Fettle as people run it. */
  async fettle(...words: string[]): Promise<Run> {
    return this.#must([this.#program, ...words, '--lab'])
  }

  /** How often each host is waited for in a deploy, which happens. */
  async roundTrips(app: string): Promise<Readonly<Record<string, number>>> {
    const words = ['--import', import.meta.resolve('jiti/register'), here('trips.ts'), app]
    const { lines } = await this.#must(words)
    const said = lines.find(({ text }) => text.startsWith('trips '))!.text
    return JSON.parse(said.slice('trips '.length)) as Record<string, number>
  }

  async bytes(name: string): Promise<Bytes> {
    const { output } = await this.#lab.exec(name, 'cat /proc/net/dev')
    const row = output.split('\n').find((each) => /^\s*eth0:/.test(each)) ?? ''
    const numbers = row.split(':')[1]?.trim().split(/\s+/).map(Number) ?? []
    return { in: numbers[0] ?? 0, out: numbers[8] ?? 0 }
  }

  /** Nothing of the app has ever been there. */
  async forget(app: string): Promise<void> {
    const script = `systemctl stop '${app}.*' 2>/dev/null; cd /etc/systemd/system && rm -f ${app}.* multi-user.target.wants/${app}.*; systemctl daemon-reload
rm -rf /var/lib/fettle/apps/${app} /srv/${app}/trees/* /srv/${app}/releases/*`
    for (const name of appHosts) await this.#lab.exec(name, script)
    const config = '/etc/haproxy/haproxy.cfg'
    const edit = `sed -i 's/^\\(  server [a-z]*[0-9]*-.*[0-9]\\)$/\\1 disabled/; s/\\( disabled\\)\\+$/ disabled/' ${config} && systemctl reload haproxy`
    await this.#lab.exec(balancer, edit)
  }

  /** Ends the shared connections, so that the next run has to log in everywhere. */
  async disconnect(): Promise<void> {
    const folder = join(this.folder, 'run', 'fettle')
    const sockets = existsSync(folder) ? readdirSync(folder) : []
    for (const name of sockets)
      await execute('ssh', ['-F', 'none', '-S', join(folder, name), '-O', 'exit', 'any']).catch(
        () => undefined,
      )
  }

  async remove(): Promise<void> {
    await this.disconnect()
    await this.#lab.down()
    await rm(this.folder, { recursive: true, force: true })
  }

  async #must(words: readonly string[]): Promise<Run> {
    const ended = await run(words, {
      cwd: this.fleet,
      runtime: join(this.folder, 'run'),
      stop: this.#stop,
    })
    if (ended.code === 0) return ended
    const said = ended.lines.map(({ text }) => text).join('\n')
    throw new Error(`${words.join(' ')} ended with ${ended.code}:\n${said}`)
  }
}
