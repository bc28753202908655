import { parseExpression } from './jinja-expression.ts'
import { Untranslatable } from './jinja-lexer.ts'
import { type Part, parseTemplate } from './jinja-template.ts'
import { endingOf } from './template-end.ts'
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

/** Whether a text is a template at all. */
export const isTemplate = (text: string): boolean => /\{[{%#]/.test(text)

/** A text of YAML as a value: `"{{ users }}"` alone is what it names, all else is a text. */
export function valueOfText(text: string, scope: Translate): Value {
  if (!isTemplate(text)) return literal(text)
  const { parts, newlines } = parseTemplate(text)
  const [only] = parts
  if (parts.length === 1 && newlines === 0 && only?.type === 'output')
    return scope.value(only.value)
  return textOfParts(parts, newlines, scope)
}

/** A text of YAML as a text. */
export function textOfText(text: string, scope: Translate): Value {
  if (!isTemplate(text)) return literal(text)
  const { parts, newlines } = parseTemplate(text)
  return textOfParts(parts, newlines, scope)
}

function textOfParts(parts: readonly Part[], newlines: number, scope: Translate): Value {
  const values = new Map<Part, Value>()
  const pieces = parts.flatMap((part): (string | Value)[] => {
    if (part.type === 'text') return [part.text]
    if (part.type === 'break') return []
    const value = partOf(part, scope)
    values.set(part, value)
    return [value]
  })
  if (newlines > 0) {
    const text = parts.at(-1)
    const how = endingOf(parts, (part) => values.get(part)!.type)
    if (newlines === 1 && how === 'no') pieces.push('\n')
    else if (text?.type === 'text' && text.text.trimEnd() !== '') pieces.push('\n')
    else if (!(newlines === 1 && how === 'yes')) pieces.push(padding(pieces, newlines, scope))
  }
  return joined(pieces, scope)
}

/** The newline that Ansible puts back, unless the value ends with one itself. */
function padding(pieces: readonly (string | Value)[], newlines: number, scope: Translate): Value {
  const [only] = pieces
  if (pieces.length !== 1 || typeof only !== 'object' || newlines !== 1)
    throw new Untranslatable('how many newlines it ends with is not known')
  const text = printed(only, scope)
  return made(
    `${within(text, level.last)}.endsWith('\\n') ? '' : '\\n'`,
    { kind: 'string' },
    [text],
    level.choice,
  )
}

function partOf(part: Exclude<Part, { type: 'text' | 'break' }>, scope: Translate): Value {
  if (part.type === 'output') {
    const value = scope.value(part.value)
    return value.constant === undefined ? printed(value, scope) : value
  }
  if (part.type !== 'if') throw new Untranslatable(`{% ${part.type} %} in a text is not translated`)
  let found: Value = literal('')
  for (const { test, body } of part.branches.toReversed()) {
    const text = textOfParts(body, 0, scope)
    const condition = test ? scope.condition(test) : literal(true)
    if (condition.constant === true) found = text
    else if (condition.constant !== false)
      found = made(
        `${within(condition, level.choice + 1)} ? ${within(text, level.choice + 1)} : ${within(found, level.choice)}`,
        { kind: 'string' },
        [condition, text, found],
        level.choice,
      )
  }
  return found
}

/** A condition as Ansible takes it: an expression without braces, a boolean, or a list that all must be true. */
export function conditionOfText(text: string, scope: Translate): Value {
  const bare = /^\s*\{\{([^]*)\}\}\s*$/.exec(text)?.[1] ?? text
  return scope.condition(parseExpression(bare))
}
