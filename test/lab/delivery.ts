import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { buildProblem, buildStep } from '../../src/apps/build.ts'
import type { Snapshot } from '../../src/apps/snapshot.ts'
import { openSource } from '../../src/apps/source.ts'
import {
  type HostTrees,
  parseTrees,
  readTrees,
  uploadProblem,
  uploadStep,
} from '../../src/apps/upload.ts'
import { describeApp } from '../../src/model/app.ts'
import type { AppOptions } from '../../src/model/app-options.ts'
import type { Host } from '../../src/model/role.ts'
import { app } from '../../src/roles/app.ts'
import { processesOf } from '../../src/runtimes/procfile.ts'
import { runtimeFor } from '../../src/runtimes/runtimes.ts'
import type { Answer, Frame } from '../../src/transport/machine.ts'
import { SshMachine } from '../../src/transport/ssh.ts'
import type { TestHost } from './fixture.ts'
import { settle } from './settle.ts'

/** Repositories in a temporary folder, and their trees on a host. */
export class Delivery {
  readonly #host: TestHost
  readonly #temporary: string = mkdtempSync(join(tmpdir(), 'fettle-delivery-'))
  #count = 0

  constructor(host: TestHost) {
    this.#host = host
  }

  remove(): void {
    rmSync(this.#temporary, { recursive: true, force: true })
  }

  /** A repository with one commit of these files. */
  repository(files: Readonly<Record<string, string | Buffer>>): string {
    const folder = join(this.#temporary, `app${(this.#count += 1)}`)
    write(folder, files)
    git(folder, 'init', '-q')
    commit(folder)
    return folder
  }

  async run(...frames: Frame[]): Promise<Answer[]> {
    const session = new SshMachine(this.#host.target).open()
    try {
      return await session.run(frames.map((frame) => ({ user: 'root', ...frame })))
    } finally {
      await session.close()
    }
  }

  async snapshotOf(source: string): Promise<Snapshot> {
    const found = { name: 'x', source, at: undefined }
    return (await openSource(found, '/', this.#temporary)).resolve()
  }

  async have(name: string): Promise<HostTrees> {
    return parseTrees((await this.run({ script: readTrees({ name }) }))[0]!.output)
  }

  /** As `up` prepares the host. */
  async prepare(name: string, options: AppOptions): Promise<void> {
    await settle(this.#host, [app(name, options).prepares({} as Host)].flat(9) as never)
  }

  /** Brings a tree to the host as a deploy does; `sent` counts bytes. */
  async deliver(
    name: string,
    options: AppOptions,
    given?: Snapshot,
  ): Promise<{ snapshot: Snapshot; sent: number }> {
    const described = describeApp(name, options)
    const snapshot = given ?? (await this.snapshotOf(described.source))
    const upload = await uploadStep(described, snapshot, await this.have(name))
    const build = buildStep(described, runtimeFor(described, snapshot.files), snapshot)
    const [first, second] = await this.run(upload, { script: build })
    if (first!.code !== 0) throw uploadProblem(name, this.#host.name, first!)
    if (second!.code !== 0) throw buildProblem(described, this.#host.name, second!)
    return { snapshot, sent: upload.input.length }
  }

  /** What a script prints there. */
  async on(script: string): Promise<string> {
    const { code, output } = await this.#host.exec(script)
    if (code !== 0) throw new Error(`${code}: ${output}`)
    return output
  }

  /** Starts the command of `web` as a unit would, and says what `script` finds on port 8100. */
  async serving(
    name: string,
    options: AppOptions,
    snapshot: Snapshot,
    script: string,
  ): Promise<string> {
    const described = describeApp(name, { ...options, domains: 'x.example.com' })
    const runtime = runtimeFor(described, snapshot.files)
    const { web } = processesOf(snapshot.files, runtime, described)
    const tree = `/srv/${name}/trees/${snapshot.id}`
    const env = { ...runtime?.env(tree), PORT: '8100', HOST: '127.0.0.1' }
    await this.#host.exec('cat >/srv/web.sh', `cd ${tree} || exit 1\n${web!}\n`)
    const set = Object.entries(env).map(([key, value]) => `--setenv='${key}=${value}'`)
    return this.on(`systemd-run -q --unit=web -p User=${name} -p KillMode=mixed -p PrivateTmp=yes -p ProtectSystem=strict ${set.join(' ')} sh /srv/web.sh
for i in $(seq 100); do curl -so /dev/null http://127.0.0.1:8100/ && break; sleep 0.1; done
${script}
systemctl stop web 2>/dev/null; systemctl is-failed --quiet web && { journalctl -u web; exit 1; }; ! ss -Hltn 'sport = :8100' | grep .`)
  }
}

export function git(folder: string, ...args: string[]): string {
  const who = ['-c', 'user.name=Ada', '-c', 'user.email=a@example.org']
  return execFileSync('git', [...who, ...args], { cwd: folder, stdio: 'pipe' })
    .toString()
    .trim()
}

export function write(folder: string, files: Readonly<Record<string, string | Buffer>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), content)
  }
}

export function commit(folder: string): void {
  git(folder, 'add', '-A')
  git(folder, 'commit', '-q', '-m', 'x')
}
