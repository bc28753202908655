import { problem } from '../base/errors.ts'

/** One value of `secrets.yaml`. */
export interface Sealed {
  /** An age file, in base64. */
  readonly value: string
  /** When it was last set; encrypting it for others does not count. */
  readonly set: string
  /** For whom it is encrypted, in the order of the age file: `ada/k3j9x2`, see `readerOf`. */
  readonly for: readonly string[]
  /** Who could read this very value before they were removed: it is to be set anew. */
  readonly known: readonly string[]
}

/** What is in `secrets.yaml`. */
export interface SecretsFile {
  /** Public keys by name of a person or a host. */
  readonly recipients: ReadonlyMap<string, string>
  readonly values: ReadonlyMap<string, Sealed>
}

const part = '[A-Za-z_][A-Za-z0-9_-]*'
export const secretName: RegExp = new RegExp(`^(?=.{1,128}$)${part}(\\.${part})*$`)
export const recipientName: RegExp = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/
const recipientText = /^age1[a-z0-9]+$/

/** A recipient with the end of its key, so that a new key of the same person is another reader. */
export const readerOf = (name: string, recipient: string): string =>
  `${name}/${recipient.slice(-6)}`

const heading =
  '# Values are encrypted with age for the recipients. `fettle secrets` writes this file.'

/**
 * YAML, in the order of the names. Setting a value changes the first two lines of its block, and the
 * third stays: git can merge changes of neighbours.
 */
export function formatSecrets({ recipients, values }: SecretsFile): string {
  return [
    heading,
    'recipients:',
    ...inOrder(recipients).map(([name, recipient]) => `  ${name}: ${recipient}`),
    'secrets:',
    ...inOrder(values).flatMap(([name, { value, set, for: readers, known }]) => [
      `  ${name}:`,
      `    value: ${value}`,
      `    set: ${set}`,
      ...(known.length > 0 ? [`    known: ${known.join(' ')}`] : []),
      `    for: ${readers.join(' ')}`,
    ]),
    '',
  ].join('\n')
}

const inOrder = <T>(map: ReadonlyMap<string, T>): [string, T][] =>
  [...map].sort(([a], [b]) => (a < b ? -1 : 1))

const fields: Readonly<Record<string, RegExp>> = {
  value: /^[A-Za-z0-9+/]+={0,2}$/,
  set: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
  known: /^\S+( \S+)*$/,
  for: /^\S+\/\S+( \S+\/\S+)*$/,
}

/** Takes only what `formatSecrets` writes: a file that was merged wrongly is refused with the line. */
export function parseSecrets(text: string, path: string): SecretsFile {
  const recipients = new Map<string, string>()
  const blocks = new Map<string, Map<string, string>>()
  let section = ''
  let block: Map<string, string> | undefined
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.replace(/\r$/, '')
    const fail = (reason: string): never => {
      throw problem('secrets-broken', { path, line: i + 1, reason })
    }
    const once = (map: ReadonlyMap<string, unknown>, name: string): void => {
      if (map.has(name)) fail(`${name} is there twice`)
    }
    const [, indent = '', key = '', value = ''] = /^( *)([^ :]+):(?: (.+))?$/.exec(line) ?? []
    if (line.trim() === '' || line.startsWith('#')) continue
    if (/^(<{7}|={7}|>{7}|\|{7})/.test(line)) fail('it has marks of a merge')
    else if (line === 'recipients:' || line === 'secrets:') section = key
    else if (section === 'recipients' && indent.length === 2 && recipientText.test(value)) {
      if (!recipientName.test(key)) fail(`${key} cannot be the name of a recipient`)
      once(recipients, key)
      recipients.set(key, value)
    } else if (section === 'secrets' && indent.length === 2 && value === '') {
      if (!secretName.test(key)) fail(`${key} cannot be the name of a secret`)
      once(blocks, key)
      blocks.set(key, (block = new Map()))
    } else if (block && indent.length === 4 && fields[key]?.test(value)) {
      once(block, key)
      block.set(key, value)
    } else fail('it is not as `fettle secrets` writes it')
  }
  const values = [...blocks].map(([name, block]): [string, Sealed] => [
    name,
    sealedOf(block) ?? incomplete(name, text, path),
  ])
  return { recipients, values: new Map(values) }
}

function sealedOf(block: ReadonlyMap<string, string>): Sealed | undefined {
  const [value, set, readers] = ['value', 'set', 'for'].map((field) => block.get(field))
  if (value === undefined || set === undefined || readers === undefined) return undefined
  return { value, set, for: readers.split(' '), known: block.get('known')?.split(' ') ?? [] }
}

function incomplete(name: string, text: string, path: string): never {
  const line = text.split('\n').findIndex((each) => each.trimEnd() === `  ${name}:`) + 1
  throw problem('secrets-broken', { path, line, reason: `of ${name} something is missing` })
}
