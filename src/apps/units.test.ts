import { describe, expect, test } from 'vitest'
import { describeApp } from '../model/app.ts'
import type { AppOptions } from '../model/app-options.ts'
import { app } from '../roles/app.ts'
import { ailing, blamed, mainsOf, unitsOf } from './instances.ts'
import { parseInstances } from './processes.ts'
import { releaseOf } from './release.ts'
import { processUnit, unitOf } from './units.ts'

const shop = (options: Partial<AppOptions> = {}): ReturnType<typeof app> =>
  app('shop', { source: '.', port: 12_000, ...options })
const tree = { id: '3f2a1b9c4d5e' }
const release = (options: Partial<AppOptions> = {}, env = '', web = 'node x.js'): string =>
  releaseOf(shop(options), tree, { web, release: 'migrate' }, env).name

describe('a release', () => {
  test('is named after its tree and its configuration', () => {
    expect(release()).toMatch(/^3f2a1b9c4d5e\.[0-9a-f]{6}$/)
    expect(release()).toBe(release())
    const others = [
      release({}, 'A=1\n'),
      release({}, '', 'node y.js'),
      release({ limits: { memory: 100 } }),
      release({ rollout: { stop: 3 } }),
      release({ jobs: { clean: { run: 'x', at: 'daily' } } }),
    ]
    expect(new Set([release(), ...others]).size).toBe(6)
    // What only the balancer or the rollout looks at makes no other one.
    expect(release({ domains: 'x.test', health: '/x', rollout: { settle: 1 } })).toBe(release())
  })

  test('keeps its release command apart from what runs', () => {
    const { command, processes } = releaseOf(shop(), tree, { web: 'x', release: 'migrate' }, '')
    expect([command, processes]).toEqual(['migrate', { web: 'x' }])
  })
})

describe('units', () => {
  test('have names that no other app or process has', () => {
    expect(unitOf('shop', 'web', '3f2a1b9c4d5e.a1b2c3', '12003')).toBe(
      'shop.web.3f2a1b9c4d5e.a1b2c3@12003.service',
    )
    const serving = { id: 'x', release: '3f2a1b9c4d5e.a1b2c3', slots: [0, 3], workers: { mail: 2 } }
    expect(unitsOf(shop(), serving)).toEqual([
      'shop.web.3f2a1b9c4d5e.a1b2c3@12000.service',
      'shop.web.3f2a1b9c4d5e.a1b2c3@12003.service',
      'shop.mail.3f2a1b9c4d5e.a1b2c3@1.service',
      'shop.mail.3f2a1b9c4d5e.a1b2c3@2.service',
    ])
  })

  test('hold the limits, and tell where to listen', () => {
    const described = shop({ limits: { memory: 100, cpu: 0.5 } })
    const made = releaseOf(described, tree, { web: 'x', mail: 'y' }, '')
    const text = processUnit(described, made, 'web', '10.0.0.1')
    for (const row of ['MemoryMax=100M', 'CPUQuota=50%', 'Environment=PORT=%i', 'User=shop'])
      expect(text.split('\n')).toContain(row)
    expect(text).toContain('HOST=10.0.0.1 ')
    expect(processUnit(described, made, 'mail', '10.0.0.1')).not.toContain('PORT=%i')
  })
})

const rows = (...blocks: string[][]): string => blocks.map((each) => each.join('\n')).join('\n\n')

test('what ails is what does not run, or has been started again', () => {
  const one = (state: string, restarts: number): string[] => [
    'Id=a.service',
    `ActiveState=${state}`,
    'Result=exit-code',
    `NRestarts=${restarts}`,
  ]
  expect(ailing(rows(one('active', 0), one('active', 0)))).toEqual([])
  expect(ailing(rows(one('active', 0), one('failed', 0)))).toEqual([
    'a.service is failed (exit-code)',
  ])
  expect(ailing(rows(one('active', 1)))).toEqual(['a.service died and was started again'])
  expect(ailing('')).toEqual([])
})

test('main processes are those of units that have one', () => {
  expect(mainsOf(rows(['Id=a.service', 'MainPID=12'], ['Id=b.service', 'MainPID=0']))).toEqual([
    '12',
  ])
})

test('the log that is shown is of the instance that is blamed', () => {
  const units = ['shop.web.x@12001.service', 'shop.web.x@12002.service']
  expect(blamed(units, 'its instance on port 12002 ends again and again')).toEqual([units[1]])
  expect(blamed(units, `${units[0]} is failed (exit-code)`)).toEqual([units[0]])
  expect(blamed(units, 'it answers after 3 s')).toEqual(units)
})

test('instances of other apps are no instances of this one', () => {
  const block = (id: string): string[] => [`Id=${id}`, 'ActiveState=active', 'NRestarts=2']
  const found = parseInstances(
    shop(),
    rows(
      block('shop.web.3f2a1b9c4d5e.a1b2c3@12000.service'),
      block('shop-admin.web.3f2a1b9c4d5e.a1b2c3@12000.service'),
      block('shop.job.clean.service'),
    ),
  )
  expect(found).toEqual([
    {
      process: 'web',
      release: '3f2a1b9c4d5e.a1b2c3',
      instance: '12000',
      state: 'active',
      since: '',
      restarts: 2,
      memory: undefined,
    },
  ])
})

test('ports of an app never change, and there is room for two releases', () => {
  expect(describeApp('shop', { source: '.' }).port).toBe(describeApp('shop', { source: 'x' }).port)
  for (const name of ['ab', 'shop', 'a-very-long-name-of-an-app'.slice(0, 24)]) {
    const { port } = describeApp(name, { source: '.' })
    expect([port % 100, port >= 10_000, port < 32_000]).toEqual([0, true, true])
  }
})
