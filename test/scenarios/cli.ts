import { type ChildProcess, spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterAll } from 'vitest'
import type { RunRecord } from '../../src/wire/ledger.ts'
import type { TestHost } from '../lab/fixture.ts'
import { program } from '../program.ts'

/** FETTLE_MAIN names another program. */
const main = resolve(process.env['FETTLE_MAIN'] ?? program)

/** How a `fettle` ended: its exit code and what it wrote. */
export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface Started {
  readonly child: ChildProcess
  /** Resolves when the output so far holds the text; rejects when it ends without. */
  until(text: string): Promise<void>
  readonly ended: Promise<Ended>
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>
  /** What is typed, or piped in. Left out: nothing. `open`: more may come. */
  readonly input?: string | 'open'
  /** A terminal instead of pipes, through script(1): both outputs come as stdout. */
  readonly terminal?: boolean
  /** As if it ran on a machine of its own. */
  readonly elsewhere?: boolean
}

/**
 * Begins a command line that stands for a machine of its own: it has one processor at most, and on it what
 * time others leave, where this user may say so. That is what an idle cgroup (cpu.idle) does; others wait for
 * what has nice 19, also where that is said of a whole session (sched(7), autogroup).
 */
const elsewhere: readonly string[] = [
  'sh',
  '-c',
  `for group in /sys/fs/cgroup/cpu/elsewhere /sys/fs/cgroup/elsewhere; do
  { mkdir -p "$group" && echo 1 >"$group/cpu.idle" && echo $$ >"$group/cgroup.procs"; } 2>/dev/null && break
done
exec taskset -c "$(($(nproc) - 1))" nice -n 19 "$@"`,
  'sh',
]

/** A folder with a description, in which `fettle` is run as a process of its own. */
export class Folder {
  readonly path: string

  /** With the lab of these hosts, for `--lab`. */
  constructor(hosts: readonly TestHost[] = []) {
    this.path = mkdtempSync(join(tmpdir(), 'fettle-scenario-'))
    folders.push(this.path)
    const [first] = hosts
    if (!first) return
    const key = first.target.options!.find((word) => word.endsWith('login.key'))!
    // The lab's own files, but not what is recorded of its hosts: that is this folder's.
    const lab = join(this.path, '.fettle', 'lab')
    mkdirSync(lab, { recursive: true })
    for (const name of readdirSync(dirname(key)))
      if (name !== 'ledger' && name !== 'cache')
        symlinkSync(join(dirname(key), name), join(lab, name))
  }

  write(name: string, content: string): this {
    mkdirSync(dirname(join(this.path, name)), { recursive: true })
    writeFileSync(join(this.path, name), content)
    return this
  }

  /** A description of these hosts, all with the same role; `body` is the body of its function. */
  describe(hosts: readonly TestHost[], body: string, options = '{}'): this {
    const names = hosts.map(({ name }) => `${name}: {}`).join(', ')
    return this.write(
      'fleet.ts',
      `import * as fettle from 'fettle'
import { Secret, command, directory, file, fleet, link, packages, role, service } from 'fettle'
const all = role('all', (host) => {
${body}
}, ${options})
export default fleet({ hosts: { ${names} }, roles: [all.on('*')] })
`,
    )
  }

  read(name: string): string {
    return readFileSync(join(this.path, name), 'utf8')
  }

  start(words: readonly string[], options: CliOptions = {}): Started {
    const [first, ...others] = [
      ...(options.elsewhere ? elsewhere : []),
      process.execPath,
      main,
      ...words,
    ] as [string, ...string[]]
    const line = [first, ...others].map((word) => `'${word.replaceAll("'", `'\\''`)}'`)
    const child = options.terminal
      ? spawn('script', ['-qec', line.join(' '), '/dev/null'], this.#surroundings(options))
      : spawn(first, others, this.#surroundings(options))
    return started(child, options.input)
  }

  fettle(words: readonly string[], options: CliOptions = {}): Promise<Ended> {
    return this.start(words, options).ended
  }

  /** What the ledger of the lab hosts holds, oldest first. */
  ledger(): RunRecord[] {
    const folder = join(this.path, '.fettle', 'lab', 'ledger')
    if (!existsSync(folder)) return []
    return readdirSync(folder)
      .sort()
      .flatMap((name) => readFileSync(join(folder, name), 'utf8').trim().split('\n'))
      .map((line) => JSON.parse(line) as RunRecord)
  }

  #surroundings({ env }: CliOptions): { cwd: string; env: NodeJS.ProcessEnv } {
    const { FORCE_COLOR: _, NO_COLOR: __, ...inherited } = process.env
    return {
      cwd: this.path,
      env: { ...inherited, TERM: 'xterm-256color', ...env },
    }
  }
}

const folders: string[] = []
afterAll(() => folders.splice(0).forEach((each) => rmSync(each, { recursive: true, force: true })))

function started(child: ChildProcess, input: string | undefined): Started {
  const seen = { stdout: '', stderr: '' }
  let check = (): void => undefined
  for (const name of ['stdout', 'stderr'] as const)
    child[name]!.setEncoding('utf8').on('data', (text: string) => {
      seen[name] += text
      check()
    })
  child.stdin!.on('error', () => undefined)
  if (input !== 'open') child.stdin!.end(input ?? '')
  const ended = new Promise<Ended>((resolve) =>
    child.on('close', (code, signal) => resolve({ code: code ?? (signal ? 128 : 1), ...seen })),
  )
  const until = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      check = () => {
        if (`${seen.stdout}${seen.stderr}`.includes(text)) resolve()
      }
      check()
      void ended.then(({ stdout, stderr }) =>
        reject(new Error(`It ended without “${text}”:\n${stdout}\n${stderr}`)),
      )
    })
  return { child, until, ended }
}

/** Without what differs from run to run: times, hashes and addresses. */
export function steady(text: string): string {
  return text
    .replaceAll(/\d+\.\d+ s/g, 'N s')
    .replaceAll(/Plan [0-9a-f]{16}/g, 'Plan HASH')
    .replaceAll(/10\.\d+\.\d+\.\d+/g, 'ADDRESS')
}
