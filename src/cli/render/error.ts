import { relative } from 'node:path'
import type { FettleError } from '../../base/errors.ts'
import { redact } from '../../base/secret.ts'
import { type Paint, visible } from './style.ts'

/** What happened, where, what state things are in now, and what to do next. */
export function errorLines(error: FettleError, paint: Paint): string[] {
  const text = (given: string): string[] => redact(given).split('\n').map(visible)
  const at = error.at ? `${relative(process.cwd(), error.at.file)}:${error.at.line}` : undefined
  const log = error.log === undefined ? [] : text(error.log).slice(-15)
  const [what = '', ...more] = text(error.message)
  return [
    `${paint('red', `error ${error.code}`)}${at ? paint('dim', `  ${at}`) : ''}`,
    ...log.map((line) => paint('dim', `  | ${line}`)),
    `  ${what}`,
    ...more.map((line) => `  ${line}`),
    ...text(error.state).map((line) => `  ${line}`),
    ...text(error.next).map((line) => `  ${paint('cyan', line)}`),
  ]
}
