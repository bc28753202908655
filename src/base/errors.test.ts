import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { catalogue } from './catalogue.ts'
import { FettleError, asFettleError, problem } from './errors.ts'

const root = new URL('../../', import.meta.url).pathname
const codes = Object.keys(catalogue)

describe('the catalogue', () => {
  test('has words for what happened, the state of things and what to do next', () => {
    const silent = Object.entries(catalogue).filter(([, texts]) =>
      [texts.what, texts.state, texts.next].some((text) => text.trim() === ''),
    )
    expect(silent).toEqual([])
  })

  test('has codes of lower-case words with hyphens', () => {
    expect(codes.filter((code) => !/^[a-z]+(-[a-z]+)*$/.test(code))).toEqual([])
  })

  test('is what the reference lists, in the same order', () => {
    const page = readFileSync(join(root, 'docs/reference/errors.md'), 'utf8')
    expect([...page.matchAll(/^## (.*)$/gm)].map(([, code]) => code)).toEqual(codes)
  })

  test('has no code that nothing reports', () => {
    const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
      .filter((name) => !/^base\/.*catalogue\.ts$|^cli\/exit-code\.ts$/.test(name))
      .map((name) => readFileSync(join(root, 'src', name), 'utf8'))
    const all = sources.join('\n')
    expect(codes.filter((code) => !all.includes(`'${code}'`))).toEqual([])
  })
})

describe('an error', () => {
  test('fills in its details and carries the line of the description', () => {
    const at = { file: '/srv/fleet.ts', line: 12 }
    const details = {
      resource: 'file:/etc/motd',
      field: 'mode',
      problem: 'is bad',
      suggestion: 'x',
    }
    const made = problem('invalid-resource', details, { at, log: 'the end' })
    expect(JSON.parse(JSON.stringify(made))).toEqual({
      code: 'invalid-resource',
      what: 'file:/etc/motd: mode is bad.',
      state: 'No host was contacted.',
      next: 'Write x.',
      at,
      log: 'the end',
    })
  })

  test('takes details as they are, even where they look like places to fill in', () => {
    const made = problem('usage', { problem: 'say {next} and $&', next: '{problem}' })
    expect([made.message, made.next]).toEqual(['say {next} and $&', '{problem}'])
  })

  test('stays what it is, and anything else that is thrown is our own fault', () => {
    const known = problem('ssh-missing', {})
    expect(asFettleError(known)).toBe(known)
    const unknown = [new TypeError('oops'), 'oops', undefined].map(asFettleError)
    expect(unknown.map((each) => each instanceof FettleError && each.code)).toEqual([
      'internal-error',
      'internal-error',
      'internal-error',
    ])
    expect(unknown[0]!.message).toContain('oops')
  })
})
