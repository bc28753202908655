import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Lab, type LabHost } from '../../src/lab/lab.ts'
import { owner } from '../../src/lab/owner.ts'
import { ensurePrerequisites } from '../../src/lab/prerequisites.ts'
import { sweep } from '../../src/lab/sweep.ts'
import { type Run, run } from './run.ts'

const execute = promisify(execFile)

/** The path of a file of the benchmark. */
export const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/**
 * The benchmark's own hosts and a folder for each description. All of it is gone in the end, and
 * what a killed benchmark left is removed by the next one.
 */
export class Hosts {
  readonly folder: string
  readonly #lab: Lab
  readonly #program: string
  readonly #stop: AbortSignal
  #up: LabHost[] = []

  private constructor(folder: string, lab: Lab, program: string, stop: AbortSignal) {
    this.folder = folder
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
    const folder = await mkdtemp(join(tmpdir(), 'fettle-scale-'))
    const lab = await Lab.open(folder, undefined, owner())
    await mkdir(join(folder, 'run'), { mode: 0o700 })
    for (const name of ['fleet', 'many']) {
      await cp(here(name), join(folder, name), { recursive: true })
      await mkdir(join(folder, name, '.fettle'))
      await symlink(lab.folder, join(folder, name, '.fettle', 'lab'))
    }
    return new Hosts(folder, lab, program, stop)
  }

  async boot(count: number): Promise<void> {
    this.#up = await this.#lab.up(Array.from({ length: count }, (_, i) => `web${i + 1}`))
  }

  async reset(name: string): Promise<void> {
    await this.#lab.reset([name])
  }

  /** Writes another value of a constant into a description. */
  async set(description: string, pattern: RegExp, by: string): Promise<void> {
    const file = join(this.folder, description, 'fleet.ts')
    const text = await readFile(file, 'utf8')
    if (!pattern.test(text)) throw new Error(`${file} has no ${pattern}`)
    await writeFile(file, text.replace(pattern, by))
  }

  /** Fettle as people run it, in the folder of a description. */
  fettle(description: string, words: readonly string[], weighed = false): Promise<Run> {
    return run([this.#program, ...words, '--lab'], {
      cwd: join(this.folder, description),
      runtime: join(this.folder, 'run'),
      weighed,
      stop: this.#stop,
    })
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

  /** Packets of the host are dropped: nobody is told that it is gone. */
  async kill(name: string): Promise<void> {
    const { container, target } = this.#host(name)
    const engine = existsSync('/usr/bin/podman') ? 'podman' : 'docker'
    const words = ['inspect', container, '--format', '{{.State.Pid}}']
    const { stdout } = await execute(engine, words)
    const gateway = target.address.replace(/\d+$/, '1')
    const drop = ['ip', 'route', 'add', 'blackhole', gateway]
    await execute('nsenter', ['--net', '--target', stdout.trim(), ...drop])
  }

  /** The host takes logins, and then its shell never says anything. */
  async hang(name: string): Promise<void> {
    const script = `printf '#!/bin/sh\\nexec sleep infinity\\n' >/usr/local/bin/hang
chmod 755 /usr/local/bin/hang; usermod -s /usr/local/bin/hang root`
    const { code, output } = await this.#lab.exec(name, script)
    if (code !== 0) throw new Error(output)
  }

  async remove(): Promise<void> {
    await this.disconnect()
    await this.#lab.down()
    await rm(this.folder, { recursive: true, force: true })
  }

  #host(name: string): LabHost {
    return this.#up.find((each) => each.name === name)!
  }
}
