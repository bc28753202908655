import { problem } from './errors.ts'
import { Secret, quoteMarks, redact, reveal, withinQuotes } from './secret.ts'

/**
 * Text for a POSIX shell in which every value is quoted. The only ways to make one are the `sh`
 * tag, which quotes what is put in, and `Shell.literal`, for words that are Fettle's own; so no value
 * reaches a shell unquoted.
 */
export class Shell {
  readonly text: string

  private constructor(text: string) {
    this.text = text
  }

  /** For text that holds no value from outside; `sh` is the way for everything else. */
  static literal(text: string): Shell {
    return new Shell(text)
  }

  toString(): string {
    return redact(this.text)
  }
}

export type Word = string | number | Secret

/**
 * One word for a shell, whatever it holds: `it's` becomes `'it'\''s'`. Secrets in it are quoted
 * too when they are revealed.
 */
export function quote(word: Word): string {
  const text = String(word)
  if (reveal(text).includes('\0'))
    throw problem('unquotable-value', { value: redact(JSON.stringify(text)) })
  return /^[\w%+,./:@-]+$/.test(text) ? text : `'${withinQuotes(quoteMarks(text))}'`
}

/**
 * Shell text from a template: strings and numbers are quoted as one word each, lists as one word
 * per entry, and Shell values are put in as they are.
 *
 *     sh`chown ${owner}: -- ${paths}`
 */
export function sh(
  parts: TemplateStringsArray,
  ...values: readonly (Word | readonly Word[] | Shell)[]
): Shell {
  const text = parts.map((part, i) => part + (i < values.length ? piece(values[i]!) : '')).join('')
  return Shell.literal(text)
}

/** Shell texts one after the other, each on lines of its own; undefined ones are left out. */
export function lines(...texts: readonly (Shell | undefined | false)[]): Shell {
  return Shell.literal(texts.flatMap((each) => (each ? [each.text] : [])).join('\n'))
}

function piece(value: Word | readonly Word[] | Shell): string {
  if (value instanceof Shell) return value.text
  if (Array.isArray(value)) return value.map((each) => quote(each as Word)).join(' ')
  return quote(value as Word)
}
