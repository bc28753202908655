import { systemClock } from '../../src/base/clock.ts'
import type { HostResult, RunEvent } from '../../src/engine/events.ts'
import { type Planned, rollout } from '../../src/engine/rollout.ts'
import { runnerOf } from '../lab/settle.ts'
import { type Surveyed, survey } from '../../src/engine/survey.ts'
import type { Facts } from '../../src/model/facts.ts'
import { awaitTurn } from '../../src/engine/turn.ts'
import { fleet } from '../../src/model/fleet.ts'
import { idOf } from '../../src/model/resource.ts'
import { type Host, type Resources, type RoleOptions, role } from '../../src/model/role.ts'
import { kinds } from '../../src/resources/kinds.ts'
import type { Target } from '../../src/transport/target.ts'
import { SshMachine } from '../../src/transport/ssh.ts'

export interface RunOptions extends RoleOptions {
  readonly only?: readonly string[]
  readonly timeoutSeconds?: number
  readonly knownFacts?: ReadonlyMap<string, Facts>
  readonly orphans?: 'list' | 'remove' | 'keep'
  /** The name of the fleet. */
  readonly project?: string
  /** Called for each event; `stop` is what Ctrl-C does. */
  readonly onEvent?: (event: RunEvent, stop: () => void) => void
}

/** What came of reading some hosts and, for `run`, of making them as described. */
export interface Run {
  readonly surveyed: readonly Surveyed[]
  readonly results: readonly HostResult[]
  readonly events: readonly RunEvent[]
}

type Describe = (host: Host) => Resources

/** Reads and plans hosts, as `plan` does. */
export function read(
  targets: readonly Target[],
  describe: Describe,
  options: RunOptions = {},
): Promise<Run> {
  return inSessions(targets, describe, options, async (surveyed) => ({
    surveyed,
    results: [],
    events: [],
  }))
}

/** Reads, plans and changes hosts, as `up` does. */
export function run(
  targets: readonly Target[],
  describe: Describe,
  options: RunOptions = {},
): Promise<Run> {
  return inSessions(targets, describe, options, async (surveyed) => {
    const controller = new AbortController()
    const events: RunEvent[] = []
    const planned = surveyed.flatMap((each): Planned[] => ('plan' in each ? [each] : []))
    const results = await rollout(planned, {
      kinds,
      clock: systemClock,
      runner: runnerOf('contract'),
      report: (event) => {
        events.push(event)
        options.onEvent?.(event, () => controller.abort())
      },
      stop: controller.signal,
      timeoutSeconds: options.timeoutSeconds ?? 60,
      parallel: 10,
      maxUnavailable: undefined,
    })
    return { surveyed, results, events }
  })
}

async function inSessions(
  targets: readonly Target[],
  describe: Describe,
  options: RunOptions,
  work: (surveyed: Surveyed[]) => Promise<Run>,
): Promise<Run> {
  const all = fleet({
    ...(options.project === undefined ? {} : { name: options.project }),
    hosts: Object.fromEntries(targets.map(({ name }) => [name, {}])),
    roles: [role('tested', describe, options).on('*')],
  })
  const machines = new Map(targets.map((target) => [target.name, new SshMachine(target)]))
  const look = (): Promise<Surveyed[]> =>
    survey(all, [...all.hosts.values()], ({ name }) => machines.get(name)!, {
      kinds,
      knownFacts: options.knownFacts ?? new Map(),
      only: options.only ?? [],
      orphans: options.orphans ?? 'list',
      parallel: 10,
      timeoutSeconds: options.timeoutSeconds ?? 60,
    })
  const first = await look()
  const surveyed = (await takeTurns(first)) ? await look() : first
  try {
    return await work(surveyed)
  } finally {
    await Promise.all(
      surveyed.map((each) => ('session' in each ? each.session.close() : undefined)),
    )
  }
}

/** Ends what a run left that broke off; whether there was any. */
async function takeTurns(surveyed: readonly Surveyed[]): Promise<boolean> {
  const turns = surveyed.map(async (each) => {
    if (!('plan' in each) || !each.plan.journal.lease) return undefined
    const options = { takeOver: true, hasEnded: () => true, report: () => undefined }
    return awaitTurn(each.session, each.plan.journal.lease, options)
  })
  return (await Promise.all(turns)).some((each) => each !== undefined)
}

/** What is planned for the first host: changes and what is owed, a line each. */
export function planned({ surveyed: [first] }: Run): string[] {
  if (!first || !('plan' in first)) throw first?.error ?? new Error('no host was read')
  return [
    ...first.plan.changes.map(({ resource, difference }) => `${difference.verb} ${idOf(resource)}`),
    ...first.plan.owed.map(({ target, action }) => `owed ${action} ${target}`),
  ]
}

/** What left the description of the first host, a line each: how it would go, or only its id. */
export function offered({ surveyed: [first] }: Run): string[] {
  if (!first || !('plan' in first)) throw first?.error ?? new Error('no host was read')
  const { orphans, strays } = first.plan
  return [
    ...orphans.map(({ resource, difference }) => `${idOf(resource)} ${difference.summary}`),
    ...strays,
  ]
}

/** What was made on the first host, a line each; actions with their causes. */
export function made({ results: [first] }: Run): string[] {
  return first!.made.map(({ id, verb, summary }) =>
    verb === 'action' ? `${summary}: ${id}` : `${verb} ${id}`,
  )
}
