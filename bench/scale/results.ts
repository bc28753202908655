import { cpus, totalmem } from 'node:os'
import { median } from '../converge/timing.ts'
import type { Memory } from './run.ts'

export interface Measured {
  readonly what: string
  /** Of all rounds. */
  readonly seconds: readonly number[]
  /** The target. */
  readonly limit?: number
  readonly memory?: Memory
  readonly note?: string
}

/** The targets for memory. MiB. */
const most = 300

export function markdown(
  measured: readonly Measured[],
  {
    hosts,
    resources,
    rounds,
    load,
  }: Record<'hosts' | 'resources' | 'rounds', number> & {
    readonly load: string
  },
): string {
  return [
    '# Scale',
    '',
    `Measured ${new Date().toISOString().slice(0, 10)}: ${hosts} hosts, ${resources} resources on one`,
    `host. Medians of ${rounds} rounds where there are several. \`README.md\` says what is measured and`,
    'how to repeat it.',
    '',
    '| | s | target | MiB: all, Fettle alone | |',
    '|---|---|---|---|---|',
    ...measured.map(row),
    '',
    '## Measured on',
    '',
    `- processors: ${cpus().length}, ${cpus()[0]?.model.trim() ?? 'unknown'}; shared by the control side and all hosts`,
    `- memory: ${Math.round(totalmem() / 2 ** 30)} GiB`,
    `- Node ${process.version}; hosts are Debian 12 with systemd and sshd, as containers`,
    `- load before: ${load}`,
    '',
  ].join('\n')
}

function row({ what, seconds, limit, memory, note = '' }: Measured): string {
  const time = median(seconds)
  const verdict =
    limit === undefined ? '' : `under ${limit} s: ${time < limit ? 'met' : '**missed**'}`
  const weight = memory
    ? `${memory.all.toFixed(0)} with ${memory.ssh} ssh, ${memory.own.toFixed(0)}; under ${most}: ${memory.all < most ? 'met' : '**missed**'}`
    : ''
  const range = seconds.length > 1 ? ` (${low(seconds)} to ${high(seconds)})` : ''
  return `| ${what} | ${time.toFixed(2)}${range} | ${verdict} | ${weight} | ${note} |`
}

const low = (all: readonly number[]): string => Math.min(...all).toFixed(2)
const high = (all: readonly number[]): string => Math.max(...all).toFixed(2)
