import { type Node, printsOtherwise } from './yaml.ts'

/** What is known of a value before anything runs. */
export type Type =
  | Text
  | { readonly kind: 'int' | 'number' | 'float' | 'bool' | 'none' | 'missing' | 'secret' | 'never' }
  | { readonly kind: 'list'; readonly of: Type }
  | { readonly kind: 'dict'; readonly fields: ReadonlyMap<string, Type> }
  | { readonly kind: 'union'; readonly of: readonly Type[] }

/** `number` prints the same in Python and JavaScript, `float` may not. */
interface Text {
  readonly kind: 'string'
  /** `solid`: not empty, and no newline at its end. `open`: no newline at its end. */
  readonly end?: 'solid' | 'open'
  readonly ascii?: boolean
}

export const text: Type = { kind: 'string' }
export const word: Type = { kind: 'string', end: 'solid', ascii: true }
export const int: Type = { kind: 'int' }
export const bool: Type = { kind: 'bool' }
export const missing: Type = { kind: 'missing' }
export const secret: Type = { kind: 'secret' }

export const listOfType = (of: Type): Type => ({ kind: 'list', of })

/** The type of a text that is known. */
export function typeOfText(value: string): Type {
  const end = value.endsWith('\n')
    ? {}
    : { end: value === '' ? ('open' as const) : ('solid' as const) }
  // oxlint-disable-next-line no-control-regex -- ASCII is what is asked
  return { kind: 'string', ...end, ascii: /^[\x00-\x7f]*$/.test(value) }
}

/** The type of a value of YAML; `textType` knows texts, which may be templates. */
export function typeOfNode(node: Node, textType: (text: string) => Type): Type {
  if (node.kind === 'list')
    return listOfType(union(node.items.map((each) => typeOfNode(each, textType))))
  if (node.kind === 'dict')
    return {
      kind: 'dict',
      fields: new Map([...node.entries].map(([key, each]) => [key, typeOfNode(each, textType)])),
    }
  if (node.tag === 'vault') return secret
  if (node.value === null) return { kind: 'none' }
  if (typeof node.value === 'boolean') return bool
  if (typeof node.value === 'number')
    return {
      kind: printsOtherwise(node) ? 'float' : Number.isInteger(node.value) ? 'int' : 'number',
    }
  return node.tag === 'unsafe' ? typeOfText(node.value) : textType(node.value)
}

/** One type for all of them. */
export function union(all: readonly Type[]): Type {
  const flat = all.flatMap((each) => (each.kind === 'union' ? each.of : [each]))
  const found = new Map<string, Type>()
  for (const each of flat) {
    const known = found.get(each.kind)
    found.set(each.kind, known ? merge(known, each) : each)
  }
  if (found.size > 1) found.delete('never')
  const kinds = [...found.values()]
  return kinds.length === 0
    ? { kind: 'never' }
    : kinds.length === 1
      ? kinds[0]!
      : { kind: 'union', of: kinds }
}

function merge(one: Type, other: Type): Type {
  if (one.kind === 'string' && other.kind === 'string') {
    const end = one.end && other.end && (one.end === other.end ? one.end : 'open')
    return { kind: 'string', ...(end && { end }), ascii: (one.ascii && other.ascii) ?? false }
  }
  if (one.kind === 'list' && other.kind === 'list') return listOfType(union([one.of, other.of]))
  if (one.kind === 'dict' && other.kind === 'dict') {
    const keys = new Set([...one.fields.keys(), ...other.fields.keys()])
    const field = (key: string): Type =>
      union([one.fields.get(key) ?? missing, other.fields.get(key) ?? missing])
    return { kind: 'dict', fields: new Map([...keys].map((key) => [key, field(key)])) }
  }
  return one
}

/** The alternatives of a type. */
export const alternatives = (type: Type): readonly Type[] =>
  type.kind === 'union' ? type.of : [type]

export const has = (type: Type, kind: Type['kind']): boolean =>
  alternatives(type).some((each) => each.kind === kind)

export const without = (type: Type, ...kinds: readonly Type['kind'][]): Type =>
  union(alternatives(type).filter((each) => !kinds.includes(each.kind)))

/** Whether every alternative is one of these kinds. */
export const only = (type: Type, ...kinds: readonly Type['kind'][]): boolean =>
  alternatives(type).every((each) => kinds.includes(each.kind))

/** The type of a field of a dict; `missing` where it has none. */
export function fieldOf(type: Type, key: string): Type {
  return union(
    alternatives(type).map((each) =>
      each.kind === 'dict' ? (each.fields.get(key) ?? missing) : missing,
    ),
  )
}

/** The type of the items of a list. */
export const itemOf = (type: Type): Type =>
  union(alternatives(type).flatMap((each) => (each.kind === 'list' ? [each.of] : [])))

/** The type of all values of a dict. */
export const valueOf = (type: Type): Type =>
  union(
    alternatives(type).flatMap((each) => (each.kind === 'dict' ? [...each.fields.values()] : [])),
  )

const primitives: Readonly<Partial<Record<Type['kind'], string>>> = {
  string: 'string',
  int: 'number',
  number: 'number',
  float: 'number',
  bool: 'boolean',
  none: 'null',
  secret: 'Secret',
  missing: 'undefined',
  never: 'never',
}

/** The type as TypeScript writes it. */
export function written(type: Type): string {
  if (type.kind === 'list') {
    const of = written(type.of)
    return of === 'never'
      ? 'readonly string[]'
      : /^[\w.]+$/.test(of)
        ? `readonly ${of}[]`
        : `readonly (${of})[]`
  }
  if (type.kind === 'dict') {
    const rows = [...type.fields].map(([key, each]) => {
      const optional = has(each, 'missing') ? '?' : ''
      return `readonly ${propertyName(key)}${optional}: ${written(without(each, 'missing'))}`
    })
    return rows.length === 0 ? 'object' : `{ ${rows.join('; ')} }`
  }
  if (type.kind === 'union') return [...new Set(type.of.map(written))].join(' | ')
  return primitives[type.kind]!
}

/** A name as a property of an object is written. */
export const propertyName = (key: string): string =>
  /^[A-Za-z_$][\w$]*$/.test(key)
    ? key
    : `'${key.replace(/[\\']/g, '\\$&').replaceAll('\n', '\\n')}'`
