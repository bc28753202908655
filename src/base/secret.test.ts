import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import * as fc from 'fast-check'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { asFettleError, problem } from './errors.ts'
import { Secret, holdsSecret, redact, reveal } from './secret.ts'

const value = 'correct horse battery'
const secret = new Secret('db password', value)

describe('a secret does not show', () => {
  const shown: Record<string, () => string> = {
    'in a template literal': () => `password=${secret}`,
    'when it is added to a text': () => 'password=' + String(secret),
    'in JSON': () => JSON.stringify({ secret, list: [secret] }),
    'when it is inspected': () => inspect({ secret, nested: { list: [secret] } }, { depth: 9 }),
    'when it is inspected with all that is hidden': () =>
      inspect(secret, { showHidden: true, customInspect: false }),
    'in the message and stack of an error': () => inspect(new Error(`bad login ${secret}`)),
    'among the values of its properties': () => JSON.stringify(Object.entries(secret)),
    'in an error of the catalogue': () =>
      JSON.stringify(problem('usage', { problem: `no ${secret}`, next: `try ${secret}` })),
    'in an internal error': () => JSON.stringify(asFettleError(new Error(String(secret)))),
  }
  test.each(Object.keys(shown))('%s', (where) => {
    expect(shown[where]!()).not.toContain(value)
    expect(redact(shown[where]!())).not.toContain(value)
  })

  test('and its mark reads well once it is redacted', () => {
    expect(redact(`password=${secret}\n`)).toBe('password=«secret db-password»\n')
    expect(inspect([secret])).toBe('[ «secret db password» ]')
  })
})

describe('revealing', () => {
  test('puts the values back wherever their marks were carried', () => {
    const other = new Secret('$& $1', '$& «» $$')
    expect(reveal(JSON.parse(JSON.stringify(`${secret} and ${other}.`)))).toBe(
      `${value} and $& «» $$.`,
    )
  })

  test('does nothing to texts that hold no mark', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => reveal(text) === text))
  })

  test('a mark that another process made stands for nothing here', () => {
    const forged = '«secret db-password abcdefghijkl-0»'
    expect([reveal(forged), holdsSecret(forged)]).toEqual([forged, false])
  })

  test('any name and value come through', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (name, each) => {
        const made = new Secret(name, each)
        expect(reveal(`<${made}>`)).toBe(`<${each}>`)
        expect(holdsSecret(`<${made}>`)).toBe(true)
        expect(redact(String(made))).toMatch(/^«secret [^«» ]+»$/)
      }),
    )
  })

  test('equal secrets have equal marks, so that equal descriptions are equal', () => {
    expect(String(new Secret('db password', value))).toBe(String(secret))
    expect(String(new Secret('db password', 'another'))).not.toBe(String(secret))
  })
})

describe('redacting what a host printed', () => {
  /** A secret is known for as long as the process lives. */
  const hide = (name: string, value: string): Secret => new Secret(name, value)

  test('hides the value itself', () => {
    expect(redact(`login with ${value} failed`)).toBe('login with «secret db-password» failed')
  })

  test('hides a value whose name or self looks like a pattern', () => {
    hide("$& $' $`", 'a.*b[c]$d')
    expect(redact('<a.*b[c]$d> <axxbc$d>')).toBe('<«secret --------»> <axxbc$d>')
  })

  test('hides a value that begins with another one whole', () => {
    hide('short', 'hunter2')
    hide('long', 'hunter2-and-more')
    expect(redact('hunter2-and-more hunter2')).toBe('«secret long» «secret short»')
  })

  test('hides a value that is a word of a mark', () => {
    hide('word', 'secret')
    expect(redact(`the secret ${secret}`)).toBe('the «secret word» «secret db-password»')
  })

  test('hides a value without its last newline, and each line of a long one', () => {
    hide('key', '-----BEGIN KEY-----\nMIIBVQIBADANBgkq\nAAAA\n-----END KEY-----\n')
    expect(redact('MIIBVQIBADANBgkq\n')).toBe('«secret key»\n')
    expect(redact('-----BEGIN KEY-----\nMIIBVQIBADANBgkq\nAAAA\n-----END KEY-----')).toBe(
      '«secret key»',
    )
  })

  test('hides a value as a shell traces it, and as JSON has it', () => {
    hide('quotes', `it's "so"`)
    expect(redact(`+ login 'it'\\''s "so"' {"password":"it's \\"so\\""}`)).toBe(
      `+ login '«secret quotes»' {"password":"«secret quotes»"}`,
    )
  })

  test('leaves values alone that are too short to search for', () => {
    hide('pin', '123')
    expect(redact('123 dollars')).toBe('123 dollars')
  })

  test('never leaves a value of some length in any text', () => {
    const long = fc.string({ minLength: 4, maxLength: 12 }).filter((each) => each.trim() === each)
    fc.assert(
      fc.property(fc.array(long, { minLength: 1, maxLength: 4 }), fc.string(), (all, filler) => {
        const made = all.map((each, i) => new Secret(`s${i}`, each))
        // A space between: values that run into each other are not told apart.
        const text = all.map((each, i) => `${filler}\n${each}\n${made[i]}`).join('\n')
        const bare = redact(text).replaceAll(/«secret [^«» ]+»/g, '\0')
        for (const each of all) expect(bare.split('\n')).not.toContain(each)
      }),
    )
  })
})

describe('where secrets come from', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fettle-secret-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  test('a variable of the environment', () => {
    vi.stubEnv('FETTLE_TEST_SECRET', 'from outside')
    expect(Secret.env('FETTLE_TEST_SECRET').reveal()).toBe('from outside')
    vi.unstubAllEnvs()
  })

  test('a variable that is not set is an error that says what to do', () => {
    expect(() => Secret.env('FETTLE_TEST_UNSET')).toThrow(
      expect.objectContaining({
        code: 'secret-missing',
        message: 'Secret FETTLE_TEST_UNSET has no value: the environment variable is not set.',
        next: 'Set FETTLE_TEST_UNSET in your environment and run again.',
      }),
    )
  })

  test('a file, without the newline at its end', () => {
    writeFileSync(join(folder, 'token'), 'two\nlines\n')
    expect(Secret.file(join(folder, 'token')).reveal()).toBe('two\nlines')
  })

  test('a file that is not there is an error that says what to do', () => {
    const path = join(folder, 'nothing')
    expect(() => Secret.file(path)).toThrow(
      expect.objectContaining({
        code: 'secret-missing',
        next: `Put the value in ${path} and run again.`,
      }),
    )
  })

  test('another secret: what is made of it is hidden as well', () => {
    const basic = secret.map('basic auth', (each) => Buffer.from(each).toString('base64'))
    expect(basic.reveal()).toBe('Y29ycmVjdCBob3JzZSBiYXR0ZXJ5')
    expect(redact('Y29ycmVjdCBob3JzZSBiYXR0ZXJ5')).toBe('«secret basic-auth»')
  })
})
