import { describe, expect, test } from 'vitest'
import {
  type LockedPackage,
  type Locking,
  closureOf,
  isSecurity,
  lockChanges,
  withLockings,
} from './lock.ts'

const locked = (
  version: string,
  needs: string[] = [],
  origin = 'Debian/stable',
): LockedPackage => ({
  version,
  origin,
  needs,
})
const release = 'debian 12 amd64'
const answer = (
  host: string,
  described: string[],
  packages: Record<string, LockedPackage>,
): Locking => ({ host, release, described, packages: new Map(Object.entries(packages)) })

describe('the lock', () => {
  test('a closure follows what is needed, in circles too', () => {
    const all = new Map([
      ['a', locked('1', ['b', 'nowhere'])],
      ['b', locked('1', ['a', 'c'])],
      ['c', locked('1')],
      ['d', locked('1', ['a'])],
    ])
    expect([...closureOf(all, ['a', 'nowhere']).keys()].sort()).toEqual(['a', 'b', 'c'])
    expect(closureOf(all, []).size).toBe(0)
  })

  const before = new Map([
    [
      release,
      new Map([
        ['old', locked('1')],
        ['a', locked('1', ['b'])],
        ['b', locked('1')],
      ]),
    ],
    ['debian 11 amd64', new Map([['x', locked('1')]])],
  ])
  const lockings = [
    answer('web1', ['a'], { a: locked('1', ['b']), b: locked('2') }),
    answer('db1', ['c'], { c: locked('1', ['b']), b: locked('2', ['c']) }),
  ]

  test('takes what all hosts say; only who has asked all may prune', () => {
    const kept = withLockings(before, lockings, false)
    const pruned = withLockings(before, lockings, true)
    if ('conflict' in kept || 'conflict' in pruned) throw new Error('a conflict')
    expect([...kept.lock.keys()].sort()).toEqual(['debian 11 amd64', release])
    expect([...kept.lock.get(release)!.keys()].sort()).toEqual(['a', 'b', 'c', 'old'])
    expect(kept.lock.get(release)!.get('b')).toEqual(locked('2', ['c']))
    expect([...pruned.lock.keys()]).toEqual([release])
    expect([...pruned.lock.get(release)!.keys()].sort()).toEqual(['a', 'b', 'c'])
    expect(
      lockChanges(before, pruned.lock).map(({ name, from, to }) => [
        name,
        from?.version,
        to?.version,
      ]),
    ).toEqual([
      ['x', '1', undefined],
      ['b', '1', '2'],
      ['c', undefined, '1'],
      ['old', '1', undefined],
    ])
    expect(before.get(release)!.get('b')!.version).toBe('1')
  })

  test('hosts of a release that differ are a conflict', () => {
    const other = [...lockings, answer('web2', ['b'], { b: locked('3') })]
    expect(withLockings(before, other, true)).toEqual({
      conflict: { package: 'b', release, one: '2', host: 'db1', other: '3', otherHost: 'web2' },
    })
  })

  test.each([
    ['Debian-Security/oldstable-security', true],
    ['Debian/stable, Debian-Security/stable-security', true],
    ['Ubuntu/noble-security', true],
    ['UbuntuESM/noble-infra-security', true],
    ['Debian/stable', false],
    ['', false],
  ])('%j is for security: %s', (origin, expected) => {
    expect(isSecurity(locked('1', [], origin))).toBe(expected)
  })
})
