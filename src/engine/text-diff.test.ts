import { describe, expect, test } from 'vitest'
import { Secret } from '../base/secret.ts'
import { textDiff } from './text-diff.ts'

const diff = (before: string, after: string): Promise<string | undefined> =>
  textDiff({ verb: 'change', summary: '', text: { before, after } })

describe('a diff', () => {
  test('shows the lines that change, with two around them', async () => {
    const before = Array.from({ length: 9 }, (_, i) => `line ${i}\n`).join('')
    expect(await diff(before, before.replace('line 4', 'LINE 4'))).toMatchInlineSnapshot(`
      "@@ -3,5 +3,5 @@
       line 2
       line 3
      -line 4
      +LINE 4
       line 5
       line 6"
    `)
  })

  test('of a new text is that text', async () => {
    expect(await diff('', 'one\ntwo')).toMatchInlineSnapshot(`
      "@@ -1,0 +1,2 @@
      +one
      +two
      \\ No newline at end of file"
    `)
  })

  test('is none where there are no texts or they are the same', async () => {
    expect(await textDiff({ verb: 'change', summary: 'mode' })).toBeUndefined()
    expect(await diff('same\n', 'same\n')).toBeUndefined()
  })
})

describe('a diff of what holds secrets', () => {
  const token = new Secret('token', 'hunter2-new')

  test('shows neither the new value nor what was in its place', async () => {
    const before = 'user=shop\npassword=hunter2-old\nport=80\n'
    const after = `user=shop\npassword=${token}\nport=81\n`
    expect(await diff(before, after)).toMatchInlineSnapshot(`
      "@@ -1,3 +1,3 @@
       user=shop
      -«hidden: this holds secrets»
      -«hidden: this holds secrets»
      +password=«secret token»
      +port=81"
    `)
  })

  test('shows nothing of a value that stays the same', async () => {
    const before = 'password=hunter2-new\nport=80\n'
    const after = `password=${token}\nport=81\n`
    expect(await diff(before, after)).toMatchInlineSnapshot(`
      "@@ -1,2 +1,2 @@
       password=«secret token»
      -«hidden: this holds secrets»
      +port=81"
    `)
  })

  test('hides a value that the description knows where the new text does not hold it', async () => {
    expect(await diff('password=hunter2-new\n', 'password=none\n')).toMatchInlineSnapshot(`
      "@@ -1,1 +1,1 @@
      -password=«secret token»
      +password=none"
    `)
  })
})
