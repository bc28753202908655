import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { problem } from '../base/errors.ts'
import { Secret } from '../base/secret.ts'
import type { Kind } from '../model/kind.ts'
import { type Resource, idOf } from '../model/resource.ts'
import { command } from '../resources/command.ts'
import { directory } from '../resources/directory.ts'
import { file } from '../resources/file.ts'
import { nothingThere } from '../resources/inode.ts'
import { kinds } from '../resources/kinds.ts'
import { packages } from '../resources/package.ts'
import { postgresDatabase } from '../resources/postgres-database.ts'
import { postgresUser } from '../resources/postgres-user.ts'
import { service } from '../resources/service.ts'
import type { Journal } from './journal.ts'
import type { Observation } from './observe.ts'
import { type HostPlan, fleetHash, isEmpty, planHost } from './plan.ts'

const facts = {
  hostname: 'web1',
  os: { id: 'debian', version: '12', codename: 'bookworm' },
  architecture: 'x86_64',
  kernel: '6.1',
  cpus: 1,
  memory: 1,
  addresses: [],
}

const journal: Journal = {
  shell: '1 1',
  login: 'root',
  runs: 0,
  lease: undefined,
  noted: [],
  memory: undefined,
}

function planOf(
  resources: readonly Resource[],
  states: Record<string, unknown>,
  more: Partial<Observation> = {},
): HostPlan {
  const seen = { facts, journal, states: new Map(Object.entries(states)), unread: new Map() }
  return planHost('web1', resources, resources, { ...seen, ...more }, kinds)
}

const ids = (plan: HostPlan): string[] =>
  plan.changes.map(({ resource, difference }) => `${difference.verb} ${idOf(resource)}`)

const absent = { 'file:/x': { ...nothingThere, sha256: undefined, content: undefined } }
const hashOf = (resource: Resource, states: Record<string, unknown> = absent): string =>
  planOf([resource], states).hash

describe('the hash of a plan', () => {
  const options = { content: 'a', mode: '0644', owner: 'root' }

  test('is the same for the same description on the same state', () => {
    expect(hashOf(file('/x', options))).toBe(hashOf(file('/x', { ...options })))
  })

  test('is the same on whichever line it is described', () => {
    const elsewhere = { ...file('/x', options), at: { file: '/another/fleet.ts', line: 1 } }
    expect(hashOf(elsewhere)).toBe(hashOf(file('/x', options)))
  })

  test.each<[string, Resource]>([
    ['its content', file('/x', { ...options, content: 'b' })],
    ['content as bytes', file('/x', { ...options, content: Buffer.from('a') })],
    ['its mode', file('/x', { ...options, mode: '0600' })],
    ['a field more', file('/x', { ...options, group: 'root' })],
    ['a field less', file('/x', { content: 'a', mode: '0644' })],
    ['another user', file('/x', { ...options, user: 'root' })],
    ['that it is to be gone', { ...file('/x', options), absent: true }],
    ['what it waits for', file('/x', { ...options, after: 'file:/y' })],
    ['what it notifies', file('/x', { ...options, notify: { target: 'a', action: 'b' } })],
  ])('changes with %s', (_, changed) => {
    expect(hashOf(changed)).not.toBe(hashOf(file('/x', options)))
  })

  test.each(['type', 'mode', 'owner', 'group', 'size', 'target', 'sha256', 'content'])(
    'changes with the %s that was seen',
    (field) => {
      const states = { 'file:/x': { ...absent['file:/x'], [field]: 'other' } }
      expect(hashOf(file('/x', options), states)).not.toBe(hashOf(file('/x', options)))
    },
  )

  test('changes with what is owed, and with a user that is missing', () => {
    const resources = [file('/y'), file('/x', { ...options, user: 'deploy' })]
    const states = { ...absent, 'file:/y': absent['file:/x'] }
    const noted = [{ target: 'file:/x', action: 'touch', cause: 'file:/z' }]
    const owed = { journal: { ...journal, noted } }
    const lacksUser = problem('no-such-user', { host: 'web1', user: 'deploy' })
    const hashes = [{}, owed, { unread: new Map([['file:/x', lacksUser]]) }].map(
      (more) => planOf(resources, states, more).hash,
    )
    expect(new Set(hashes).size).toBe(3)
  })

  test('counts secrets by their value, not by their name or mark', () => {
    const of = (name: string, value: string): string =>
      hashOf(file('/x', { content: `password=${new Secret(name, value)}` }))
    expect(of('one', 'hunter2')).toBe(of('two', 'hunter2'))
    expect(of('one', 'hunter2')).not.toBe(of('one', 'hunter3'))
    expect(of('one', 'hunter2')).toBe(
      hashOf(file('/x', { content: 'password=hunter2', mode: '0600' })),
    )
  })

  test('is another for any other data, however alike it is written', () => {
    const texts = fc.constantFrom('', 'a', 'b', 'a;', 'string 1:a;', 'end;', '1', '=', ':')
    const data = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        texts,
        fc.constantFrom<unknown>(1, true, null),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(texts, tie('value'), { maxKeys: 3 }),
      ),
    })).value
    const d = directory('/d')
    fc.assert(
      fc.property(data, data, (one, two) => {
        const same = JSON.stringify(sorted(one)) === JSON.stringify(sorted(two))
        const [a, b] = [one, two].map((also) =>
          hashOf(d, { 'directory:/d': { ...nothingThere, also } }),
        )
        expect(a === b).toBe(same)
      }),
      {
        numRuns: 3000,
        examples: [
          [
            [{ a: 'b' }, {}],
            ['a', { b: {} }],
          ],
        ],
      },
    )
  })
})

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return { entries: entries.map(([key, each]) => [key, sorted(each)]) }
}

describe('the hash of a fleet', () => {
  const [one, two] = ['a', 'b'].map((content) => planOf([file('/x', { content })], absent))

  test('does not depend on the order of hosts', () => {
    const plans = [one!, { ...two!, host: 'web2' }]
    expect(fleetHash(plans)).toBe(fleetHash(plans.toReversed()))
  })

  test('depends on which host has which plan', () => {
    const swapped = [
      { ...one!, host: 'web2' },
      { ...two!, host: 'web1' },
    ]
    expect(fleetHash([one!, { ...two!, host: 'web2' }])).not.toBe(fleetHash(swapped))
    expect(fleetHash([one!])).toMatch(/^[0-9a-f]{16}$/)
  })
})

describe('planning', () => {
  test('is pure: neither description nor state is touched', () => {
    const frozen = <Value>(value: Value): Value => {
      if (typeof value === 'object' && value !== null && !Buffer.isBuffer(value))
        for (const each of Object.values(Object.freeze(value))) frozen(each)
      return value
    }
    const resources = frozen([file('/x', { content: 'a' }), directory('/d')])
    const states = frozen({ ...absent, 'directory:/d': nothingThere })
    expect(ids(planOf(resources, states))).toEqual(['create file:/x', 'create directory:/d'])
    expect(planOf(resources, states)).toEqual(planOf(resources, states))
  })

  test('is empty where all is as described', () => {
    const plan = planOf([directory('/d')], {
      'directory:/d': { ...nothingThere, type: 'directory', extra: [] },
    })
    expect([ids(plan), isEmpty(plan)]).toEqual([[], true])
  })

  test('keeps what is owed for described resources alone, and is then not empty', () => {
    const d = directory('/d')
    const noted = ['directory:/d', 'service:gone'].map((target) => ({
      target,
      action: 'restart',
      cause: 'file:/x',
    }))
    const plan = planOf(
      [d],
      { 'directory:/d': { ...nothingThere, type: 'directory', extra: [] } },
      { journal: { ...journal, noted } },
    )
    expect([plan.owed, isEmpty(plan)]).toEqual([[noted[0]], false])
  })

  test('shows as unknown what a package may bring', () => {
    const states = {
      'package:nginx': kindOf('package').parse(Buffer.from(''), [packages('nginx')[0]!])[0],
      'service:nginx': { load: 'not-found', active: 'inactive', sub: 'dead', file: '' },
    }
    const plan = planOf([...packages('nginx'), service('nginx')], states)
    expect(ids(plan)).toEqual(['create package:nginx', 'unknown service:nginx'])
  })

  test('shows as unknown whether a command is needed after one that changes the host', () => {
    const resources = [
      command('first', { run: 'x', creates: '/x' }),
      command('second', { run: 'y', creates: '/y' }),
    ]
    const states = { 'command:first': { needed: 'yes' }, 'command:second': { needed: 'yes' } }
    expect(ids(planOf(resources, states))).toEqual(['run command:first', 'unknown command:second'])
  })

  describe('what a user does who is not there', () => {
    const lacksUser = problem('no-such-user', { host: 'web1', user: 'deploy' })
    const unread = new Map([['file:/x', lacksUser]])
    const theirs = file('/x', { user: 'deploy' })

    test('is unknown where something before it is to change', () => {
      const states = { 'directory:/d': nothingThere }
      const plan = planOf([directory('/d'), theirs], states, { unread })
      expect(plan.changes.map(({ difference }) => difference)).toEqual([
        { verb: 'create', summary: 'directory' },
        { verb: 'unknown', summary: 'known once there is a user deploy' },
      ])
    })

    test('is an error where nothing could bring the user', () => {
      expect(() => planOf([theirs], {}, { unread })).toThrow(lacksUser)
    })
  })
})

function kindOf(name: string): Kind {
  return kinds.get(name)!
}

describe('what left the description', () => {
  const gone = (resource: Resource): Resource => ({ ...resource, absent: true })
  const up = { server: 'up', reason: '' }
  const role = { verifier: null, memberOf: [], owns: ['shop'], granted: [] }
  const database = {
    owner: 'shop',
    encoding: '',
    locale: '',
    extensions: [],
    access: [],
    tables: 1,
  }
  const states = {
    'postgres-user:shop': { ...up, role },
    'postgres-database:shop': { ...up, database },
    ...absent,
  }
  const leave = (
    orphans: readonly Resource[],
    wish: 'list' | 'remove',
    described: readonly Resource[] = [],
  ): HostPlan => {
    const seen = { facts, journal, states: new Map(Object.entries(states)), unread: new Map() }
    const leaving = { orphans, states: seen.states, strays: [], others: [], wish }
    return planHost('web1', described, described, seen, kinds, leaving)
  }
  const user = gone(postgresUser('shop'))
  const shop = gone(postgresDatabase('shop', { destroy: true }))

  test('goes first, but for what has something in its way', () => {
    for (const orphans of [
      [user, shop],
      [shop, user],
    ])
      expect(ids(leave(orphans, 'remove', [file('/x')]))).toEqual([
        'remove postgres-database:shop',
        ...(orphans[0] === shop ? ['remove postgres-user:shop', 'create file:/x'] : []),
        ...(orphans[0] === user ? ['create file:/x', 'remove postgres-user:shop'] : []),
      ])
  })

  test('is shown as it would go, whatever else goes with it', () => {
    const shown = (orphans: readonly Resource[]): string[] =>
      leave(orphans, 'list').orphans.map(({ difference }) => difference.summary)
    expect(shown([user, shop])).toEqual(['drop it and ALL ITS DATA (1 table)', 'the user'])
    expect(shown([user])).toEqual([
      'it owns objects in shop, which have to go to somebody else first',
    ])
  })

  test('is not waited for when it is gone already', () => {
    expect(ids(leave([gone(file('/x'))], 'remove'))).toEqual([])
    expect(leave([gone(file('/x'))], 'list').orphans).toEqual([])
  })
})
