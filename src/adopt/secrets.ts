import type { Found } from './inventory.ts'

const assigned =
  /(?:pass(?:word|phrase)|passwd(?=\s*=)|secret|token|api[_-]?key|access[_-]?key|private[_-]?key)[\w-]*["']?\s*[=:]\s*["']?[^\s"'$<{;,]{4,}/i

const patterns: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY/, 'a private key'],
  [/\$(?:1|2[abxy]?|5|6|7|y|gy|argon2\w*)\$[\w./,$=+-]{12,}/, 'a hash of a password'],
  [/\bAKIA[0-9A-Z]{16}\b/, 'an access key'],
  [/\b(?:gh[pousr]_|glpat-|xox[baprs]-|sk_live_)\w{10,}/, 'a token'],
  [/[a-z][a-z0-9+.-]*:\/\/[^\s/:@'"]+:[^\s/@'"$<{]+@/i, 'a password in an address'],
  [assigned, 'what looks like a password, key or token'],
]

/** Programs that begin a comment like this. */
const comment = /^\s*(?:#|;|\/\/|--\s)/

/** The line of a text that seems to hold a secret, and what it seems to be. */
export function secretIn(text: string): string | undefined {
  for (const [i, line] of text.split('\n').entries()) {
    if (comment.test(line)) continue
    const found = patterns.find(([pattern]) => pattern.test(line))
    if (found) return `line ${i + 1} holds ${found[1]}`
  }
  return undefined
}

/** Whether others than the owner and the group are kept from reading it. */
export const isHidden = ({ mode }: Found): boolean => (Number.parseInt(mode, 8) & 0o004) === 0

/** A text that can be kept in git and shown; undefined where it is none. */
export function asText(content: Buffer): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content)
    return text.includes('\0') ? undefined : text
  } catch {
    return undefined
  }
}
