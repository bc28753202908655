import { randomUUID } from 'node:crypto'
import { hostname, userInfo } from 'node:os'
import type { Runner } from '../engine/lease.ts'

/** A run that this process begins now, as hosts know it. */
export function runnerHere(): Runner {
  return {
    id: randomUUID(),
    login: userInfo().username,
    machine: hostname(),
    process: process.pid,
    when: new Date().toISOString(),
  }
}
