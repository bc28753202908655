import { Secret, reveal } from '../base/secret.ts'
import { transform } from '../resources/secret-text.ts'
import type { EnvEntry } from './env.ts'

/**
 * The entries as systemd's EnvironmentFile takes them, with marks in place of secrets. Not those of an
 * instance, which are in its unit. In double quotes only these four signs mean something else there:
 * `$` and `%` of the value are not looked at, and a new line is one.
 */
export function environmentFile(entries: readonly EnvEntry[]): string {
  return entries
    .filter(({ from }) => from !== 'instance')
    .map(({ name, value }) => `${name}=${quotedValue(value)}\n`)
    .join('')
}

function quotedValue(value: string | Secret): string {
  return value instanceof Secret ? String(value.map(value.name, quoted)) : transform(value, quoted)
}

/** The names in such a text. A secret's mark stands for its value with the quotes. */
export function namesIn(text: string): string[] {
  return [...reveal(text).matchAll(/(\w+)="(?:[^"\\]|\\[^])*"\n/g)].map(([, name]) => name!)
}

const quoted = (text: string): string => `"${text.replace(/["\\`$]/g, '\\$&')}"`
