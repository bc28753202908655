import { dirname, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SourcePosition } from '../base/errors.ts'

const own = dirname(dirname(fileURLToPath(import.meta.url))) + sep

/**
 * The line of the user's own code that led here: the first caller that is not Fettle itself. The
 * trace is taken now and only read when somebody asks, since most positions are never shown.
 */
export function callerPosition(): SourcePosition {
  const before = Error.stackTraceLimit
  Error.stackTraceLimit = 25
  const trace = new Error()
  Error.stackTraceLimit = before
  return new CallerPosition(trace)
}

class CallerPosition implements SourcePosition {
  readonly #trace: Error
  #found: SourcePosition | undefined

  constructor(trace: Error) {
    this.#trace = trace
  }

  get file(): string {
    return this.#position().file
  }

  get line(): number {
    return this.#position().line
  }

  toJSON(): SourcePosition {
    return this.#position()
  }

  #position(): SourcePosition {
    return (this.#found ??= firstForeign(this.#trace.stack ?? ''))
  }
}

function firstForeign(stack: string): SourcePosition {
  for (const frame of stack.split('\n').slice(1)) {
    const found = /\(?((?:file:\/\/)?\/[^()]*):(\d+):\d+\)?$/.exec(frame)
    if (!found) continue
    const file = found[1]!.startsWith('file:') ? fileURLToPath(found[1]!) : found[1]!
    const ownFile = file.startsWith(own) && !file.endsWith('.test.ts')
    if (!ownFile && !file.includes(`${sep}node_modules${sep}`))
      return { file, line: Number(found[2]) }
  }
  return { file: '(unknown)', line: 0 }
}
