import { readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import type { Target } from '../transport/target.ts'
import { sshOptions } from './keys.ts'
import { addressIn } from './network.ts'

/**
 * How to reach the lab hosts of a description, from the lab's own files: without asking the
 * container engine, which would take longer than reading a host does. Undefined for a host that the
 * lab never had; one that is down shows when it is reached for.
 */
export function labTargets(folder: string): (host: string) => Target | undefined {
  const files = join(realpathSync(folder), '.fettle', 'lab')
  const { subnet, numbers } = readState(files)
  const options = sshOptions(files)
  return (name) => {
    const number = numbers[name]
    if (subnet === undefined || number === undefined) return undefined
    return { name, address: addressIn(subnet, number), login: 'root', options }
  }
}

/** What outlives the hosts: which subnet the lab had, and the number of each host in it. */
export interface LabState {
  readonly subnet?: string
  readonly numbers: Readonly<Record<string, number>>
}

export function readState(files: string): LabState {
  try {
    return JSON.parse(readFileSync(join(files, 'state.json'), 'utf8')) as LabState
  } catch {
    // There was no lab yet.
    return { numbers: {} }
  }
}
