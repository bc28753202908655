import { Buffer } from 'node:buffer'

type Age = typeof import('age-encryption')

/** Loaded only where something is opened or sealed: it would slow down the start of all commands. */
const age = (): Promise<Age> => import('age-encryption')

export async function newIdentity(): Promise<string> {
  return (await age()).generateX25519Identity()
}

/** The public key of an identity: `age1...`. Throws when it is not one. */
export async function recipientOf(identity: string): Promise<string> {
  return (await age()).identityToRecipient(identity)
}

/** Whether values can be encrypted for it. */
export async function isRecipient(text: string): Promise<boolean> {
  const { Encrypter } = await age()
  try {
    new Encrypter().addRecipient(text)
    return true
  } catch {
    return false
  }
}

/** An age file for these recipients, in base64. */
export async function seal(value: string, recipients: readonly string[]): Promise<string> {
  const { Encrypter } = await age()
  const encrypter = new Encrypter()
  for (const recipient of recipients) encrypter.addRecipient(recipient)
  return Buffer.from(await encrypter.encrypt(value)).toString('base64')
}

export type Unseal = (sealed: string) => Promise<string>

/** For many values: what is derived from the keys takes longer than to open one. */
export async function unsealing(identities: readonly string[]): Promise<Unseal> {
  const { Decrypter } = await age()
  const decrypter = new Decrypter()
  for (const identity of identities) decrypter.addIdentity(identity)
  // Throws when the file is for others, or damaged.
  return (sealed) => decrypter.decrypt(Buffer.from(sealed, 'base64'), 'text')
}
