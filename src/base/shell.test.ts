import { spawnSync } from 'node:child_process'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FettleError } from './errors.ts'
import { Secret, reveal } from './secret.ts'
import { Shell, lines, quote, sh } from './shell.ts'

/** Texts of whole characters that no shell may see as more than text. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({
    unit: fc.constantFrom(...'\'"`$\\ \n\t*?[]{}()<>|&;#~!=-%+^@:/.,aZ0é«»💥', '\r', '\u007f'),
    maxLength: 30,
  }),
  fc.constantFrom('', '-n', '--', '-', '$(reboot)', '`reboot`', "'; reboot; '", '${HOME}', '!!'),
)
const quotable = hostile.map((text) => text.replaceAll('\0', ''))

interface Interpreter {
  readonly name: string
  readonly words: readonly string[]
}

const shells: readonly Interpreter[] = [
  { name: 'dash', words: ['dash'] },
  { name: 'bash', words: ['bash'] },
  { name: 'busybox', words: ['busybox', 'sh'] },
]

/** What a shell prints for a script that it reads from its standard input. */
function printed({ words: [program = '', ...rest] }: Interpreter, script: string): Buffer {
  const { stdout, status, stderr } = spawnSync(program, rest, { input: script })
  expect({ status, stderr: stderr.toString() }).toEqual({ status: 0, stderr: '' })
  return stdout
}

describe.each(shells)('$name', (shell) => {
  const missing = spawnSync(shell.words[0]!, ['--help']).error !== undefined

  test.skipIf(missing)(
    `sees exactly the words that were given, whatever they hold${missing ? ' (not installed)' : ''}`,
    () => {
      const texts = fc.array(quotable, { minLength: 1, maxLength: 20 })
      fc.assert(
        fc.property(texts, (words) => {
          const expected = words.map((word) => `${word}\0`).join('')
          expect(printed(shell, sh`printf '%s\\0' ${words}`.text).toString()).toBe(expected)
        }),
        { numRuns: 60 },
      )
    },
  )

  test.skipIf(missing)('sees exactly the secrets that were given, at any depth of quoting', () => {
    const texts = fc.array(quotable, { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(texts, quotable, (values, around) => {
        const words = values.map((value) => `${around}${new Secret('any', value)}${around}`)
        const expected = values.map((value) => `${around}${value}${around}\0`).join('')
        const direct = sh`printf '%s\\0' ${words}`
        const nested = sh`eval ${sh`eval ${direct.text}`.text}`
        for (const script of [direct, nested])
          expect(printed(shell, reveal(script.text)).toString()).toBe(expected)
      }),
      { numRuns: 60 },
    )
  })
})

describe('quoting', () => {
  test('leaves plain words as they are and quotes all others', () => {
    const given = ['plain', '/etc/motd', "it's", '', 'a b', '$HOME', '~root', 'a=b', 'line\n']
    expect(given.map((word) => quote(word))).toEqual([
      'plain',
      '/etc/motd',
      `'it'\\''s'`,
      `''`,
      `'a b'`,
      `'$HOME'`,
      `'~root'`,
      `'a=b'`,
      `'line\n'`,
    ])
  })

  test('a NUL byte is an error that shows where it is', () => {
    const thrown = (): unknown => sh`printf %s ${'a\0b'}`
    expect(thrown).toThrow(FettleError)
    expect(thrown).toThrow(
      expect.objectContaining({
        code: 'unquotable-value',
        message: 'A value for a host holds a NUL byte: "a\\u0000b".',
        next: 'Remove the NUL byte; no shell can carry it in a word.',
      }),
    )
  })

  test('a NUL byte in a secret is an error that does not show the secret', () => {
    const secret = new Secret('token', 'tell\0nobody')
    expect(() => sh`printf %s ${secret}`).toThrow(
      'A value for a host holds a NUL byte: "«secret token»".',
    )
  })
})

describe('composing', () => {
  test('puts lists in word by word and shell texts as they are', () => {
    const inner = sh`cat ${'a b'}`
    expect(sh`${inner} | grep -c ${['x', 'y z']} ${3}`.text).toBe(`cat 'a b' | grep -c x 'y z' 3`)
  })

  test('joins lines and leaves out what is not there', () => {
    expect(lines(sh`one`, undefined, false, Shell.literal('two')).text).toBe('one\ntwo')
  })

  test('shows no secret when it is printed', () => {
    expect(`${sh`login ${new Secret('password', "hunter's")}`}`).toBe(`login '«secret password»'`)
  })
})
