import { chmodSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { FettleError, problem } from '../base/errors.ts'
import { newIdentity, recipientOf } from './age.ts'

/** Private keys of the person who runs Fettle. */
export interface Identity {
  readonly path: string
  /** As age writes them: the present one, then former ones, for what is not encrypted anew yet. */
  readonly keys: readonly string[]
  /** Their public keys, in the same order. */
  readonly recipients: readonly string[]
}

export function identityPath(): string {
  const { FETTLE_IDENTITY, XDG_CONFIG_HOME } = process.env
  return FETTLE_IDENTITY || join(XDG_CONFIG_HOME || join(homedir(), '.config'), 'fettle/identity')
}

/** Undefined when there is none yet. Throws `identity-unusable`. */
export async function readIdentity(): Promise<Identity | undefined> {
  const path = identityPath()
  const fail = (reason: string, next: string): never => {
    throw problem('identity-unusable', { path, reason, next })
  }
  let text: string
  try {
    if (statSync(path).mode & 0o077) fail('others could read it', `chmod 600 ${path}`)
    text = readFileSync(path, 'utf8')
  } catch (thrown) {
    if (thrown instanceof FettleError) throw thrown
    const { code, message } = thrown as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    return fail(message, 'Correct its permissions, or name another file in FETTLE_IDENTITY.')
  }
  const keys = text.split('\n').flatMap((line) => {
    const key = line.trim()
    return key === '' || key.startsWith('#') ? [] : [key]
  })
  if (keys.length === 0) fail('there is no key in it', 'Write an AGE-SECRET-KEY-1... in it.')
  try {
    return { path, keys, recipients: await Promise.all(keys.map(recipientOf)) }
  } catch {
    // What the library says could hold a part of the key.
    return fail('it holds what is not an age key', 'Write an AGE-SECRET-KEY-1... in it.')
  }
}

export async function makeIdentity(): Promise<Identity> {
  const path = identityPath()
  const key = await newIdentity()
  const recipient = await recipientOf(key)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  // Never over one that is there.
  writeFileSync(path, linesOf(key, recipient), { mode: 0o600, flag: 'wx' })
  return { path, keys: [key], recipients: [recipient] }
}

/** A new key before the others, which may still open what is in other descriptions or branches. */
export async function renewIdentity({ path, keys, recipients }: Identity): Promise<Identity> {
  const key = await newIdentity()
  const recipient = await recipientOf(key)
  const former = readFileSync(path, 'utf8')
  const next = `${path}.${process.pid}`
  writeFileSync(next, `${linesOf(key, recipient)}# former\n${former}`, { mode: 0o600 })
  chmodSync(next, 0o600)
  renameSync(next, path)
  return { path, keys: [key, ...keys], recipients: [recipient, ...recipients] }
}

/** As age-keygen writes it. */
function linesOf(key: string, recipient: string): string {
  return `# created: ${new Date().toISOString()}\n# public key: ${recipient}\n${key}\n`
}
