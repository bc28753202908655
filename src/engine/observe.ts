import { randomBytes } from 'node:crypto'
import { type FettleError, problem } from '../base/errors.ts'
import { type Shell, lines, sh } from '../base/shell.ts'
import type { Facts } from '../model/facts.ts'
import type { Kind } from '../model/kind.ts'
import { type Resource, idOf } from '../model/resource.ts'
import type { Frame, Limit, Session } from '../transport/machine.ts'
import { factsScript, parseFacts } from './facts.ts'
import { type Journal, parseJournal, readJournal } from './journal.ts'
import { type Reading, SharedReads, scriptOf } from './shared-reads.ts'

/** What one round trip brought back from a host. */
export interface Observation {
  readonly facts: Facts
  /** What Fettle itself keeps there. */
  readonly journal: Journal
  /** By resource id. */
  readonly states: ReadonlyMap<string, unknown>
  /** Why a resource could not be read: its user is not there. By resource id. */
  readonly unread: ReadonlyMap<string, FettleError>
}

/**
 * Reads facts, journal and the states of all resources: one frame per user, all in one write.
 * `memory` is the hash of what the host is expected to remember.
 */
export async function observe(
  session: Session,
  resources: readonly Resource[],
  kinds: ReadonlyMap<string, Kind>,
  limit?: Limit,
  memory = '',
): Promise<Observation> {
  const readings = readingsOf(resources, kinds)
  const groups = byUser(readings, session.login)
  const shared = groups.map((group) => new SharedReads(group))
  const bundles = shared.map(({ scripts }, i) =>
    i === 0
      ? new Bundle(undefined, [factsScript, readJournal(memory), ...scripts])
      : new Bundle(groups[i]![0]!.user, scripts),
  )
  const answers = await session.run(
    bundles.map(({ frame }) => frame),
    limit,
  )
  const [facts, journal, ...rest] = bundles[0]!.split(answers[0]!.output)
  if (!facts || !journal) throw unreadable(session.host, 'its facts', 'the answer was cut short')
  const states = new Map<string, unknown>()
  const unread = new Map<string, FettleError>()
  for (const [i, group] of groups.entries()) {
    const { lacksUser, output } = answers[i]!
    const parts = shared[i]!.outputs(i === 0 ? rest : bundles[i]!.split(output))
    for (const [j, reading] of group.entries())
      if (lacksUser) for (const each of reading.resources) unread.set(idOf(each), lacksUser)
      else for (const [id, state] of parse(reading, parts[j], session.host)) states.set(id, state)
  }
  return { facts: parseFacts(facts), journal: parseJournal(journal), states, unread }
}

/** Reads the facts alone. */
export async function readFacts(session: Session, limit?: Limit): Promise<Facts> {
  const [answer] = await session.run([{ script: factsScript }], limit)
  return parseFacts(answer!.output)
}

/** The frame that reads resources of one kind again, and the states from its output. */
export function reread(
  kind: Kind,
  resources: readonly Resource[],
  host: string,
): { frame: Frame; states(output: Buffer): unknown[] } {
  const reading = { kind, user: resources[0]?.user, resources }
  return {
    frame: { script: scriptOf(reading), user: reading.user },
    states: (output) => parse(reading, output, host).map(([, state]) => state),
  }
}

function readingsOf(resources: readonly Resource[], kinds: ReadonlyMap<string, Kind>): Reading[] {
  const groups = new Map<string, Resource[]>()
  for (const resource of resources) {
    const key = `${resource.kind} ${resource.user ?? ''}`
    const group = groups.get(key)
    if (group) group.push(resource)
    else groups.set(key, [resource])
  }
  return [...groups.values()].map((group) => ({
    kind: kinds.get(group[0]!.kind)!,
    user: group[0]!.user,
    resources: group,
  }))
}

/** The login user's first (there may be none), then one group for each other user. */
function byUser(readings: readonly Reading[], login: string | undefined): Reading[][] {
  const userOf = ({ user }: Reading): string | undefined => (user === login ? undefined : user)
  const users = new Set<string | undefined>([undefined, ...readings.map(userOf)])
  return [...users].map((user) => readings.filter((each) => userOf(each) === user))
}

function parse(reading: Reading, output: Buffer | undefined, host: string): [string, unknown][] {
  const { kind, resources } = reading
  const what = resources.length === 1 ? idOf(resources[0]!) : `${kind.name} resources`
  if (!output) throw unreadable(host, what, 'the answer was cut short')
  const states = parsed(() => kind.parse(output, resources), host, what)
  if (states.length !== resources.length)
    throw unreadable(host, what, `${states.length} answers to ${resources.length} questions`)
  return resources.map((resource, i) => [idOf(resource), states[i]])
}

function parsed<Result>(parse: () => Result, host: string, what: string): Result {
  try {
    return parse()
  } catch (thrown) {
    throw unreadable(host, what, thrown instanceof Error ? thrown.message : String(thrown))
  }
}

function unreadable(host: string, resource: string, reason: string): Error {
  return problem('read-failed', { host, resource, reason })
}

/**
 * Several scripts as one frame, each in a subshell of its own, with their outputs told apart; there
 * may be nothing to ask in place of one. They run in two lanes side by side, as most of their time
 * is spent waiting for other processes: what the second lane prints waits in the pipe until the
 * first one is done.
 */
class Bundle {
  readonly frame: Frame
  readonly #separator = Buffer.from(`\n${randomBytes(12).toString('hex')}\n`)
  readonly #scripts: readonly (Shell | undefined)[]
  /** Which script each part of the output belongs to. */
  readonly #order: readonly number[]

  constructor(user: string | undefined, scripts: readonly (Shell | undefined)[]) {
    this.#scripts = scripts
    const places = scripts.flatMap((script, i) => (script ? [i] : []))
    const lanes = [places.filter((_, i) => i % 2 === 0), places.filter((_, i) => i % 2 === 1)]
    this.#order = lanes.flat()
    const [first, second] = lanes.map((lane) => this.#inTurn(lane.map((i) => scripts[i]!)))
    const script = sh`{ ${second!}
} 2>&1 | { { ${first!}
} </dev/null >&3 3>&-; cat; } 3>&1`
    this.frame = { user, userMayLack: true, script }
  }

  #inTurn(scripts: readonly Shell[]): Shell {
    const separator = sh`printf '\n%s\n' ${this.#separator.toString().trim()}`
    return lines(sh`:`, ...scripts.map((script) => lines(sh`(`, script, sh`)`, separator)))
  }

  /** The output of each script, in the order in which they were given; undefined where it is cut short. */
  split(output: Buffer): (Buffer | undefined)[] {
    const parts = this.#parts(output)
    return this.#scripts.map((script, i) =>
      script ? parts[this.#order.indexOf(i)] : Buffer.alloc(0),
    )
  }

  #parts(output: Buffer): Buffer[] {
    const parts: Buffer[] = []
    let start = 0
    for (
      let at = output.indexOf(this.#separator);
      at >= 0;
      at = output.indexOf(this.#separator, start)
    ) {
      parts.push(output.subarray(start, at))
      start = at + this.#separator.length
    }
    return parts
  }
}
