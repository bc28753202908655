import { relative } from 'node:path'
import type { Failure, Verdict } from '../../testing/trial.ts'
import { type Paint, count, seconds, visible } from './style.ts'

/** One test on one host, as soon as it has ended. */
export function verdictLine(
  { host, role, name, failure, seconds: took }: Verdict,
  paint: Paint,
): string {
  const sign = failure ? paint('red', 'FAILED') : paint('green', 'ok    ')
  return `${paint('bold', host)}  ${sign}  ${role}: ${visible(name)}  ${paint('dim', seconds(took))}`
}

/** Each failed test with the user's own line, what was expected and what was seen. */
export function failedLines(verdicts: readonly Verdict[], paint: Paint): string[] {
  return verdicts.flatMap(({ host, role, name, failure }) =>
    failure
      ? [
          '',
          `${paint('bold', host)}  ${role}: ${visible(name)}${place(failure, paint)}`,
          ...failureLines(failure, paint).map((line) => `  ${line}`),
        ]
      : [],
  )
}

function place({ at }: Failure, paint: Paint): string {
  return at ? paint('dim', `  ${relative(process.cwd(), at.file)}:${at.line}`) : ''
}

function failureLines({ line, expected, seen }: Failure, paint: Paint): string[] {
  const [first = '', ...more] = seen.split('\n').map(visible)
  return [
    ...(line === undefined ? [] : [paint('dim', visible(line))]),
    ...(expected === undefined ? [] : [`expected  ${paint('green', visible(expected))}`]),
    `${expected === undefined ? 'error   ' : 'seen    '}  ${paint('red', first)}`,
    ...more.map((each) => `          ${each}`),
  ]
}

/** `5 of 6 tests on 2 hosts are good; 1 host was not made.` */
export function testSummary(
  verdicts: readonly Verdict[],
  hosts: { readonly all: number; readonly failed: number },
  paint: Paint,
): string {
  const failed = verdicts.filter(({ failure }) => failure).length
  const made =
    hosts.failed === 0
      ? `${count(hosts.all, 'host')} made as described, where a second run changes nothing`
      : `${hosts.failed} of ${count(hosts.all, 'host')} not as described`
  const tests =
    verdicts.length === 0
      ? 'no tests'
      : failed === 0
        ? `${count(verdicts.length, 'test')} passed`
        : `${failed} of ${count(verdicts.length, 'test')} failed`
  return paint(failed + hosts.failed === 0 ? 'green' : 'red', `${tests}; ${made}.`)
}
