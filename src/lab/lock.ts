import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { isAlive, owner } from './owner.ts'

/** Runs something while no other process holds the same lock file; a dead holder's is taken over. */
export async function locked<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  const mine = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`
  // Linked into place once it is written, so that nobody ever reads half a lock.
  await writeFile(mine, owner())
  try {
    while (!(await taken(mine, path))) await clearIfStale(path, mine)
    try {
      return await work()
    } finally {
      await rm(path, { force: true })
    }
  } finally {
    await rm(mine, { force: true })
  }
}

async function taken(mine: string, path: string): Promise<boolean> {
  try {
    await link(mine, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function clearIfStale(path: string, mine: string): Promise<void> {
  const holder = await readFile(path, 'utf8').catch(() => undefined)
  if (holder === undefined) return
  if (isAlive(holder)) return pause(50)
  // Moved aside instead of removed: if another waiter was quicker, this is its fresh lock.
  const aside = `${mine}.stale`
  await rename(path, aside).catch(() => {})
  const moved = await readFile(aside, 'utf8').catch(() => holder)
  if (moved !== holder) await link(aside, path).catch(() => {})
  await rm(aside, { force: true })
}
