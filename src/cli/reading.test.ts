import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { problem } from '../base/errors.ts'
import type { Surveyed } from '../engine/survey.ts'
import { Reading } from './reading.ts'

/** A host that logs in and is read after so many milliseconds; left out: never. */
interface Pace {
  readonly in?: number
  readonly read?: number
}

function reading(paces: Readonly<Record<string, Pace>>): { it: Reading; told: string[] } {
  const told: string[] = []
  const begin = (sign: (host: string, what: 'asked' | 'loggedIn') => void): Promise<Surveyed>[] =>
    Object.entries(paces).map(async ([host, pace]) => {
      sign(host, 'asked')
      await pause(pace.in ?? 8000)
      sign(host, 'loggedIn')
      await pause(pace.read === undefined ? 8000 : pace.read - (pace.in ?? 0))
      return { host: { name: host }, error: problem('interrupted', { state: '' }) } as Surveyed
    })
  const it = new Reading(Object.keys(paces), begin, (waited) => told.push(waited.join(' ')))
  return { it, told }
}

const names = (surveyed: readonly Surveyed[]): string[] => surveyed.map(({ host }) => host.name)

test('all that answer come at once and in their order', async () => {
  const { it, told } = reading({ a: { in: 5, read: 200 }, b: { in: 5, read: 10 } })
  expect(names(await it.next())).toEqual(['a', 'b'])
  expect(names(await it.next())).toEqual([])
  expect(told).toEqual([])
})

test('who does not even log in is left behind, and comes after the others', async () => {
  const { it, told } = reading({ hangs: { in: 3000, read: 3010 }, b: { in: 5, read: 10 } })
  expect(names(await it.next())).toEqual(['b'])
  expect(it.waited).toEqual(['hangs'])
  it.tell()
  it.tell()
  expect(told).toEqual(['hangs'])
  expect(names(await it.next())).toEqual(['hangs'])
})

test('who has logged in is at work, and waited for', async () => {
  const { it } = reading({ slow: { in: 5, read: 3000 }, b: { in: 5, read: 10 } })
  expect(names(await it.next())).toEqual(['slow', 'b'])
})

test('where all take long, one that takes somewhat longer is waited for', async () => {
  const { it } = reading({ a: { in: 900, read: 1500 }, b: { in: 2700, read: 2800 } })
  expect(names(await it.next())).toEqual(['a', 'b'])
})

test('a mistake in the description is thrown at once', async () => {
  const broken = new Reading(
    ['a'],
    () => [Promise.reject(new Error('no such host'))],
    () => undefined,
  )
  await expect(broken.next()).rejects.toThrow('no such host')
})
