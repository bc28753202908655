import { spawn } from 'node:child_process'
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { statSync } from 'node:fs'
import { problem } from '../base/errors.ts'
import type { AppDescription } from '../model/app.ts'
import type { Runtime } from '../runtimes/runtime.ts'
import { buildLineOf } from './build.ts'
import { folderSnapshot } from './folder.ts'
import type { Snapshot } from './snapshot.ts'
import { temporaryFolder } from './temporary.ts'

/**
 * Builds on this machine, in a checkout of its own, and gives what came of it as a snapshot that is
 * only to be shipped. It keeps the name of its commit, and its files are still those of the source.
 * `onOutput` sees the log while it comes. Throws `build-failed`.
 */
export async function buildHere(
  app: Pick<AppDescription, 'name' | 'build' | 'image' | 'at'>,
  runtime: Runtime | undefined,
  snapshot: Snapshot,
  onOutput: (chunk: Buffer) => void = () => undefined,
): Promise<Snapshot> {
  const line = buildLineOf(app, runtime, snapshot)
  if (line === undefined && (app.build.output === undefined || snapshot.prebuilt)) return snapshot
  const folder = temporaryFolder('build')
  await checkOut(snapshot, folder)
  const failed = (reason: string, log = ''): Error =>
    problem('build-failed', { app: app.name, host: 'here', reason }, { log })
  if (line !== undefined) {
    const { code, log } = await run(line, folder, runtime, app.build.timeout, onOutput)
    if (code !== 0) {
      const reason =
        code === undefined ? `it did not finish within ${app.build.timeout} s` : `exit code ${code}`
      throw failed(reason, log.trim().split('\n').slice(-30).join('\n'))
    }
  }
  const output = join(folder, app.build.output ?? '.')
  if (!statSync(output, { throwIfNoEntry: false })?.isDirectory())
    throw failed(`it made no folder ${app.build.output}`)
  const { entries, read } = await folderSnapshot(app, output)
  return { ...snapshot, entries, read, prebuilt: true }
}

async function checkOut(snapshot: Snapshot, folder: string): Promise<void> {
  const contents = await snapshot.read(
    snapshot.entries.filter(({ link }) => link === undefined).map(({ path }) => path),
  )
  for (const { path, mode, link } of snapshot.entries) {
    const file = join(folder, path)
    await mkdir(dirname(file), { recursive: true })
    if (link !== undefined) await symlink(link, file)
    else {
      await writeFile(file, contents.get(path)!)
      await chmod(file, mode)
    }
  }
}

/** The whole group is ended when it takes too long; the code is then undefined. */
async function run(
  line: string,
  folder: string,
  runtime: Runtime | undefined,
  seconds: number,
  onOutput: (chunk: Buffer) => void,
): Promise<{ code: number | undefined; log: string }> {
  const { PATH, ...more } = runtime?.env(folder) ?? {}
  const path = [PATH, process.env['PATH']].filter(Boolean).join(':')
  const child = spawn('sh', ['-c', line], {
    cwd: folder,
    env: { ...process.env, ...more, PATH: path, CI: 'true' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const log: Buffer[] = []
  const take = (chunk: Buffer): void => {
    log.push(chunk)
    onOutput(chunk)
  }
  child.stdout.on('data', take)
  child.stderr.on('data', take)
  let late = false
  const timer = setTimeout(() => {
    late = true
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  }, seconds * 1000)
  const code = await new Promise<number>((resolve) => {
    child.on('error', () => resolve(127))
    child.on('close', (ended) => resolve(ended ?? 1))
  })
  clearTimeout(timer)
  return { code: late ? undefined : code, log: Buffer.concat(log).toString('utf8') }
}
