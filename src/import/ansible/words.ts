/** Splits as Python's shlex does: blanks separate, quotes and backslashes keep together. */
export function shellWords(text: string): string[] | undefined {
  const words: string[] = []
  let word: string | undefined
  for (let at = 0; at < text.length; at++) {
    const letter = text[at]!
    if (letter === "'") {
      const end = text.indexOf("'", at + 1)
      if (end < 0) return undefined
      word = (word ?? '') + text.slice(at + 1, end)
      at = end
    } else if (letter === '"') {
      word ??= ''
      for (at++; text[at] !== '"'; at++) {
        if (at >= text.length) return undefined
        if (text[at] === '\\' && /["\\$`]/.test(text[at + 1] ?? '')) at++
        word += text[at]
      }
    } else if (letter === '\\') {
      if (++at >= text.length) return undefined
      word = (word ?? '') + text[at]
    } else if (/\s/.test(letter)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = (word ?? '') + letter
  }
  return word === undefined ? words : [...words, word]
}

/** A word as a shell takes it for itself. */
export const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`

/** `key=value` words of Ansible's short form, and what is not of that form. */
export interface ShortForm {
  readonly options: ReadonlyMap<string, string>
  readonly rest: string
}

/**
 * Reads `name=nginx state=present`. A value may be quoted, and may hold a template with blanks in
 * it. Only `keys` count as keys, when they are given.
 */
export function shortForm(text: string, keys?: readonly string[]): ShortForm {
  const options = new Map<string, string>()
  const rest: string[] = []
  for (const part of parts(text)) {
    const found = /^([A-Za-z_]\w*)=([^]*)$/.exec(part)
    if (found && (!keys || keys.includes(found[1]!))) options.set(found[1]!, unquoted(found[2]!))
    else rest.push(part)
  }
  return { options, rest: rest.join(' ') }
}

/** The parts between blanks that stand neither in quotes nor in a template; quotes stay. */
function parts(text: string): string[] {
  const found: string[] = []
  let part = ''
  let quote = ''
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const letter = text[at]!
    const two = text.slice(at, at + 2)
    if (!quote && two === '{{') depth++
    if (!quote && two === '}}') depth--
    if (quote) quote = letter === quote && text[at - 1] !== '\\' ? '' : quote
    else if (letter === "'" || letter === '"') quote = letter
    if (/\s/.test(letter) && !quote && depth <= 0) {
      if (part) found.push(part)
      part = ''
    } else part += letter
  }
  return part ? [...found, part] : found
}

const unquoted = (text: string): string =>
  /^(["'])[^]*\1$/.test(text) && text.length > 1 ? text.slice(1, -1) : text
