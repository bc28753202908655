import { problem } from '../base/errors.ts'
import type { Facts } from '../model/facts.ts'
import type { Fleet, FleetHost } from '../model/fleet.ts'
import type { Kind } from '../model/kind.ts'
import { idOf } from '../model/resource.ts'
import { relocated } from '../model/relocated.ts'
import { selectHosts, selectResources } from '../model/selection.ts'
import { closest } from '../model/suggestion.ts'
import { kindsWith } from '../resources/kinds.ts'
import type { Machine } from '../transport/machine.ts'
import { SshMachine } from '../transport/ssh.ts'
import type { Target } from '../transport/target.ts'
import { type Surveyed, type SurveyOptions, surveyEach } from '../engine/survey.ts'
import { Project } from './project.ts'
import { Reading } from './reading.ts'

/** What the command line says; a command has those that it declares in main.ts. */
export interface Flags {
  readonly fleet?: string
  readonly json?: boolean
  readonly host: readonly string[]
  readonly role: readonly string[]
  readonly only: readonly string[]
  readonly lab?: boolean
  readonly parallel: number
  readonly timeout: number
  readonly full?: boolean
  readonly yes?: boolean
  readonly planHash?: string
  readonly out?: string
  readonly takeOver?: boolean
  readonly orphans?: 'list' | 'remove' | 'keep'
  readonly maxUnavailable?: number
  readonly rolling?: boolean
  readonly user?: string
  readonly number: number
  /** All packages, or these. */
  readonly upgrade?: true | readonly string[]
  readonly security?: boolean
}

/** The description, the hosts that a command is about, and the way to reach them. */
export interface Context {
  readonly project: Project
  readonly fleet: Fleet
  readonly hosts: readonly FleetHost[]
  /** All kinds of resources; packages as fettle.lock has them. */
  kinds(): ReadonlyMap<string, Kind>
  targetOf(host: FleetHost): Target
  machineOf(host: FleetHost): Machine
}

/** Reading takes this long at most, whatever --timeout says. Seconds. */
const longestRead = 60

export async function openContext(flags: Flags): Promise<Context> {
  const project = Project.find(flags.fleet, flags.lab)
  const targets = flags.lab ? await labTargets(project.folder) : undefined
  const described = await project.fleet()
  const fleet = targets ? relocated(described, (name) => targets(name)?.address) : described
  const hosts = selectHosts(fleet, { hosts: flags.host ?? [], roles: flags.role ?? [], only: [] })
  const targetOf = (host: FleetHost): Target => {
    if (!targets) return describedTarget(host)
    const target = targets(host.name)
    if (!target) throw problem('lab-not-up', { host: host.name })
    return target
  }
  let known: ReadonlyMap<string, Kind> | undefined
  return {
    project,
    fleet,
    hosts,
    kinds: () => (known ??= kindsWith(project.lock())),
    targetOf,
    machineOf: (host) => new SshMachine(targetOf(host)),
  }
}

/** Reads and plans the hosts of the context, and remembers their facts. */
export async function surveyHosts(
  context: Context,
  flags: Flags,
  keepsOpen?: SurveyOptions['keepsOpen'],
): Promise<Surveyed[]> {
  const surveyed = await beginSurvey(context, flags, keepsOpen).all()
  rememberFacts(surveyed, context)
  await checkSelection(surveyed, flags)
  return surveyed
}

/** The same, for those who need not wait for all of them. */
export function beginSurvey(
  { project, fleet, hosts, machineOf, kinds }: Context,
  { only, parallel, timeout, orphans = 'list' }: Flags,
  keepsOpen?: SurveyOptions['keepsOpen'],
): Reading {
  const options = {
    kinds: kinds(),
    knownFacts: project.knownFacts(),
    only,
    orphans,
    parallel,
    timeoutSeconds: Math.min(timeout, longestRead),
    ...(keepsOpen ? { keepsOpen } : {}),
  }
  return new Reading(
    hosts.map(({ name }) => name),
    (sign) => surveyEach(fleet, hosts, machineOf, { ...options, sign }),
    (waited) => {
      const some = waited.slice(0, 8).join(', ')
      const more = waited.length > 8 ? ` and ${waited.length - 8} more` : ''
      process.stderr.write(`Waiting for ${some}${more}.\n`)
    },
  )
}

export function rememberFacts(surveyed: readonly Surveyed[], { project }: Context): void {
  const read = surveyed.flatMap((each): [string, Facts][] =>
    'facts' in each ? [[each.host.name, each.facts]] : [],
  )
  project.keepFacts(project.knownFacts(), read)
}

/** Refuses a selection that fits nothing on any host. */
export async function checkSelection(
  surveyed: readonly Surveyed[],
  { only }: Flags,
): Promise<void> {
  const misnamed = only.find((pattern) => fitsNothing(pattern, surveyed))
  if (misnamed === undefined) return
  await closeAll(surveyed)
  const known = surveyed.flatMap((each) => ('plan' in each ? each.plan.all.map(idOf) : []))
  const suggestion = closest(misnamed, [...new Set(known)])
  throw problem('unknown-selection', { what: 'resource', name: misnamed, suggestion })
}

/** What a host would have that could not be read, nobody knows. */
function fitsNothing(pattern: string, surveyed: readonly Surveyed[]): boolean {
  return surveyed.every(
    (each) => 'plan' in each && selectResources(each.plan.all, [pattern]).length === 0,
  )
}

export async function closeAll(surveyed: readonly Surveyed[]): Promise<void> {
  await Promise.all(surveyed.map((each) => ('session' in each ? each.session.close() : undefined)))
}

async function labTargets(folder: string): Promise<(host: string) => Target | undefined> {
  const { labTargets: read } = await import('../lab/targets.ts')
  return read(folder)
}

function describedTarget({ name, address, login, port }: FleetHost): Target {
  return { name, address, login, port }
}
