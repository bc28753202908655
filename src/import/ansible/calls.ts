import { type Translate, type Value, level, literal, made, within } from './value.ts'
import { filters } from './filters.ts'
import { itemFrom } from './items.ts'
import type { Arguments, Expression } from './jinja-expression.ts'
import { Untranslatable } from './jinja-lexer.ts'
import {
  bool,
  int,
  listOfType,
  only,
  text,
  union,
  valueOf as valuesOf,
  without,
  word,
} from './types.ts'

/** A function or a method that is called. */
export function callOf(of: Expression, args: Arguments, scope: Translate): Value {
  if (args.named.size > 0) throw new Untranslatable('a call with named arguments is not translated')
  const list = args.list.map((each) => scope.value(each))
  if (of.type === 'name') {
    if (of.name === 'range' && list.every((each) => only(each.type, 'int'))) return range(list)
    const found = scope.call?.(of.name, list)
    if (found) return found
    throw new Untranslatable(`the function ${of.name} is not translated`)
  }
  if (of.type === 'item' && of.key.type === 'literal')
    return method(scope.value(of.of), String(of.key.value), list, scope)
  throw new Untranslatable('a call of a computed function is not translated')
}

function range(args: readonly Value[]): Value {
  const [first = literal(0), second, step] = args
  if (step) throw new Untranslatable('range with a step is not translated')
  const [from, to] = second ? [first, second] : [literal(0), first]
  const length =
    from.constant === 0 ? to.code : `Math.max(0, ${to.code} - ${within(from, level.times)})`
  const start = from.constant === 0 ? 'i' : `${within(from, level.add)} + i`
  return made(`Array.from({ length: ${length} }, (_, i) => ${start})`, listOfType(int), args)
}

const asFilter: Readonly<Record<string, string>> = {
  lower: 'lower',
  upper: 'upper',
  strip: 'trim',
  capitalize: 'capitalize',
  replace: 'replace',
  split: 'split',
  splitlines: 'splitlines',
}

function method(of: Value, name: string, args: readonly Value[], scope: Translate): Value {
  const base = within(of, level.last)
  if (only(of.type, 'dict')) {
    if (name === 'keys') return made(`Object.keys(${of.code})`, listOfType(word), [of])
    if (name === 'values')
      return made(`Object.values(${of.code})`, listOfType(valuesOf(of.type)), [of])
    const [key, instead = literal(null)] = args
    if (name === 'get' && key) {
      const found = itemFrom(of, key, scope)
      if (found.present === undefined && typeof key.constant === 'string')
        return only(found.type, 'missing') ? instead : found
      if (typeof key.constant !== 'string')
        throw new Untranslatable('get() with a computed key is not translated')
      const type = union([without(found.type, 'missing'), instead.type])
      return made(
        `${within({ ...found, code: found.present!, level: level.equal }, level.choice + 1)} ? ${found.code} : ${instead.code}`,
        type,
        [of, instead],
        level.choice,
      )
    }
  }
  if (only(of.type, 'string')) {
    const filter = asFilter[name]
    if (filter && !(name === 'strip' && args.length > 0))
      return filters[filter]!(of, args, { named: new Map(), scope })
    const [first] = args
    if ((name === 'startswith' || name === 'endswith') && first && only(first.type, 'string'))
      return made(
        `${base}.${name === 'startswith' ? 'startsWith' : 'endsWith'}(${first.code})`,
        bool,
        [of, first],
      )
    if (name === 'join' && first && only(first.type, 'list'))
      return filters['join']!(first, [of], { named: new Map(), scope })
    if (name === 'rstrip' && args.length === 0) return made(`${base}.trimEnd()`, text, [of])
    if (name === 'lstrip' && args.length === 0) return made(`${base}.trimStart()`, text, [of])
  }
  throw new Untranslatable(`the method ${name}() is not translated`)
}
