import { problem } from '../base/errors.ts'
import {
  type Lock,
  type LockChange,
  type LockedRelease,
  isSecurity,
  lockChanges,
  withLockings,
} from '../model/lock.ts'
import { closest } from '../model/suggestion.ts'
import { yieldingFor } from '../resources/package-closure.ts'
import { type Flags, openContext } from './context.ts'
import { exitCodes } from './exit-code.ts'
import { type Answers, type Choose, askHosts } from './locking.ts'
import { errorLines } from './render/error.ts'
import { json } from './render/json.ts'
import { changeLines, goneLines } from './render/lock.ts'
import { paintFor } from './render/style.ts'

/** `fettle lock`: writes the exact versions that `up` installs; shows what that changed. */
export async function lock(flags: Flags): Promise<number> {
  const context = await openContext(flags)
  const before = context.project.lock() ?? new Map()
  checkNames(before, flags)
  const answers = await askHosts(context, flags, before, chooser(flags))
  // What others need, only who has asked all can tell.
  const all = answers.errors.length === 0 && context.hosts.length === context.fleet.hosts.size
  const made = withLockings(before, answers.asked, all)
  if ('conflict' in made) throw problem('lock-conflict', { ...made.conflict })
  if (answers.asked.length > 0 || all) context.project.keepLock(made.lock)
  show(lockChanges(before, made.lock), answers, flags)
  return answers.errors.length > 0 ? exitCodes.failed : exitCodes.done
}

function checkNames(locked: Lock, { upgrade }: Flags): void {
  const known = [...locked.values()].flatMap((release) => [...release.keys()])
  for (const name of Array.isArray(upgrade) ? upgrade : [])
    if (!known.includes(name))
      throw problem('unknown-selection', {
        what: 'locked package',
        name,
        suggestion: closest(name, [...new Set(known)]),
      })
}

/** Without --upgrade all stays; with names these, and if need be what they bring along. */
export function chooser({ upgrade, security }: Pick<Flags, 'upgrade' | 'security'>): Choose {
  const without = (locked: LockedRelease, names: readonly string[]): LockedRelease =>
    new Map([...locked].filter(([name]) => !names.includes(name)))
  return async (locked, newest) => {
    if (!upgrade && !security) return { keep: locked }
    const named = Array.isArray(upgrade) ? upgrade : [...locked.keys()]
    if (security) {
      const today = await newest()
      const safe = named.filter((name) => {
        const candidate = today.get(name)
        return candidate && isSecurity(candidate) && candidate.version !== locked.get(name)?.version
      })
      return { keep: without(locked, safe), yielding: yieldingFor(locked, safe) }
    }
    return { keep: without(locked, named), yielding: yieldingFor(locked, named) }
  }
}

function show(changes: readonly LockChange[], { asked, errors }: Answers, flags: Flags): void {
  const gone = asked.flatMap(({ release, host, gone }) =>
    gone.map((each) => ({ release, host, ...each })),
  )
  if (flags.json) {
    const document = { version: 1, type: 'lock', changes, gone, errors }
    process.stdout.write(`${json(document)}\n`)
    return
  }
  const paint = paintFor(process.stdout)
  const lines = [...changeLines(changes, paint), ...goneLines(gone, paint)]
  if (asked.length > 0 || errors.length === 0) process.stdout.write(`${lines.join('\n')}\n`)
  for (const error of errors)
    process.stderr.write(`${errorLines(error, paintFor(process.stderr)).join('\n')}\n`)
}
