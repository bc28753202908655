import type { ChangeDocument, HostPlanDocument, PlanDocument } from '../../wire/plan.ts'
import { runnerText } from '../../engine/lease.ts'
import { errorLines } from './error.ts'
import { type Paint, count, visible } from './style.ts'

const signs = {
  create: ['+', 'green'],
  change: ['~', 'yellow'],
  remove: ['-', 'red'],
  run: ['>', 'cyan'],
  unknown: ['?', 'magenta'],
} as const

/** Longer diffs are cut unless `--full` is said. Lines. */
const shortDiff = 10

/** A plan for people. */
export function planLines(plan: PlanDocument, paint: Paint, full: boolean): string[] {
  return [...hostsLines(plan.hosts, paint, full), planSummary(plan, paint)]
}

/** Hosts with the same plan are shown once. */
export function hostsLines(
  all: readonly HostPlanDocument[],
  paint: Paint,
  full: boolean,
): string[] {
  const groups = new Map<string, { hosts: string[]; lines: string[] }>()
  for (const host of all) {
    const lines = hostLines(host, paint, full)
    const group = groups.get(lines.join('\n')) ?? { hosts: [], lines }
    group.hosts.push(host.host)
    groups.set(lines.join('\n'), group)
  }
  return [...groups.values()].flatMap(({ hosts, lines }) => [
    paint('bold', hosts.join(', ')),
    ...lines,
    '',
  ])
}

function hostLines(host: HostPlanDocument, paint: Paint, full: boolean): string[] {
  if (host.error) return errorLines(host.error, paint).map((line) => `  ${line}`)
  return [
    ...runLines(host, paint),
    ...workLines(host, paint, full),
    ...sharedLines(host, paint),
    ...orphanLines(host, paint),
  ]
}

/** Two descriptions of one thing: whoever runs last has it their way. */
function sharedLines({ shared = [] }: HostPlanDocument, paint: Paint): string[] {
  return shared.map(({ project, ids }) =>
    paint('yellow', `  project ${project} manages these too: ${ids.map(visible).join(', ')}`),
  )
}

/** Another run, which may change what is shown here. */
function runLines({ run }: HostPlanDocument, paint: Paint): string[] {
  if (!run) return []
  const what =
    run.left > 0 || run.busy ? 'is at it' : 'was interrupted; what it left undone is below'
  return [paint('yellow', `  the run of ${runnerText(run.runner)}, ${what}`)]
}

/** What left the description: nothing happens to it unless that is asked for. */
function orphanLines({ orphans = [], strays = [] }: HostPlanDocument, paint: Paint): string[] {
  if (orphans.length + strays.length === 0) return []
  const offer = [
    ...(orphans.length > 0 ? ['--orphans remove takes away'] : []),
    '--orphans keep forgets',
  ]
  return [
    paint('dim', `  no longer described (${offer.join(', ')}):`),
    ...orphans.map(
      ({ id, summary }) =>
        `  ${paint('red', 'o')} ${visible(id)}  ${paint('dim', visible(summary))}`,
    ),
    ...strays.map(
      (id) => `  ${paint('red', 'o')} ${visible(id)}  ${paint('dim', 'to be removed by hand')}`,
    ),
  ]
}

function workLines(host: HostPlanDocument, paint: Paint, full: boolean): string[] {
  if (host.changes.length === 0 && host.actions.length === 0)
    return [paint('dim', `  nothing to change (${count(host.resources, 'resource')})`)]
  const width = Math.min(44, Math.max(...host.changes.map(({ id }) => visible(id).length)))
  return [
    ...host.changes.flatMap((change) => changeLines(change, width, paint, full)),
    ...host.actions.map(({ action, causes, owed, unknown }) => {
      const why = owed
        ? 'asked for by an interrupted run'
        : `for ${causes.length > 3 ? count(causes.length, 'change') : causes.map(visible).join(', ')}`
      const [sign, colour] = unknown ? signs.unknown : (['!', 'cyan'] as const)
      const maybe = unknown ? ', if needed then' : ''
      return `  ${paint(colour, sign)} ${visible(action)}  ${paint('dim', why + maybe)}`
    }),
  ]
}

function changeLines(change: ChangeDocument, width: number, paint: Paint, full: boolean): string[] {
  const [sign, colour] = signs[change.verb]
  const user = change.user === undefined || change.user === 'root' ? '' : ` as ${change.user}`
  const head = `  ${paint(colour, sign)} ${visible(change.id).padEnd(width)}  ${paint('dim', visible(change.summary) + user)}`
  return [head, ...diffLines(change.diff, paint, full)]
}

function diffLines(diff: string | undefined, paint: Paint, full: boolean): string[] {
  if (diff === undefined) return []
  const all = diff.split('\n').filter((line) => !line.startsWith('@@') || full)
  const shown = full ? all : all.slice(0, shortDiff)
  const more = all.length - shown.length
  return [
    ...shown.map((line) => {
      const text = visible(line.length > 200 && !full ? `${line.slice(0, 200)}...` : line)
      return `      ${line.startsWith('+') ? paint('green', text) : line.startsWith('-') ? paint('red', text) : paint('dim', text)}`
    }),
    ...(more > 0
      ? [paint('dim', `      ... ${count(more, 'more line')} (--full shows them)`)]
      : []),
  ]
}

/** How much there is to do, on how many hosts, and the hash of it. */
export function planSummary(plan: PlanDocument, paint: Paint): string {
  const changes = plan.hosts.reduce((sum, host) => sum + host.changes.length, 0)
  const actions = plan.hosts.reduce((sum, host) => sum + host.actions.length, 0)
  const failed = plan.hosts.filter(({ error }) => error).length
  if (failed > 0 && failed === plan.hosts.length) return `${count(failed, 'host')} not read.`
  const unread = failed === 0 ? '' : `, ${count(failed, 'host')} not read`
  if (changes + actions === 0)
    return `Nothing to change on ${count(plan.hosts.length - failed, 'host')}${unread}.`
  const parts = [count(changes, 'change'), ...(actions > 0 ? [count(actions, 'action')] : [])]
  const where = count(
    plan.hosts.filter((host) => host.changes.length + host.actions.length > 0).length,
    'host',
  )
  return `${paint('bold', `${parts.join(' and ')} on ${where}`)}${unread}. Plan ${plan.hash}`
}
