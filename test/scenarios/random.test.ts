import { inspect } from 'node:util'
import * as fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { actionsOf, dueActions, expectedNotes, isCertain } from '../../src/engine/actions.ts'
import { type Outcome, planDocument } from '../../src/wire/plan.ts'
import { type Resource, idOf } from '../../src/model/resource.ts'
import { kinds } from '../../src/resources/kinds.ts'
import { type Run, read, run } from '../contracts/run.ts'
import { type TestHost, bootForFile, labAvailable, labMissing } from '../lab/fixture.ts'
import { descriptions, shuffled } from './descriptions.ts'
import { vandalise, vandalism } from './vandalism.ts'
import { furnish } from './world.ts'

// FETTLE_SEED=random looks for new trouble; the seed of a failure, which is in its message,
// repeats it. A seed stands for the whole series, as each run begins with what the last one left.
const wanted = process.env['FETTLE_SEED'] ?? '1'
const seed = wanted === 'random' ? Date.now() % 2 ** 31 : Number(wanted)
const runs = Number(process.env['FETTLE_RUNS'] ?? 8)

const series = fc.sample(
  fc.tuple(
    descriptions(),
    vandalism,
    fc.array(fc.nat(999), { minLength: 9, maxLength: 9 }),
    fc.constantFrom('list' as const, 'remove' as const),
  ),
  { seed, numRuns: runs },
)

describe.skipIf(!labAvailable)(`random descriptions over random hosts ${labMissing}`, () => {
  const hosts = bootForFile(2)
  beforeAll(async () => {
    if (labAvailable) await Promise.all(hosts().map(furnish))
  })

  test(
    `make what was planned, and nothing the second time (seed ${seed}, ${runs} runs)`,
    async () => {
      for (const [number, [resources, picks, keys, wish]] of series.entries()) {
        const script = vandalise(resources, picks)
        await Promise.all(hosts().map((host) => host.exec(script)))
        // Two hosts in the same state, and the same description in two orders.
        const orders = [resources, shuffled(resources, keys)]
        const made = await Promise.all(
          hosts().map((host, i) => converged(host, orders[i]!, number, wish)),
        )
        expect([...made[1]!].sort(), story(number)).toEqual([...made[0]!].sort())
      }
    },
    120_000 + runs * 30_000,
  )
})

/** Makes the resources true, checks what is promised of that, and gives the ids of what was made. */
async function converged(
  { target }: TestHost,
  resources: readonly Resource[],
  number: number,
  orphans: 'list' | 'remove',
): Promise<string[]> {
  const before = await read([target], () => resources, { orphans })
  await checkNarrow(target, resources, before)
  const first = await run([target], () => resources, { orphans })
  const told = `${story(number)}\nplanned on ${target.name}:\n${changesOf(first).join('\n')}\n`
  expect(await documentOf(first), told).toBe(await documentOf(before))
  expect(first.results[0]?.error, told).toBeUndefined()
  checkMade(first, told)
  const second = await read([target], () => resources)
  expect(changesOf(second), told).toEqual([])
  expect(lasting(second), told).toEqual(orphans === 'remove' ? [] : lasting(first))
  // A start settles what was asked for before it: actions do depend on the order.
  const changes = first.results[0]!.made.filter(({ verb }) => verb !== 'action')
  return changes.map(({ id, verb }) => `${verb} ${id}`)
}

/** As people and machines are shown it. */
async function documentOf({ surveyed }: Run): Promise<string> {
  const outcomes = surveyed.map((each): Outcome => {
    const host = each.host.name
    return 'plan' in each ? { host, plan: each.plan } : { host, error: each.error }
  })
  return JSON.stringify(await planDocument(outcomes, kinds))
}

/** Limited to some kinds, a plan has just those changes of the whole plan, or says less is known. */
async function checkNarrow(
  target: TestHost['target'],
  resources: readonly Resource[],
  whole: Run,
): Promise<void> {
  const only = ['file', 'service', 'line', 'group']
  const ids = (run: Run): string[] =>
    run.surveyed.flatMap((each) =>
      'plan' in each ? each.plan.changes.map(({ resource }) => idOf(resource)) : [],
    )
  const chosen = (id: string): boolean => only.includes(id.slice(0, id.indexOf(':')))
  const narrow = ids(await read([target], () => resources, { only }))
  expect(narrow.filter((id) => !chosen(id))).toEqual([])
  expect(ids(whole)).toEqual(expect.arrayContaining(narrow))
}

/** What left the description, of kinds that no change of another takes along. */
function lasting({ surveyed: [first] }: Run): string[] {
  if (!first || !('plan' in first)) throw first?.error ?? new Error('nothing was read')
  const { orphans, changes } = first.plan
  // A folder that is to go takes along what is in it.
  const going = changes.flatMap(({ resource: { kind, name, absent } }) =>
    kind === 'directory' && absent ? [`${name}/`] : [],
  )
  return (
    orphans
      .filter(({ resource: { name } }) => !going.some((folder) => name.startsWith(folder)))
      .map(({ resource }) => idOf(resource))
      .filter((id) => /^(file|link|cron|timer|sysctl|timezone):/.test(id))
      // Each has its place behind what it was described behind, and that may be described elsewhere now.
      .sort()
  )
}

/** What was planned for certain is what was made, in that order; what was not known may be. */
function checkMade({ surveyed: [first], results: [result] }: Run, told: string): void {
  if (!first || !('plan' in first)) throw first?.error ?? new Error('nothing was read')
  const { changes, owed, all } = first.plan
  const made = result!.made.filter(({ verb }) => verb !== 'action').map(({ id }) => id)
  const certain = changes.filter(({ difference }) => difference.verb !== 'unknown')
  const makable = changes.map(({ resource }) => idOf(resource)).filter((id) => made.includes(id))
  expect(made, told).toEqual(makable)
  expect(made, told).toEqual(expect.arrayContaining(certain.map(({ resource }) => idOf(resource))))
  const done = result!.made.flatMap(({ id, verb, summary }) =>
    verb === 'action' ? [`${summary.split(' ')[0]} ${id}`] : [],
  )
  const due = dueActions(expectedNotes(changes, owed), all, kinds)
  const promised = due.filter((each) => isCertain(each, changes, owed))
  expect(done, told).toEqual(expect.arrayContaining(actionsOf(promised)))
  if (promised.length === due.length) expect(done, told).toEqual(actionsOf(due))
}

/** What is to change, or was not read, with what was seen of it. */
function changesOf({ surveyed }: Run): string[] {
  return surveyed.flatMap((each) =>
    'plan' in each
      ? each.plan.changes.map(
          ({ resource, state, difference: { verb, summary } }) =>
            `${verb} ${idOf(resource)}: ${summary} <- ${inspect(state, { breakLength: Infinity })}`,
        )
      : [each.error.message],
  )
}

/** How to have the same again, and what was described. */
function story(number: number): string {
  const [resources] = series[number]!
  const lines = resources.map(
    (each) =>
      `${each.absent ? 'absent ' : ''}${idOf(each)} ${inspect(each.desired, { breakLength: Infinity })}`,
  )
  return `run ${number + 1} of FETTLE_SEED=${seed} FETTLE_RUNS=${number + 1}:\n${lines.join('\n')}\n`
}
