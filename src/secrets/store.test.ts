import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { newIdentity, recipientOf } from './age.ts'
import type { Identity } from './identity.ts'
import { SecretStore } from './store.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'fettle-secrets-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const read = (): string => readFileSync(join(folder, 'secrets.yaml'), 'utf8')
const again = (): SecretStore => new SecretStore(folder)

async function person(): Promise<Identity & { key: string }> {
  const key = await newIdentity()
  const recipient = await recipientOf(key)
  return { path: '/nowhere', keys: [key], recipients: [recipient], key: recipient }
}

/** A store that ada and bob can read, saved. */
async function filled(
  values: Record<string, string>,
): Promise<{ ada: Identity; bob: Identity; store: SecretStore }> {
  const [ada, bob] = [await person(), await person()]
  const store = again()
  await store.add('ada', ada.key, ada)
  await store.add('bob', bob.key, ada)
  for (const [name, value] of Object.entries(values)) await store.set(name, value)
  store.save()
  return { ada, bob, store }
}

const changedLines = (before: string, after: string): string[] => {
  const lines = after.split('\n')
  expect(lines).toHaveLength(before.split('\n').length)
  return lines.filter((line, i) => line !== before.split('\n')[i])
}

describe('values', () => {
  test('are for all recipients and nobody else, and names can be read by all', async () => {
    const { ada, bob } = await filled({ 'shop.DATABASE_URL': 'postgres://x' })
    expect(read()).not.toContain('postgres')
    expect(read()).toContain('  shop.DATABASE_URL:\n')
    for (const who of [ada, bob])
      expect(await again().open('shop.DATABASE_URL', who)).toBe('postgres://x')
    const eve = await person()
    await expect(again().open('shop.DATABASE_URL', eve)).rejects.toMatchObject({
      code: 'secret-closed',
      next: expect.stringContaining(`(ada, bob) to run \`fettle secrets add YOUR-NAME ${eve.key}`),
    })
    await expect(again().open('shop.DATABASE_URL', undefined)).rejects.toMatchObject({
      code: 'identity-missing',
    })
  })

  test('are text of any kind', async () => {
    const { ada, store } = await filled({})
    const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 200 })
    await fc.assert(
      fc.asyncProperty(
        text.filter((each) => !each.includes('\0')),
        async (value) => {
          await store.set('x', value)
          store.save()
          expect(await again().open('x', ada)).toBe(value)
        },
      ),
      { numRuns: 40 },
    )
  })

  test.each([
    ['a b', 'x'],
    ['../x', 'x'],
    ['x:', 'x'],
    ['x.', 'x'],
    ['', 'x'],
    ['x', ''],
    ['x', 'a\0b'],
    ['x', '\ud800'],
  ])('a name or value that cannot be: %j, %j', async (name, value) => {
    const { store } = await filled({})
    await expect(store.set(name, value)).rejects.toMatchObject({ code: 'invalid-secret' })
  })

  test('that were damaged, or put under another key, are no other value', async () => {
    const { ada } = await filled({ a: 'one' })
    const value = /value: (.*)/.exec(read())![1]!
    const odd = Buffer.from(value, 'base64')
    odd[odd.length - 3]! ^= 1
    writeFileSync(join(folder, 'secrets.yaml'), read().replace(value, odd.toString('base64')))
    await expect(again().open('a', ada)).rejects.toMatchObject({ code: 'secret-damaged' })
  })
})

describe('in git', () => {
  const values = { 'shop.A': '1', 'shop.B': '2', 'shop.C': '3' }

  test('setting one value changes its own two lines', async () => {
    await filled(values)
    const before = read().replaceAll(/set: .*/g, 'set: 2020-01-01T00:00:00Z')
    writeFileSync(join(folder, 'secrets.yaml'), before)
    const store = again()
    await store.set('shop.B', 'new')
    store.save()
    expect(changedLines(before, read())).toEqual([
      expect.stringMatching(/^ {4}value: /),
      expect.stringMatching(/^ {4}set: /),
    ])
  })

  test('changes of neighbours merge', async () => {
    const { ada } = await filled(values)
    const base = read()
    for (const [name, file] of [
      ['shop.A', 'ours'],
      ['shop.B', 'theirs'],
    ] as const) {
      writeFileSync(join(folder, 'secrets.yaml'), base)
      const store = again()
      await store.set(name, `of ${file}`)
      store.save()
      writeFileSync(join(folder, file), read())
    }
    writeFileSync(join(folder, 'base'), base)
    const merged = execFileSync('git', ['merge-file', '-p', 'ours', 'base', 'theirs'], {
      cwd: folder,
    })
    writeFileSync(join(folder, 'secrets.yaml'), merged)
    expect(Object.fromEntries(await again().openAll(ada))).toEqual({
      'shop.A': 'of ours',
      'shop.B': 'of theirs',
      'shop.C': '3',
    })
  })

  test.each([
    ['<<<<<<< HEAD\n', 'it has marks of a merge'],
    ['  shop.A:\n', 'shop.A is there twice'],
    ['  shop.Z:\n    value: x y\n', 'it is not as `fettle secrets` writes it'],
    ['  shop.Z:\n    value: abcd\n', 'of shop.Z something is missing'],
    ['  - list\n', 'it is not as `fettle secrets` writes it'],
  ])('what was merged wrongly is refused: %j', async (more, reason) => {
    await filled(values)
    writeFileSync(join(folder, 'secrets.yaml'), `${read()}${more}`)
    expect(() => again()).toThrow(expect.objectContaining({ code: 'secrets-broken' }))
    expect(() => again()).toThrow(reason)
  })

  test('line ends of Windows are read', async () => {
    const { ada } = await filled(values)
    writeFileSync(join(folder, 'secrets.yaml'), read().replaceAll('\n', '\r\n'))
    expect(await again().open('shop.A', ada)).toBe('1')
  })

  test('what somebody else wrote in the meantime is not written over', async () => {
    const { store } = await filled(values)
    const other = again()
    await other.set('shop.C', 'theirs')
    other.save()
    await store.set('shop.A', 'mine')
    expect(() => store.save()).toThrow(expect.objectContaining({ code: 'secrets-moved' }))
  })
})

describe('recipients', () => {
  test('a removed one reads nothing any more; all that they could read is marked until it is set', async () => {
    const { ada, bob, store } = await filled({ a: '1', b: '2' })
    expect(await store.remove('bob', ada)).toEqual(['a', 'b'])
    await store.set('b', 'new')
    store.save()
    await expect(again().open('a', bob)).rejects.toMatchObject({ code: 'secret-closed' })
    expect(await again().open('a', ada)).toBe('1')
    const known = [...again().values].map(([name, each]) => [name, each.known])
    expect(known).toEqual([
      ['a', ['bob']],
      ['b', []],
    ])
  })

  test('what a removed one could not read is not marked', async () => {
    const [ada, bob] = [await person(), await person()]
    const store = again()
    await store.add('ada', ada.key, ada)
    await store.add('bob', bob.key, ada)
    await store.set('a', '1')
    await store.remove('bob', ada)
    await store.set('b', '2')
    await store.add('carol', (await person()).key, ada)
    expect(await store.remove('carol', ada)).toEqual(['a', 'b'])
    expect(store.values.get('b')!.known).toEqual(['carol'])
    expect(store.values.get('a')!.known).toEqual(['bob', 'carol'])
  })

  test('who cannot read all changes no recipients, and nothing is lost', async () => {
    const { store } = await filled({ a: '1' })
    const before = read()
    const eve = await person()
    await expect(store.add('eve', eve.key, eve)).rejects.toMatchObject({ code: 'secret-closed' })
    await expect(store.remove('ada', eve)).rejects.toMatchObject({ code: 'secret-closed' })
    await expect(store.rotate(eve)).rejects.toMatchObject({ code: 'secret-closed' })
    store.save()
    expect(read()).toBe(before)
  })

  test('a value that a merge brought for other recipients shows as such', async () => {
    const { ada, store } = await filled({ a: '1' })
    const before = read()
    await store.remove('bob', ada)
    await store.set('b', '2')
    store.save()
    const old = /( {2}a:\n[^]*)$/.exec(before)![1]!
    writeFileSync(join(folder, 'secrets.yaml'), read().replace(/ {2}a:\n[^]*(?= {2}b:)/, old))
    const merged = again()
    expect([...merged.values.values()].map((each) => merged.isForAll(each))).toEqual([false, true])
    await merged.rotate(ada)
    expect(merged.isForAll(merged.values.get('a')!)).toBe(true)
  })

  test('mistakes', async () => {
    const { ada, bob, store } = await filled({ a: '1' })
    const { key } = await person()
    const wrong = { code: 'invalid-recipient' }
    await expect(store.add('bob', key, ada)).rejects.toMatchObject(wrong)
    await expect(store.add('eve', bob.recipients[0]!, ada)).rejects.toMatchObject(wrong)
    await expect(store.add('eve', 'age1nonsense', ada)).rejects.toMatchObject(wrong)
    await expect(store.add('e v', key, ada)).rejects.toMatchObject(wrong)
    await expect(store.remove('eve', ada)).rejects.toMatchObject({ code: 'unknown-selection' })
    await store.remove('bob', ada)
    await expect(store.remove('ada', ada)).rejects.toMatchObject(wrong)
  })
})
