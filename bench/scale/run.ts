import { spawn } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'

/** One run of a program to its end. */
export interface Run {
  readonly code: number
  /** What it printed on both outputs, and when. Seconds from its start. */
  readonly lines: readonly { readonly text: string; readonly at: number }[]
  readonly seconds: number
  /** The most that was seen at once; only when it was asked for. */
  readonly memory: Memory
}

/** In MiB. */
export interface Memory {
  /** Resident memory of Fettle's own process. */
  readonly own: number
  /** Proportional memory (what is shared is counted once) of it and every ssh that it has started. */
  readonly all: number
  /** How many ssh there were then. */
  readonly ssh: number
}

export interface RunOptions {
  readonly cwd: string
  /** Where its shared connections live: by that its ssh processes are known. */
  readonly runtime: string
  readonly weighed?: boolean
  readonly stop: AbortSignal
}

export function run(
  words: readonly string[],
  { cwd, runtime, weighed = false, stop }: RunOptions,
): Promise<Run> {
  stop.throwIfAborted()
  return new Promise((resolve, reject) => {
    const begun = performance.now()
    const since = (): number => (performance.now() - begun) / 1000
    const child = spawn(process.execPath, words, {
      cwd,
      env: { ...process.env, XDG_RUNTIME_DIR: runtime },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const lines: { text: string; at: number }[] = []
    for (const stream of [child.stdout, child.stderr]) {
      let rest = ''
      stream.setEncoding('utf8').on('data', (text: string) => {
        const all = `${rest}${text}`.split('\n')
        rest = all.pop()!
        for (const each of all) lines.push({ text: each, at: since() })
      })
    }
    let memory: Memory = { own: 0, all: 0, ssh: 0 }
    const timer = weighed
      ? setInterval(() => (memory = larger(memory, weigh(child.pid!, runtime))), 200)
      : undefined
    const end = (): void => void child.kill('SIGTERM')
    stop.addEventListener('abort', end, { once: true })
    child.on('error', reject)
    child.on('exit', (code) => {
      const seconds = since()
      clearInterval(timer)
      stop.removeEventListener('abort', end)
      // Not `close`: a shared connection that stays behind may hold the pipes open.
      setTimeout(() => {
        child.stdout.destroy()
        child.stderr.destroy()
        if (stop.aborted) reject(stop.reason as Error)
        else resolve({ code: code ?? -1, lines, seconds, memory })
      }, 50)
    })
  })
}

const larger = (one: Memory, other: Memory): Memory => ({
  own: Math.max(one.own, other.own),
  ...(other.all > one.all ? { all: other.all, ssh: other.ssh } : { all: one.all, ssh: one.ssh }),
})

function weigh(pid: number, runtime: string): Memory {
  const connections = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && read(name, 'comm') === 'ssh\n')
    .filter((name) => read(name, 'cmdline').includes(runtime))
  const proportional = [String(pid), ...connections].map((name) => kilobytes(name, 'Pss'))
  return {
    own: kilobytes(String(pid), 'Rss') / 1024,
    all: proportional.reduce((sum, each) => sum + each, 0) / 1024,
    ssh: connections.length,
  }
}

const kilobytes = (name: string, field: string): number =>
  Number(new RegExp(`^${field}: +(\\d+)`, 'm').exec(read(name, 'smaps_rollup'))?.[1] ?? 0)

/** Empty for a process that has ended meanwhile. */
function read(name: string, file: string): string {
  try {
    return readFileSync(`/proc/${name}/${file}`, 'utf8')
  } catch {
    return ''
  }
}
