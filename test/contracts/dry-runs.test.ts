import { describe, expect, test } from 'vitest'
import { redact } from '../../src/base/secret.ts'
import type { Observation } from '../../src/engine/observe.ts'
import { planHost } from '../../src/engine/plan.ts'
import { nothingPlanned } from '../../src/model/kind.ts'
import { type Resource, absent, idOf } from '../../src/model/resource.ts'
import { kinds } from '../../src/resources/kinds.ts'
import { packages } from '../../src/resources/package.ts'
import { type Table, asked, hidden, opaque, row } from './dry-run.ts'
import { doings } from './doings.ts'
import { nothingNew } from './dry-runs/package.ts'

// A kind without a table has not said what its plans look like.
const tables = new Map<string, Table>()
for (const name of kinds.keys()) {
  const { table } = (await import(`./dry-runs/${name}.ts`)) as { table: Table }
  tables.set(name, table)
}

// Nothing of a command stays that could be removed.
const lasting = [...kinds.values()].filter(({ remembers }) => remembers !== 'nothing')
type Remembers = (resource: Resource) => object
const named = (kind: { readonly name: string }) => ({ kind: kind.name })

describe.each([...kinds.values()].map(named))('$kind', ({ kind: name }) => {
  const kind = kinds.get(name)!
  const { wanted, nothing, there, rows } = tables.get(name)!
  const gone = absent(wanted)

  test('what the plan says, and what the step does', () => rows(row))

  test('there is something to do where there is nothing, and nothing where it is as described', () => {
    expect(asked(kind, wanted, nothing, nothingPlanned)?.verb).toMatch(/create|change|run/)
    expect(asked(kind, wanted, there, nothingPlanned)).toBe(undefined)
  })

  test('where there is nothing, a package before it leaves open what is to be done', () => {
    expect(asked(kind, wanted, nothing, opaque)).toBeDefined()
    expect(plannedAfterPackage(wanted, nothing)).toBeDefined()
    if (lasting.includes(kind)) expect(plannedAfterPackage(gone, nothing)?.verb).toBe('unknown')
  })

  test.runIf(lasting.includes(kind))('what is wanted gone is removed if it is there', () => {
    expect(asked(kind, gone, nothing, nothingPlanned)).toBe(undefined)
    expect(asked(kind, gone, there, nothingPlanned)?.verb).toMatch(/remove|change/)
  })

  const { remembers } = kind
  test.runIf(typeof remembers === 'function')('what left the description is removed so too', () => {
    const text = JSON.stringify((remembers as Remembers)(wanted))
    expect(redact(text)).toBe(text)
    expect(text).not.toContain(hidden)
    const orphan = { ...gone, desired: JSON.parse(text) as object }
    expect(() => kind.claims?.(orphan)).not.toThrow()
    const difference = asked(kind, orphan, there, nothingPlanned)
    expect(difference).toEqual(asked(kind, gone, there, nothingPlanned))
    const stepOf = (resource: Resource): string[] =>
      doings(kind.apply([{ resource, state: there, difference: difference! }]))
    expect(stepOf(orphan)).toEqual(stepOf(gone))
  })
})

/** What the engine itself plans for it behind a package that is not there yet. */
function plannedAfterPackage(resource: Resource, state: unknown) {
  const [first] = packages('a-package-of-its-own')
  const observation = {
    facts: {},
    journal: { shell: '', login: '', runs: 0, lease: undefined, noted: [], memory: undefined },
    states: new Map([
      [idOf(first!), nothingNew],
      [idOf(resource), state],
    ]),
    unread: new Map(),
  } as unknown as Observation
  const all = [first!, resource]
  const { changes } = planHost('host', all, all, observation, kinds)
  return changes.find((change) => change.resource === resource)?.difference
}
