import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { inTurn } from './limited.ts'

test('what hangs holds its place for so long, and no longer', async () => {
  const begun: number[] = []
  let release = (): void => undefined
  const hangs = new Promise<void>((resolve) => (release = resolve))
  const work = async (each: number): Promise<number> => {
    begun.push(each)
    if (each <= 2) await hangs
    return each
  }
  const results = inTurn(2, [1, 2, 3, 4], work, 0.05)
  await pause(10)
  expect(begun).toEqual([1, 2])
  expect(await Promise.all(results.slice(2))).toEqual([3, 4])
  release()
  expect(await Promise.all(results)).toEqual([1, 2, 3, 4])
})

test('who was no longer counted does not make room twice', async () => {
  let running = 0
  let most = 0
  const work = async (each: number): Promise<void> => {
    most = Math.max(most, ++running)
    await pause(each === 0 ? 60 : 20)
    running -= 1
  }
  await Promise.all(inTurn(1, [0, 1, 2, 3, 4, 5], work, 0.03))
  expect(most).toBe(2)
})
