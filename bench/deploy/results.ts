import { cpus, totalmem } from 'node:os'
import { median } from '../converge/timing.ts'
import { sumOf } from './capistrano.ts'
import { type Bytes, balancer } from './hosts.ts'

export interface Deploy {
  /** Of the whole process. */
  readonly seconds: number
  /** What of it is waited because the description says so. */
  readonly waits: number
  /** Sums over the batches; `in all`: without the start of the program. */
  readonly phases: Readonly<Record<string, number>>
  /** Over the network of one of the hosts. */
  readonly bytes: Bytes
}

export interface Measured {
  readonly what: string
  readonly deploys: readonly Deploy[]
  readonly trips: Readonly<Record<string, number>>
}

/** The target: seconds over the sum of the configured waits. */
const most = 2

/** From the start of the program until the last host had switched and settled, over the waits. */
export function untilSwitched({ seconds, waits, phases }: Deploy): number {
  return seconds - waits - (phases['finish'] ?? 0) - (phases['tidy'] ?? 0)
}

interface Setting extends Record<'rounds' | 'files' | 'size' | 'change' | 'settle', number> {
  readonly load: readonly number[]
}

export function markdown(
  measured: readonly Measured[],
  { rounds, files, size, change, settle, load }: Setting,
): string {
  return [
    '# Deploy',
    '',
    `Measured ${new Date().toISOString().slice(0, 10)}: ${files} files, ${size} MB, ${change} of them differ between commits; 3 hosts,`,
    `two instances on each, and a balancer; settle ${settle} s. Medians of ${rounds} rounds (first deploys: ${Math.min(3, rounds)}).`,
    '`README.md` says what is measured and how to repeat it.',
    '',
    '| | s | waits | over them | until the last host had switched, over them | target | round trips: a host, the balancer | MB to a host | MB from it |',
    '|---|---|---|---|---|---|---|---|---|',
    ...measured.map(row),
    '',
    `Capistrano asks each host ${sumOf('first')} commands at the first deploy and ${sumOf('later')} later (\`capistrano.ts\` counts them), none of`,
    'which starts, checks, switches or stops anything. The hosts fetch the files from the git server: the whole',
    `repository first, then what differs, as here.`,
    '',
    '## Where the time goes',
    '',
    'Seconds, medians; of all batches together.',
    '',
    ...phases(measured),
    '',
    '## Measured on',
    '',
    `- processors: ${cpus().length}, ${cpus()[0]?.model.trim() ?? 'unknown'}; shared by the control side and all hosts`,
    `- memory: ${Math.round(totalmem() / 2 ** 30)} GiB`,
    `- Node ${process.version}; hosts are Debian 12 with systemd and sshd, as containers`,
    `- load before and after: ${load.map((each) => each.toFixed(2)).join(', ')}`,
    '',
  ].join('\n')
}

function row({ what, deploys, trips }: Measured): string {
  const of = (value: (deploy: Deploy) => number): number => median(deploys.map(value))
  const over = deploys.map(untilSwitched)
  const range = `${Math.min(...over).toFixed(2)} to ${Math.max(...over).toFixed(2)}`
  const cells = [
    what,
    of(({ seconds }) => seconds).toFixed(2),
    of(({ waits }) => waits).toFixed(0),
    of(({ seconds, waits }) => seconds - waits).toFixed(2),
    `${median(over).toFixed(2)} (${range})`,
    `${most} s: ${median(over) <= most ? 'met' : '**missed**'}`,
    `${trips['web1']}, ${trips[balancer]}`,
    (of(({ bytes }) => bytes.in) / 1e6).toFixed(2),
    (of(({ bytes }) => bytes.out) / 1e6).toFixed(2),
  ]
  return `| ${cells.join(' | ')} |`
}

function phases(measured: readonly Measured[]): string[] {
  const names = [...new Set(measured.flatMap(({ deploys }) => Object.keys(deploys[0]!.phases)))]
  const cell = (deploys: readonly Deploy[], name: string): string =>
    deploys[0]!.phases[name] === undefined
      ? ''
      : median(deploys.map(({ phases }) => phases[name] ?? 0)).toFixed(2)
  return [
    `| | ${names.join(' | ')} |`,
    `|---|${names.map(() => '---').join('|')}|`,
    ...measured.map(
      ({ what, deploys }) =>
        `| ${what} | ${names.map((name) => cell(deploys, name)).join(' | ')} |`,
    ),
  ]
}
