import { median } from './timing.ts'
import type { Scenario, Tool } from './tools.ts'

/** What one tool did in one scenario on so many hosts, in all rounds. */
export interface Samples {
  readonly tool: string
  readonly scenario: Scenario
  readonly hosts: number
  readonly seconds: number[]
  readonly cpu: number[]
}

export interface Results {
  readonly date: string
  readonly machine: Readonly<Record<string, string>>
  readonly equal: string[]
  readonly samples: Samples[]
  /** What was asked for and could not be measured, and why. */
  readonly skipped: string[]
}

export interface Verdict {
  readonly what: string
  readonly measured: string
  readonly met: boolean
}

const words: Readonly<Record<Scenario, string>> = {
  first: 'first run',
  nothing: 'nothing to change',
  one: 'one file, one restart',
}

/** The table, the targets and what they were measured on, as Markdown. */
export function markdown(results: Results, tools: readonly Pick<Tool, 'name' | 'title'>[]): string {
  const { date, machine, equal, skipped } = results
  return [
    '# Converge: the web role',
    '',
    `Measured ${date}. Medians of wall-clock seconds; in brackets CPU seconds of the control side`,
    'alone, then how many times the floor it is, then how many runs. `README.md` says what is',
    'measured and how to repeat it.',
    '',
    ...table(results, tools),
    '',
    '## Targets',
    '',
    '| target | measured | |',
    '|---|---|---|',
    ...verdicts(results).map(
      ({ what, measured, met }) => `| ${what} | ${measured} | ${met ? 'met' : '**missed**'} |`,
    ),
    '',
    '## The same end state',
    '',
    ...(equal.length > 0 ? equal.map((line) => `- ${line}`) : ['- Not compared in this run.']),
    ...(skipped.length > 0
      ? ['', '## Not measured', '', ...skipped.map((line) => `- ${line}`)]
      : []),
    '',
    '## Machine',
    '',
    '| | |',
    '|---|---|',
    ...Object.entries(machine).map(([what, value]) => `| ${what} | ${value} |`),
    '',
  ].join('\n')
}

function table({ samples }: Results, tools: readonly Pick<Tool, 'name' | 'title'>[]): string[] {
  const columns = [...new Map(samples.map((each) => [columnOf(each), each])).values()]
  const head = columns.map(
    ({ scenario, hosts }) => `${hosts} host${hosts > 1 ? 's' : ''}: ${words[scenario]}`,
  )
  const rows = tools.flatMap(({ name, title }) => {
    const own = samples.filter(({ tool }) => tool === name)
    if (own.length === 0) return []
    const cells = columns.map((column) =>
      cell(
        own.find((each) => columnOf(each) === columnOf(column)),
        samples,
      ),
    )
    return [`| ${title} | ${cells.join(' | ')} |`]
  })
  return [`| tool | ${head.join(' | ')} |`, `|---${'|---'.repeat(columns.length)}|`, ...rows]
}

const columnOf = ({ scenario, hosts }: Samples): string => `${hosts} ${scenario}`

function cell(own: Samples | undefined, samples: readonly Samples[]): string {
  if (!own) return ''
  const floor = samples.find((each) => each.tool === 'floor' && columnOf(each) === columnOf(own))
  const ratio =
    floor && own.tool !== 'floor'
      ? `, ×${(median(own.seconds) / median(floor.seconds)).toFixed(1)}`
      : ''
  const runs = `, ${own.seconds.length} run${own.seconds.length > 1 ? 's' : ''}`
  return `${figures(median(own.seconds))} (${figures(median(own.cpu))})${ratio}${runs}`
}

const figures = (value: number): string => (value < 10 ? value.toFixed(2) : value.toFixed(1))

interface Target {
  readonly what: string
  readonly scenario: Scenario
  readonly hosts: number
  readonly tool: string
  readonly against: string
  /** From the two medians: what was measured, in words, and whether that will do. */
  judge(own: number, other: number): { measured: string; met: boolean }
}

const atMost =
  (factor: number, plus = 0): Target['judge'] =>
  (own, other) => ({
    measured: `${figures(own)} s of ${figures(factor * other + plus)} s`,
    met: own <= factor * other + plus,
  })

const timesFaster =
  (factor: number): Target['judge'] =>
  (own, other) => ({ measured: `${(other / own).toFixed(1)} times`, met: other / own >= factor })

const nothing = { scenario: 'nothing', hosts: 1 } as const

const targets: readonly Target[] = [
  {
    ...nothing,
    what: 'Nothing to change: at most 1.6 times the floor',
    tool: 'fettle',
    against: 'floor',
    judge: atMost(1.6),
  },
  {
    ...nothing,
    what: 'Nothing to change, again within a minute: at most 0.8 times the floor',
    tool: 'fettle-shared',
    against: 'floor',
    judge: atMost(0.8),
  },
  {
    ...nothing,
    what: 'Nothing to change: at least 40 times faster than Ansible as installed',
    tool: 'fettle',
    against: 'ansible',
    judge: timesFaster(40),
  },
  {
    ...nothing,
    what: 'Nothing to change: at least 9 times faster than Ansible with Mitogen',
    tool: 'fettle',
    against: 'mitogen',
    judge: timesFaster(9),
  },
  {
    what: 'First run: at most 1.15 times apt alone and 2 s',
    scenario: 'first',
    hosts: 1,
    tool: 'fettle',
    against: 'floor',
    judge: atMost(1.15, 2),
  },
  {
    what: 'Nothing to change on 10 hosts: at most 1.6 times the floor of 10 hosts',
    scenario: 'nothing',
    hosts: 10,
    tool: 'fettle',
    against: 'floor',
    judge: atMost(1.6),
  },
]

/** Every target for which there are both numbers. */
export function verdicts({ samples }: Results): Verdict[] {
  return targets.flatMap(({ what, scenario, hosts, tool, against, judge }) => {
    const of = (name: string): Samples | undefined =>
      samples.find(
        (each) => each.tool === name && each.scenario === scenario && each.hosts === hosts,
      )
    const [own, other] = [of(tool), of(against)]
    return own && other ? [{ what, ...judge(median(own.seconds), median(other.seconds)) }] : []
  })
}
