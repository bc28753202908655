import { type Type, bool, int } from './types.ts'
import { type Value, level } from './value.ts'

/** `loop` inside of a loop over `items`, whose place is counted in `index`. */
export function loopVariable(index: string, items: string): Value {
  const fields: readonly (readonly [string, Type])[] = [
    ['index', int],
    ['index0', int],
    ['revindex', int],
    ['revindex0', int],
    ['length', int],
    ['first', bool],
    ['last', bool],
  ]
  // Its parts are no fields of anything: `loopPart` writes them.
  return {
    code: `${loopMark}${index}|${items}`,
    level: level.last,
    type: { kind: 'dict', fields: new Map(fields) },
    host: true,
  }
}

const loopMark = '\u0001'

/** A part of `loop` as JavaScript writes it; undefined for all other values. */
export function loopPart(
  { code }: Value,
  name: string,
): { code: string; level: number } | undefined {
  if (!code.startsWith(loopMark)) return undefined
  const [index = '', items = ''] = code.slice(1).split('|')
  switch (name) {
    case 'index':
      return { code: `${index} + 1`, level: level.add }
    case 'revindex':
      return { code: `${items}.length - ${index}`, level: level.add }
    case 'revindex0':
      return { code: `${items}.length - ${index} - 1`, level: level.add }
    case 'length':
      return { code: `${items}.length`, level: level.last }
    case 'first':
      return { code: `${index} === 0`, level: level.equal }
    case 'last':
      return { code: `${index} === ${items}.length - 1`, level: level.equal }
    default:
      return { code: index, level: level.last }
  }
}
