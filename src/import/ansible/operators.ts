import {
  type Translate,
  type Value,
  joined,
  level,
  literal,
  made,
  printed,
  within,
} from './value.ts'
import type { Expression } from './jinja-expression.ts'
import { Untranslatable } from './jinja-lexer.ts'
import { type Type, alternatives, bool, int, itemOf, only, text, union } from './types.ts'

type Binary = Expression & { type: 'binary' }

/** `left sign right`. */
export function binary(expression: Binary, scope: Translate): Value {
  const { sign } = expression
  if (sign === 'and' || sign === 'or') return logical(expression, scope)
  const special = distribution(expression, scope) ?? groupMember(expression, scope)
  if (special) return special
  const left = scope.value(expression.left)
  const right = scope.value(expression.right)
  if (sign === '==' || sign === '!=') return equality(left, right, sign === '!=')
  if (sign === 'in' || sign === 'not in') return membership(left, right, sign === 'not in')
  if (sign === '~') return joined([printed(left, scope), printed(right, scope)], scope)
  if (sign === '<' || sign === '>' || sign === '<=' || sign === '>=')
    return order(left, right, sign)
  return arithmetic(left, right, sign)
}

function logical({ sign, left, right }: Binary, scope: Translate): Value {
  const at = sign === 'and' ? level.and : level.or
  const first = scope.condition(left)
  if (first.constant === (sign === 'or')) return scope.value(left)
  if (first.constant !== undefined) return scope.value(right)
  const [a, b] = [scope.value(left), scope.value(right)]
  const plain = only(union([a.type, b.type]), 'string', 'int', 'number', 'none')
  const [one, other] = plain ? [a, b] : [first, scope.condition(right)]
  if (!plain && other.constant === (sign === 'and')) return one
  if (!plain && other.constant !== undefined) return other
  const code = `${within(one, at)} ${sign === 'and' ? '&&' : '||'} ${within(other, at + 1)}`
  return made(code, plain ? union([a.type, b.type]) : bool, [one, other], at)
}

const primitive = ['string', 'int', 'number', 'float', 'bool', 'none', 'missing'] as const

function equality(left: Value, right: Value, negative: boolean): Value {
  if (left.constant !== undefined && right.constant !== undefined)
    return literal((left.constant === right.constant) !== negative)
  if (!only(left.type, ...primitive) || !only(right.type, ...primitive))
    throw new Untranslatable('lists, dicts or secrets are compared')
  const kinds = (type: Type): string[] =>
    alternatives(type).map(({ kind }) =>
      kind === 'int' || kind === 'number' || kind === 'float' ? 'number' : kind,
    )
  const shared = kinds(left.type).some((each) => kinds(right.type).includes(each))
  const [one, other] = [kinds(left.type), kinds(right.type)]
  if (
    one.includes('bool') !== other.includes('bool') &&
    (one.includes('number') || other.includes('number'))
  )
    throw new Untranslatable('a boolean is compared with a number')
  if (!shared) return literal(negative)
  left.widen?.()
  right.widen?.()
  const at = level.equal
  return made(
    `${within(left, at + 1)} ${negative ? '!==' : '==='} ${within(right, at + 1)}`,
    bool,
    [left, right],
    at,
  )
}

function membership(left: Value, right: Value, negative: boolean): Value {
  const from = [left, right]
  const not = negative ? '!' : ''
  const at = negative ? level.unary : level.last
  if (only(right.type, 'list') && only(left.type, ...primitive)) {
    const items = constants(right)
    if (left.constant !== undefined && items)
      return literal(items.includes(left.constant) !== negative)
    const shared = alternatives(itemOf(right.type)).some((each) =>
      only(left.type, each.kind, 'missing'),
    )
    if (!shared && itemOf(right.type).kind !== 'never')
      throw new Untranslatable('the list holds things of another type')
    left.widen?.()
    return made(`${not}${within(right, level.last)}.includes(${left.code})`, bool, from, at)
  }
  if (only(right.type, 'string') && only(left.type, 'string'))
    return made(`${not}${within(right, level.last)}.includes(${left.code})`, bool, from, at)
  if (only(right.type, 'dict') && only(left.type, 'string')) {
    const known =
      right.type.kind === 'dict' && typeof left.constant === 'string'
        ? right.type.fields.get(left.constant)
        : undefined
    if (known && only(known, 'missing')) return literal(negative)
    return made(`${not}Object.hasOwn(${right.code}, ${left.code})`, bool, from, at)
  }
  throw new Untranslatable('what is looked for, or where, is not known')
}

/** The items of a list of literals. */
function constants({ code }: Value): unknown[] | undefined {
  if (!/^\[(?:'[^'\\]*'(?:, )?)*\]$/.test(code)) return undefined
  return [...code.matchAll(/'([^']*)'/g)].map(([, each]) => each)
}

function order(left: Value, right: Value, sign: string): Value {
  const numbers =
    only(left.type, 'int', 'number', 'float') && only(right.type, 'int', 'number', 'float')
  if (!numbers && !(only(left.type, 'string') && only(right.type, 'string')))
    throw new Untranslatable('what is compared is not known to be two numbers or two texts')
  left.widen?.()
  const at = level.compare
  return made(`${within(left, at)} ${sign} ${within(right, at + 1)}`, bool, [left, right], at)
}

function arithmetic(left: Value, right: Value, sign: string): Value {
  const from = [left, right]
  if (sign === '+' && only(left.type, 'list') && only(right.type, 'list'))
    return made(
      `[...${within(left, level.last)}, ...${within(right, level.last)}]`,
      union([left.type, right.type]),
      from,
    )
  if (sign === '+' && only(left.type, 'string') && only(right.type, 'string'))
    return made(`${within(left, level.add)} + ${within(right, level.times)}`, text, from, level.add)
  if (sign === '*' && only(left.type, 'string') && only(right.type, 'int'))
    return made(`${within(left, level.last)}.repeat(${right.code})`, text, from)
  const whole = only(left.type, 'int') && only(right.type, 'int')
  if (
    !whole &&
    !(only(left.type, 'int', 'number', 'float') && only(right.type, 'int', 'number', 'float'))
  )
    throw new Untranslatable(`${sign} between values whose types are not known`)
  const type: Type = whole && sign !== '/' ? int : { kind: 'float' }
  const at = sign === '+' || sign === '-' ? level.add : level.times
  if (sign === '//')
    return made(
      `Math.floor(${within(left, level.times)} / ${within(right, level.times + 1)})`,
      type,
      from,
    )
  if (sign === '**') {
    if (!(typeof right.constant === 'number' && right.constant >= 0))
      throw new Untranslatable('** with an unknown exponent')
    return made(
      `${within(left, level.last)} ** ${within(right, level.last)}`,
      type,
      from,
      level.times,
    )
  }
  if (sign === '%') {
    if (!(typeof right.constant === 'number' && right.constant > 0))
      throw new Untranslatable('% by what is not a positive number')
    const rest = `${within(left, level.times)} % ${right.code}`
    // Python's remainder is never negative here, JavaScript's is for negative numbers.
    return made(`(${rest} + ${right.code}) % ${right.code}`, type, from, level.times)
  }
  return made(`${within(left, at)} ${sign} ${within(right, at + 1)}`, type, from, at)
}

/** Ansible writes Debian and Ubuntu with a capital letter, os-release(5) does not. */
function distribution({ sign, left, right }: Binary, scope: Translate): Value | undefined {
  const fact =
    (left.type === 'name' && left.name === 'ansible_distribution') ||
    (left.type === 'item' &&
      left.of.type === 'name' &&
      left.of.name === 'ansible_facts' &&
      left.key.type === 'literal' &&
      left.key.value === 'distribution')
  if (!fact) return undefined
  const id = scope.look('fettle os id')!
  const lower = (each: Expression): Expression =>
    each.type === 'literal' ? { type: 'literal', value: String(each.value).toLowerCase() } : each
  if ((sign === '==' || sign === '!=') && right.type === 'literal')
    return equality(id, scope.value(lower(right)), sign === '!=')
  if ((sign === 'in' || sign === 'not in') && right.type === 'list')
    return membership(
      id,
      scope.value({ type: 'list', items: right.items.map(lower) }),
      sign === 'not in',
    )
  return undefined
}

/** `'web' in group_names`. */
function groupMember({ sign, left, right }: Binary, scope: Translate): Value | undefined {
  if (right.type !== 'name' || right.name !== 'group_names' || left.type !== 'literal')
    return undefined
  if (sign !== 'in' && sign !== 'not in') return undefined
  const groups = scope.look('groups')
  const host = scope.look('inventory_hostname')
  if (!groups || !host) return undefined
  const members = scope.value({ type: 'item', of: { type: 'name', name: 'groups' }, key: left })
  if (only(members.type, 'missing')) return literal(sign === 'not in')
  return membership(host, members, sign === 'not in')
}
