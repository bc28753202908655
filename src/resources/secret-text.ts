import { Secret, holdsSecret, redact, reveal } from '../base/secret.ts'

/**
 * `change(text)`, also where the text holds secrets: a change made to their marks, such as
 * escaping, would miss what they stand for. The whole text then is one secret.
 */
export function transform(text: string, change: (text: string) => string): string {
  if (!holdsSecret(text)) return change(text)
  const name = /«secret ([^«»]+)»/.exec(redact(text))?.[1] ?? 'text'
  return String(new Secret(name, change(reveal(text))))
}
