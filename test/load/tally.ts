import type { Failure, Trouble } from './connection.ts'

/** What is counted of one kind of requests in one phase. */
export interface Count {
  requests: number
  /** New connections. */
  connections: number
  troubles: Partial<Record<Trouble, number>>
  p50: number
  p99: number
}

export interface Report {
  /** By phase and kind; `all` is those that do not wait on purpose. */
  readonly phases: Readonly<Record<string, Readonly<Record<string, Count>>>>
  /** The same of all phases but `rest` and `warm-up` together. */
  readonly busy: Readonly<Record<string, Count>>
  readonly requests: number
  readonly failed: number
  readonly seconds: number
  /** The first ones. */
  readonly failures: readonly string[]
}

/** Each bucket is so much longer than the one before. */
const step = Math.log(1.02)

class Row {
  requests = 0
  connections = 0
  readonly troubles: Partial<Record<Trouble, number>> = {}
  readonly #buckets = new Map<number, number>()

  add(milliseconds: number): void {
    this.requests++
    const bucket = Math.round(Math.log(Math.max(milliseconds, 0.01)) / step)
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + 1)
  }

  /** Of several rows together. */
  static of(rows: readonly Row[]): Row {
    const all = new Row()
    for (const row of rows) {
      all.requests += row.requests
      all.connections += row.connections
      for (const [trouble, count] of Object.entries(row.troubles) as [Trouble, number][])
        all.troubles[trouble] = (all.troubles[trouble] ?? 0) + count
      for (const [bucket, count] of row.#buckets)
        all.#buckets.set(bucket, (all.#buckets.get(bucket) ?? 0) + count)
    }
    return all
  }

  quantile(part: number): number {
    const sorted = [...this.#buckets].sort(([a], [b]) => a - b)
    let left = part * sorted.reduce((all, [, count]) => all + count, 0)
    const [bucket = 0] = sorted.find(([, count]) => (left -= count) <= 0) ?? []
    return sorted.length === 0 ? 0 : Number(Math.exp(bucket * step).toPrecision(3))
  }
}

/** Counts by phase and kind. */
export class Tally {
  phase = 'rest'
  requests = 0
  failed = 0
  readonly #begun = performance.now()
  readonly #rows = new Map<string, Map<string, Row>>()
  readonly #failures: string[] = []

  done(phase: string, kind: string, milliseconds: number): void {
    this.requests++
    this.#row(phase, kind).add(milliseconds)
  }

  connected(kind: string): void {
    this.#row(this.phase, kind).connections++
  }

  failedWith(phase: string, kind: string, { trouble, message }: Failure, after: number): void {
    this.requests++
    this.failed++
    const row = this.#row(phase, kind)
    row.requests++
    row.troubles[trouble] = (row.troubles[trouble] ?? 0) + 1
    if (this.#failures.length < 100)
      this.#failures.push(
        `${new Date().toISOString()} ${phase} ${kind}: ${trouble}, ${message} (after ${Math.round(after)} ms)`,
      )
  }

  report(): Report {
    const phases = [...this.#rows].map(([phase, rows]) => [phase, countsOf(rows)] as const)
    const { requests, failed } = this
    return {
      phases: Object.fromEntries(phases),
      busy: countsOf(this.#busy()),
      requests,
      failed,
      seconds: (performance.now() - this.#begun) / 1000,
      failures: this.#failures,
    }
  }

  #busy(): Map<string, Row> {
    const busy = new Map<string, Row>()
    for (const [phase, rows] of this.#rows)
      if (phase !== 'rest' && phase !== 'warm-up')
        for (const [kind, row] of rows) busy.set(kind, Row.of([busy.get(kind) ?? new Row(), row]))
    return busy
  }

  #row(phase: string, kind: string): Row {
    const rows = this.#rows.get(phase) ?? new Map<string, Row>()
    this.#rows.set(phase, rows)
    const row = rows.get(kind) ?? new Row()
    rows.set(kind, row)
    return row
  }
}

const quick = (rows: ReadonlyMap<string, Row>): Row[] =>
  [...rows].flatMap(([kind, row]) => (kind === 'slow' ? [] : [row]))

const countsOf = (rows: ReadonlyMap<string, Row>): Record<string, Count> =>
  Object.fromEntries(
    [...rows, ['all', Row.of(quick(rows))] as const].map(([kind, row]) => {
      const { requests, connections, troubles } = row
      return [
        kind,
        { requests, connections, troubles, p50: row.quantile(0.5), p99: row.quantile(0.99) },
      ]
    }),
  )
