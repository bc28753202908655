import { createHash, randomUUID } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname, networkInterfaces, userInfo } from 'node:os'
import type { Runner } from '../engine/lease.ts'

/** A run that this process begins now, as hosts know it. */
export function runnerHere(): Runner {
  return {
    id: randomUUID(),
    login: userInfo().username,
    machine: hostname(),
    process: process.pid,
    space: processSpace(),
    when: new Date().toISOString(),
  }
}

/** A run that was begun where the processes are those that are seen here, by one that is no more. */
export function hasEndedHere({ machine, process: id, space }: Runner): boolean {
  if (machine !== hostname() || space !== processSpace()) return false
  try {
    process.kill(id, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

/** Machines may share a name, and containers number their processes anew. */
function processSpace(): string {
  return createHash('sha256').update(whereProcessesAre()).digest('hex').slice(0, 16)
}

function whereProcessesAre(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    // Not Linux: its network cards tell it from others.
    return Object.values(networkInterfaces())
      .flatMap((each = []) => each.map(({ mac }) => mac))
      .sort()
      .join(' ')
  }
}
