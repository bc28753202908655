import { systemClock } from '../base/clock.ts'
import { asFettleError, problem } from '../base/errors.ts'
import { Delivery, type DeliveryOptions } from '../apps/delivery.ts'
import type { RolloutEvent } from '../apps/rollout.ts'
import type { Served } from '../apps/state.ts'
import { runnerText } from '../engine/lease.ts'
import type { PlacedApp } from '../model/app.ts'
import { desiredOf } from '../model/desired.ts'
import { FactsNeeded } from '../model/facts.ts'
import type { Fleet } from '../model/fleet.ts'
import { closest } from '../model/suggestion.ts'
import type { DeployPhase, DeployRecord } from '../wire/ledger.ts'
import { stopOnInterrupt } from './interrupt.ts'
import type { Context, Flags } from './context.ts'
import { exitCodes } from './exit-code.ts'
import { Ledger, openingRecord } from './ledger.ts'
import { count, paintFor, seconds } from './render/style.ts'
import { json } from './render/json.ts'
import { hasEndedHere, runnerHere } from './runner.ts'

/** The app of that name; another name is an error. */
export function appNamed(fleet: Fleet, name: string): PlacedApp {
  const found = fleet.apps.get(name)
  if (found) return found
  throw problem('unknown-app', { name, suggestion: closest(name, [...fleet.apps.keys()]) })
}

/** What hosts remember of a release that begins to serve now. */
export async function servedBy(
  { project }: Context,
  release: {
    readonly release: string
    readonly commit?: string | undefined
    readonly subject?: string | undefined
  },
): Promise<Served> {
  const { who, when } = await openingRecord(project.folder)
  const { commit, subject } = release
  return {
    release: release.release,
    ...(commit === undefined ? {} : { commit }),
    ...(subject === undefined ? {} : { subject }),
    when,
    who: who.email ?? `${who.login}@${who.machine}`,
  }
}

/** What a command is about to do, for the record. */
export type Intent = Pick<DeployRecord, 'app' | 'action' | 'to' | 'range' | 'changelog'>

/**
 * Has the app to itself, does the work, and records it however it ends. What the work answers is added
 * to the record.
 */
export async function delivering(
  context: Context,
  placed: PlacedApp,
  flags: Flags,
  intent: Intent,
  work: (delivery: Delivery) => Promise<Partial<DeployRecord>>,
): Promise<number> {
  const ledger = new Ledger(context.project)
  const opening: DeployRecord = {
    ...(await openingRecord(context.project.folder)),
    type: 'deploy',
    result: 'begun',
    hosts: placed.hosts.map(({ name }) => name),
    ...intent,
  }
  ledger.append(opening)
  const phases: DeployPhase[] = []
  const begun = systemClock.elapsed()
  const ended = (rest: Partial<DeployRecord>): DeployRecord => ({
    ...opening,
    phases,
    duration: Math.round(systemClock.elapsed() - begun) / 1000,
    ...rest,
  })
  try {
    const delivery = await Delivery.open(
      placed,
      deliveryOptions(context, placed, flags, opening.id, phases),
    )
    try {
      const from = delivery.crew.hosts[0]?.state.current?.release
      const done = await work(delivery)
      const record = ended({ ...(from ? { from } : {}), result: 'done', ...done })
      ledger.append(record)
      conclude(record, flags)
      return exitCodes.done
    } finally {
      await delivery.close()
    }
  } catch (thrown) {
    const error = asFettleError(thrown)
    const { code, message: what, state } = error
    const result = code === 'interrupted' ? 'stopped' : 'failed'
    ledger.append(ended({ result, error: { code, what, state } }))
    throw error
  }
}

/** What a delivery is handed; phases are added to the list as they end. */
export function deliveryOptions(
  context: Context,
  placed: PlacedApp,
  flags: Flags,
  id?: string,
  phases: DeployPhase[] = [],
): DeliveryOptions {
  const said = new Set<string>()
  return {
    runner: { ...runnerHere(), ...(id === undefined ? {} : { id }) },
    clock: systemClock,
    machineOf: (name) => context.machineOf(context.fleet.hosts.get(name)!),
    balancers: balancersOf(context, placed),
    stop: stopOnInterrupt(),
    report: (event) => {
      if (event.type === 'phase') phases.push(rounded(event))
      if (!flags.json) process.stderr.write(eventLine(event))
    },
    waiting: ({ host, lease }) => {
      const who = runnerText(lease.runner)
      if (!said.has(who)) process.stderr.write(`${host}: waiting for the deploy of ${who}.\n`)
      said.add(who)
    },
    hasEnded: hasEndedHere,
  }
}

/** Hosts with a balancer, where the app needs one. Throws where there is none. */
function balancersOf(context: Context, { app }: PlacedApp): string[] {
  if (app.domains.length === 0) return []
  const hosts = balancersIn(context, (host) => {
    throw problem('app-not-prepared', { app: app.name, host })
  })
  if (hosts.length === 0) throw problem('app-without-balancer', { app: app.name }, { at: app.at })
  return hosts
}

/** Names of the hosts with a balancer; `unread` says it of one whose facts would have to be read first. */
export function balancersIn(
  { fleet, project, kinds }: Context,
  unread: (host: string) => boolean,
): string[] {
  const facts = project.knownFacts()
  const hosts = [...fleet.hosts.values()].filter((host) => {
    try {
      return desiredOf(fleet, host, facts.get(host.name), kinds()).some(
        ({ kind, absent }) => kind === 'balancer' && !absent,
      )
    } catch (thrown) {
      if (thrown instanceof FactsNeeded) return unread(host.name)
      throw thrown
    }
  })
  return hosts.map(({ name }) => name)
}

const rounded = ({ phase, hosts, seconds }: DeployPhase): DeployPhase => ({
  phase,
  hosts,
  seconds: Math.round(seconds * 1000) / 1000,
})

function eventLine(event: RolloutEvent): string {
  const paint = paintFor(process.stderr)
  if (event.type === 'phase')
    return `  ${event.phase.padEnd(16)}${seconds(event.seconds).padStart(8)}  ${paint('dim', event.hosts.join(', '))}\n`
  if (event.type === 'note') return `  ${paint('dim', event.text)}\n`
  if (event.type === 'output') return event.text
  if (event.type === 'put-back')
    return `${paint('red', event.error.message)}\nPutting back what served before.\n`
  const end = event.passed ? 'it had passed everywhere and is finished now' : 'it is put back now'
  return `An earlier rollout was interrupted on ${event.hosts.join(', ')}: ${end}.\n`
}

function conclude(record: DeployRecord, flags: Flags): void {
  if (flags.json) {
    process.stdout.write(`${json(record)}\n`)
    return
  }
  const { app, action, to, hosts, duration = 0 } = record
  const where = hosts.length > 3 ? count(hosts.length, 'host') : hosts.join(', ')
  process.stdout.write(
    `${app}: ${action} ${to ? `${to} ` : ''}done on ${where} in ${seconds(duration)}.\n`,
  )
}
