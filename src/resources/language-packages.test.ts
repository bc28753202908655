import { describe, expect, test } from 'vitest'
import { type Context, type Kind, nothingPlanned } from '../model/kind.ts'
import { type Resource, absent } from '../model/resource.ts'
import { gemKind, gemPackages } from './gem.ts'
import type { LanguageState } from './language-packages.ts'
import { npmKind, npmPackages } from './npm.ts'
import { pipKind, pipPackages } from './pip.ts'

const after = (...opaque: string[]): Context => ({ ...nothingPlanned, opaque })
const npm = after('package:npm', 'npm:other')

function difference(
  kind: Kind<any, LanguageState>,
  resource: Resource | undefined,
  printed: string,
  context = nothingPlanned,
): string | undefined {
  const [state] = kind.parse(Buffer.from(printed), [resource!])
  const found = kind.diff(resource!, state!, context)
  return found && `${found.verb}: ${found.summary}`
}

describe('what differs', () => {
  const [any] = npmPackages('pm2')
  const [exact] = npmPackages('pm2@5.3.0')
  const of = (version: string): string =>
    JSON.stringify({ dependencies: { pm2: { version }, other: { version: '1.0.0' } } })
  const newest = 'install the newest (known once npm has asked for it)'
  test.each<[Resource, string, Context, string | undefined]>([
    [any!, of('1.0.0'), nothingPlanned, undefined],
    [any!, of('1.0.0'), npm, undefined],
    [exact!, of('5.3.0'), nothingPlanned, undefined],
    [exact!, of('1.0.0'), nothingPlanned, 'change: 1.0.0 -> 5.3.0'],
    [exact!, of('1.0.0'), npm, 'change: 1.0.0 -> 5.3.0'],
    [any!, '{}', nothingPlanned, `create: ${newest}`],
    [any!, '{"dependencies":{"pm2":{"missing":true}}}', nothingPlanned, `create: ${newest}`],
    [exact!, '{}', nothingPlanned, 'create: install 5.3.0'],
    [exact!, '{}', after('npm:other'), 'create: install 5.3.0'],
    [exact!, '{}', npm, 'unknown: 5.3.0, unless package:npm brings it'],
    [any!, '', nothingPlanned, `create: ${newest}, but npm is not installed`],
    [exact!, '', npm, 'unknown: 5.3.0, once package:npm has brought npm'],
    [any!, '', npm, 'unknown: installed, once package:npm has brought npm'],
    [absent(any!), '', nothingPlanned, undefined],
    [absent(any!), '', npm, 'unknown: known once package:npm has brought npm'],
    [absent(any!), '{}', npm, undefined],
    [absent(any!), of('1.0.0'), nothingPlanned, 'remove: 1.0.0'],
    [absent(exact!), of('1.0.0'), nothingPlanned, undefined],
    [absent(exact!), of('5.3.0'), nothingPlanned, 'remove: 5.3.0'],
  ])('%#: %j with %s', (resource, printed, context, expected) => {
    expect(difference(npmKind, resource, printed, context)).toBe(expected)
  })
  test('what npm prints that is not JSON', () =>
    expect(() => npmKind.parse(Buffer.from('npm ERR!'), [any as never])).toThrow('JSON'))

  const [puma] = gemPackages('puma@2.0')
  const gems = 'able\npuma 3.0 own\npuma 1.0 other\npumas 2.0 own\n'
  test.each<[Resource, string, string | undefined]>([
    [puma!, gems, 'change: 2.0 beside 3.0, 1.0'],
    [gemPackages('puma')[0]!, gems, undefined],
    [gemPackages('puma@1.0')[0]!, gems, undefined],
    [puma!, 'able\n', 'create: install 2.0'],
    [puma!, '', 'create: install 2.0, but gem is not installed'],
    [absent(gemPackages('puma')[0]!), gems, 'remove: 3.0'],
    [absent(gemPackages('puma@1.0')[0]!), gems, undefined],
  ])('%#: %j with %s', (resource, printed, expected) => {
    expect(difference(gemKind, resource, printed)).toBe(expected)
  })

  const [six] = pipPackages('Six==1.16.0')
  test.each<[Resource, string, string | undefined]>([
    [six!, 'able\nsix 1.16.0 own\nend\n\n', undefined],
    [six!, 'able\nsix 1.15.0 other\nend\n\n', 'change: 1.15.0 -> 1.16.0'],
    [six!, 'able\nend\n\n', 'create: install 1.16.0'],
    [six!, 'unable\nend\n\n', 'create: install 1.16.0, but pip is not installed'],
    [six!, '\n', 'create: install 1.16.0, but pip is not installed'],
    [
      pipPackages(['six@1.16.0'], { venv: '/v' })[0]!,
      '\n',
      'create: install 1.16.0, but python3-venv is not installed',
    ],
    [absent(pipPackages('six')[0]!), 'able\nsix 1.15.0 other\nend\n\n', undefined],
    [absent(pipPackages('six')[0]!), 'able\nsix 1.15.0 own\nend\n\n', 'remove: 1.15.0'],
  ])('%#: %j with %s', (resource, printed, expected) => {
    expect(difference(pipKind, resource, printed)).toBe(expected)
  })
})

test('names and versions are taken apart', () => {
  const ids = (all: readonly Resource[]): string[] =>
    all.map(
      ({ kind, name, desired }) =>
        `${kind}:${name} ${(desired as { version?: string }).version ?? ''}`,
    )
  expect(ids(npmPackages('a', 'b@1.0.0', '@c/d', '@c/e@2.0.0-rc.1', 'a'))).toEqual([
    'npm:a ',
    'npm:b 1.0.0',
    'npm:@c/d ',
    'npm:@c/e 2.0.0-rc.1',
  ])
  expect(ids(pipPackages(['Flask_Login==0.6', 'b@1!2.0+x'], { venv: '/opt/x' }))).toEqual([
    'pip:/opt/x:flask-login 0.6',
    'pip:/opt/x:b 1!2.0+x',
  ])
})

test.each([
  () => npmPackages('pm2@latest'),
  () => npmPackages('pm2@^5.0.0'),
  () => npmPackages('-g'),
  () => npmPackages('../x'),
  () => npmPackages('a b'),
  () => npmPackages('https://example.org/x.tgz'),
  () => npmPackages(''),
  () => pipPackages('six>=1.0'),
  () => pipPackages('-r'),
  () => pipPackages('six==1.*'),
  () => pipPackages(['six'], { venv: 'x' }),
  () => gemPackages('rake@~>1'),
  () => gemPackages('--version'),
])('%s is refused', (make) => expect(make).toThrow(/(its name|version|venv) cannot be/))
