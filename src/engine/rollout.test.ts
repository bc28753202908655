import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fleet, type FleetHost } from '../model/fleet.ts'
import { role } from '../model/role.ts'
import { limited } from './limited.ts'
import { batchesOf } from './rollout.ts'

/** Hosts h0, h1, ...; each role is on those whose number it lists. */
function hostsOf(
  count: number,
  roles: readonly { on: readonly number[]; maxUnavailable?: number | undefined }[],
): { host: FleetHost }[] {
  const hosts = Object.fromEntries(Array.from({ length: count }, (_, i) => [`h${i}`, {}]))
  const placed = roles.map(({ on, maxUnavailable }, i) =>
    role(`role${i}`, () => [], maxUnavailable === undefined ? {} : { maxUnavailable }).on(
      ...on.map((number) => `h${number}`),
    ),
  )
  return [...fleet({ hosts, roles: placed }).hosts.values()].map((host) => ({ host }))
}

const names = (batches: readonly { host: FleetHost }[][]): string[] =>
  batches.map((batch) => batch.map(({ host }) => host.name).join(' '))

describe('batches', () => {
  test('are one without any limit', () => {
    expect(names(batchesOf(hostsOf(3, [{ on: [0, 1, 2] }]), undefined))).toEqual(['h0 h1 h2'])
  })

  test('hold so many hosts of a role as it can spare', () => {
    const hosts = hostsOf(5, [{ on: [0, 1, 2], maxUnavailable: 1 }, { on: [3, 4] }])
    expect(names(batchesOf(hosts, undefined))).toEqual(['h0 h3 h4', 'h1', 'h2'])
  })

  test('hold so many hosts as the command line allows', () => {
    const hosts = hostsOf(5, [{ on: [0, 1, 2, 3, 4], maxUnavailable: 3 }])
    expect(names(batchesOf(hosts, 2))).toEqual(['h0 h1', 'h2 h3', 'h4'])
  })

  test('keep to the limits of all roles of a host', () => {
    const hosts = hostsOf(4, [
      { on: [0, 1], maxUnavailable: 1 },
      { on: [1, 2], maxUnavailable: 1 },
      { on: [2, 3], maxUnavailable: 1 },
    ])
    expect(names(batchesOf(hosts, undefined))).toEqual(['h0 h2', 'h1 h3'])
  })

  test('hold each host once and keep to every limit, whatever the fleet', () => {
    const fleets = fc.integer({ min: 1, max: 12 }).chain((count) =>
      fc
        .array(
          fc.record({
            on: fc.uniqueArray(fc.nat(count - 1), { minLength: 1 }),
            maxUnavailable: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
          }),
          { maxLength: 4 },
        )
        .map((roles) => hostsOf(count, roles)),
    )
    const limits = fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined })
    fc.assert(
      fc.property(fleets, limits, (hosts, limit) => {
        const batches = batchesOf(hosts, limit)
        expect(
          batches
            .flat()
            .map(({ host }) => host.name)
            .sort(),
        ).toEqual(hosts.map(({ host }) => host.name).sort())
        for (const batch of batches) {
          expect(batch.length).toBeLessThanOrEqual(limit ?? Infinity)
          for (const each of new Set(batch.flatMap(({ host }) => host.roles)))
            expect(
              batch.filter(({ host }) => host.roles.includes(each)).length,
            ).toBeLessThanOrEqual(each.maxUnavailable ?? Infinity)
        }
      }),
    )
  })
})

describe('limited work', () => {
  test('never has more than so many at once, and answers in the order given', async () => {
    let running = 0
    let most = 0
    const results = await limited(3, [5, 1, 4, 2, 3, 0], async (ticks) => {
      most = Math.max(most, ++running)
      for (let i = 0; i < ticks; i++) await Promise.resolve()
      running--
      return ticks * 10
    })
    expect([results, most]).toEqual([[50, 10, 40, 20, 30, 0], 3])
  })

  test('of none is none', async () => {
    expect(await limited(3, [], () => Promise.reject(new Error('no')))).toEqual([])
  })
})
