import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { problem } from '../base/errors.ts'
import { closest } from '../model/suggestion.ts'
import { type Unseal, isRecipient, seal, unsealing } from './age.ts'
import type { Identity } from './identity.ts'
import {
  type Sealed,
  formatSecrets,
  parseSecrets,
  readerOf,
  recipientName,
  secretName,
} from './secrets-file.ts'

export const secretsFileOf = (folder: string): string => join(folder, 'secrets.yaml')

/** The values of one description. What changes is in memory until `save`. */
export class SecretStore {
  readonly path: string
  readonly #recipients: Map<string, string>
  readonly #values: Map<string, Sealed>
  readonly #unseals = new WeakMap<Identity, Promise<Unseal>>()
  #text: string

  /** Empty where there is no file yet. Throws `secrets-broken`. */
  constructor(folder: string) {
    this.path = secretsFileOf(folder)
    this.#text = textOf(this.path)
    const { recipients, values } = parseSecrets(this.#text, this.path)
    this.#recipients = new Map(recipients)
    this.#values = new Map(values)
  }

  get recipients(): ReadonlyMap<string, string> {
    return this.#recipients
  }

  get values(): ReadonlyMap<string, Sealed> {
    return this.#values
  }

  /** Of a recipient, which values are encrypted for it as its key is now. */
  readBy(name: string): string[] {
    const reader = readerOf(name, this.#recipients.get(name) ?? '')
    return [...this.#values].filter(([, each]) => each.for.includes(reader)).map(([of]) => of)
  }

  /** Whether it is encrypted for just those who are recipients now; a merge may bring others. */
  isForAll({ for: readers }: Sealed): boolean {
    const all = this.#readers()
    return readers.length === all.length && all.every((each) => readers.includes(each))
  }

  async open(name: string, identity: Identity | undefined): Promise<string> {
    const sealed = this.#values.get(name)
    if (!sealed)
      throw problem('unknown-selection', {
        what: 'secret',
        name,
        suggestion: closest(name, [...this.#values.keys()]),
      })
    if (!identity) throw this.#noIdentity(name, sealed)
    if (!identity.recipients.some((own) => sealed.for.some((each) => each.endsWith(own.slice(-6)))))
      throw problem('secret-closed', {
        name,
        recipient: identity.recipients[0]!,
        people: peopleOf(sealed),
      })
    const unseal = await this.#unsealing(identity)
    return unseal(sealed.value).catch((thrown: unknown) => {
      throw problem('secret-damaged', { name, path: this.path, reason: String(thrown) })
    })
  }

  /** Of all values that can be opened: what else there is keeps its error for whoever asks for it. */
  async openAll(identity: Identity | undefined): Promise<Map<string, string | Error>> {
    const opened = [...this.#values.keys()].map(async (name): Promise<[string, string | Error]> => [
      name,
      await this.open(name, identity).catch((thrown: unknown) => thrown as Error),
    ])
    return new Map(await Promise.all(opened))
  }

  async set(name: string, value: string): Promise<void> {
    const wrong = mistakeIn(name, value)
    if (wrong) throw problem('invalid-secret', { name, ...wrong })
    this.#values.set(name, await this.#sealed(value, { set: now(), known: [] }))
  }

  drop(name: string): void {
    this.#values.delete(name)
  }

  /** All values are encrypted anew. */
  async add(name: string, recipient: string, identity: Identity | undefined): Promise<void> {
    const fail = (problemText: string, suggestion: string): never => {
      throw problem('invalid-recipient', { name, problem: problemText, suggestion })
    }
    if (!recipientName.test(name))
      fail('is not a name', "letters, digits, '.', '_', '@' and '-', such as ada")
    if (!(await isRecipient(recipient)))
      fail(`cannot have the key ${recipient}`, 'what `fettle secrets who` shows there: age1...')
    const other = [...this.#recipients].find(([, key]) => key === recipient)
    if (other) fail(`has the key that ${other[0]} has`, 'the key of somebody else')
    // Another key in the place of this one would shut somebody out without a word.
    if (this.#recipients.has(name))
      fail('is there already', `another name, or first run \`fettle secrets remove ${name}\``)
    await this.rekey(name, recipient, identity)
  }

  /** Gives a recipient this key. All values are encrypted anew. */
  async rekey(name: string, recipient: string, identity: Identity | undefined): Promise<void> {
    const values = await this.#reveal(identity)
    this.#recipients.set(name, recipient)
    await this.#sealAll(values, (known) => known)
  }

  /** Answers the names of the values that the removed one has been able to read. */
  async remove(name: string, identity: Identity | undefined): Promise<string[]> {
    const names = [...this.#recipients.keys()]
    if (!names.includes(name))
      throw problem('unknown-selection', {
        what: 'recipient',
        name,
        suggestion: closest(name, names),
      })
    if (names.length === 1)
      throw problem('invalid-recipient', {
        name,
        problem: 'is the only recipient: nobody could read the values any more',
        suggestion: 'first `fettle secrets add` for another one',
      })
    const values = await this.#reveal(identity)
    const read = [...this.#values]
      .filter(([, each]) => each.for.some((reader) => reader.startsWith(`${name}/`)))
      .map(([of]) => of)
    this.#recipients.delete(name)
    await this.#sealAll(values, (known, of) =>
      read.includes(of) ? [...new Set([...known, name])] : known,
    )
    return read
  }

  /** Encrypts every value anew, for the recipients of now. */
  async rotate(identity: Identity | undefined): Promise<void> {
    await this.#sealAll(await this.#reveal(identity), (known) => known)
  }

  /** All or nothing. Refused when the file is not as it was read. */
  save(): void {
    if (textOf(this.path) !== this.#text) throw problem('secrets-moved', { path: this.path })
    const text = formatSecrets({ recipients: this.#recipients, values: this.#values })
    writeFileSync(`${this.path}.${process.pid}`, text)
    renameSync(`${this.path}.${process.pid}`, this.path)
    this.#text = text
  }

  #unsealing(identity: Identity): Promise<Unseal> {
    const known = this.#unseals.get(identity) ?? unsealing(identity.keys)
    this.#unseals.set(identity, known)
    return known
  }

  #readers(): string[] {
    return [...this.#recipients].sort().map(([name, key]) => readerOf(name, key))
  }

  /** All values, or an error: a value that would be lost to others is not encrypted anew. */
  async #reveal(identity: Identity | undefined): Promise<Map<string, string>> {
    const all = new Map<string, string>()
    for (const [name, value] of await this.openAll(identity))
      if (value instanceof Error) throw value
      else all.set(name, value)
    return all
  }

  async #sealAll(
    values: ReadonlyMap<string, string>,
    known: (before: readonly string[], name: string) => readonly string[],
  ): Promise<void> {
    for (const [name, value] of values) {
      const before = this.#values.get(name)!
      const more = { set: before.set, known: known(before.known, name) }
      this.#values.set(name, await this.#sealed(value, more))
    }
  }

  async #sealed(value: string, more: Pick<Sealed, 'set' | 'known'>): Promise<Sealed> {
    const keys = [...this.#recipients].sort().map(([, key]) => key)
    return { ...more, value: await seal(value, keys), for: this.#readers() }
  }

  #noIdentity(name: string, sealed: Sealed): Error {
    return problem('identity-missing', { name, people: peopleOf(sealed) })
  }
}

/** Who could add somebody else. */
function peopleOf({ for: readers }: Sealed): string {
  return readers.map((each) => each.slice(0, each.lastIndexOf('/'))).join(', ')
}

function mistakeIn(
  name: string,
  value: string,
): { problem: string; suggestion: string } | undefined {
  if (!secretName.test(name))
    return { problem: 'it cannot have this name', suggestion: 'a name such as shop.DATABASE_URL' }
  if (value === '') return { problem: 'its value is empty', suggestion: 'a value' }
  if (/[\0\p{Cs}]/u.test(value))
    return { problem: 'its value is not text', suggestion: 'binary data in base64' }
  return undefined
}

const now = (): string => new Date().toISOString().replace(/\.\d+Z$/, 'Z')

function textOf(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}
