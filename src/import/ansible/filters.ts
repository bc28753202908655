import { textLiteral } from './code.ts'
import { entriesOf } from './items.ts'
import { Untranslatable } from './jinja-lexer.ts'
import { type ListFilters, listFilters } from './list-filters.ts'
import { regularExpression } from './tests.ts'
import {
  type Type,
  bool,
  int,
  itemOf,
  listOfType,
  only,
  text,
  typeOfText,
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
  omitted,
  printed,
  truth,
  within,
} from './value.ts'

/** What a filter is given beside its value. */
export interface Given {
  readonly named: ReadonlyMap<string, Value>
  readonly scope: Translate
}

export type Filter = (of: Value, args: readonly Value[], given: Given) => Value

/** A filter that makes a text of a text with a method, and can be worked out where the text is known. */
const method =
  (code: string, work: (value: string) => string, type: Type = text): Filter =>
  (of, args, { scope }) => {
    nothingMore(args)
    const value = printed(of, scope)
    if (typeof value.constant === 'string') return literal(work(value.constant))
    plain(value)
    return made(`${textBase(value)}${code}`, type, [of])
  }

/** The text as what a method can be called on. */
const textBase = (value: Value): string =>
  only(value.type, 'string') ? within(value, level.last) : `String(${value.code})`

function plain(value: Value): void {
  if (only(value.type, 'secret'))
    throw new Untranslatable('a secret is changed by a filter', "use the secret's map() for it")
}

function nothingMore(args: readonly Value[]): void {
  if (args.length > 0) throw new Untranslatable('the filter has arguments that are not translated')
}

const capitalized = (value: string): string =>
  value.slice(0, 1).toUpperCase() + value.slice(1).toLowerCase()

const replace: Filter = (of, args, { scope }) => {
  const [from, to] = args
  if (!from || !to || args.length > 2)
    throw new Untranslatable('replace with a count is not translated')
  const value = printed(of, scope)
  plain(value)
  if (!only(from.type, 'string') || !only(to.type, 'string'))
    throw new Untranslatable('what replace puts in is not known')
  // In JavaScript a `$` in the replacement has a meaning.
  const by =
    typeof to.constant === 'string' && !to.constant.includes('$') ? to.code : `() => ${to.code}`
  return made(`${textBase(value)}.replaceAll(${from.code}, ${by})`, text, [of, from, to])
}

const regexReplace: Filter = (of, args, { scope, named }) => {
  const [pattern, by = named.get('replacement') ?? literal('')] = args
  if (
    typeof pattern?.constant !== 'string' ||
    typeof by.constant !== 'string' ||
    args.length > 2 ||
    [...named.keys()].some((each) => each !== 'replacement')
  )
    throw new Untranslatable('regex_replace with computed parts is not translated')
  const replacement = by.constant.replaceAll('$', '$$$$').replace(/\\(?:g<(\d)>|(\d))/g, '$$$1$2')
  const value = printed(of, scope)
  plain(value)
  const code = `${textBase(value)}.replace(${regularExpression(pattern.constant, 'g')}, ${textLiteral(replacement)})`
  return made(code, text, [of])
}

const toInt: Filter = (of, args, { scope }) => {
  if (args.length > 1 || (args[0] && args[0].constant !== 0))
    throw new Untranslatable('int with another default is not translated')
  if (only(of.type, 'int')) return of
  if (only(of.type, 'float', 'number')) return made(`Math.trunc(${of.code})`, int, [of])
  if (only(of.type, 'bool')) return made(`Number(${of.code})`, int, [of])
  if (!only(without(of.type, 'missing'), 'string', 'int'))
    throw new Untranslatable('what int is made of is not known')
  return made(`Math.trunc(Number(${printed(of, scope).code}) || 0)`, int, [of])
}

const toBool: Filter = (of, args) => {
  nothingMore(args)
  if (only(of.type, 'bool')) return of
  if (typeof of.constant === 'string')
    return literal(['yes', 'on', '1', 'true'].includes(of.constant.toLowerCase()))
  if (only(of.type, 'string'))
    return made(
      `['yes', 'on', '1', 'true'].includes(${within(of, level.last)}.toLowerCase())`,
      bool,
      [of],
    )
  if (only(of.type, 'int'))
    return made(`${within(of, level.equal + 1)} === 1`, bool, [of], level.equal)
  throw new Untranslatable('what bool is made of is not known')
}

const toJson: Filter = (of, args, { named }) => {
  nothingMore(args)
  if (named.size > 0) throw new Untranslatable('to_json with arguments is not translated')
  const flat = (type: Type): boolean =>
    only(type, 'int', 'bool', 'none') || (type.kind === 'string' && type.ascii === true)
  if (flat(of.type)) return made(`JSON.stringify(${of.code})`, word, [of])
  if (only(of.type, 'list') && flat(itemOf(of.type)))
    return made(
      `\`[\${${within(of, level.last)}.map((each) => JSON.stringify(each)).join(', ')}]\``,
      word,
      [of],
    )
  throw new Untranslatable(
    "to_json of this value has Python's blanks",
    'JSON.stringify writes the same data',
  )
}

const toNiceJson: Filter = (of, args, { named }) => {
  nothingMore(args)
  const indent = named.get('indent')?.constant ?? 4
  const sorted = (type: Type): boolean =>
    type.kind === 'dict'
      ? [...type.fields.keys()].every(
          (key, i, all) => (i === 0 || all[i - 1]! < key) && !/^\d/.test(key),
        ) && [...type.fields.values()].every(sorted)
      : type.kind === 'list'
        ? sorted(type.of)
        : type.kind === 'string'
          ? type.ascii === true
          : only(type, 'int', 'bool', 'none')
  if (!sorted(of.type) || [...named.keys()].some((each) => each !== 'indent'))
    throw new Untranslatable(
      'to_nice_json sorts the keys',
      'JSON.stringify(..., null, 4) writes the same data',
    )
  return made(`JSON.stringify(${of.code}, null, ${indent})`, { kind: 'string', end: 'solid' }, [of])
}

const quote: Filter = (of, _args, { scope }) => {
  const value = printed(of, scope)
  plain(value)
  const given = textBase(value)
  const quoted = `"'" + ${given}.replaceAll("'", ${textLiteral(`'"'"'`)}) + "'"`
  return made(
    `/^[\\w@%+=:,./-]+$/.test(${value.code}) ? ${value.code} : ${quoted}`,
    { kind: 'string', end: 'solid' },
    [of],
    level.choice,
  )
}

const b64encode: Filter = (of, args, { scope }) => {
  nothingMore(args)
  const value = printed(of, scope)
  plain(value)
  if (scope.language === 'eta')
    return made(`Buffer.from(${value.code}).toString('base64')`, word, [of])
  if (value.type.kind !== 'string' || !value.type.ascii)
    throw new Untranslatable('b64encode of a text that may not be ASCII')
  return made(`btoa(${value.code})`, word, [of])
}

const ternary: Filter = (of, args) => {
  const [yes, no] = args
  if (!yes || !no || args.length > 2)
    throw new Untranslatable('ternary with three answers is not translated')
  const test = truth(of)
  if (test.constant !== undefined) return test.constant ? yes : no
  const code = `${within(test, level.choice + 1)} ? ${within(yes, level.choice + 1)} : ${within(no, level.choice)}`
  const type =
    yes === omitted || no === omitted
      ? union([without(yes.type, 'missing'), without(no.type, 'missing'), omitted.type])
      : union([yes.type, no.type])
  return made(code, type, [test, yes, no], level.choice)
}

const split: Filter = (of, args, { scope }) => {
  const [by] = args
  if (args.length > 1) throw new Untranslatable('split with a limit is not translated')
  const value = printed(of, scope)
  plain(value)
  if (!by)
    return made(
      `${textBase(value)}.split(/\\s+/).filter((each) => each !== '')`,
      listOfType({ kind: 'string', end: 'solid' }),
      [of],
    )
  return made(`${textBase(value)}.split(${by.code})`, listOfType(text), [of, by])
}

const indent: Filter = (of, args, { scope, named }) => {
  const [size = named.get('width') ?? literal(4), first = named.get('first')] = args
  if (
    typeof size.constant !== 'number' ||
    args.length > 2 ||
    [...named.keys()].some((each) => each !== 'width' && each !== 'first')
  )
    throw new Untranslatable('indent by what is not a number is not translated')
  const pad = textLiteral(' '.repeat(size.constant))
  const value = printed(of, scope)
  plain(value)
  const test = first?.constant === true ? "line !== ''" : "i > 0 && line !== ''"
  return made(
    `${textBase(value)}.split('\\n').map((line, i) => (${test} ? ${pad} + line : line)).join('\\n')`,
    text,
    [of],
  )
}

const dictToItems: Filter = (of, args, given) => {
  nothingMore(args)
  const entries = entriesOf(of)
  const [key, value] = ['key_name', 'value_name'].map((each) => given.named.get(each)?.constant)
  if (key !== undefined || value !== undefined)
    throw new Untranslatable('dict2items with other names is not translated')
  const type: Type = {
    kind: 'dict',
    fields: new Map([
      ['key', word],
      ['value', itemOf(entries.type)],
    ]),
  }
  return made(`${entries.code}.map(([key, value]) => ({ key, value }))`, listOfType(type), [of])
}

const combine: Filter = (of, args, { named }) => {
  if (named.size > 0) throw new Untranslatable('combine with settings is not translated')
  const all = [of, ...args]
  if (!all.every((each) => each.type.kind === 'dict'))
    throw new Untranslatable('combine of what is not known to be dicts')
  const fields = new Map(
    all.flatMap((each) => (each.type.kind === 'dict' ? [...each.type.fields] : [])),
  )
  return made(
    `{ ${all.map((each) => `...${within(each, level.last)}`).join(', ')} }`,
    { kind: 'dict', fields },
    all,
    level.choice,
  )
}

const same: Filter = (of) => of

/** The filters that are translated, by name. */
export const filters: Readonly<Record<string, Filter>> = {
  ...(listFilters as ListFilters),
  lower: method('.toLowerCase()', (value) => value.toLowerCase()),
  upper: method('.toUpperCase()', (value) => value.toUpperCase()),
  trim: method('.trim()', (value) => value.trim(), { kind: 'string', end: 'open' }),
  basename: method(".split('/').at(-1)!", (value) => value.split('/').at(-1)!),
  capitalize: (of, args, given) => {
    nothingMore(args)
    const value = printed(of, given.scope)
    if (typeof value.constant === 'string') return literal(capitalized(value.constant))
    const base = textBase(value)
    plain(value)
    return made(
      `${base}.slice(0, 1).toUpperCase() + ${base}.slice(1).toLowerCase()`,
      text,
      [of],
      level.add,
    )
  },
  splitlines: method(".split('\\n')", (value) => value, listOfType(text)),
  replace,
  regex_replace: regexReplace,
  int: toInt,
  bool: toBool,
  string: (of, _args, { scope }) => {
    const value = printed(of, scope)
    return only(value.type, 'string') ? value : made(`String(${value.code})`, typeOfText('1'), [of])
  },
  to_json: toJson,
  to_nice_json: toNiceJson,
  quote,
  b64encode,
  ternary,
  split,
  indent,
  dict2items: dictToItems,
  combine,
  mandatory: same,
  abs: (of) => made(`Math.abs(${of.code})`, of.type, [of]),
}
