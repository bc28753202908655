import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { FettleError, type SourcePosition } from '../base/errors.ts'
import type { Clock } from '../base/clock.ts'
import { redact } from '../base/secret.ts'
import type { Session } from '../transport/machine.ts'
import type { TestCase } from './case.ts'
import { type World, testHost } from './host.ts'
import { Unmet, Watch } from './subject.ts'

/** What came of one test on one host. */
export interface Verdict {
  readonly host: string
  readonly role: string
  readonly name: string
  readonly seconds: number
  readonly failure?: Failure
}

export interface Failure {
  /** The line of the test. */
  readonly at?: SourcePosition
  /** What stands on that line. */
  readonly line?: string
  readonly expected?: string
  readonly seen: string
}

/** For one test, whatever it does. Seconds. */
const longestTest = 300

/** Runs a test on a host that has its role, over a session of its own. */
export async function tryCase(
  test: TestCase,
  host: Omit<World, 'session'>,
  open: () => Session,
  clock: Clock,
): Promise<Verdict> {
  const begun = clock.elapsed()
  const session = open()
  const watch = new Watch()
  let failure: Failure | undefined
  try {
    await inTime(Promise.resolve(test.body(testHost({ ...host, session }, watch))))
    await inTime(watch.end())
  } catch (thrown) {
    failure = failureOf(thrown, test)
  } finally {
    await session.close()
  }
  const seconds = Math.round(clock.elapsed() - begun) / 1000
  const { role, name } = test
  return { host: host.name, role, name, seconds, ...(failure ? { failure } : {}) }
}

async function inTime(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const end = (): void =>
      reject(new Unmet(`an end within ${longestTest} s`, 'it still runs', undefined))
    timer = setTimeout(end, longestTest * 1000)
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

function failureOf(thrown: unknown, test: TestCase): Failure {
  if (thrown instanceof Unmet) {
    const { expected, seen, at = test.at } = thrown
    return { ...place(at), expected: redact(expected), seen: redact(seen) }
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  const more = thrown instanceof FettleError ? `\n${thrown.state}` : ''
  const at = (thrown instanceof Error && lineIn(test.at.file, thrown.stack)) || test.at
  return { ...place(at), seen: redact(`${message}${more}`) }
}

/** Where the test's own file shows in a stack. */
function lineIn(file: string, stack = ''): SourcePosition | undefined {
  for (const row of stack.split('\n')) {
    const found = /\(?((?:file:\/\/)?\/[^()]*):(\d+):\d+\)?$/.exec(row)
    if (!found) continue
    const name = found[1]!.startsWith('file:') ? fileURLToPath(found[1]!) : found[1]!
    if (name === file) return { file, line: Number(found[2]) }
  }
  return undefined
}

function place({ file, line: number }: SourcePosition): Pick<Failure, 'at' | 'line'> {
  const at = { file, line: number }
  try {
    const text = readFileSync(file, 'utf8').split('\n')[number - 1]?.trim()
    return text ? { at, line: text } : { at }
  } catch {
    return { at }
  }
}
