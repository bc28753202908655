import { inspect } from 'node:util'
import { expect } from 'vitest'
import { redact } from '../../src/base/secret.ts'
import {
  type Change,
  type Context,
  type Difference,
  type Kind,
  nothingPlanned,
} from '../../src/model/kind.ts'
import { type Resource, idOf } from '../../src/model/resource.ts'
import { kinds } from '../../src/resources/kinds.ts'
import { doings } from './doings.ts'

/** What a kind says and does: states x desires. */
export interface Table {
  /** A usual resource of the kind. */
  readonly wanted: Resource
  /** The state of a host that has nothing of it, and of one where it is as described. */
  readonly nothing: unknown
  readonly there: unknown
  /** Each row: the desire, the state, and what is planned before. */
  readonly rows: (row: Row) => void
}

/**
 * The line of the plan, and below it what the step does. `after`: the state that the step leads to,
 * with which there must be nothing left to do.
 */
export type Row = (resource: Resource, state: unknown, given?: Given) => string

export interface Given {
  readonly context?: Context
  readonly after?: unknown
}

/** What every secret in a table is made of: nothing that is shown may hold it. */
export const hidden = 'hunter2-hunter2'

/** A context in which these are planned: ids, or ids with how they change. */
export function planned(...changes: readonly (string | [string, Partial<Difference>])[]): Context {
  const earlier = new Map(
    changes.map((each): [string, Difference] => {
      const [id, difference] = typeof each === 'string' ? [each, {}] : each
      return [id, { verb: 'create', summary: '', ...difference }]
    }),
  )
  const opaque = [...earlier.keys()].filter((id) => kinds.get(id.split(':')[0]!)?.opaque)
  return { earlier, opaque }
}

/** A package that is planned: whatever is not there may come with it. */
export const opaque: Context = planned('package:x')

export const row: Row = (resource, state, { context = nothingPlanned, after } = {}) => {
  const kind = kinds.get(resource.kind)!
  const difference = asked(kind, resource, state, context)
  if (after !== undefined) expect(asked(kind, resource, after, nothingPlanned)).toBe(undefined)
  if (!difference) return 'no change'
  const line = redact(`${difference.verb} ${idOf(resource)}: ${difference.summary}`)
  // It is read and asked about again when its turn comes.
  if (difference.verb === 'unknown') return line
  return [line, ...stepOf(kind, { resource, state, difference }).map((each) => `  ${each}`)].join(
    '\n',
  )
}

/** The answer of `diff`, which must be pure and must not show secrets. */
export function asked(
  kind: Kind,
  resource: Resource,
  state: unknown,
  context: Context,
): Difference | undefined {
  const before = seen([resource, state, context])
  const difference = kind.diff(resource as never, state, context)
  expect(kind.diff(resource as never, state, context)).toEqual(difference)
  expect(seen([resource, state, context])).toBe(before)
  if (!difference) return undefined
  expect(difference.summary).not.toBe('')
  const { summary, text } = difference
  expect(redact(`${summary}\n${text?.before}\n${text?.after}`)).not.toContain(hidden)
  return difference
}

const seen = (data: unknown): string => inspect(data, { depth: Infinity, maxArrayLength: null })

function stepOf(kind: Kind, change: Change): string[] {
  const before = seen(change)
  const step = kind.apply([change as never])
  expect(seen(change)).toBe(before)
  expect(step.script.text).not.toBe('')
  // What is run may hold the mark of a secret only where the shell itself writes it.
  expect(step.script.text).not.toContain(hidden)
  const done = doings(step)
  expect(done).not.toEqual([])
  expect(done.join('\n')).not.toContain(hidden)
  return done.map((each) => redact(each))
}
