import { describe, expect, test } from 'vitest'
import type { Lock, LockedPackage } from '../model/lock.ts'
import { formatLock, parseLock } from './lock.ts'

const locked = (version: string, ...needs: string[]): LockedPackage => ({
  version,
  origin: 'Debian/stable',
  needs,
})

describe('the file', () => {
  const lock: Lock = new Map([
    ['debian 13 amd64', new Map()],
    [
      'debian 12 amd64',
      new Map([
        ['nginx', locked('1:1.22.1-9+deb12u1', 'nginx-common', 'libc6:i386')],
        ['libc6:i386', locked('2.36-9~x')],
      ]),
    ],
  ])

  test('has a line for each package, in order, and reads back as what was written', () => {
    const text = formatLock(lock)
    expect(text).toBe(`{
  "version": 1,
  "releases": {
    "debian 12 amd64": {
      "libc6:i386": { "version": "2.36-9~x", "origin": "Debian/stable", "needs": [] },
      "nginx": { "version": "1:1.22.1-9+deb12u1", "origin": "Debian/stable", "needs": ["libc6:i386", "nginx-common"] }
    },
    "debian 13 amd64": {}
  }
}
`)
    expect(formatLock(parseLock(text, 'x'))).toBe(text)
    expect(formatLock(parseLock(formatLock(new Map()), 'x'))).toBe(formatLock(new Map()))
  })

  const one = (name: string, each: unknown, release = 'debian 12 amd64'): string =>
    JSON.stringify({ version: 1, releases: { [release]: { [name]: each } } })
  test.each([
    ['', 'JSON'],
    ['null', 'not of version 1'],
    ['{"version":2,"releases":{}}', 'not of version 1'],
    ['{"version":1}', 'shape'],
    ['{"version":1,"releases":[]}', 'shape'],
    ['{\n<<<<<<< HEAD\n', 'marks of a merge'],
    [one('nginx', locked('1.0; reboot')), 'package nginx'],
    [one('nginx', locked('1.0\nPin-Priority: 1')), 'package nginx'],
    [one('nginx', locked('$(id)')), 'package nginx'],
    [one('-o', locked('1.0')), 'package -o'],
    [one('nginx', locked('1.0', '$(id)')), 'package nginx'],
    [one('nginx', { version: '1.0' }), 'package nginx'],
    [one('nginx', null), 'package nginx'],
    [one('nginx', locked('1.0'), "debian 12 amd64'; id"), 'release debian'],
  ])('%j is refused: %s', (text, reason) => {
    expect(() => parseLock(text, '/srv/fettle.lock')).toThrow(reason)
  })
})
