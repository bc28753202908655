import { entriesOf } from './items.ts'
import { Untranslatable } from './jinja-lexer.ts'
import type { Loop } from './jinja-template.ts'
import { type Type, itemOf, listOfType, only, without, word } from './types.ts'
import { type Translate, type Value, made } from './value.ts'

/** What a loop goes over, and the types of its variables. */
export interface Over {
  readonly list: Value
  readonly types: readonly Type[]
}

export function overOf({ names, over }: Loop, scope: Translate): Over {
  const pairs = pairsOf(over, scope)
  if (pairs) {
    if (names.length !== 2) throw new Untranslatable('a loop over pairs takes two names')
    return { list: pairs, types: [word, itemOf(pairs.type)] }
  }
  const value = scope.value(over)
  if (names.length === 1) {
    if (only(value.type, 'list')) return { list: value, types: [itemOf(value.type)] }
    if (only(value.type, 'dict'))
      return { list: made(`Object.keys(${value.code})`, listOfType(word), [value]), types: [word] }
  }
  const inner = itemOf(value.type)
  if (names.length > 1 && only(inner, 'list'))
    return { list: value, types: names.map(() => itemOf(inner)) }
  throw new Untranslatable('what the loop goes over is not known to be a list')
}

/** `dict.items()`, `dict | dictsort` and their like. */
function pairsOf(over: Loop['over'], scope: Translate): Value | undefined {
  if (
    over.type === 'call' &&
    over.of.type === 'item' &&
    over.of.key.type === 'literal' &&
    over.of.key.value === 'items'
  ) {
    const dict = scope.value(over.of.of)
    return only(without(dict.type, 'missing'), 'dict') ? entriesOf(dict) : undefined
  }
  if (over.type !== 'filter') return undefined
  if (over.name === 'items') return entriesOf(scope.value(over.of))
  if (over.name !== 'dictsort' || over.args.list.length + over.args.named.size > 0) return undefined
  const entries = entriesOf(scope.value(over.of))
  const compare = '(a[0].toLowerCase() < b[0].toLowerCase() ? -1 : 1)'
  return { ...entries, code: `${entries.code}.toSorted((a, b) => ${compare})` }
}
