import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseEnvFile } from './env-file.ts'

const parsed = (text: string): object => Object.fromEntries(parseEnvFile(text, 'shop.env'))

describe('a .env file', () => {
  test.each<[string, object]>([
    ['', {}],
    ['A=1', { A: '1' }],
    ['A=1\nB=2\n', { A: '1', B: '2' }],
    ['\ufeffA=1\r\nB=2\r\n', { A: '1', B: '2' }],
    ['# one\n\n  # two\nA=1 # three\n', { A: '1' }],
    ['A=x#y', { A: 'x#y' }],
    ['A= # none', { A: '' }],
    ['A=\nB=2', { A: '', B: '2' }],
    ['export A=1\n  B = 2 ', { A: '1', B: '2' }],
    ['exportA=1', { exportA: '1' }],
    ['A=a b  c', { A: 'a b  c' }],
    ['A=b=c==', { A: 'b=c==' }],
    [`A='x # y' # z`, { A: 'x # y' }],
    [`A='\\n$B'`, { A: '\\n$B' }],
    ['A="a\\nb\\t\\"c\\" \\\\ \\$D \\d"', { A: 'a\nb\t"c" \\ $D \\d' }],
    ['A="one\ntwo"\nB=3', { A: 'one\ntwo', B: '3' }],
    ['A=`it\'s "so"`', { A: 'it\'s "so"' }],
    ['A=$HOME/${X}', { A: '$HOME/${X}' }],
    ["A=it's", { A: "it's" }],
    ['A=1\nA=2', { A: '2' }],
    ['A=é💥', { A: 'é💥' }],
  ])('%j', (text, values) => {
    expect(parsed(text)).toEqual(values)
  })

  test.each([
    ['A=1\nB\n', 2],
    ['A=1\n=2', 2],
    ['\n\n1A=2', 3],
    ['A-B=2', 1],
    ['A="x\ny\n', 1],
    ["A='x' y", 1],
    ['A="x"y', 1],
  ])('is refused with its line: %j', (text, line) => {
    const code = expect.objectContaining({ code: 'env-file-broken' })
    expect(() => parsed(text)).toThrow(code)
    expect(() => parsed(text)).toThrow(`shop.env, line ${line}:`)
  })

  test('quoted values are what they were, and no text breaks more than an error', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        const text = value.replaceAll('\r\n', '\n')
        const quoted = text.replace(/["\\]/g, '\\$&')
        expect(parsed(`A="${quoted}"\nB=1`)).toEqual({ A: text, B: '1' })
        try {
          parsed(value)
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: 'env-file-broken' })
        }
      }),
    )
  })
})
