import { isDeepStrictEqual } from 'node:util'
import { type FettleError, asFettleError, problem } from '../base/errors.ts'
import { desiredOf } from '../model/desired.ts'
import { type Facts, FactsNeeded } from '../model/facts.ts'
import type { Fleet, FleetHost } from '../model/fleet.ts'
import type { Kind } from '../model/kind.ts'
import { type Resource, idOf } from '../model/resource.ts'
import { selectResources } from '../model/selection.ts'
import type { Limit, Machine, Session } from '../transport/machine.ts'
import { inTurn } from './limited.ts'
import { memoryOf, orphansOf, sharedWith } from './memory.ts'
import { observe, readFacts } from './observe.ts'
import { type HostPlan, type Leaving, planHost } from './plan.ts'

export interface SurveyOptions {
  readonly kinds: ReadonlyMap<string, Kind>
  /** Facts of earlier runs, by host. */
  readonly knownFacts: ReadonlyMap<string, Facts>
  readonly only: readonly string[]
  /** What is to become of what left the description. */
  readonly orphans?: Leaving['wish']
  /** How many hosts are asked at once. */
  readonly parallel: number
  readonly timeoutSeconds: number
  /** Whether a host's session is still wanted. Left out: always. */
  readonly keepsOpen?: (plan: HostPlan) => boolean
  /** Told when a host's turn has come, and when its login is through. */
  readonly sign?: (host: string, what: 'asked' | 'loggedIn') => void
}

/** A host that has not answered for so long no longer counts as one that is asked. Seconds. */
const patience = 3

/** A host that was read, with its session, or why it could not be. */
export type Surveyed =
  | {
      readonly host: FleetHost
      readonly machine: Machine
      readonly session: Session
      readonly plan: HostPlan
      readonly facts: Facts
    }
  | { readonly host: FleetHost; readonly error: FettleError }

/** What is described for one host, or undefined when its facts have to be read first. */
interface Described {
  readonly host: FleetHost
  readonly resources: readonly Resource[] | undefined
}

/** Reads hosts in parallel and plans each; see `surveyEach`. */
export async function survey(...given: Parameters<typeof surveyEach>): Promise<Surveyed[]> {
  return Promise.all(surveyEach(...given))
}

/**
 * Each host as it is read and planned. Mistakes in the description are thrown before anything is
 * contacted; what goes wrong with one host is that host's result.
 */
export function surveyEach(
  fleet: Fleet,
  hosts: readonly FleetHost[],
  machineOf: (host: FleetHost) => Machine,
  options: SurveyOptions,
): Promise<Surveyed>[] {
  const described = hosts.map((host) =>
    describeHost(fleet, host, options.knownFacts.get(host.name), options),
  )
  const look = async ({ host, resources }: Described): Promise<Surveyed> => {
    const machine = machineOf(host)
    options.sign?.(host.name, 'asked')
    const session = machine.open()
    void session.loggedIn.then(() => options.sign?.(host.name, 'loggedIn'))
    try {
      const seen = await surveyHost(fleet, host, resources, session, options)
      if (options.keepsOpen?.(seen.plan) === false) await session.close()
      return { host, machine, session, ...seen }
    } catch (thrown) {
      await session.close()
      return { host, error: asFettleError(thrown) }
    }
  }
  return inTurn(options.parallel, described, look, patience)
}

/** Reads and plans one host: one round trip, when its facts are those of the last run. */
async function surveyHost(
  fleet: Fleet,
  host: FleetHost,
  known: readonly Resource[] | undefined,
  session: Session,
  options: SurveyOptions,
): Promise<{ plan: HostPlan; facts: Facts }> {
  const { kinds, only, timeoutSeconds: seconds } = options
  const error = (): FettleError =>
    problem('host-timeout', {
      host: host.name,
      seconds,
      state: `Nothing was changed on ${host.name}.`,
    })
  const limit: Limit = { seconds, error }
  const assumed = known ? options.knownFacts.get(host.name) : await readFacts(session, limit)
  let all = known ?? desiredOf(fleet, host, assumed, kinds)
  const look = (): ReturnType<typeof observe> =>
    observe(
      session,
      selectResources(all, only),
      kinds,
      limit,
      memoryOf(all, kinds, fleet.name).hash,
    )
  let seen = await look()
  if (assumed !== undefined && !isDeepStrictEqual(assumed, seen.facts)) {
    all = desiredOf(fleet, host, seen.facts, kinds)
    seen = await look()
  }
  const memory = seen.journal.memory ?? []
  const selected = selectResources(all, only)
  const leaving = {
    ...(await lookAtOrphans(all, memory, session, limit, options, fleet.name)),
    shared: sharedWith(memory, selected, kinds, fleet.name),
  }
  const plan = planHost(host.name, selected, all, seen, kinds, leaving)
  return { plan, facts: seen.facts }
}

/** Reads what left the description; a second round trip, where there is any. */
async function lookAtOrphans(
  all: readonly Resource[],
  memory: readonly string[],
  session: Session,
  limit: Limit,
  { kinds, only, orphans: wish = 'list' }: SurveyOptions,
  project: string | undefined,
): Promise<Leaving> {
  const { removable, others: strays } = orphansOf(memory, all, kinds, project)
  const chosen = selectResources(removable, only)
  const { states, unread } =
    chosen.length === 0
      ? { states: new Map(), unread: new Map() }
      : await observe(session, chosen, kinds, limit)
  const asked = only.length === 0
  // Whose user is gone too, nobody can remove as that user.
  const [orphans, unreadable] = [false, true].map((missing) =>
    chosen.filter((each) => unread.has(idOf(each)) === missing),
  ) as [Resource[], Resource[]]
  return {
    orphans,
    states,
    strays: [...unreadable.map(idOf), ...(asked ? strays : [])],
    others: [
      ...removable.filter((each) => !chosen.includes(each)).map(idOf),
      ...(asked ? [] : strays),
    ],
    wish,
    project,
  }
}

function describeHost(
  fleet: Fleet,
  host: FleetHost,
  facts: Facts | undefined,
  { kinds }: SurveyOptions,
): Described {
  try {
    return { host, resources: desiredOf(fleet, host, facts, kinds) }
  } catch (thrown) {
    if (thrown instanceof FactsNeeded) return { host, resources: undefined }
    throw thrown
  }
}
