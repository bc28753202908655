import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestHost } from '../lab/fixture.ts'

/** What came of one request; `label` is the version that answered, empty when none did. */
export interface Visit {
  readonly path: string
  readonly began: number
  readonly status: number
  readonly label: string
}

/** Asks for a page through the balancer again and again, whatever becomes of the request before. */
export class Visitor {
  readonly #balancer: TestHost
  readonly #every: number
  readonly #pending = new Set<Promise<void>>()
  #visits: Visit[] = []
  #number = 0
  #stopped = false
  readonly #loop: Promise<void>

  constructor(balancer: TestHost, every = 100) {
    this.#balancer = balancer
    this.#every = every
    this.#loop = this.#run()
  }

  /** All visits since the last call, once they have an answer. */
  async visits(): Promise<Visit[]> {
    await Promise.all(this.#pending)
    return this.#visits.splice(0)
  }

  async end(): Promise<void> {
    this.#stopped = true
    await this.#loop
    await Promise.all(this.#pending)
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const one: Promise<void> = this.#noted(`/visit/${process.pid}-${this.#number++}`)
      this.#pending.add(one)
      void one.finally(() => this.#pending.delete(one))
      await sleep(this.#every)
    }
  }

  async #noted(path: string): Promise<void> {
    this.#visits.push(await this.#visit(path))
  }

  #visit(path: string): Promise<Visit> {
    const began = Date.now()
    return new Promise((resolve) => {
      const done = (status: number, text: string): void =>
        resolve({ path, began, status, label: status === 200 || status === 500 ? text.trim() : '' })
      const options = {
        host: this.#balancer.target.address,
        path,
        agent: false,
        timeout: 20_000,
        headers: { Host: 'shop.test' },
      }
      const asked = request(options, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
        response.on('error', () => done(0, ''))
        response.on('end', () => done(response.complete ? response.statusCode! : 0, text))
      })
      asked.on('timeout', () => asked.destroy())
      asked.on('error', () => done(0, ''))
      asked.end()
    })
  }
}

/** Which slot each path went to, from the balancer's log: `HOST-SLOT`. */
export async function slotsOf(balancer: TestHost, paths: readonly string[]): Promise<string[]> {
  if (paths.length === 0) return []
  const { output } = await balancer.exec('journalctl -q -o cat -t haproxy --no-pager')
  const slots = new Map(
    output.split('\n').flatMap((row): [string, string][] => {
      if (!row.startsWith('{')) return []
      const { path, slot } = JSON.parse(row) as { path?: string; slot?: string }
      return path === undefined || slot === undefined ? [] : [[path, slot]]
    }),
  )
  return paths.map((path) => slots.get(path) ?? 'unknown')
}
