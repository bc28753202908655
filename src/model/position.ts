import { dirname, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SourcePosition } from '../base/errors.ts'

const own = dirname(dirname(fileURLToPath(import.meta.url))) + sep

/** The line of the user's own code that led here: the first caller that is not Fettle itself. */
export function callerPosition(): SourcePosition | undefined {
  const before = Error.stackTraceLimit
  Error.stackTraceLimit = 25
  const stack = new Error().stack ?? ''
  Error.stackTraceLimit = before
  for (const frame of stack.split('\n').slice(1)) {
    const found = /\(?((?:file:\/\/)?\/[^()]*):(\d+):\d+\)?$/.exec(frame)
    if (!found) continue
    const file = found[1]!.startsWith('file:') ? fileURLToPath(found[1]!) : found[1]!
    const ownFile = file.startsWith(own) && !file.endsWith('.test.ts')
    if (!ownFile && !file.includes(`${sep}node_modules${sep}`))
      return { file, line: Number(found[2]) }
  }
  return undefined
}
