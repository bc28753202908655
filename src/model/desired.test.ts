import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { directory } from '../resources/directory.ts'
import { file } from '../resources/file.ts'
import { kinds } from '../resources/kinds.ts'
import { service } from '../resources/service.ts'
import { Secret } from '../base/secret.ts'
import { desiredOf } from './desired.ts'
import { type Facts, FactsNeeded } from './facts.ts'
import { fleet } from './fleet.ts'
import { type Resource, idOf } from './resource.ts'
import { type Resources, role } from './role.ts'

/** What two roles together describe for one host. */
function together(...described: Resources[]): Resource[] {
  const roles = described.map((each, i) => role(`role${i}`, () => each).on('*'))
  const all = fleet({ hosts: { web1: {} }, roles })
  return desiredOf(all, all.hosts.get('web1')!, undefined, kinds)
}

const ids = (resources: readonly Resource[]): string[] => resources.map(idOf)

describe('the resources of a host', () => {
  test('are those of its roles in their order, from nested lists with gaps', () => {
    const described = together([file('/a'), [false, [null, file('/b')], undefined]], [], file('/c'))
    expect(ids(described)).toEqual(['file:/a', 'file:/b', 'file:/c'])
  })

  test('are one where two roles describe the same, with the wishes of both', () => {
    const nginx = service('nginx')
    const reload = { target: 'service:nginx', action: 'reload' }
    const restart = { target: 'service:nginx', action: 'restart' }
    const [one] = together(
      [file('/x', { content: 'same', after: directory('/d'), notify: reload }), nginx],
      [directory('/d'), directory('/e'), directory('/f')],
      file('/x', { content: 'same', after: ['directory:/d', 'directory:/e'], notify: restart }),
    ).filter(({ kind }) => kind === 'file')
    expect(one).toMatchObject({
      after: ['directory:/d', 'directory:/e'],
      notify: [reload, restart],
    })
  })

  test('are one where two roles name the same secret', () => {
    const described = (): Resource => file('/x', { content: `${new Secret('token', 'abcdef')}` })
    expect(together(described(), described())).toHaveLength(1)
  })

  test('are not one where their secrets differ', () => {
    const of = (value: string): Resource => file('/x', { content: `${new Secret('t', value)}` })
    expect(() => together(of('abcdef'), of('ghijkl'))).toThrow(
      expect.objectContaining({ code: 'claimed-twice' }),
    )
  })

  test('are not one where another user is to make them', () => {
    expect(() => together(file('/x'), file('/x', { user: 'root' }))).toThrow(
      expect.objectContaining({ code: 'claimed-twice' }),
    )
  })
})

describe('the order of resources', () => {
  /** Files with random waits that make no circle: each waits only for those below its rank. */
  const graphs = fc
    .array(fc.array(fc.nat(), { maxLength: 3 }), { minLength: 1, maxLength: 25 })
    .map((waits) =>
      waits.map((targets, i) =>
        file(`/f${i}`, { after: i === 0 ? [] : targets.map((target) => `file:/f${target % i}`) }),
      ),
    )
  const shuffled = graphs.chain((files) =>
    fc
      .shuffledSubarray(files, { minLength: files.length, maxLength: files.length })
      .map((order) => ({ files, order })),
  )

  test('keeps all, each after what it waits for', () => {
    fc.assert(
      fc.property(shuffled, ({ order }) => {
        const placed = ids(together(order))
        expect([...placed].sort()).toEqual(ids(order).sort())
        for (const { after, ...resource } of order)
          for (const before of after)
            expect(placed.indexOf(before)).toBeLessThan(placed.indexOf(idOf(resource)))
      }),
    )
  })

  test('is that of the description where nothing waits', () => {
    fc.assert(
      fc.property(shuffled, ({ order }) => {
        const free = order.map((each) => ({ ...each, after: [] }))
        expect(ids(together(free))).toEqual(ids(free))
      }),
    )
  })

  test('is the same again for what is already in order, and on every evaluation', () => {
    fc.assert(
      fc.property(shuffled, ({ order }) => {
        const placed = together(order)
        expect(ids(together(placed))).toEqual(ids(placed))
        expect(ids(together(order))).toEqual(ids(placed))
      }),
    )
  })

  test('moves only what others wait for', () => {
    const files = ['a', 'b', 'c', 'd'].map((name) =>
      file(`/${name}`, name === 'b' ? { after: 'file:/d' } : {}),
    )
    expect(ids(together(files))).toEqual(['file:/a', 'file:/d', 'file:/b', 'file:/c'])
  })

  test('of ten thousand resources in one chain is found', () => {
    const chain = Array.from({ length: 10_000 }, (_, i) =>
      file(`/f${i}`, i < 9_999 ? { after: `file:/f${i + 1}` } : {}),
    )
    expect(ids(together(chain))).toEqual(ids(chain).reverse())
  })
})

describe('a host as its roles see it', () => {
  test('has its own vars over those of the fleet, its labels, roles and peers', () => {
    const seen: unknown[] = []
    const look = role<{ port: number; name: string }>('look', (host) => {
      const { name, address, labels, roles, vars } = host
      seen.push({ name, address, labels, roles, port: vars.port, own: vars.name })
      seen.push(host.peers('db'), JSON.stringify(vars))
      return []
    })
    const db = role('db', () => [])
    const all = fleet({
      vars: { port: 80, name: 'all' },
      hosts: {
        web1: { address: '10.0.0.1', labels: { zone: 'a' }, vars: { name: 'one' } },
        db1: {},
        db2: { address: 'db2.example' },
      },
      roles: [look.on('web1'), db.on('*')],
    })
    desiredOf(all, all.hosts.get('web1')!, undefined, kinds)
    expect(seen).toEqual([
      {
        name: 'web1',
        address: '10.0.0.1',
        labels: { zone: 'a' },
        roles: ['look', 'db'],
        port: 80,
        own: 'one',
      },
      [
        { name: 'web1', address: '10.0.0.1', privateAddress: '10.0.0.1' },
        { name: 'db1', address: 'db1', privateAddress: 'db1' },
        { name: 'db2', address: 'db2.example', privateAddress: 'db2.example' },
      ],
      '{"port":80,"name":"one"}',
    ])
  })

  test('has facts once they were read, and asks for them before', () => {
    const all = fleet({
      hosts: { web1: {} },
      roles: [role('r', ({ facts }) => file(`/${facts.os.codename}`)).on('*')],
    })
    const web1 = all.hosts.get('web1')!
    const facts: Facts = {
      hostname: 'web1',
      os: { id: 'debian', version: '12', codename: 'bookworm' },
      architecture: 'x86_64',
      kernel: '6.1',
      cpus: 1,
      memory: 1,
      addresses: [],
    }
    expect(() => desiredOf(all, web1, undefined, kinds)).toThrow(FactsNeeded)
    expect(ids(desiredOf(all, web1, facts, kinds))).toEqual(['file:/bookworm'])
  })
})
