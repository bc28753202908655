import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname } from 'node:path'
import type { ContainerEngine } from './container-engine.ts'
import { removeLab } from './lab.ts'
import { isAlive } from './owner.ts'

/** Removes the labs whose owner was a process that is gone. A user's lab is never touched. */
export async function sweep(engine: ContainerEngine): Promise<void> {
  const [containers, networks] = await Promise.all([engine.containers(), engine.networks()])
  const dead = new Map<string, string>()
  for (const { labels } of [...containers, ...networks]) {
    const who = labels['fettle.owner'] ?? 'user'
    const lab = labels['fettle.lab']
    if (who !== 'user' && lab && !isAlive(who)) dead.set(lab, labels['fettle.folder'] ?? '')
  }
  for (const [lab, folder] of dead) {
    await removeLab(engine, lab)
    if (dirname(folder) === tmpdir()) await rm(folder, { recursive: true, force: true })
  }
}
