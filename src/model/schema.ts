/** What is wrong with a value, and what to write instead. */
export interface Complaint {
  readonly problem: string
  readonly suggestion: string
}

/** Looks at one field of a resource; undefined when it is fine. */
export type Check = (value: unknown) => Complaint | undefined

/** One check for each field of a description. */
export type Fields<Desired> = { readonly [Field in keyof Desired]-?: Check }

const complain = (value: unknown, suggestion: string): Complaint => ({
  problem: value === undefined ? 'is missing' : `cannot be ${show(value)}`,
  suggestion,
})

function show(value: unknown): string {
  const text = typeof value === 'function' ? 'a function' : JSON.stringify(value)
  return text === undefined ? String(value) : text.length > 60 ? `${text.slice(0, 60)}…` : text
}

/** A check from a predicate and the words of what to write instead. */
export function check(suggestion: string, fits: (value: unknown) => boolean): Check {
  return (value) => (fits(value) ? undefined : complain(value, suggestion))
}

// Half of a character (a lone surrogate) becomes another one on its way to a host.
const isText = (value: unknown): value is string =>
  typeof value === 'string' && !/[\0\p{Surrogate}]/u.test(value)

export function optional(inner: Check): Check {
  return (value) => (value === undefined ? undefined : inner(value))
}

export function listOf(inner: Check): Check {
  return (value) => {
    if (!Array.isArray(value)) return complain(value, 'a list')
    for (const each of value) {
      const found = inner(each)
      if (found) return found
    }
    return undefined
  }
}

export function oneOf(...words: readonly string[]): Check {
  return check(words.map((word) => `'${word}'`).join(' or '), (value) =>
    words.includes(value as string),
  )
}

/** Any text without NUL bytes. */
export const text: Check = check('a text without NUL bytes', isText)

/** A text that is not empty. */
export const filled: Check = check(
  'a text that is not empty',
  (value) => isText(value) && value !== '',
)

/** One line that is not empty. */
export const line: Check = check(
  'one line of text',
  (value) => isText(value) && value !== '' && !value.includes('\n'),
)

export const flag: Check = check('true or false', (value) => typeof value === 'boolean')

export const whole: Check = check(
  'a whole number, 0 or more',
  (value) => Number.isInteger(value) && (value as number) >= 0,
)

/** An absolute path in its shortest form: no `//`, `/./`, `/../`, no slash at the end. */
export const path: Check = check(
  "an absolute path without '.', '..' or a slash at the end, such as '/etc/motd'",
  (value) =>
    isText(value) &&
    (value === '/' ||
      (value.startsWith('/') &&
        value
          .slice(1)
          .split('/')
          .every((part) => part !== '' && part !== '.' && part !== '..'))),
)

/** Permissions as `chmod` takes them in octal: '0644', '2775'. */
export const mode: Check = check(
  "octal permissions as a text, such as '0644'",
  (value) => typeof value === 'string' && /^[0-7]{3,4}$/.test(value),
)

/** The name of a user or group, as useradd(8) takes it. */
export const account: Check = check(
  "a name such as 'deploy' (letters, digits, . _ -)",
  (value) => typeof value === 'string' && /^[A-Za-z_][A-Za-z0-9._-]{0,30}\$?$/.test(value),
)
