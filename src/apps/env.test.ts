import { describe, expect, test } from 'vitest'
import { Secret, holdsSecret, redact, reveal } from '../base/secret.ts'
import { problem } from '../base/errors.ts'
import { describeApp } from '../model/app.ts'
import type { AppOptions } from '../model/app-options.ts'
import { type EnvSources, envOf } from './env.ts'
import { environmentFile } from './environment-file.ts'

const entries = (env: NonNullable<AppOptions['env']>, sources: EnvSources = {}): string[] =>
  envOf(describeApp('shop', { source: './shop', env }), sources).map(
    ({ name, value, from }) => `${name}=${reveal(String(value))} (${from})`,
  )
const opened = (values: Record<string, string | Error>): EnvSources => ({
  secrets: { values: new Map(Object.entries(values)) },
})
const file = (text: string): EnvSources => ({ file: { path: 'env/shop.env', text } })

describe('the environment of an app', () => {
  test('what is nearer to it counts', () => {
    const names = ['A', 'B', 'C', 'D', 'E']
    const all = (count: number, value: string): Record<string, string> =>
      Object.fromEntries(names.slice(0, count).map((name) => [name, value]))
    const sources: EnvSources = {
      runtime: all(5, 'runtime'),
      ...file('A=file\nB=file\nC=file\nD=file\n'),
      ...opened({ 'shop.A': 's', 'shop.B': 's', 'shop.C': 's', 'blog.X': 'not for shop', Y: 'no' }),
      instance: { PORT: '10001' },
    }
    expect(entries({ A: 1, B: true }, sources)).toEqual([
      'A=1 (description)',
      'B=true (description)',
      'C=s (secret shop.C)',
      'D=file (.env)',
      'E=runtime (runtime)',
      'PORT=10001 (instance)',
    ])
  })

  test('a secret that cannot be opened is an error, before anything else is done', () => {
    const closed = problem('identity-missing', { name: 'shop.A', people: 'ada' })
    expect(() => entries({}, opened({ 'shop.A': closed }))).toThrow(closed)
    expect(entries({}, opened({ 'blog.A': closed }))).toEqual([])
  })

  test.each<[string, NonNullable<AppOptions['env']>, EnvSources]>([
    ['a name that is none', {}, opened({ 'shop.a-b': 'x' })],
    ['a port in a file', {}, file('PORT=1')],
    ['a host in a secret', {}, opened({ 'shop.HOST': 'x' })],
    ['a sign that systemd drops', {}, file('A="\u0001"')],
    ['a carriage return', { A: 'a\rb' }, {}],
    ['a code point that is no letter', { A: '\ufdd0' }, {}],
    ['half a letter', { A: '\ud800' }, {}],
    ['a value too long for Linux', { A: 'x'.repeat(128 * 1024) }, {}],
  ])('%s is refused', (_, env, sources) => {
    expect(() => entries(env, sources)).toThrow(expect.objectContaining({ code: 'invalid-env' }))
  })

  test('no secret is seen in it', () => {
    const password = new Secret('db', 'hun"ter$2')
    const app = describeApp('shop', {
      source: './shop',
      env: { A: password, B: `pg://${password}@db`, C: 'plain' },
    })
    const env = envOf(app, {})
    const text = environmentFile(env)
    expect(holdsSecret(text)).toBe(true)
    expect(redact(text)).toBe('A=«secret db»\nB=«secret db»\nC="plain"\n')
    expect(redact(JSON.stringify(env))).not.toContain('hun')
    expect(reveal(text)).toBe('A="hun\\"ter\\$2"\nB="pg://hun\\"ter\\$2@db"\nC="plain"\n')
    // Also where a host prints the file back.
    expect(redact(reveal(text))).not.toContain('ter')
  })
})
