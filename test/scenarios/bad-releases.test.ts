import { beforeAll, describe, expect, test } from 'vitest'
import { bootForFile, labAvailable, labMissing } from '../lab/fixture.ts'
import type { DeployRecord } from '../../src/wire/ledger.ts'
import { Shop, type Version } from './shop.ts'
import { Visitor, type Visit, slotsOf } from './visitor.ts'

const options = `instances: 1, limits: { memory: 128 }, balance: { timeout: 4 },
      health: { path: '/health', within: 4, timeout: 1, every: 0.5 },
      rollout: { settle: 2, drain: 1, stop: 1 },`

interface Bad {
  readonly what: string
  readonly version: Omit<Version, 'label'>
  readonly code: string
  /** What is said of why. */
  readonly reason: RegExp
  /** What the log's end says. */
  readonly log?: string
  /** What is said of how things stand. */
  readonly state?: RegExp
}

const putBack = 'rollout-put-back'
const bad: readonly Bad[] = [
  {
    what: 'does not start',
    version: { mode: 'no-start' },
    code: putBack,
    reason: /ends again and again|it ended, and was started again/,
    log: 'there is no configuration',
  },
  {
    what: 'starts and dies',
    version: { mode: 'dies 1', processes: 'release: true\n' },
    code: putBack,
    reason: /is activating|died and was started again|finds its slot \d+ down/,
    log: 'out of luck',
    state: /^All hosts serve .* again\. What its release command did stays done\.$/,
  },
  {
    what: 'is healthy and answers 500',
    version: { mode: 'fails' },
    code: putBack,
    reason: /of its \d+ answers failed/,
  },
  {
    what: 'listens too late',
    version: { mode: 'late 60' },
    code: putBack,
    reason: /was not well within 4 s/,
  },
  {
    what: 'leaks until it is killed',
    version: { mode: 'leaks 0' },
    code: putBack,
    reason: /is activating|died and was started again|finds its slot \d+ down/,
  },
  {
    what: 'accepts and never answers',
    version: { mode: 'hangs' },
    code: putBack,
    reason: /got an answer|waited for an answer/,
  },
  {
    what: 'has a release command that fails',
    version: { processes: 'release: echo half done >data; echo no such table >&2; exit 3\n' },
    code: 'release-command-failed',
    reason: /exit code 3/,
    log: 'no such table',
  },
  {
    what: 'has a release command that is told to end',
    version: { processes: 'release: echo half done; kill $$\n' },
    code: 'release-command-failed',
    reason: /exit code 143/,
    log: 'half done',
  },
  {
    what: 'cannot be built',
    version: { build: 'echo no compiler; exit 5' },
    code: 'build-failed',
    reason: /exit code 5/,
    log: 'no compiler',
  },
]

describe.skipIf(!labAvailable)(`bad releases ${labMissing}`, () => {
  const hosts = bootForFile(3)
  let shop: Shop
  let visitor: Visitor
  let serving = 'first'

  beforeAll(async () => {
    if (!labAvailable) return
    shop = new Shop(hosts(), options)
    // A small disk of its own for the shop on the second host.
    await hosts()[1]!.exec('mkdir /srv/shop && mount -t tmpfs -o size=16m,mode=755 tmpfs /srv/shop')
    // What an app is made of decides what `up` installs.
    shop.commit({ label: serving })
    expect(await shop.fettle('up', '--yes')).toMatchObject({ code: 0 })
    expect(await shop.fettle('deploy', 'shop')).toMatchObject({ code: 0 })
    visitor = new Visitor(shop.balancer)
    return () => visitor.end()
  }, 400_000)

  /** Visits that neither the old release nor the new one answered, nor went to a slot of the new one. */
  async function lost(visits: readonly Visit[], label: string, live: object): Promise<Visit[]> {
    const old = Object.entries(live).flatMap(([host, slots]: [string, number[]]) =>
      slots.map((slot) => `${host}-${slot}`),
    )
    const odd = visits.filter(
      (each) => !(each.status === 200 && each.label === serving) && each.label !== label,
    )
    const slots = await slotsOf(
      shop.balancer,
      odd.map(({ path }) => path),
    )
    return odd.filter((_, i) => slots[i] === 'unknown' || old.includes(slots[i]!))
  }

  /** Delivers it; nothing may be left of it, and nothing of the old one may change. */
  async function deliverBad(label: string, each: Omit<Bad, 'what'>): Promise<void> {
    const before = await shop.standing()
    await visitor.visits()
    shop.commit({ label, ...each.version })
    const { code, stdout } = await shop.fettle('deploy', 'shop', '--json')
    const { error } = JSON.parse(stdout) as { error: Record<string, string> }
    expect(error, stdout).toMatchObject({
      code: each.code,
      what: expect.stringMatching(each.reason) as string,
      next: expect.stringMatching(/\w/) as string,
    })
    expect(error['state']).toMatch(each.state ?? /serve|goes on running/)
    if (each.log !== undefined) expect(error['log']).toContain(each.log)
    expect(code).toBe(1)
    // One that fails at once is over before many have asked; who asks right after it counts as well.
    await new Promise((resolve) => setTimeout(resolve, 1000))
    const visits = await visitor.visits()
    expect(visits.filter((visit) => visit.label === serving).length).toBeGreaterThan(3)
    expect(await lost(visits, label, before.live)).toEqual([])
    expect(await shop.standing()).toEqual(before)
  }

  test.each(bad)(
    '$what',
    ({ what, ...each }) => deliverBad(what.replaceAll(' ', '-'), each),
    90_000,
  )

  test('finds the disk of one host full', async () => {
    const [, web2] = shop.web
    await web2!.exec('head -c 1G /dev/zero >/srv/shop/filler; true')
    try {
      await deliverBad('full', {
        version: {},
        code: 'no-room',
        reason: /^web2 has 0 MiB free/,
      })
    } finally {
      await web2!.exec('rm /srv/shop/filler')
    }
  }, 90_000)

  const passes = async (version: Version): Promise<DeployRecord> => {
    const { live } = await shop.standing()
    await visitor.visits()
    shop.commit(version)
    const { code, stdout } = await shop.fettle('deploy', 'shop', '--json')
    expect(code, stdout).toBe(0)
    expect(await lost(await visitor.visits(), version.label, live)).toEqual([])
    serving = version.label
    const { hosts } = await shop.standing()
    for (const { units, ports } of hosts) expect([units.length, ports.length]).toEqual([1, 1])
    return JSON.parse(stdout) as DeployRecord
  }

  test('one that listens late, but in time, passes; that it ignores SIGTERM does not keep the next one', async () => {
    await passes({ label: 'deaf', mode: 'late-deaf 2' })
    const { phases = [] } = await passes({ label: 'last' })
    const finish = phases.find(({ phase }) => phase === 'finish')!
    // It has one second.
    expect(finish.seconds).toBeGreaterThan(1)
    expect(finish.seconds).toBeLessThan(15)
  }, 120_000)
})
