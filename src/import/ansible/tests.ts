import {
  type Translate,
  type Value,
  level,
  literal,
  made,
  negated,
  printed,
  within,
} from './value.ts'
import type { Expression } from './jinja-expression.ts'
import { Untranslatable } from './jinja-lexer.ts'
import { binary } from './operators.ts'
import { bool, only } from './types.ts'

const comparisons: Readonly<Record<string, string>> = {
  equalto: '==',
  eq: '==',
  '==': '==',
  ne: '!=',
  gt: '>',
  greaterthan: '>',
  ge: '>=',
  lt: '<',
  lessthan: '<',
  le: '<=',
  in: 'in',
}

/** `of is name`. */
export function testOf({ of, name, args }: Expression & { type: 'test' }, scope: Translate): Value {
  if (name === 'defined' || name === 'undefined') {
    const present = scope.presence(of)
    const value = typeof present === 'boolean' ? literal(present) : present
    return name === 'defined' ? value : negated(value)
  }
  const sign = comparisons[name]
  const [first] = args.list
  if (sign && first) return binary({ type: 'binary', sign, left: of, right: first }, scope)
  if (name === 'truthy') return scope.condition(of)
  if (name === 'falsy') return negated(scope.condition(of))
  const value = scope.value(of)
  const kind = kindTest(value, name)
  if (kind !== undefined) return literal(kind)
  return plainTest(value, name, first && scope.value(first), scope)
}

/** Tests that the type answers. */
function kindTest({ type }: Value, name: string): boolean | undefined {
  const kinds = {
    string: ['string'],
    number: ['int', 'number', 'float'],
    integer: ['int'],
    boolean: ['bool'],
    mapping: ['dict'],
    sequence: ['list', 'string', 'dict'],
    iterable: ['list', 'string', 'dict'],
  }[name] as readonly (typeof type.kind)[] | undefined
  if (!kinds) return undefined
  if (only(type, ...kinds)) return true
  const all = ['string', 'int', 'number', 'float', 'bool', 'none', 'list', 'dict'] as const
  if (only(type, ...all.filter((each) => !kinds.includes(each)))) return false
  throw new Untranslatable(`whether it is a ${name} differs`)
}

function plainTest(
  value: Value,
  name: string,
  argument: Value | undefined,
  scope: Translate,
): Value {
  if (name === 'none') {
    if (only(value.type, 'none')) return literal(true)
    value.widen?.()
    return made(`${within(value, level.equal + 1)} === null`, bool, [value], level.equal)
  }
  if ((name === 'odd' || name === 'even') && only(value.type, 'int'))
    return made(
      `${within(value, level.times)} % 2 ${name === 'odd' ? '!==' : '==='} 0`,
      bool,
      [value],
      level.equal,
    )
  if (name === 'divisibleby' && argument && only(value.type, 'int'))
    return made(
      `${within(value, level.times)} % ${within(argument, level.last)} === 0`,
      bool,
      [value, argument],
      level.equal,
    )
  if ((name === 'lower' || name === 'upper') && only(value.type, 'string'))
    return made(
      `${within(value, level.last)} === ${within(value, level.last)}.to${name === 'lower' ? 'Lower' : 'Upper'}Case()`,
      bool,
      [value],
      level.equal,
    )
  if (
    (name === 'match' || name === 'search') &&
    typeof argument?.constant === 'string' &&
    only(value.type, 'string')
  ) {
    const pattern = regularExpression(
      name === 'match' ? `^(?:${argument.constant})` : argument.constant,
    )
    return made(`${pattern}.test(${printed(value, scope).code})`, bool, [value])
  }
  throw new Untranslatable(`the test ${name} is not translated`)
}

/** A pattern of Python as one of JavaScript, where both mean the same. */
export function regularExpression(pattern: string, flags = ''): string {
  if (/\(\?[^:=!]|\\[AZzGkpPQEuU]|[*+?}]\+|\[\^?\]|\[:/.test(pattern))
    throw new Untranslatable('the regular expression uses what JavaScript writes otherwise')
  try {
    void new RegExp(pattern, flags)
  } catch {
    throw new Untranslatable('the regular expression is not one for JavaScript')
  }
  const inside = pattern.replace(/[\\']/g, '\\$&').replaceAll('\n', '\\n')
  return flags === '' ? `new RegExp('${inside}')` : `new RegExp('${inside}', '${flags}')`
}
