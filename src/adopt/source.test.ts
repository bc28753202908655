import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Call, Copied, type Value } from './call.ts'
import { sectionsOf } from './services.ts'
import { type Reached, sourcesOf } from './source.ts'

const root: Reached = {
  name: 'web1',
  address: undefined,
  login: undefined,
  port: undefined,
  asRoot: true,
}

function roleOf(calls: readonly Call[], host: Reached = root): string {
  const roles = [{ name: 'shop-2', about: 'A shop.', calls }]
  return String(sourcesOf({ roles, leftOut: [] }, host).get('roles/shop-2.ts'))
}

/** Runs what was written, with functions that give back their arguments. */
function read(source: string): unknown {
  const body = source
    .replace(/^import [^]*? from 'fettle'$/m, '')
    .replace(/export const \w+ = /, 'return ')
  const names = ['role', 'as', 'file', 'packages', 'service']
  const given = names.map((name) =>
    name === 'role'
      ? (_: string, all: () => unknown) => all()
      : (...args: unknown[]) => [name, ...args],
  )
  return new Function(...names, body)(...given)
}

describe('a role as it is written', () => {
  test('has lines that can be read', () => {
    const keep = new Copied('etc/a.conf', Buffer.from('a\nb\n'))
    expect(
      roleOf([
        new Call('packages', 'nginx', 'curl'),
        new Call('file', '/etc/a.conf', { source: keep, mode: undefined }),
        new Call('file', `/etc/${'long-'.repeat(8)}`, { content: 'x'.repeat(60), mode: '0600' }),
        new Call('service', 'a', { masked: true }),
        new Call('service', 'b', { masked: true }),
        new Call('service', 'c', { masked: true }),
        new Call('service', 'd', {}),
      ]),
    ).toMatchInlineSnapshot(`
      "import { file, packages, role, service } from 'fettle'

      /** A shop. */
      export const shop2 = role('shop-2', () => [
        packages('nginx', 'curl'),
        file('/etc/a.conf', { source: '../files/etc/a.conf' }),
        file('/etc/long-long-long-long-long-long-long-long-', {
          content: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',
          mode: '0600',
        }),
        ...['a', 'b', 'c'].map((name) => service(name, { masked: true })),
        service('d'),
      ])
      "
    `)
  })

  test('says that root changes things where somebody else logs in', () => {
    const calls = [new Call('packages', 'nginx'), new Call('service', 'nginx')]
    expect(roleOf(calls, { ...root, asRoot: false })).toMatchInlineSnapshot(`
      "import { as, packages, role, service } from 'fettle'

      /** A shop. */
      export const shop2 = role('shop-2', () =>
        as('root', [
          ...packages('nginx'),
          service('nginx'),
        ]),
      )
      "
    `)
  })

  test('holds what was put in, whatever that is', () => {
    const value = fc.letrec<{ value: Value }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.string({ unit: 'binary' }),
        fc.integer(),
        fc.boolean(),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(
          fc.string().filter((name) => name !== '__proto__'),
          tie('value'),
          { minKeys: 1, maxKeys: 4 },
        ),
      ),
    })).value
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), value, (name, options) => {
        const [made] = read(roleOf([new Call('file', name, { options })])) as unknown[]
        expect(made).toEqual(['file', name, { options }])
      }),
    )
  })
})

describe('a unit file as sections', () => {
  test.each([
    ['[Service]\nExecStart=/bin/a\n', { Service: { ExecStart: '/bin/a' } }],
    [
      '[Unit]\nAfter=a\n\n[Service]\nExecStart=/bin/a b=c\nEnvironment=A=1\nEnvironment=B=2\n',
      { Unit: { After: 'a' }, Service: { ExecStart: '/bin/a b=c', Environment: ['A=1', 'B=2'] } },
    ],
  ])('%j', (text, sections) => {
    expect(sectionsOf(text)).toEqual(sections)
  })

  test.each([
    '# mine\n[Service]\nExecStart=/bin/a\n',
    '[Service]\nExecStart = /bin/a\n',
    '[Service]\nExecStart=/bin/a \\\n  b\n',
    '[Service]\nExecStart=/bin/a',
    '[Service]\nEnvironment=A=1\nExecStart=/bin/a\nEnvironment=B=2\n',
    '[Service]\n\nExecStart=/bin/a\n',
    'ExecStart=/bin/a\n',
  ])('%j stays a text', (text) => {
    expect(sectionsOf(text)).toBeUndefined()
  })
})
