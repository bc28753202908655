import { reveal } from '../base/secret.ts'
import { lines, sh } from '../base/shell.ts'
import type { Step } from '../model/kind.ts'

/**
 * Steps as one, each in a shell of its own, up to the first that fails. Their inputs follow each
 * other, so each script takes just as many bytes as its own has.
 */
export function inOrder(steps: readonly Step[]): Step {
  if (steps.length === 1) return steps[0]!
  const inputs = steps.flatMap(({ input }) => (input === undefined ? [] : [bytesOf(input)]))
  return {
    script: lines(...steps.map(({ script }) => lines(sh`(`, script, sh`) || exit`))),
    input: inputs.length === 0 ? undefined : Buffer.concat(inputs),
  }
}

/** What of a step's input is sent. */
export function bytesOf(input: string | Uint8Array): Uint8Array {
  return typeof input === 'string' ? Buffer.from(reveal(input)) : input
}
