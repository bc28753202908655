import type { HostResult, Made, RunEvent } from '../../engine/events.ts'
import { redact } from '../../base/secret.ts'
import { errorLines } from './error.ts'
import { type Paint, count, seconds, visible } from './style.ts'

/** Shows a run while it happens. */
export interface Progress {
  event(event: RunEvent): void
  end(): void
}

/** A line for each thing that happened, for pipes and logs. */
export class PlainProgress implements Progress {
  readonly #write: (text: string) => void

  constructor(write: (text: string) => void) {
    this.#write = write
  }

  event(event: RunEvent): void {
    if (event.type === 'made') this.#write(`${event.host}  ${madeText(event.made)}\n`)
    if (event.type === 'needless')
      this.#write(`${event.host}  = ${visible(event.id)}  already so\n`)
    if (event.type === 'host-ended') this.#write(`${event.host}  ${endText(event.result)}\n`)
  }

  end(): void {}
}

interface HostLine {
  done: number
  doing: string
  /** The last line that the step printed. */
  output: string
  /** The beginning of the next one, and what it was when it was last drawn. */
  partial: string
  drawn: string
  result: HostResult | undefined
}

/** A line for each host that is redrawn in place, for terminals. */
export class LiveProgress implements Progress {
  readonly #stream: NodeJS.WriteStream
  readonly #paint: Paint
  readonly #totals: ReadonlyMap<string, number>
  readonly #hosts: Map<string, HostLine>
  readonly #timer: NodeJS.Timeout
  #drawn = 0

  /** `totals`: how many changes and actions are planned, by host. */
  constructor(stream: NodeJS.WriteStream, paint: Paint, totals: ReadonlyMap<string, number>) {
    this.#stream = stream
    this.#paint = paint
    this.#totals = totals
    this.#hosts = new Map(
      [...totals.keys()].map((host) => [
        host,
        { done: 0, doing: 'waiting', output: '', partial: '', drawn: '', result: undefined },
      ]),
    )
    this.#timer = setInterval(() => this.tick(), 80)
  }

  event(event: RunEvent): void {
    const line = this.#hosts.get(event.host)
    if (!line) return
    if (event.type === 'made' || event.type === 'needless') line.done += 1
    if (event.type === 'step-begun')
      Object.assign(line, { doing: event.ids.map(visible).join(', '), output: '', partial: '' })
    if (event.type === 'output') keepLastLine(line, event.chunk)
    if (event.type === 'host-ended') line.result = event.result
  }

  /** Draws what is new; a timer does that several times a second. */
  tick(): void {
    this.#draw()
  }

  end(): void {
    clearInterval(this.#timer)
    this.#draw(true)
  }

  /** A line that wraps, or more of them than the screen has, could not be drawn over: only the last time. */
  #draw(last = false): void {
    // A terminal that does not know its size says 0.
    const columns = last ? Infinity : this.#stream.columns || 80
    const rows = last ? Infinity : this.#stream.rows || 24
    const width = Math.max(...[...this.#hosts.keys()].map((host) => host.length))
    for (const line of this.#hosts.values()) showPartial(line)
    const all = [...this.#hosts].map(([host, line]) =>
      this.#line(host.padEnd(width), line, this.#totals.get(host.trim()) ?? 0, columns),
    )
    const shown = all.length < rows - 2 ? all : all.slice(0, rows - 3)
    const up = this.#drawn > 0 ? `\x1b[${this.#drawn}A` : ''
    this.#stream.write(`${up}${shown.map((line) => `\x1b[2K${line}\n`).join('')}`)
    this.#drawn = shown.length
  }

  #line(
    host: string,
    { done, doing, output, result }: HostLine,
    total: number,
    columns: number,
  ): string {
    if (result) {
      const good = result.status === 'done'
      const text = endText(result).slice(0, Math.max(10, columns - host.length - 2))
      return `${this.#paint('bold', host)}  ${this.#paint(good ? 'green' : 'red', text)}`
    }
    const cells = 16
    const full = total === 0 ? 0 : Math.round(Math.min(1, done / total) * cells)
    const bar = `${'━'.repeat(full)}${this.#paint('dim', '─'.repeat(cells - full))}`
    const rest = `${doing}${output ? `  ${output}` : ''}`
    const room = Math.max(10, columns - host.length - cells - 16)
    return `${this.#paint('bold', host)}  ${bar} ${String(done).padStart(3)}/${total}  ${this.#paint('dim', rest.slice(0, room))}`
  }
}

/** What is said of a host that failed, after the progress. */
export function failureLines(results: readonly HostResult[], paint: Paint): string[] {
  return results.flatMap(({ host, error }) =>
    error ? ['', paint('bold', host), ...errorLines(error, paint).map((line) => `  ${line}`)] : [],
  )
}

function madeText({ id, verb, summary, seconds: took }: Made): string {
  const sign = { create: '+', change: '~', remove: '-', run: '>', action: '!' }[verb]
  return `${sign} ${visible(id)}  ${visible(summary)}  (${seconds(took)})`
}

function endText({ status, made, left, seconds: took }: HostResult): string {
  const changes = count(made.filter(({ verb }) => verb !== 'action').length, 'change')
  const acts = made.filter(({ verb }) => verb === 'action').length
  const all = acts === 0 ? changes : `${changes}, ${count(acts, 'action')}`
  if (status === 'done') return `done: ${all} in ${seconds(took)}`
  const rest =
    left.length === 0
      ? 'nothing left'
      : `left: ${left.map(visible).slice(0, 5).join(', ')}${left.length > 5 ? ` and ${left.length - 5} more` : ''}`
  if (status === 'untouched') return `untouched, because the run ended before its turn; ${rest}`
  return `${status === 'failed' ? 'FAILED' : 'stopped'} after ${all}; ${rest}`
}

function keepLastLine(line: HostLine, chunk: Buffer): void {
  const lines = `${line.partial}${chunk.toString('utf8')}`.split(/[\r\n]+/)
  line.partial = lines.pop() ?? ''
  line.output = lines.map(shown).findLast(Boolean) ?? line.output
}

/** A line that stays without an end for a while is a question, or a bar that grows. */
function showPartial(line: HostLine): void {
  if (line.partial === line.drawn) line.output = shown(line.partial) || line.output
  line.drawn = line.partial
}

const shown = (text: string): string => visible(redact(text).trim())
