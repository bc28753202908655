import { type Code, list, object, textLiteral } from './code.ts'
import { isTemplate, valueOfText } from './strings.ts'
import {
  type Type,
  listOfType,
  propertyName,
  secret,
  typeOfNode,
  typeOfText,
  union,
} from './types.ts'
import { type Translate, type Value, level } from './value.ts'
import type { Node } from './yaml.ts'

/** A value of YAML as code. */
export interface Data {
  readonly code: Code
  readonly type: Type
  readonly host: boolean
  readonly level: number
  /** The value itself, when no template is in it. */
  readonly samples: readonly unknown[] | undefined
}

/** Writes a value of YAML, with the templates in it. `hide` makes code of what is encrypted. */
export function dataOf(node: Node, scope: Translate, hide: (node: Node) => string): Data {
  const whole = (code: Code, type: Type, parts: readonly Data[], sample: () => unknown): Data => ({
    code,
    type,
    host: parts.some((each) => each.host),
    level: level.last,
    samples: parts.every((each) => each.samples?.length === 1) ? [sample()] : undefined,
  })
  if (node.kind === 'list') {
    const items = node.items.map((each) => dataOf(each, scope, hide))
    const type = listOfType(union(items.map((each) => each.type)))
    return whole(list(items.map((each) => each.code)), type, items, () =>
      items.map((each) => each.samples![0]),
    )
  }
  if (node.kind === 'dict') {
    const entries = [...node.entries].map(
      ([key, each]) => [key, dataOf(each, scope, hide)] as const,
    )
    const type: Type = {
      kind: 'dict',
      fields: new Map(entries.map(([key, each]) => [key, each.type])),
    }
    return whole(
      object(entries.map(([key, each]) => [propertyName(key), each.code])),
      type,
      entries.map(([, each]) => each),
      () => Object.fromEntries(entries.map(([key, each]) => [key, each.samples![0]])),
    )
  }
  if (node.tag === 'vault')
    return { code: hide(node), type: secret, host: false, level: level.last, samples: undefined }
  const { value } = node
  if (typeof value === 'string' && node.tag !== 'unsafe' && isTemplate(value))
    return fromValue(valueOfText(value, scope))
  const code = typeof value === 'string' ? textLiteral(value) : String(value)
  return {
    code,
    type: typeOfNode(node, typeOfText),
    host: false,
    level: level.last,
    samples: [value],
  }
}

function fromValue(value: Value): Data {
  const { code, type, host } = value
  const samples = value.constant !== undefined ? [value.constant] : value.samples
  return { code, type, host, level: value.level, samples }
}

/** Whether a template is anywhere in it. */
export const holdsTemplate = (node: Node): boolean =>
  node.kind === 'list'
    ? node.items.some(holdsTemplate)
    : node.kind === 'dict'
      ? [...node.entries.values()].some(holdsTemplate)
      : node.tag === undefined && typeof node.value === 'string' && isTemplate(node.value)
