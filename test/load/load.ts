import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Report } from './tally.ts'

/** The load generator from the side of those who started it. */
export class Load {
  requests = 0
  failed = 0
  /** What it counted, once it has ended. */
  readonly report: Promise<Report>
  readonly #child: ChildProcess

  constructor(options: Readonly<Record<string, string | number>>) {
    const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
    const main = fileURLToPath(new URL('main.ts', import.meta.url))
    const jiti = import.meta.resolve('jiti/register')
    const program = ['--import', jiti, main, ...words]
    const child = spawn(process.execPath, program, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#child = child
    this.report = new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('exit', (code) => reject(new Error(`the load ended with ${code}`)))
      createInterface({ input: child.stdout }).on('line', (line) => {
        const said = JSON.parse(line) as { requests: number; failed: number; report?: Report }
        if (said.report) resolve(said.report)
        else [this.requests, this.failed] = [said.requests, said.failed]
      })
    })
    this.report.catch(() => undefined)
  }

  tell(words: {
    readonly phase?: string
    readonly releases?: readonly string[]
    readonly stop?: true
  }): void {
    this.#child.stdin!.write(`${JSON.stringify(words)}\n`)
  }

  stop(): Promise<Report> {
    this.tell({ stop: true })
    return this.report
  }
}
