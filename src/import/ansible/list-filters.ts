import { Untranslatable } from './jinja-lexer.ts'
import { testOf } from './tests.ts'
import {
  type Type,
  fieldOf,
  has,
  int,
  itemOf,
  listOfType,
  only,
  propertyName,
  text,
  union,
  without,
  word,
} from './types.ts'
import {
  type Translate,
  type Value,
  level,
  literal,
  made,
  printed,
  truth,
  within,
} from './value.ts'

export type ListFilter = (
  of: Value,
  args: readonly Value[],
  given: { readonly named: ReadonlyMap<string, Value>; readonly scope: Translate },
) => Value

export type ListFilters = Readonly<Record<string, ListFilter>>

function list(of: Value): string {
  if (!only(of.type, 'list')) throw new Untranslatable(`${of.code} is not known to be a list`)
  return within(of, level.last)
}

/** A value of the list, inside of a function over it. */
const each = (type: Type, host: boolean): Value => ({ code: 'each', level: level.last, type, host })

const join: ListFilter = (of, args, { named, scope }) => {
  const by = args[0] ?? named.get('d') ?? literal('')
  if (only(of.type, 'string')) throw new Untranslatable('join of the letters of a text')
  const attribute = named.get('attribute')?.constant ?? args[1]?.constant
  const from = attribute === undefined ? of : pluck(of, String(attribute), scope)
  const type = itemOf(from.type)
  const base = list(from)
  const plainItems = only(type, 'string', 'int', 'number', 'secret', 'never')
  const texts = plainItems
    ? base
    : `${base}.map((each) => ${printed(each(type, of.host), scope).code})`
  const solid = type.kind === 'string' && type.end !== undefined ? { end: 'open' as const } : {}
  return made(`${texts}.join(${by.code})`, { kind: 'string', ...(plainItems && solid) }, [of, by])
}

function pluck(of: Value, name: string, scope: Translate): Value {
  if (name.includes('.')) throw new Untranslatable('a path of attributes is not translated')
  const type = fieldOf(itemOf(of.type), name)
  if (has(type, 'missing')) throw new Untranslatable(`not every item has ${name}`)
  const key = /^[A-Za-z_$][\w$]*$/.test(name) ? `.${name}` : `[${propertyName(name)}]`
  void scope
  return made(`${list(of)}.map((each) => each${key})`, listOfType(type), [of])
}

const map: ListFilter = (of, args, { named, scope }) => {
  const attribute = named.get('attribute')?.constant
  if (typeof attribute === 'string' && !named.has('default')) return pluck(of, attribute, scope)
  const [name, ...rest] = args
  if (typeof name?.constant !== 'string' || named.size > 0)
    throw new Untranslatable('map in this form is not translated')
  const inner = scope.value({
    type: 'filter',
    of: { type: 'given', value: each(itemOf(of.type), of.host) },
    name: name.constant.split('.').at(-1)!,
    args: { list: rest.map((value) => ({ type: 'given', value })), named: new Map() },
  })
  return made(
    `${list(of)}.map((each) => ${inner.code.startsWith('{') ? `(${inner.code})` : inner.code})`,
    listOfType(inner.type),
    [of, ...rest],
  )
}

/** `select` and its like: the items that pass a test, or whose attribute does. */
const filtering =
  (attribute: boolean, wanted: boolean): ListFilter =>
  (of, args, { scope }) => {
    const [first, ...others] = attribute ? args : [literal(''), ...args]
    if (!first) throw new Untranslatable('the name of the attribute is missing')
    const item = each(itemOf(of.type), of.host)
    const subject: Value = attribute
      ? scope.value({
          type: 'item',
          of: { type: 'given', value: item },
          key: { type: 'given', value: first },
        })
      : item
    const [name, ...rest] = others
    const test = name
      ? testOf(
          {
            type: 'test',
            of: { type: 'given', value: subject },
            name: String(name.constant),
            args: { list: rest.map((value) => ({ type: 'given', value })), named: new Map() },
          },
          scope,
        )
      : truth(subject)
    if (typeof test.constant === 'boolean')
      return test.constant === wanted ? of : made('[]', listOfType({ kind: 'never' }), [of])
    const code = wanted ? test.code : `!${within(test, level.unary)}`
    return made(`${list(of)}.filter((each) => ${code})`, of.type, [of, ...rest])
  }

const sort: ListFilter = (of, args, { named }) => {
  if (
    args.length > 0 ||
    [...named.keys()].some((key) => !['attribute', 'reverse', 'case_sensitive'].includes(key))
  )
    throw new Untranslatable('sort in this form is not translated')
  const attribute = named.get('attribute')?.constant
  const type =
    attribute === undefined ? itemOf(of.type) : fieldOf(itemOf(of.type), String(attribute))
  const [a, b] = named.get('reverse')?.constant === true ? ['b', 'a'] : ['a', 'b']
  const key = attribute === undefined ? '' : `.${String(attribute)}`
  if (only(type, 'int', 'number'))
    return made(`${list(of)}.toSorted((a, b) => ${a}${key} - ${b}${key})`, of.type, [of])
  if (!only(type, 'string'))
    throw new Untranslatable('what is sorted is not known to be texts or numbers')
  const lower = named.get('case_sensitive')?.constant === true ? '' : '.toLowerCase()'
  const [x, y] = [`${a}${key}${lower}`, `${b}${key}${lower}`]
  return made(`${list(of)}.toSorted((a, b) => (${x} < ${y} ? -1 : ${x} > ${y} ? 1 : 0))`, of.type, [
    of,
  ])
}

const unique: ListFilter = (of, args, { named }) => {
  if (args.length > 0 || named.size > 0)
    throw new Untranslatable('unique in this form is not translated')
  const type = itemOf(of.type)
  if (only(type, 'int', 'number', 'never')) return made(`[...new Set(${of.code})]`, of.type, [of])
  if (!only(type, 'string'))
    throw new Untranslatable('what is to be unique is not known to be texts or numbers')
  // Jinja2 takes texts that differ only in their case for the same.
  const code = `${list(of)}.filter((each, i, all) => all.findIndex((one) => one.toLowerCase() === each.toLowerCase()) === i)`
  return made(code, of.type, [of])
}

const length: ListFilter = (of) => {
  if (only(of.type, 'list')) return made(`${list(of)}.length`, int, [of])
  if (only(of.type, 'dict')) return made(`Object.keys(${of.code}).length`, int, [of])
  if (only(of.type, 'string')) return made(`[...${within(of, level.last)}].length`, int, [of])
  throw new Untranslatable('what has a length is not known')
}

const end =
  (at: 'first' | 'last'): ListFilter =>
  (of, _args, { scope }) => {
    const sure = scope.language === 'typescript' ? '!' : ''
    const type = only(of.type, 'string') ? text : itemOf(of.type)
    if (!only(of.type, 'string', 'list'))
      throw new Untranslatable(`what has a ${at} item is not known`)
    return made(`${within(of, level.last)}${at === 'first' ? '[0]' : '.at(-1)'}${sure}`, type, [of])
  }

const reverse: ListFilter = (of) =>
  only(of.type, 'string')
    ? made(`[...${within(of, level.last)}].reverse().join('')`, text, [of])
    : made(`${list(of)}.toReversed()`, of.type, [of])

const toList: ListFilter = (of) => {
  if (only(of.type, 'list')) return of
  if (only(of.type, 'dict')) return made(`Object.keys(${of.code})`, listOfType(word), [of])
  throw new Untranslatable('what a list is made of is not known')
}

const flatten: ListFilter = (of, args, { named }) => {
  const inner = itemOf(of.type)
  if (args.length > 0 || named.size > 0 || (has(inner, 'list') && has(itemOf(inner), 'list')))
    throw new Untranslatable('flatten of lists in lists in lists is not translated')
  const type = union([itemOf(inner), without(inner, 'list')])
  return made(`${list(of)}.flat()`, listOfType(type), [of])
}

/** Operations on two lists as sets; the first one keeps its order. */
const sets =
  (code: (a: string, b: string) => string): ListFilter =>
  (of, [other]) => {
    if (!other || !only(union([itemOf(of.type), itemOf(other.type)]), 'string', 'int', 'never'))
      throw new Untranslatable('only lists of texts or numbers are translated as sets')
    return made(`[...new Set(${code(list(of), list(other))})]`, union([of.type, other.type]), [
      of,
      other,
    ])
  }

const extreme =
  (name: 'min' | 'max'): ListFilter =>
  (of) => {
    if (!only(itemOf(of.type), 'int', 'number'))
      throw new Untranslatable(`${name} of what is not known to be numbers`)
    return made(`Math.${name}(...${list(of)})`, itemOf(of.type), [of])
  }

const sum: ListFilter = (of, args, { named, scope }) => {
  const attribute = named.get('attribute')?.constant ?? args[0]?.constant
  const from = attribute === undefined ? of : pluck(of, String(attribute), scope)
  if (!only(itemOf(from.type), 'int'))
    throw new Untranslatable('sum of what is not known to be whole numbers')
  return made(`${list(from)}.reduce((sum, each) => sum + each, 0)`, int, [of])
}

export const listFilters: ListFilters = {
  join,
  map,
  select: filtering(false, true),
  reject: filtering(false, false),
  selectattr: filtering(true, true),
  rejectattr: filtering(true, false),
  sort,
  unique,
  length,
  count: length,
  first: end('first'),
  last: end('last'),
  reverse,
  list: toList,
  flatten,
  union: sets((a, b) => `[...${a}, ...${b}]`),
  difference: sets((a, b) => `${a}.filter((each) => !${b}.includes(each))`),
  intersect: sets((a, b) => `${a}.filter((each) => ${b}.includes(each))`),
  min: extreme('min'),
  max: extreme('max'),
  sum,
}
