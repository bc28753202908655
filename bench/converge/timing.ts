import { spawn } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** One run of a program to its end. */
export interface Run {
  readonly code: number
  /** Stdout and stderr. */
  readonly output: string
  /** Wall-clock. */
  readonly seconds: number
  /** User and system time of the program and all its children that it waited for. */
  readonly cpu: number
}

export interface RunOptions {
  readonly cwd: string
  readonly environment?: Readonly<Record<string, string>>
  readonly stop: AbortSignal
  /** It is ended after so long, and that counts as a failure. */
  readonly seconds: number
}

// The shell's own `time`: it knows the children too, and its own start is not in what it says.
const wrapper = 'TIMEFORMAT="%3R %3U %3S"; exec 3>&2 2>"$0"; time "$@" 2>&3'

/** Runs a program and says how long it took, as the shell's `time` does. */
export async function timed(words: readonly string[], options: RunOptions): Promise<Run> {
  const report = join(options.cwd, `.time.${process.pid}`)
  const { code, output } = await ended(['bash', '-c', wrapper, report, ...words], options)
  const text = await readFile(report, 'utf8').catch(() => '')
  await rm(report, { force: true })
  const [seconds = Number.NaN, user = 0, system = 0] = text.trim().split(/\s+/).map(Number)
  if (!Number.isFinite(seconds)) throw new Error(`${words[0]} was not timed: ${output}`)
  return { code, output, seconds, cpu: user + system }
}

/** Runs a program to its end; in a process group of its own, so that all of it can be ended. */
export function ended(
  words: readonly string[],
  { cwd, environment = {}, stop, seconds }: RunOptions,
): Promise<{ code: number; output: string }> {
  stop.throwIfAborted()
  return new Promise((resolve, reject) => {
    const [program = '', ...rest] = words
    const env = { ...process.env, ...environment }
    const child = spawn(program, rest, {
      cwd,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const chunks: Buffer[] = []
    const end = (): void => {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGTERM')
    }
    const timer = setTimeout(end, seconds * 1000)
    stop.addEventListener('abort', end, { once: true })
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    const over = (): void => {
      clearTimeout(timer)
      stop.removeEventListener('abort', end)
    }
    child.on('error', (error) => {
      over()
      reject(error)
    })
    // Not `close`: a shared connection that stays behind may hold the pipes open.
    child.on('exit', (code) => {
      over()
      setImmediate(() => {
        child.stdout.destroy()
        child.stderr.destroy()
        if (stop.aborted) reject(stop.reason as Error)
        else resolve({ code: code ?? -1, output: Buffer.concat(chunks).toString() })
      })
    })
  })
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
