import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { locked } from './lock.ts'
import { isAlive, owner } from './owner.ts'

test('one at a time, and a dead holder is no obstacle', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fettle-lock-'))
  const path = join(folder, 'lock')
  await writeFile(path, `${process.pid}:1`)
  let inside = 0
  let most = 0
  await Promise.all(
    Array.from({ length: 8 }, () =>
      locked(path, async () => {
        most = Math.max(most, ++inside)
        await pause(5)
        inside--
      }),
    ),
  )
  expect(most).toBe(1)
  await expect(locked(path, () => Promise.reject(new Error('work')))).rejects.toThrow('work')
  expect(await readdir(folder)).toEqual([])
  await rm(folder, { recursive: true })
})

test('a process is told from a later one with its number', () => {
  expect(isAlive(owner())).toBe(true)
  expect(isAlive(`${process.pid}:`)).toBe(true)
  expect(isAlive('user')).toBe(false)
  expect(isAlive('999999999:1')).toBe(false)
  if (process.platform === 'linux') expect(isAlive(`${process.pid}:1`)).toBe(false)
})
