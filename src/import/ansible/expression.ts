import { callOf } from './calls.ts'
import { textLiteral } from './code.ts'
import { filters } from './filters.ts'
import { itemFrom } from './items.ts'
import type { Arguments, Expression } from './jinja-expression.ts'
import { Untranslatable } from './jinja-lexer.ts'
import { binary } from './operators.ts'
import { testOf } from './tests.ts'
import { type Type, bool, has, only, union, without } from './types.ts'
import {
  type Scope,
  type Translate,
  type Value,
  level,
  literal,
  made,
  negated,
  omitted,
  truth,
  within,
} from './value.ts'

/** What translates expressions to JavaScript that has the same value, with the names of a scope. */
export function translator(scope: Scope): Translate {
  const made: Translate = {
    language: scope.language,
    look: (name) => scope.look(name),
    ...(scope.call && { call: (name: string, args: readonly Value[]) => scope.call?.(name, args) }),
    value: (expression) => valueOf(expression, made),
    condition: (expression) => truth(valueOf(expression, made)),
    presence: (expression) => presenceOf(expression, made),
  }
  return made
}

function valueOf(expression: Expression, scope: Translate): Value {
  switch (expression.type) {
    case 'literal':
      return expression.text?.includes('.') && Number.isInteger(expression.value)
        ? { ...literal(expression.value), type: { kind: 'float' } }
        : literal(expression.value)
    case 'name':
      return nameOf(expression.name, scope)
    case 'item':
      return itemFrom(scope.value(expression.of), scope.value(expression.key), scope)
    case 'slice':
      return slice(expression, scope)
    case 'call':
      return callOf(expression.of, expression.args, scope)
    case 'filter':
      return filtered(expression, scope)
    case 'test':
      return testOf(expression, scope)
    case 'not':
      return negated(scope.condition(expression.of))
    case 'negative': {
      const of = scope.value(expression.of)
      if (typeof of.constant === 'number') return literal(-of.constant)
      return made(`-${within(of, level.unary)}`, of.type, [of], level.unary)
    }
    case 'binary':
      return binary(expression, scope)
    case 'choice':
      return choice(expression, scope)
    case 'list': {
      const items = expression.items.map((each) => scope.value(each))
      const type: Type = { kind: 'list', of: union(items.map((each) => each.type)) }
      return made(`[${items.map((each) => within(each, level.choice)).join(', ')}]`, type, items)
    }
    case 'given':
      return expression.value as Value
    case 'dict':
      return dict(expression, scope)
  }
}

function nameOf(name: string, scope: Translate): Value {
  if (name === 'omit') return omitted
  const found = scope.look(name)
  if (!found || only(found.type, 'missing'))
    throw new Untranslatable(`${name} is not defined in what was read`)
  return found
}

function slice({ of, bounds }: Expression & { type: 'slice' }, scope: Translate): Value {
  const list = scope.value(of)
  if (bounds.length !== 2 || !only(list.type, 'list', 'string'))
    throw new Untranslatable('a slice with a step is not translated')
  const [from, to] = bounds.map((each) => (each ? scope.value(each) : undefined))
  const args = to ? [from ?? literal(0), to] : from ? [from] : []
  const type: Type = list.type.kind === 'string' ? { kind: 'string' } : list.type
  return made(
    `${within(list, level.last)}.slice(${args.map((each) => each.code).join(', ')})`,
    type,
    [list, ...args],
  )
}

function filtered({ of, name, args }: Expression & { type: 'filter' }, scope: Translate): Value {
  if (name === 'default' || name === 'd') return defaulted(of, args, scope)
  const filter = filters[name]
  if (!filter) throw new Untranslatable(`the filter ${name} is not translated`)
  const list = args.list.map((each) => scope.value(each))
  const named = new Map([...args.named].map(([key, each]) => [key, scope.value(each)]))
  return filter(scope.value(of), list, { named, scope })
}

/** Whether the value is there: known now, or the code that finds out. */
function presenceOf(expression: Expression, scope: Translate): boolean | Value {
  if (expression.type !== 'name' && expression.type !== 'item' && expression.type !== 'given')
    return true
  if (expression.type !== 'item') {
    const found =
      expression.type === 'name' ? scope.look(expression.name) : (expression.value as Value)
    if (!found || only(found.type, 'missing')) return false
    return found.present === undefined
      ? true
      : { ...made(found.present, bool, [found], level.equal) }
  }
  const outer = scope.presence(expression.of)
  if (outer === false) return false
  const found = itemFrom(scope.value(expression.of), scope.value(expression.key), scope)
  if (only(found.type, 'missing')) return false
  if (found.present === undefined) return outer
  const own = made(found.present, bool, [found], level.equal)
  if (outer === true) return own
  return made(`${within(outer, level.and)} && ${own.code}`, bool, [outer, own], level.and)
}

function defaulted(of: Expression, args: Arguments, scope: Translate): Value {
  const other = args.list[0] ?? args.named.get('default_value')
  const empty = args.list[1] ?? args.named.get('boolean')
  const instead = other ? scope.value(other) : literal('')
  const present = scope.presence(of)
  if (present === false) return instead
  const value = scope.value(of)
  const type = union([without(value.type, 'missing'), instead.type])
  const samples = value.samples &&
    instead.constant !== undefined && [...value.samples, instead.constant]
  const known = samples ? { samples } : {}
  if (empty?.type === 'literal' && empty.value === true) {
    if (!only(value.type, 'string', 'int', 'number', 'bool', 'none', 'missing'))
      throw new Untranslatable('default(..., true) of this value is not translated')
    const found =
      present === true
        ? within(value, level.or)
        : `${within(present, level.and)} && ${within(value, level.equal)}`
    return {
      ...made(`${found} || ${within(instead, level.or + 1)}`, type, [value, instead], level.or),
      ...known,
    }
  }
  if (present === true) return value
  const simple = present.level !== level.and && !value.present?.includes(' in ')
  if (scope.language === 'typescript' && simple && !has(value.type, 'none')) {
    if (instead === omitted) return { ...value, type }
    const code = `${within(value, level.equal)} ?? ${within(instead, level.equal)}`
    return { ...made(code, type, [value, instead], level.nullish), ...known }
  }
  const code = `${within(present, level.choice + 1)} ? ${value.code} : ${within(instead, level.choice)}`
  return { ...made(code, type, [value, instead, present], level.choice), ...known }
}

function choice({ test, yes, no }: Expression & { type: 'choice' }, scope: Translate): Value {
  const condition = scope.condition(test)
  const [first, second] = [() => scope.value(yes), () => (no ? scope.value(no) : literal(''))]
  if (condition.constant === true) return first()
  if (condition.constant === false) return second()
  const [a, b] = [first(), second()]
  const code = `${within(condition, level.choice + 1)} ? ${within(a, level.choice + 1)} : ${within(b, level.choice)}`
  return made(code, union([a.type, b.type]), [condition, a, b], level.choice)
}

function dict({ pairs }: Expression & { type: 'dict' }, scope: Translate): Value {
  const fields = new Map<string, Type>()
  const values: Value[] = []
  const rows = pairs.map(([key, each]) => {
    if (key.type !== 'literal')
      throw new Untranslatable('a dict with computed keys is not translated')
    const value = scope.value(each)
    values.push(value)
    fields.set(String(key.value), value.type)
    return `${textLiteral(String(key.value))}: ${value.code}`
  })
  return made(`{ ${rows.join(', ')} }`, { kind: 'dict', fields }, values, level.choice)
}
