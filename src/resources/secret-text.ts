import { Secret, holdsSecret, redact, reveal } from '../base/secret.ts'
import { Shell, quote } from '../base/shell.ts'

const known = new Map<string, Secret>()

/**
 * `change(text)`, also where the text holds secrets: a change made to their marks, such as
 * escaping, would miss what they stand for. The whole text then is one secret.
 */
export function transform(text: string, change: (text: string) => string): string {
  if (!holdsSecret(text)) return change(text)
  const value = change(reveal(text))
  const name = /«secret ([^«»]+)»/.exec(redact(text))?.[1] ?? 'text'
  const secret = known.get(value) ?? new Secret(name, value)
  known.set(value, secret)
  return String(secret)
}

/** One word for a shell, quoted to fit what its secrets hold. */
export function word(text: string | Secret): Shell {
  return Shell.literal(transform(String(text), quote))
}
