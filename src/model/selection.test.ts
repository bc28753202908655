import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { file } from '../resources/file.ts'
import { service } from '../resources/service.ts'
import { fleet } from './fleet.ts'
import { idOf } from './resource.ts'
import { role } from './role.ts'
import { selectHosts, selectResources } from './selection.ts'
import { closest } from './suggestion.ts'

const web = role('web', () => [])
const db = role('db', () => [])
const all = fleet({
  hosts: {
    web1: { labels: { zone: 'a' } },
    web2: { labels: { zone: 'b' } },
    'db1.example': { labels: { zone: 'a', tier: 'data' } },
    db1xexample: {},
  },
  roles: [web.on('web1', 'web2'), db.on({ tier: 'data' })],
})

const hosts = (names: readonly string[], roles: readonly string[] = []): string[] =>
  selectHosts(all, { hosts: names, roles, only: [] }).map(({ name }) => name)

describe('choosing hosts', () => {
  test.each<[string[], string[], string[]]>([
    [[], [], ['web1', 'web2', 'db1.example', 'db1xexample']],
    [['web2', 'web1'], [], ['web1', 'web2']],
    [['web*'], [], ['web1', 'web2']],
    [['*1'], [], ['web1']],
    [['db1.example'], [], ['db1.example']],
    [['zone=a'], [], ['web1', 'db1.example']],
    [['zone=b', 'db1.*'], [], ['web2', 'db1.example']],
    [[], ['web'], ['web1', 'web2']],
    [['zone=a'], ['web'], ['web1']],
    [['web2'], ['db'], []],
  ])('by %j and roles %j gives %j', (names, roles, expected) => {
    expect(hosts(names, roles)).toEqual(expected)
  })

  test.each<[string[], string[], string]>([
    [['web3'], [], 'No host is called web3. Write web1.'],
    [
      ['zone=c'],
      [],
      'No host is called zone=c. Write one of web1, web2, db1.example, db1xexample.',
    ],
    [
      ['web1', 'mail*'],
      [],
      'No host is called mail*. Write one of web1, web2, db1.example, db1xexample.',
    ],
    [[], ['wbe'], 'No role is called wbe. Write web.'],
  ])('by %j and roles %j is an error', (names, roles, words) => {
    const [message, next] = words.split(/(?<=\.) (?=Write)/)
    expect(() => hosts(names, roles)).toThrow(
      expect.objectContaining({ code: 'unknown-selection', message, next }),
    )
  })
})

describe('choosing resources', () => {
  const resources = [
    ...['/etc/motd', '/etc/nginx/nginx.conf', '/srv/a*b', '/srv/two\nlines'].map((path) =>
      file(path),
    ),
    service('nginx'),
  ]
  const chosen = (...only: string[]): string[] => selectResources(resources, only).map(idOf)

  test.each<[string[], string[]]>([
    [['service'], ['service:nginx']],
    [['file:/etc/motd'], ['file:/etc/motd']],
    [['file:/etc/*'], ['file:/etc/motd', 'file:/etc/nginx/nginx.conf']],
    [['*nginx*'], ['file:/etc/nginx/nginx.conf', 'service:nginx']],
    [['file:/srv/two*'], ['file:/srv/two\nlines']],
    [['file:/etc/mot.'], []],
    [
      ['service', 'file:/etc/motd'],
      ['file:/etc/motd', 'service:nginx'],
    ],
  ])('by %j gives %j', (only, expected) => {
    expect(chosen(...only)).toEqual(expected)
  })

  test('never gives more than there is, nor in another order, whatever is asked for', () => {
    const pattern = fc.oneof(
      fc.string(),
      fc.constantFrom('*', 'file', 'file:*', 'file:/etc/**', '[', '(', '\\', '$', '^'),
    )
    fc.assert(
      fc.property(fc.array(pattern), pattern, (only, another) => {
        const some = selectResources(resources, only)
        expect(some).toEqual(resources.filter((each) => some.includes(each)))
        // A further pattern limits less, but none at all limits nothing.
        const more = selectResources(resources, [...only, another])
        if (only.length > 0) expect(more).toEqual(expect.arrayContaining(some))
        else expect(some).toEqual(resources)
      }),
    )
  })
})

describe('a suggestion', () => {
  test.each<[string, string[], string]>([
    ['wbe1', ['web1', 'db1'], 'web1'],
    ['WEB1', ['web1', 'db1'], 'web1'],
    ['mail', ['web1', 'db1'], 'one of web1, db1'],
    ['mail', [], 'a name that is defined (there are none yet)'],
    [
      'x',
      Array.from({ length: 14 }, (_, i) => `host${i}`),
      'one of host0, host1, host2, host3, host4, host5, host6, host7, host8, host9, host10, host11, ...',
    ],
  ])('for %j among %j is %j', (name, known, expected) => {
    expect(closest(name, known)).toBe(expected)
  })

  test('is a name that is known, for any name near it', () => {
    const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{6,9}$/), { minLength: 1, maxLength: 9 })
    fc.assert(
      fc.property(names, fc.nat(), fc.nat(), (known, which, where) => {
        const meant = known[which % known.length]!
        const at = where % meant.length
        const mistaken = `${meant.slice(0, at)}${meant.slice(at + 1)}`
        expect(known).toContain(closest(mistaken, known))
      }),
    )
  })
})
