import type { Change, Kind } from '../model/kind.ts'
import type { Resource } from '../model/resource.ts'

/** So many changes are made in order in one step: Ctrl-C waits for no more than these. */
const longestStep = 100

/** The next change, and those right after it that its kind makes in the same step. */
export function nextStep(todo: readonly Change[], kinds: ReadonlyMap<string, Kind>): Change[] {
  const first = todo[0]!
  const { batch } = kinds.get(first.resource.kind)!
  if (!batch) return [first]
  const end = todo.findIndex((each) => !together(first, each))
  const most = batch === 'together' ? todo.length : longestStep
  return todo.slice(0, Math.min(most, end < 0 ? todo.length : end))
}

function together(first: Change, each: Change): boolean {
  const unknown = (change: Change): boolean => change.difference.verb === 'unknown'
  return keyOf(first.resource) === keyOf(each.resource) && unknown(first) === unknown(each)
}

const keyOf = ({ kind, user }: Resource): string => `${kind} ${user ?? ''}`
