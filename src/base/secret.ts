import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { readFileSync } from 'node:fs'
import { problem } from './errors.ts'

/**
 * A value that must not be seen. Wherever it becomes text (a template literal, JSON, a log, an
 * inspected object) a mark stands in its place; `reveal` puts the values back at the last moment,
 * when a frame is written to a host. A string that holds marks can therefore be composed, quoted
 * for a shell, hashed and carried around like any other, and shows as `«secret NAME»` whenever a
 * person sees it.
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
    this.#mark = markOf(name, value)
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

const values = new Map<string, string>()
const known = new Map<string, string>()

/**
 * What the marks of this process have in common, and what finds them: a name, a number, and a `+`
 * for each time that the mark was quoted for a shell. Made for the first of them.
 */
let session: { readonly id: string; readonly marks: RegExp } | undefined

function ofSession(): NonNullable<typeof session> {
  if (session) return session
  const id = randomBytes(9).toString('base64url')
  return (session = { id, marks: new RegExp(`«secret ([^«» ]+) (${id}-\\d+)(\\+*)»`, 'g') })
}

/** The same name and value have the same mark, so that equal descriptions are equal. */
function markOf(name: string, value: string): string {
  const key = `${name}\0${value}`
  const mark = known.get(key) ?? `«secret ${plain(name)} ${ofSession().id}-${values.size}»`
  known.set(key, mark)
  values.set(mark, value)
  return mark
}

/** Without anything that could mean something where the mark is put. */
const plain = (name: string): string => name.replace(/[^\p{L}\p{N}_./:@-]/gu, '-') || '-'

/** The text with the values in place of the marks: only for what is sent to a host. */
export function reveal(text: string): string {
  if (values.size === 0) return text
  return text.replace(ofSession().marks, (mark, name: string, id: string, quoted: string) => {
    let value = values.get(`«secret ${name} ${id}»`) ?? mark
    for (let i = 0; i < quoted.length; i++) value = withinQuotes(value)
    return value
  })
}

/** For a text that will stand between single quotes: its marks then stand for values that do too. */
export function quoteMarks(text: string): string {
  if (values.size === 0) return text
  return text.replace(ofSession().marks, (mark) => `${mark.slice(0, -1)}+»`)
}

/** What a text becomes between the single quotes of a shell. */
export function withinQuotes(text: string): string {
  return text.replaceAll("'", `'\\''`)
}

export function holdsSecret(text: string): boolean {
  return values.size > 0 && text.search(ofSession().marks) >= 0
}

/**
 * The text as a person may see it: marks become `«secret NAME»`, and so do the values themselves
 * where a host printed them back: whole, a line of them, or as a shell or JSON writes them (values
 * under 4 characters and lines under 8 are too common to search for).
 */
export function redact(text: string): string {
  if (values.size === 0) return text
  const { pattern, names } = searched()
  return text.replace(
    pattern,
    (found, marked?: string) => `«secret ${marked ?? names.get(found) ?? ''}»`,
  )
}

let search: { pattern: RegExp; names: ReadonlyMap<string, string>; size: number } | undefined

/** One pattern for all marks and values, made anew when there are more; the longest comes first. */
function searched(): NonNullable<typeof search> {
  if (search?.size === values.size) return search
  const names = new Map<string, string>()
  for (const [mark, value] of values) {
    const name = mark.split(' ')[1]!
    for (const part of partsOf(value)) if (!names.has(part)) names.set(part, name)
  }
  const literal = [...names.keys()]
    .sort((a, b) => b.length - a.length)
    .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
  const pattern = new RegExp([ofSession().marks.source, ...literal].join('|'), 'g')
  return (search = { pattern, names, size: values.size })
}

function partsOf(value: string): string[] {
  const lines = value.split('\n').map((line) => line.trim())
  const whole = [value, value.trim(), withinQuotes(value), JSON.stringify(value).slice(1, -1)]
  return [
    ...whole.filter(() => value.trim().length >= 4),
    ...lines.filter((line) => line.length >= 8),
  ]
}
