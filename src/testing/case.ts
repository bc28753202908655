import { type SourcePosition, problem } from '../base/errors.ts'
import { callerPosition } from '../model/position.ts'
import type { TestHost } from './host.ts'

/** What a test does with a host; it fails by throwing. */
export type TestBody = (host: TestHost) => void | Promise<void>

/** One test as it was written: run on each host that has its role. */
export interface TestCase {
  readonly role: string
  readonly name: string
  readonly body: TestBody
  readonly at: SourcePosition
}

let collected: TestCase[] | undefined

/** All tests that are written while `load` runs, in order. */
export async function collect(load: () => Promise<void>): Promise<TestCase[]> {
  const all: TestCase[] = []
  collected = all
  try {
    await load()
  } finally {
    collected = undefined
  }
  return all
}

/** Takes down a test; see `src/testing.ts`. */
export function addCase(role: string, name: string, body: TestBody): void {
  const at = callerPosition()
  if (!collected)
    throw problem(
      'usage',
      {
        problem: 'A test was loaded by something else than `fettle test`.',
        next: 'Keep it in tests/ beside the description and run `fettle test`.',
      },
      { at },
    )
  collected.push({ role, name, body, at })
}
