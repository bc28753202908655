import type { Part } from './jinja-template.ts'
import { type Type, alternatives } from './types.ts'

/** Whether a rendered text ends with a newline. */
export type Ending = 'yes' | 'no' | 'unknown'

/** How what the parts render ends, after a text that ends as `before` says. */
export function endingOf(
  parts: readonly Part[],
  typeOf: (part: Part & { type: 'output' }) => Type,
  before: Ending = 'no',
): Ending {
  let ending = before
  for (const part of parts) {
    if (part.type === 'text' && part.text !== '') ending = part.text.endsWith('\n') ? 'yes' : 'no'
    else if (part.type === 'output') ending = after(typeOf(part), ending)
    else if (part.type === 'if') {
      const all = part.branches.map(({ body }) => endingOf(body, typeOf, ending))
      if (part.branches.at(-1)!.test) all.push(ending)
      ending = common(all)
    } else if (part.type === 'for') {
      const once = endingOf(part.body, typeOf, ending)
      ending = common([
        once,
        endingOf(part.body, typeOf, once),
        endingOf(part.otherwise, typeOf, ending),
      ])
    }
  }
  return ending
}

const common = (all: readonly Ending[]): Ending =>
  all.every((each) => each === all[0]) ? all[0]! : 'unknown'

function after(type: Type, before: Ending): Ending {
  return common(
    alternatives(type).map((each): Ending => {
      if (
        each.kind === 'secret' ||
        each.kind === 'int' ||
        each.kind === 'number' ||
        each.kind === 'bool'
      )
        return 'no'
      if (each.kind === 'none') return before
      if (each.kind !== 'string') return 'unknown'
      if (each.end === 'solid') return 'no'
      return each.end === 'open' && before === 'no' ? 'no' : 'unknown'
    }),
  )
}
