import { userInfo } from 'node:os'
import { relative } from 'node:path'
import { problem } from '../base/errors.ts'
import { type Identity, makeIdentity, readIdentity, renewIdentity } from '../secrets/identity.ts'
import type { Sealed } from '../secrets/secrets-file.ts'
import { SecretStore } from '../secrets/store.ts'
import type { Flags } from './context.ts'
import { exitCodes } from './exit-code.ts'
import { Project } from './project.ts'
import { json } from './render/json.ts'
import { count, paintFor } from './render/style.ts'
import { editValues } from './secret-edit.ts'
import { readValue } from './secret-entry.ts'

type SecretFlags = Pick<Flags, 'fleet' | 'json'>

interface Opened {
  readonly store: SecretStore
  readonly identity: Identity
}

/** `fettle secrets set NAME [VALUE]`. */
export async function setSecret(
  name: string,
  given: string | undefined,
  flags: SecretFlags,
): Promise<number> {
  const { store, identity } = await open(flags)
  const value = given ?? (await readValue(`Value of ${name}: `))
  await begin(store, identity)
  if (await isSame(store, name, value, identity))
    return show(flags, { secret: name, changed: false }, [`${name} has this value already.`])
  await store.set(name, value)
  store.save()
  const readers = [...store.recipients.keys()].join(', ')
  return show(flags, { secret: name, changed: true }, [
    `${name} is set in ${here(store)}, for ${readers}.`,
  ])
}

/** `fettle secrets edit`: all of them at once, in an editor. */
export async function editSecrets(flags: SecretFlags): Promise<number> {
  const { store, identity } = await open(flags)
  await begin(store, identity)
  const before = await store.openAll(identity)
  const after = await editValues(before)
  const set = [...after].filter(([name, value]) => before.get(name) !== value)
  const dropped = [...before.keys()].filter((name) => !after.has(name))
  // An editor is open for long: what others wrote in the meantime stays.
  const fresh = new SecretStore(Project.find(flags.fleet).folder)
  for (const name of [...set.map(([of]) => of), ...dropped])
    if (fresh.values.get(name)?.value !== store.values.get(name)?.value)
      throw problem('secrets-moved', { path: store.path })
  if (fresh.recipients.size === 0) await begin(fresh, identity)
  for (const [name, value] of set) await fresh.set(name, value)
  for (const name of dropped) fresh.drop(name)
  if (set.length + dropped.length > 0) fresh.save()
  const lines = [
    ...set.map(([name]) => `${before.has(name) ? '~' : '+'} ${name}`),
    ...dropped.map((name) => `- ${name}`),
  ]
  const names = { set: set.map(([name]) => name), removed: dropped }
  return show(flags, names, lines.length > 0 ? lines : ['Nothing was changed.'])
}

/** `fettle secrets get NAME`: the one command that shows a value. */
export async function getSecret(name: string, flags: SecretFlags): Promise<number> {
  const { store, identity } = await open(flags)
  const value = await store.open(name, identity)
  return show(flags, { secret: name, value }, [value])
}

/** `fettle secrets list`: names, when they were set, and what is to be done about them. */
export async function listSecrets(flags: SecretFlags): Promise<number> {
  const store = new SecretStore(Project.find(flags.fleet).folder)
  const secrets = [...store.values].map(([name, sealed]) => ({
    name,
    set: sealed.set,
    for: namesOf(sealed),
    known: sealed.known,
    current: store.isForAll(sealed),
  }))
  const width = Math.max(0, ...secrets.map(({ name }) => name.length))
  const paint = paintFor(process.stdout)
  const lines = secrets.map(({ name, set, known, current }) =>
    [
      name.padEnd(width),
      set.slice(0, 10),
      ...(known.length > 0 ? [paint('yellow', `set anew: ${known.join(', ')} could read it`)] : []),
      ...(current ? [] : [paint('yellow', 'not for just the recipients: fettle secrets rotate')]),
    ].join('  '),
  )
  return show(flags, { secrets }, lines.length > 0 ? lines : ['There are no secrets yet.'])
}

/** `fettle secrets who`: the recipients, what they can read, and the caller's own public key. */
export async function whoReads(flags: SecretFlags): Promise<number> {
  const { store, identity } = await open(flags)
  const recipients = [...store.recipients].map(([name, recipient]) => ({
    name,
    recipient,
    you: identity.recipients.includes(recipient),
    reads: store.readBy(name),
  }))
  const paint = paintFor(process.stdout)
  const all = store.values.size
  const lines = recipients.flatMap(({ name, recipient, you, reads }) => [
    `${paint('bold', name)}${you ? ' (you)' : ''}  ${recipient}`,
    reads.length === all
      ? `  reads all of ${count(all, 'value')}`
      : `  reads ${reads.length} of ${count(all, 'value')}: ${reads.join(', ') || 'none'}`,
  ])
  const own = recipients.some(({ you }) => you)
    ? []
    : [
        `You are none of them. Your public key: ${identity.recipients[0]!}`,
        `Whoever is can run: fettle secrets add ${store.recipients.has(ownName()) ? 'YOUR-NAME' : ownName()} ${identity.recipients[0]!}`,
      ]
  return show(flags, { recipients, own: identity.recipients[0]! }, [...lines, ...own])
}

/** `fettle secrets add NAME age1...`. */
export async function addRecipient(
  name: string,
  recipient: string,
  flags: SecretFlags,
): Promise<number> {
  const { store, identity } = await open(flags)
  if (!identity.recipients.includes(recipient)) await begin(store, identity)
  await store.add(name, recipient, identity)
  store.save()
  return show(flags, { added: name, recipient, reads: [...store.values.keys()] }, [
    `${name} can read ${count(store.values.size, 'value')} of ${here(store)} as of now.`,
  ])
}

/** `fettle secrets remove NAME`: and what is to be set anew, as the removed one has read it. */
export async function removeRecipient(name: string, flags: SecretFlags): Promise<number> {
  const { store, identity } = await open(flags)
  const read = await store.remove(name, identity)
  store.save()
  const known = read.map((of) => ({ name: of, set: store.values.get(of)!.set }))
  const width = Math.max(0, ...read.map((of) => of.length))
  const lines =
    known.length === 0
      ? [`${name} is removed, and could read nothing.`]
      : [
          `${name} is removed, and can read no value that is set from now on.`,
          'What is in git stays readable there. Change these where they come from, then set them anew:',
          ...known.map(
            ({ name: of, set }) => `  ${of.padEnd(width)}  last set ${set.slice(0, 10)}`,
          ),
        ]
  return show(flags, { removed: name, known }, lines)
}

/** `fettle secrets rotate`: encrypts all anew, if wanted for a new identity of the caller. */
export async function rotateSecrets(flags: SecretFlags & { identity?: boolean }): Promise<number> {
  const { store, identity: before } = await open(flags)
  let identity = before
  const lines: string[] = []
  if (flags.identity) {
    const own = [...store.recipients].find(([, key]) => before.recipients.includes(key))
    // The new key is kept before anything is encrypted for it; the former one goes on opening.
    identity = await renewIdentity(before)
    if (own) await store.rekey(own[0], identity.recipients[0]!, identity)
    lines.push(
      `You have a new identity: ${identity.recipients[0]!}`,
      `The former one stays in ${identity.path} for what else is encrypted for it. If somebody has it, set anew what it could read.`,
    )
  } else await store.rotate(identity)
  if (store.values.size > 0 || store.recipients.size > 0) store.save()
  lines.push(`${count(store.values.size, 'value')} of ${here(store)} encrypted anew.`)
  return show(flags, { rotated: [...store.values.keys()], own: identity.recipients[0]! }, lines)
}

/** The store of the description, and the caller's identity, which is made on first use. */
async function open({ fleet }: SecretFlags): Promise<Opened> {
  const store = new SecretStore(Project.find(fleet).folder)
  let identity = await readIdentity()
  if (!identity) {
    identity = await makeIdentity()
    process.stderr.write(
      `Made your identity, ${identity.path}. Keep a copy of it where nobody else can read it.\n`,
    )
  }
  return { store, identity }
}

/** Whoever sets the first value can read it. */
async function begin(store: SecretStore, identity: Identity): Promise<void> {
  if (store.recipients.size === 0) await store.add(ownName(), identity.recipients[0]!, identity)
}

async function isSame(
  store: SecretStore,
  name: string,
  value: string,
  identity: Identity,
): Promise<boolean> {
  const sealed = store.values.get(name)
  if (!sealed || !store.isForAll(sealed)) return false
  return store.open(name, identity).then(
    (present) => present === value,
    () => false,
  )
}

const ownName = (): string => userInfo().username.replace(/[^A-Za-z0-9._@-]/g, '-') || 'me'

const namesOf = ({ for: readers }: Sealed): string[] =>
  readers.map((each) => each.slice(0, each.lastIndexOf('/')))

const here = ({ path }: SecretStore): string => relative(process.cwd(), path) || path

function show({ json: wanted }: SecretFlags, data: object, lines: readonly string[]): number {
  const text = wanted ? json({ version: 1, type: 'secrets', ...data }) : lines.join('\n')
  process.stdout.write(`${text}\n`)
  return exitCodes.done
}
