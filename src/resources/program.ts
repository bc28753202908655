import type { Context, Difference } from '../model/kind.ts'

/** A program that a step needs, and the package that has it. */
export type Program = readonly [name: string, from: string]

/**
 * A change that needs a program, which the host has or not. Its own package, planned before, makes
 * that certain; what else is opaque may bring it or not.
 */
export function withProgram(
  difference: Difference,
  program: Program | undefined,
  isThere: boolean,
  { earlier, opaque }: Context,
): Difference {
  if (!program) return difference
  const [name, from] = program
  const { summary } = difference
  const planned = earlier.get(`package:${from}`)
  if (planned?.verb === 'remove')
    return { ...difference, summary: `${summary}, but package:${from} is removed before` }
  const isBrought = planned?.verb === 'create' || planned?.verb === 'change'
  if (isThere || isBrought) return difference
  return opaque.length > 0
    ? { verb: 'unknown', summary: `${summary}, once ${opaque.at(-1)} has brought ${name}` }
    : { ...difference, summary: `${summary}, but ${name} is not installed` }
}
