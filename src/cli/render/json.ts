import { redact } from '../../base/secret.ts'

/** A document for machines: no text in it shows a secret. */
export function json(document: unknown, indent: 0 | 2 = 2): string {
  const redacted = (_: string, value: unknown): unknown =>
    typeof value === 'string' ? redact(value) : value
  return JSON.stringify(document, redacted, indent)
}
