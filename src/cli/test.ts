import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../base/clock.ts'
import { problem } from '../base/errors.ts'
import { converge } from '../engine/converge.ts'
import type { HostResult } from '../engine/events.ts'
import { limited } from '../engine/limited.ts'
import { isEmpty } from '../engine/plan.ts'
import { type Surveyed, survey } from '../engine/survey.ts'
import { desiredOf } from '../model/desired.ts'
import { FactsNeeded } from '../model/facts.ts'
import type { Fleet, FleetHost } from '../model/fleet.ts'
import { relocated } from '../model/relocated.ts'
import type { Kind } from '../model/kind.ts'
import { kinds, kindsWith } from '../resources/kinds.ts'
import { type TestCase, collect } from '../testing/case.ts'
import { type Chosen, chooseCases, chooseHosts, namesOf, placesOf } from '../testing/choice.ts'
import { ThrowawayLab } from '../testing/throwaway.ts'
import { type Verdict, tryCase } from '../testing/trial.ts'
import type { Target } from '../transport/target.ts'
import { SshMachine } from '../transport/ssh.ts'
import { planDocument } from '../wire/plan.ts'
import { type Flags, closeAll } from './context.ts'
import { exitCodes } from './exit-code.ts'
import { stopOnInterrupt } from './interrupt.ts'
import { outcomeOf } from './plan.ts'
import { Project } from './project.ts'
import { runnerHere } from './runner.ts'
import { json } from './render/json.ts'
import { planLines } from './render/plan.ts'
import { LiveProgress, PlainProgress, type Progress, failureLines } from './render/progress.ts'
import { paintFor } from './render/style.ts'
import { failedLines, testSummary, verdictLine } from './render/test.ts'

/** `fettle test`: the description on throwaway hosts, made twice, and the user's tests there. */
export async function test(roles: readonly string[], flags: Flags): Promise<number> {
  const project = Project.find(flags.fleet)
  const fleet = await project.fleet()
  const wishes = { roles, hosts: flags.host }
  const chosen = chooseHosts(fleet, wishes)
  const cases = chooseCases(fleet, await casesOf(project), wishes)
  for (const { host } of chosen) checkDescribed(fleet, host)
  const show = new Show(flags)
  // What a second Ctrl-C leaves is removed by the next run.
  const stop = stopOnInterrupt('Removing the hosts')
  const lab = await ThrowawayLab.open((line) => show.note(line))
  try {
    const hosts = await unlessStopped(stop, bootHosts(lab, fleet, chosen, show))
    const made = await unlessStopped(
      stop,
      makeTwice(hosts, kindsWith(project.lock()), flags, stop, show),
    )
    const verdicts = await unlessStopped(stop, tryAll(made, cases, flags, show))
    return show.end(made, verdicts)
  } finally {
    await lab.remove()
  }
}

/** Mistakes are told before anything is booted, as far as they show without facts. */
function checkDescribed(fleet: Fleet, host: FleetHost): void {
  try {
    desiredOf(fleet, host, undefined, kinds)
  } catch (thrown) {
    if (!(thrown instanceof FactsNeeded)) throw thrown
  }
}

/** All tests in tests/ beside the description, in the order of their files. */
async function casesOf(project: Project): Promise<TestCase[]> {
  const folder = join(project.folder, 'tests')
  if (!existsSync(folder)) return []
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.test\.[cm]?[jt]s$/.test(name) && !/(^|\/)(node_modules|\.)/.test(name))
    .sort()
  const testing = await import('../testing.ts')
  return collect(async () => {
    for (const name of files) await project.load(join(folder, name), { 'fettle/testing': testing })
  })
}

/** The hosts as booted: the fleet with their addresses, and the way to each. */
interface Booted {
  readonly fleet: Fleet
  readonly hosts: readonly FleetHost[]
  targetOf(host: FleetHost): Target
}

async function bootHosts(
  lab: ThrowawayLab,
  fleet: Fleet,
  chosen: readonly Chosen[],
  show: Show,
): Promise<Booted> {
  for (const each of chosen) show.chosen(each)
  const targets = new Map(
    (await lab.boot(chosen.map(({ host }) => host.name))).map(({ name, target }) => [name, target]),
  )
  const addressOf = (name: string): string => targets.get(name)!.address
  for (const each of chosen) {
    const names = namesOf(each, chosen, addressOf)
    if (names !== '') await lab.append(each.host.name, '/etc/hosts', names)
  }
  const places = placesOf(chosen, addressOf)
  const here = relocated(fleet, (name) => places.get(name))
  return {
    fleet: here,
    hosts: chosen.map(({ host }) => here.hosts.get(host.name)!),
    targetOf: ({ name }) => targets.get(name)!,
  }
}

/** A host after both runs: what is wrong with it is that the description does not hold there. */
interface MadeHost {
  readonly host: FleetHost
  readonly target: Target
  readonly first: HostResult | undefined
  /** As read again; its plan must be empty. */
  readonly second: Surveyed
}

const isGood = ({ first, second }: MadeHost): boolean =>
  first?.status !== 'failed' && 'plan' in second && isEmpty(second.plan)

async function makeTwice(
  { fleet, hosts, targetOf }: Booted,
  kinds: ReadonlyMap<string, Kind>,
  flags: Flags,
  stop: AbortSignal,
  show: Show,
): Promise<MadeHost[]> {
  const read = (which: readonly FleetHost[]): Promise<Surveyed[]> =>
    survey(fleet, which, (host) => new SshMachine(targetOf(host)), {
      kinds,
      knownFacts: new Map(),
      only: [],
      parallel: flags.parallel,
      timeoutSeconds: 60,
    })
  const surveyed = await read(hosts)
  const progress = await show.progress(surveyed)
  const timeoutSeconds = flags.timeout
  const report: Progress['event'] = (event) => progress.event(event)
  const results = await limited(flags.parallel, surveyed, async (each) =>
    'plan' in each
      ? converge(each, {
          kinds,
          clock: systemClock,
          runner: runnerHere(),
          report,
          stop,
          timeoutSeconds,
        })
      : undefined,
  )
  progress.end()
  await closeAll(surveyed)
  const pairs = surveyed.map((each, i) => ({ each, result: results[i] }))
  const again = await limited(flags.parallel, pairs, async ({ each, result }) =>
    result?.status === 'done' ? (await read([each.host]))[0]! : each,
  )
  await closeAll(again)
  return hosts.map((host, i) => ({
    host,
    target: targetOf(host),
    first: results[i],
    second: again[i]!,
  }))
}

/** Hosts at the same time; the tests of one host one after the other, since they may change it. */
async function tryAll(
  made: readonly MadeHost[],
  cases: readonly TestCase[],
  flags: Flags,
  show: Show,
): Promise<Verdict[]> {
  const good = made.flatMap((each) =>
    isGood(each) && 'facts' in each.second ? [{ ...each, facts: each.second.facts }] : [],
  )
  const verdicts = await limited(flags.parallel, good, async ({ host, target, facts }) => {
    const { name } = host
    const roles = host.roles.map((role) => role.name)
    const world = { name, address: target.address, roles, facts }
    const own: Verdict[] = []
    for (const each of cases.filter(({ role }) => roles.includes(role))) {
      const verdict = await tryCase(each, world, () => new SshMachine(target).open(), systemClock)
      show.verdict(verdict)
      own.push(verdict)
    }
    return own
  })
  return verdicts.flat()
}

async function unlessStopped<Result>(stop: AbortSignal, work: Promise<Result>): Promise<Result> {
  const stopped = new Promise<never>((_, reject) => {
    const end = (): void =>
      reject(problem('interrupted', { state: 'The hosts of the tests are removed.' }))
    if (stop.aborted) end()
    else stop.addEventListener('abort', end, { once: true })
  })
  work.catch(() => undefined)
  stopped.catch(() => undefined)
  return Promise.race([work, stopped])
}

/** What is printed, and when. */
class Show {
  readonly #flags: Flags
  readonly #paint = paintFor(process.stdout)

  constructor(flags: Flags) {
    this.#flags = flags
  }

  note(line: string): void {
    process.stderr.write(`${line}\n`)
  }

  chosen({ host: { name, roles }, standsFor, apps }: Chosen): void {
    const others = standsFor.filter((each) => each.name !== name).map((each) => each.name)
    const also = others.length > 0 ? `, as are ${others.join(', ')}` : ''
    const made = [...roles.map((role) => role.name), ...apps.map((app) => `app ${app}`)]
    this.#line(`${this.#paint('bold', name)}  is ${made.join(', ') || 'as it comes'}${also}`)
  }

  async progress(surveyed: readonly Surveyed[]): Promise<Progress> {
    if (this.#flags.json) return { event: () => undefined, end: () => undefined }
    if (!process.stdout.isTTY) return new PlainProgress((text) => process.stdout.write(text))
    const { hosts } = await planDocument(surveyed.map(outcomeOf), kinds)
    const totals = hosts.map(
      ({ host, changes, actions }) => [host, changes.length + actions.length] as const,
    )
    return new LiveProgress(process.stdout, this.#paint, new Map(totals))
  }

  verdict(verdict: Verdict): void {
    this.#line(verdictLine(verdict, this.#paint))
  }

  async end(made: readonly MadeHost[], verdicts: readonly Verdict[]): Promise<number> {
    const good = made.every(isGood) && verdicts.every(({ failure }) => !failure)
    if (this.#flags.json) process.stdout.write(`${json(await document(made, verdicts))}\n`)
    else await this.#conclude(made, verdicts)
    return good ? exitCodes.done : exitCodes.failed
  }

  async #conclude(made: readonly MadeHost[], verdicts: readonly Verdict[]): Promise<void> {
    const paint = this.#paint
    const results = made.flatMap(({ first }) => (first ? [first] : []))
    const unsettled = made.filter((each) => each.first?.status !== 'failed' && !isGood(each))
    const again = await planDocument(
      unsettled.map(({ second }) => outcomeOf(second)),
      kinds,
    )
    const lines = [
      ...failureLines(results, paint),
      ...(unsettled.length === 0
        ? []
        : [
            '',
            'A second run would not leave these as they are:',
            ...planLines(again, paint, true),
          ]),
      ...failedLines(verdicts, paint),
      '',
      testSummary(
        verdicts,
        { all: made.length, failed: made.filter((each) => !isGood(each)).length },
        paint,
      ),
    ]
    this.#line(lines.join('\n'))
  }

  #line(text: string): void {
    if (!this.#flags.json) process.stdout.write(`${text}\n`)
  }
}

async function document(made: readonly MadeHost[], tests: readonly Verdict[]): Promise<object> {
  const again = await planDocument(
    made.map(({ second }) => outcomeOf(second)),
    kinds,
  )
  const hosts = made.map((each, i) => ({
    host: each.host.name,
    roles: each.host.roles.map(({ name }) => name),
    result: isGood(each) ? 'done' : 'failed',
    made: each.first?.made ?? [],
    ...(each.first?.error ? { error: each.first.error } : {}),
    /** What a second run would change. */
    again: each.first?.status === 'failed' ? [] : again.hosts[i]!.changes,
    ...(each.first === undefined ? { error: again.hosts[i]!.error } : {}),
  }))
  return { version: 1, type: 'test', hosts, tests }
}
