import { textLiteral } from './code.ts'

import { Untranslatable } from './jinja-lexer.ts'
import { loopPart } from './loop-variable.ts'
import {
  type Type,
  fieldOf,
  has,
  itemOf,
  only,
  propertyName,
  text,
  union,
  valueOf,
  without,
  written,
} from './types.ts'

import { type Scope, type Value, level, made, within } from './value.ts'

/** `of[key]` or `of.key`. */
export function itemFrom(of: Value, key: Value, scope: Scope): Value {
  const field = typeof key.constant === 'string' ? of.field?.(key.constant) : undefined
  if (field) return field
  if (of.field)
    throw new Untranslatable(
      `${String(key.constant ?? key.code)} of ${of.code} is not among Fettle's facts`,
    )
  const from = without(of.type, 'missing', 'none')
  const typed = scope.language === 'typescript'
  if (only(from, 'dict')) return fieldFrom(of, from, key, scope)
  if (only(from, 'list', 'string') && only(key.type, 'int')) {
    const type = from.kind === 'string' ? text : itemOf(from)
    const sure = typed ? '!' : ''
    const negative = typeof key.constant === 'number' && key.constant < 0
    const at = negative ? `.at(${key.code})` : `[${key.code}]`
    return made(`${within(of, level.last)}${at}${sure}`, type, [of, key])
  }
  throw new Untranslatable(
    only(from, 'secret')
      ? 'a part of a secret is not known'
      : `${of.code} has no parts that are known`,
  )
}

function fieldFrom(of: Value, from: Type, key: Value, scope: Scope): Value {
  const typed = scope.language === 'typescript'
  const base = within(of, level.last)
  if (typeof key.constant === 'string' || typeof key.constant === 'number') {
    const name = String(key.constant)
    const type = fieldOf(from, name)
    const part = loopPart(of, name)
    if (part) return { ...made(part.code, type, [of]), level: part.level }
    const code = /^[A-Za-z_$][\w$]*$/.test(name)
      ? `${base}.${name}`
      : `${base}[${propertyName(name)}]`
    const samples = of.samples?.flatMap((each) => {
      const value = (each as Record<string, unknown> | null)?.[name]
      return value === undefined ? [] : [value]
    })
    const found = { ...made(code, type, [of]), ...(samples && { samples }) }
    if (!has(type, 'missing')) return found
    const present = typed ? `${code} !== undefined` : `${textLiteral(name)} in ${base}`
    return { ...found, present }
  }
  if (!only(key.type, 'string', 'int'))
    throw new Untranslatable('the key is not known to be a text')
  const value = union([without(valueOf(from), 'missing')])
  const table = typed ? `(${of.code} as Readonly<Record<string, ${written(value)}>>)` : base
  return made(`${table}[${key.code}]${typed ? '!' : ''}`, value, [of, key])
}

/** The entries of a dict, in its order. */
export function entriesOf(dict: Value): Value {
  const fields = without(dict.type, 'missing')
  if (!only(fields, 'dict')) throw new Untranslatable(`${dict.code} is not known to be a dict`)
  inOrder(fields)
  return made(`Object.entries(${dict.code})`, { kind: 'list', of: valueOf(fields) }, [dict])
}

/** JavaScript puts keys that look like numbers first, Python does not. */
export function inOrder(type: Type): void {
  if (type.kind === 'dict' && [...type.fields.keys()].some((each) => /^(0|[1-9]\d*)$/.test(each)))
    throw new Untranslatable('the order of a dict whose keys are numbers is lost')
}
