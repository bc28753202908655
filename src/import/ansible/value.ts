import { templateText, textLiteral } from './code.ts'
import type { Expression } from './jinja-expression.ts'
import { Untranslatable } from './jinja-lexer.ts'
import { type Type, bool, has, only, typeOfText, without, word } from './types.ts'

/** How tightly an operator binds, from loose to tight. */
export const level = {
  choice: 1,
  nullish: 2,
  or: 3,
  and: 4,
  equal: 5,
  compare: 6,
  add: 7,
  times: 8,
  unary: 9,
  last: 10,
} as const

/** A piece of JavaScript that stands for a value. */
export interface Value {
  readonly code: string
  readonly level: number
  readonly type: Type
  /** Whether it differs from host to host, so that it is only known inside of a role. */
  readonly host: boolean
  /** What it is, when that is known already. */
  readonly constant?: string | number | boolean | null
  /** Code that says whether it is there, when it may be missing. */
  readonly present?: string
  /** What it can be, when that is all known already. */
  readonly samples?: readonly unknown[]
  /** A part of what is no object of ours, such as `ansible_facts`. */
  readonly field?: (name: string) => Value | undefined
  /** It is compared with something: a const must not have the type of its one value. */
  readonly widen?: () => void
}

/** Where the names of an expression come from. */
export interface Scope {
  readonly language: 'typescript' | 'eta'
  look(name: string): Value | undefined
  /** Functions such as `lookup`; undefined: not known. */
  call?(name: string, args: readonly Value[]): Value | undefined
}

/** A scope, and what translates expressions in it. */
export interface Translate extends Scope {
  value(expression: Expression): Value
  /** As a boolean, with Python's idea of what is true. */
  condition(expression: Expression): Value
  /** Whether the value is there: known now, or the code that finds out. */
  presence(expression: Expression): boolean | Value
}

export const made = (
  code: string,
  type: Type,
  from: readonly Value[],
  at: number = level.last,
): Value => ({
  code,
  level: at,
  type,
  host: from.some((each) => each.host),
})

export function literal(value: string | number | boolean | null): Value {
  const type: Type =
    typeof value === 'string'
      ? typeOfText(value)
      : value === null
        ? { kind: 'none' }
        : typeof value === 'boolean'
          ? bool
          : { kind: Number.isInteger(value) ? 'int' : 'number' }
  const code = typeof value === 'string' ? textLiteral(value) : String(value)
  const negative = typeof value === 'number' && value < 0
  return { code, level: negative ? level.unary : level.last, type, host: false, constant: value }
}

/** The code, in brackets where it binds less than what stands around it. */
export const within = (value: Value, at: number): string =>
  value.level < at ? `(${value.code})` : value.code

/** What `default(omit)` stands for. */
export const omitted: Value = {
  code: 'undefined',
  level: level.last,
  type: { kind: 'missing' },
  host: false,
}

export function truth(value: Value): Value {
  const { type, constant } = value
  if (constant !== undefined) return literal(Boolean(constant))
  const is = (code: string, at: number): Value => made(code, bool, [value], at)
  if (only(type, 'bool')) return value
  if (only(type, 'string')) return is(`${within(value, level.equal + 1)} !== ''`, level.equal)
  if (only(type, 'int', 'number', 'float'))
    return is(`${within(value, level.equal + 1)} !== 0`, level.equal)
  if (only(type, 'list')) return is(`${within(value, level.last)}.length > 0`, level.compare)
  if (only(type, 'dict')) return is(`Object.keys(${value.code}).length > 0`, level.compare)
  if (only(type, 'string', 'int', 'number', 'float', 'bool', 'none'))
    return is(`Boolean(${value.code})`, level.last)
  throw new Untranslatable('whether this counts as true is not known before it runs')
}

export function negated(value: Value): Value {
  if (typeof value.constant === 'boolean') return literal(!value.constant)
  const simple = /^([\w.]+) (===|!==) ([^&|?]+)$/.exec(value.code)
  if (simple && value.level === level.equal)
    return { ...value, code: `${simple[1]} ${simple[2] === '===' ? '!==' : '==='} ${simple[3]}` }
  return made(`!${within(value, level.unary)}`, bool, [value], level.unary)
}

/** The value as Python prints it: what JavaScript prints must be the same. */
export function printed(value: Value, scope: Scope): Value {
  const there = without(value.type, 'missing')
  const sure = has(value.type, 'missing') && scope.language === 'typescript' ? '!' : ''
  // Nothing is printed of what an empty list holds.
  if (only(there, 'string', 'int', 'number', 'secret', 'never'))
    return sure ? { ...value, code: `${within(value, level.last)}!`, level: level.last } : value
  if (only(there, 'none')) return literal('')
  if (only(there, 'bool')) {
    if (typeof value.constant === 'boolean') return literal(value.constant ? 'True' : 'False')
    return made(
      `${within(value, level.choice + 1)} ? 'True' : 'False'`,
      word,
      [value],
      level.choice,
    )
  }
  if (only(there, 'string', 'int', 'number', 'none'))
    return made(`${within(value, level.equal)} ?? ''`, { kind: 'string' }, [value], level.nullish)
  const what = has(there, 'float')
    ? 'a number with a point'
    : has(there, 'list')
      ? 'a list'
      : has(there, 'dict')
        ? 'a dict'
        : 'this value'
  throw new Untranslatable(
    `${what} is printed in Python's way`,
    what === 'a list'
      ? 'say how it is to be written, such as with join'
      : 'write it in the form that is wanted',
  )
}

/** What the texts in a row can be together. */
function samplesOf(parts: readonly (string | Value)[]): readonly string[] | undefined {
  let found: string[] = ['']
  for (const part of parts) {
    const some =
      typeof part === 'string'
        ? [part]
        : part.constant !== undefined
          ? [part.constant]
          : part.samples
    if (!some || some.length * found.length > 500) return undefined
    found = found.flatMap((start) => some.map((each) => `${start}${String(each)}`))
  }
  return found
}

/** Texts and values in a row, as one text. */
export function joined(parts: readonly (string | Value)[], scope: Scope): Value {
  const values = parts.filter((each) => typeof each !== 'string')
  const texts = parts.map((each) =>
    typeof each !== 'string' && each.constant !== undefined
      ? String(printed(each, scope).constant)
      : each,
  )
  if (texts.every((each) => typeof each === 'string')) return literal(texts.join(''))
  const [first] = texts
  if (texts.length === 1 && typeof first === 'object' && only(first.type, 'string')) return first
  const code = texts
    .map((each) =>
      typeof each === 'string' ? templateText(each) : `\${${printed(each, scope).code}}`,
    )
    .join('')
  const last = texts.at(-1)!
  const solid =
    typeof last === 'string'
      ? !last.endsWith('\n')
      : (last.type.kind === 'string' && last.type.end === 'solid') ||
        only(last.type, 'int', 'number', 'secret')
  const type: Type = { kind: 'string', ...(solid && { end: 'solid' as const }) }
  const samples = samplesOf(parts)
  return { ...made(`\`${code}\``, type, values), ...(samples && { samples }) }
}
