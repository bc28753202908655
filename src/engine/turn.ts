import { setTimeout as sleep } from 'node:timers/promises'
import { problem } from '../base/errors.ts'
import { lines, sh } from '../base/shell.ts'
import type { Limit, Session } from '../transport/machine.ts'
import { heldBy } from './hold.ts'
import { type Lease, type Runner, fence, lookAtShell, parseLease, readLease } from './lease.ts'
import { folder, leaseTerm } from '../model/place.ts'

export interface TurnOptions {
  /** Ends what is left of the other run at once, also a step that is running. */
  readonly takeOver: boolean
  /** Whether it is known that the process of that run has ended. */
  readonly hasEnded: (runner: Runner) => boolean
  readonly report: (waiting: { readonly host: string; readonly lease: Lease }) => void
  /** Where on the host the lease is. Left out: that of the host itself. */
  readonly place?: string
  /** Waits also while that run shows that it lives, until it has ended. */
  readonly queues?: boolean
}

/**
 * Waits until no other run has the host, which may take until its lease has expired, and gives the
 * run that was interrupted, if one was. Throws `lease-held` as soon as that run shows that it lives.
 */
export async function awaitTurn(
  session: Session,
  first: Lease,
  options: TurnOptions,
): Promise<Runner | undefined> {
  const { host } = session
  let before = first
  let waited = 0
  for (
    let lease: Lease | undefined = first;
    lease;
    lease = await lookAgain(session, options.place)
  ) {
    const { runner, left, busy } = lease
    const isOther = runner.id !== before.runner.id
    const lives = isOther || (left > before.left && !options.takeOver)
    if (lives && !options.queues) throw heldBy(host, runner, left)
    if (lives) waited = 0
    // A step that was begun is let finish, but no longer than the lease holds, whatever the clock of
    // the host says.
    const force = options.takeOver || left <= 0 || waited >= leaseTerm
    const isOver = force || (options.hasEnded(runner) && !busy)
    const end = isOver ? await endOf(session, runner, force, options.place) : undefined
    if (end) return end === 'interrupted' ? runner : undefined
    options.report({ host, lease })
    before = lease
    await sleep(1000)
    waited += 1
  }
  return undefined
}

async function lookAgain(session: Session, place = folder): Promise<Lease | undefined> {
  const script = lines(sh`cd ${place} 2>/dev/null || exit 0`, lookAtShell, readLease)
  const [answer] = await session.run([{ script }], limitFor(session))
  const row = answer!.output.toString().trim()
  return row.startsWith('lease ') ? parseLease(row.slice('lease '.length)) : undefined
}

/** Ends what is left of that run; undefined when that cannot be yet. */
async function endOf(
  session: Session,
  { id }: Runner,
  byForce: boolean,
  place?: string,
): Promise<'interrupted' | 'over' | undefined> {
  const frame = { script: fence(id, byForce, place), user: 'root' }
  const [answer] = await session.run([frame], limitFor(session))
  const said = answer!.output.toString().trim().split('\n').at(-1)!
  if (answer!.code === 75) return undefined
  if (answer!.code === 0) return said === 'ended' ? 'interrupted' : 'over'
  throw problem('lease-failed', { host: session.host, reason: said || 'it printed nothing' })
}

/** Long enough to end a step and to put back what was not proven. */
function limitFor({ host }: Session): Limit {
  const state = `What was left there by an interrupted run may or may not have been ended.`
  return { seconds: 90, error: () => problem('host-timeout', { host, seconds: 90, state }) }
}
