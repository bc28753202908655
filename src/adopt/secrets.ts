import type { Found } from './inventory.ts'

const assigned =
  /(?:pass(?:word|phrase)|passwd(?=\s*=)|[_-]pwd(?=\s*=)|secret|token|api[_-]?key|access[_-]?key|private[_-]?key)[\w-]*["']?\s*[=:]\s*["']?([^\s"'$<{;,]{4,})/i

const patterns: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY/, 'a private key'],
  [/\$(?:1|2[abxy]?|5|6|7|y|gy|apr1|argon2\w*)\$[\w./,$=+-]{12,}/, 'a hash of a password'],
  [/\bAKIA[0-9A-Z]{16}\b/, 'an access key'],
  [/\b(?:gh[pousr]_|glpat-|xox[baprs]-|sk_live_)\w{10,}/, 'a token'],
  [/[a-z][a-z0-9+.-]*:\/\/[^\s/:@'"]+:[^\s/@'"$<{]+@/i, 'a password in an address'],
  [/\{S?SHA\d*\}[\w+/=]{12,}/, 'a hash of a password'],
  [/\b(?:Bearer|Basic)\s+[\w.~+/=-]{12,}/, 'a token'],
  [/--(?:password|passwd|token|secret|api-key)[= ]["']?[^\s"'$<{-]{4,}/i, 'a password or token'],
  [/\bcurl\b.*\s(?:-u|--user)[ =]?["']?[^\s:$]+:[^\s$]+/, 'a password'],
  [assigned, 'what looks like a password, key or token'],
]

/** In a comment: what a manual would show; an old password that somebody kept there is no such word. */
const isExample = (value: string): boolean => !(/[a-z]/i.test(value) && /\d/.test(value))

/** Programs that begin a comment like this. */
const comment = /^\s*(?:#|;|\/\/|--\s)/

/** The line of a text that seems to hold a secret, and what it seems to be. */
export function secretIn(text: string): string | undefined {
  for (const [i, line] of text.split('\n').entries()) {
    const found = patterns.find(([pattern]) => pattern.test(line))
    if (found?.[0] === assigned && comment.test(line) && isExample(assigned.exec(line)![1]!))
      continue
    if (found) return `line ${i + 1} holds ${found[1]}`
  }
  return undefined
}

/** Whether others than the owner and the group are kept from reading it. */
export const isHidden = ({ mode }: Found): boolean => (Number.parseInt(mode, 8) & 0o004) === 0

/** Whether it is a secret key of OpenPGP, by its first packet. */
export const isSecretKey = ([first = 0]: Buffer): boolean =>
  (first & 0xfc) === 0x94 || first === 0xc5

/** A text that can be kept in git and shown; undefined where it is none. */
export function asText(content: Buffer): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content)
    return text.includes('\0') ? undefined : text
  } catch {
    return undefined
  }
}
