import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { readFileSync } from 'node:fs'
import { problem } from './errors.ts'

/**
 * A value that must not be seen. Wherever it becomes text (a template literal, JSON, a log, an
 * inspected object) a mark stands in its place; `reveal` puts the values back at the last moment,
 * when a frame is written to a host. A string that holds marks can therefore be composed, hashed
 * and carried around like any other, and shows as `«secret NAME»` whenever a person sees it.
 *
 * A mark does not survive transformations such as base64; use `map` for those.
 */
export class Secret {
  readonly name: string
  readonly #value: string
  readonly #mark: string

  constructor(name: string, value: string) {
    this.name = name
    this.#value = value
    this.#mark = `«secret ${name.replace(/[«» ]/g, '-')} ${session}-${values.size}»`
    values.set(this.#mark, value)
  }

  /** A secret from an environment variable of the person who runs Fettle. */
  static env(variable: string): Secret {
    const value = process.env[variable]
    if (value === undefined || value === '')
      throw problem('secret-missing', {
        name: variable,
        reason: 'the environment variable is not set',
        remedy: `Set ${variable} in your environment and run again.`,
      })
    return new Secret(variable, value)
  }

  /** A secret from a file outside of git; one trailing newline is left out. */
  static file(path: string): Secret {
    try {
      return new Secret(path, readFileSync(path, 'utf8').replace(/\n$/, ''))
    } catch (error) {
      throw problem('secret-missing', {
        name: path,
        reason: error instanceof Error ? error.message : String(error),
        remedy: `Put the value in ${path} and run again.`,
      })
    }
  }

  /** A secret made from this one, such as its base64 form. */
  map(name: string, change: (value: string) => string): Secret {
    return new Secret(name, change(this.#value))
  }

  reveal(): string {
    return this.#value
  }

  toString(): string {
    return this.#mark
  }

  toJSON(): string {
    return this.#mark
  }
}

Object.defineProperty(Secret.prototype, inspect.custom, {
  value(this: Secret) {
    return `«secret ${this.name}»`
  },
})

const session = randomBytes(9).toString('base64url')
const values = new Map<string, string>()
const marks = new RegExp(`«secret ([^«» ]+) ${session}-\\d+»`, 'g')

/** The text with the values in place of the marks: only for what is sent to a host. */
export function reveal(text: string): string {
  return values.size === 0 ? text : text.replace(marks, (mark) => values.get(mark) ?? mark)
}

export function holdsSecret(text: string): boolean {
  return values.size > 0 && text.search(marks) >= 0
}

/**
 * The text as a person may see it: marks become `«secret NAME»`, and so do the values themselves
 * where a host printed them back (values under 4 characters are too common to search for).
 */
export function redact(text: string): string {
  let shown = text
  for (const [mark, value] of values) if (value.length >= 4) shown = shown.replaceAll(value, mark)
  return shown.replace(marks, '«secret $1»')
}
