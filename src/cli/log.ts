import type { BegunRecord, DeployRecord, LedgerRecord, RunRecord } from '../wire/ledger.ts'
import type { Flags } from './context.ts'
import { exitCodes } from './exit-code.ts'
import { Ledger } from './ledger.ts'
import { Project } from './project.ts'
import { type Paint, count, paintFor, seconds, visible } from './render/style.ts'
import { json } from './render/json.ts'

/** `fettle log`: the last runs, oldest first. */
export async function log(flags: Flags): Promise<number> {
  const wanted = (record: LedgerRecord): boolean =>
    flags.host.length === 0 || hostsOf(record).some((host) => flags.host.includes(host))
  const records = new Ledger(Project.find(flags.fleet, flags.lab)).last(flags.number, wanted)
  const paint = paintFor(process.stdout)
  const text = flags.json
    ? json({ version: 1, type: 'log', runs: records })
    : records.length === 0
      ? 'No run has changed anything yet.'
      : records
          .map((record) => runLines(record, paint, flags.full === true).join('\n'))
          .join('\n\n')
  process.stdout.write(`${text}\n`)
  return exitCodes.done
}

function hostsOf(record: LedgerRecord): string[] {
  if (record.type === 'deploy') return [...record.hosts]
  return record.type === 'run' ? record.hosts.map(({ host }) => host) : Object.keys(record.planned)
}

function runLines(run: LedgerRecord, paint: Paint, full: boolean): string[] {
  const { who, when, commit, dirty } = run
  const where = commit
    ? `commit ${commit.slice(0, 10)}${dirty ? ' with uncommitted changes' : ''}`
    : 'not in git'
  const time = when.replace('T', ' ').replace(/\..*/, ' UTC')
  const plan = run.type === 'deploy' ? '' : `, plan ${run.planHash}`
  return [
    `${paint('bold', time)}  ${endOf(run, paint)}  ${who.email ?? `${who.login}@${who.machine}`}`,
    paint('dim', `  fettle ${run.command.join(' ')}  (${where}${plan})`),
    ...(run.type === 'run'
      ? groupedHosts(run.hosts, paint, full)
      : run.type === 'deploy'
        ? deployLines(run, paint, full)
        : plannedLines(run)),
  ]
}

function endOf(run: LedgerRecord, paint: Paint): string {
  if (run.type === 'begun' || run.result === 'begun')
    return paint('red', 'no end on record: it still runs, or was killed')
  const colour = run.result === 'done' ? 'green' : 'red'
  return `${paint(colour, run.result)} in ${seconds(run.duration ?? 0)}`
}

function deployLines(run: DeployRecord, paint: Paint, full: boolean): string[] {
  const { app, action, from, to, hosts, changelog = [], phases = [], error } = run
  const what = [from && action !== 'maintenance' && `${from} ->`, to].filter(Boolean).join(' ')
  const shown = full ? changelog : changelog.slice(0, 5)
  const more = changelog.length - shown.length
  return [
    `  ${paint('bold', app)}  ${action} ${visible(what)} on ${hosts.join(', ')}`,
    ...shown.map((each) => `    ${visible(each)}`),
    ...(more > 0
      ? [paint('dim', `    ... ${count(more, 'more commit')} (--full shows them)`)]
      : []),
    ...(full
      ? phases.map((each) =>
          paint('dim', `    ${each.phase} on ${each.hosts.join(', ')} ${seconds(each.seconds)}`),
        )
      : []),
    ...(error
      ? [`    ${paint('red', error.code)} ${visible(error.what)}`, `    ${visible(error.state)}`]
      : []),
  ]
}

function plannedLines({ planned }: BegunRecord): string[] {
  return Object.entries(planned).map(
    ([host, ids]) => `  ${host}  planned: ${ids.map(visible).join(', ')}`,
  )
}

/** Hosts on which the same happened are shown once. */
function groupedHosts(hosts: RunRecord['hosts'], paint: Paint, full: boolean): string[] {
  const groups = new Map<string, string[]>()
  for (const host of hosts) {
    const text = hostLines(host, paint, full).join('\n')
    groups.set(text, [...(groups.get(text) ?? []), host.host])
  }
  return [...groups].flatMap(([text, names]) => [`  ${paint('bold', names.join(', '))}${text}`])
}

function hostLines(host: RunRecord['hosts'][number], paint: Paint, full: boolean): string[] {
  const error = host.error
    ? [`    ${paint('red', host.error.code)} ${visible(host.error.what)}`]
    : []
  const left = host.left.length > 0 ? [`    left: ${host.left.map(visible).join(', ')}`] : []
  const shown = full ? host.changes : host.changes.slice(0, 5)
  const more = host.changes.length - shown.length
  return [
    `  ${host.result}, ${count(host.changes.length, 'change')}`,
    ...shown.flatMap(({ id, verb, summary, diff }) => [
      `    ${verb} ${visible(id)}  ${paint('dim', visible(summary))}`,
      ...(full && diff ? diff.split('\n').map((line) => `      ${visible(line)}`) : []),
    ]),
    ...(more > 0
      ? [paint('dim', `    ... ${count(more, 'more change')} (--full shows them)`)]
      : []),
    ...error,
    ...left,
  ]
}
