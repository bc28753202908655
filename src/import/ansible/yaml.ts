import { readFileSync } from 'node:fs'

interface Place {
  readonly file: string
  readonly line: number
}

/** A value of YAML as Ansible reads it, with the line that it stands in. */
export type Node = Scalar | List | Dict

export interface Scalar extends Place {
  readonly kind: 'scalar'
  readonly value: string | number | boolean | null
  /** As it is written. */
  readonly text: string
  /** `vault`: encrypted, so nothing of it is read. `unsafe`: a text in which nothing is a template. */
  readonly tag?: 'vault' | 'unsafe'
}

export interface List extends Place {
  readonly kind: 'list'
  readonly items: readonly Node[]
}

export interface Dict extends Place {
  readonly kind: 'dict'
  readonly entries: ReadonlyMap<string, Node>
}

/** A file that cannot be read as YAML, and why. */
export class Unreadable extends Error {
  readonly place: Place

  constructor(reason: string, place: Place) {
    super(reason)
    this.place = place
  }
}

export type ReadYaml = (file: string) => Node | undefined

type Library = typeof import('yaml')

/** The reader. The library is loaded only now: no other command needs it. */
export async function yamlReader(): Promise<ReadYaml> {
  const library = await import('yaml')
  return (file) => readYaml(library, file)
}

/** What the first line of a file that `ansible-vault` encrypted looks like. */
export const isVault = (text: string): boolean => text.startsWith('$ANSIBLE_VAULT;')

function readYaml(library: Library, file: string): Node | undefined {
  const text = readFileSync(file, 'utf8')
  if (isVault(text))
    throw new Unreadable('the whole file is encrypted with ansible-vault', { file, line: 1 })
  const lines = new library.LineCounter()
  // Failsafe: what a plain word means is decided below, exactly as Ansible's reader does.
  const document = library.parseDocument(text, {
    schema: 'failsafe',
    version: '1.1',
    uniqueKeys: false,
    lineCounter: lines,
    logLevel: 'silent',
  })
  const lineAt = (offset: number | undefined): number =>
    offset === undefined ? 1 : lines.linePos(offset).line
  const [error] = document.errors
  if (error)
    throw new Unreadable(error.message.split('\n')[0]!.replace(/ at line \d+.*$/, ''), {
      file,
      line: lineAt(error.pos[0]),
    })

  const convert = (node: unknown, near: number): Node => {
    if (library.isAlias(node)) return convert(node.resolve(document), near)
    const range = (node as { range?: [number, number, number] } | null)?.range
    const place = { file, line: range ? lineAt(range[0]) : near }
    if (library.isSeq(node))
      return { kind: 'list', items: node.items.map((each) => convert(each, place.line)), ...place }
    if (library.isMap(node)) return dictOf(node.items as never, place)
    return scalarOf(node as never, place)
  }
  const dictOf = (pairs: readonly { key: unknown; value: unknown }[], place: Place): Dict => {
    const own = new Map<string, Node>()
    const merged = new Map<string, Node>()
    for (const { key, value } of pairs) {
      const name = convert(key, place.line)
      const under = convert(value, name.line)
      if (name.kind !== 'scalar')
        throw new Unreadable('a list or a dict cannot be a key', { file, line: name.line })
      if (name.text === '<<') {
        for (const each of under.kind === 'list' ? under.items : [under])
          if (each.kind === 'dict')
            for (const [inner, node] of each.entries)
              if (!merged.has(inner)) merged.set(inner, node)
      } else own.set(String(name.value), under)
    }
    return { kind: 'dict', entries: new Map([...merged, ...own]), ...place }
  }
  return document.contents === null ? undefined : convert(document.contents, 1)
}

function scalarOf(
  node: { value?: unknown; type?: string; tag?: string } | null | undefined,
  place: Place,
): Scalar {
  const text = String(node?.value ?? '')
  const tag = node?.tag ?? ''
  if (tag.startsWith('!vault'))
    return { kind: 'scalar', value: '', text: '', tag: 'vault', ...place }
  if (tag === '!unsafe') return { kind: 'scalar', value: text, text, tag: 'unsafe', ...place }
  const plain = (node?.type === undefined || node.type === 'PLAIN') && !tag.endsWith(':str')
  return { kind: 'scalar', value: plain ? plainValue(text) : text, text, ...place }
}

/** What PyYAML makes of a word without quotes. */
export function plainValue(text: string): Scalar['value'] {
  if (/^(?:~|null|Null|NULL|)$/.test(text)) return null
  if (/^(?:yes|Yes|YES|true|True|TRUE|on|On|ON)$/.test(text)) return true
  if (/^(?:no|No|NO|false|False|FALSE|off|Off|OFF)$/.test(text)) return false
  const digits = text.replaceAll('_', '')
  if (/^[-+]?0b[01_]+$/.test(text)) return signed(digits, (each) => parseInt(each.slice(2), 2))
  if (/^[-+]?0x[0-9a-fA-F_]+$/.test(text)) return signed(digits, (each) => parseInt(each, 16))
  if (/^[-+]?0[0-7_]+$/.test(text)) return signed(digits, (each) => parseInt(each, 8))
  if (/^[-+]?(?:0|[1-9][0-9_]*)$/.test(text))
    return Number.isSafeInteger(Number(digits)) ? Number(digits) : text
  if (/^[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+$/.test(text))
    return signed(digits, (each) =>
      each.split(':').reduce((sum, part) => sum * 60 + Number(part), 0),
    )
  if (
    /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?)$/.test(
      text,
    )
  )
    return Number(digits)
  return text
}

function signed(text: string, read: (digits: string) => number): number {
  return text.startsWith('-') ? -read(text.slice(1)) : read(text.replace(/^\+/, ''))
}

/** Whether a number is written as one that Python prints with a point, and JavaScript without. */
export const printsOtherwise = (node: Scalar): boolean =>
  typeof node.value === 'number' &&
  (Number.isInteger(node.value)
    ? node.text.includes('.')
    : Math.abs(node.value) < 1e-4 || Math.abs(node.value) >= 1e16)

export const dictOf = (node: Node | undefined): ReadonlyMap<string, Node> =>
  node?.kind === 'dict' ? node.entries : new Map<string, Node>()

/** The items of a list; one thing alone counts as a list of it. */
export const listOf = (node: Node | undefined): readonly Node[] =>
  node === undefined || (node.kind === 'scalar' && node.value === null)
    ? []
    : node.kind === 'list'
      ? node.items
      : [node]

/** The text of a scalar, as Python prints its value. */
export function textOf(node: Node | undefined): string | undefined {
  if (node?.kind !== 'scalar' || node.value === null) return undefined
  if (typeof node.value === 'boolean') return node.value ? 'True' : 'False'
  return typeof node.value === 'number' && printsOtherwise(node) ? node.text : String(node.value)
}
