import { hostname } from 'node:os'
import { systemClock } from '../../src/base/clock.ts'
import { converge } from '../../src/engine/converge.ts'
import type { HostResult } from '../../src/engine/events.ts'
import type { Runner } from '../../src/engine/lease.ts'
import { observe } from '../../src/engine/observe.ts'
import { type HostPlan, planHost } from '../../src/engine/plan.ts'
import { desiredOf } from '../../src/model/desired.ts'
import { fleet } from '../../src/model/fleet.ts'
import type { Difference } from '../../src/model/kind.ts'
import { type Resource, idOf } from '../../src/model/resource.ts'
import { role } from '../../src/model/role.ts'
import { kinds } from '../../src/resources/kinds.ts'
import type { Machine, Session } from '../../src/transport/machine.ts'
import { SshMachine } from '../../src/transport/ssh.ts'
import type { TestHost } from './fixture.ts'

/** What `settle` planned and made: ids in order; actions as `restart service:x`. */
export interface Settled {
  readonly planned: string[]
  readonly made: string[]
  readonly result: HostResult
}

/** Makes the resources true of the host as `up` does; throws the error of the catalogue if it fails. */
export async function settle(host: TestHost, resources: readonly Resource[]): Promise<Settled> {
  return inSession(host, async (session, machine) => {
    const plan = await planOver(session, resources)
    const report = (): void => undefined
    const stop = new AbortController().signal
    const reached = { machine, session, plan }
    const result = await converge(reached, {
      kinds,
      clock: systemClock,
      runner: runnerOf('settle'),
      report,
      stop,
      // npm and what Debian recommends with it are some 500 packages, on a machine that has more to do.
      timeoutSeconds: 300,
    })
    if (result.error) throw result.error
    const planned = plan.changes.map(({ resource }) => idOf(resource))
    const made = result.made.map(({ id, verb, summary }) =>
      verb === 'action' ? `${summary.split(' ')[0]} ${id}` : id,
    )
    return { planned, made, result }
  })
}

/** What would be changed, in order. */
export async function plan(
  host: TestHost,
  resources: readonly Resource[],
): Promise<{ id: string; difference: Difference }[]> {
  return inSession(host, async (session) => {
    const { changes } = await planOver(session, resources)
    return changes.map(({ resource, difference }) => ({ id: idOf(resource), difference }))
  })
}

async function planOver(session: Session, described: readonly Resource[]): Promise<HostPlan> {
  const all = fleet({
    hosts: { [session.host]: {} },
    roles: [role('test', () => described).on('*')],
  })
  const resources = desiredOf(all, all.hosts.get(session.host)!, undefined, kinds)
  return planHost(
    session.host,
    resources,
    resources,
    await observe(session, resources, kinds),
    kinds,
  )
}

/** A run of this process. */
export function runnerOf(id: string): Runner {
  const when = new Date(0).toISOString()
  return { id, login: 'tester', machine: hostname(), process: process.pid, space: 'test', when }
}

async function inSession<T>(
  host: TestHost,
  work: (session: Session, machine: Machine) => Promise<T>,
): Promise<T> {
  const machine = new SshMachine(host.target)
  const session = machine.open()
  try {
    return await work(session, machine)
  } finally {
    await session.close()
  }
}
