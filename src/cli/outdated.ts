import { isSecurity } from '../model/lock.ts'
import { type Flags, openContext } from './context.ts'
import { exitCodes } from './exit-code.ts'
import { type Asked, askHosts } from './locking.ts'
import { errorLines } from './render/error.ts'
import { json } from './render/json.ts'
import { type Outdated, outdatedLines } from './render/lock.ts'
import { paintFor } from './render/style.ts'

/** `fettle outdated`: what `lock --upgrade` would change; changes nothing but the lists of apt. */
export async function outdated(flags: Flags): Promise<number> {
  const context = await openContext(flags)
  const locked = context.project.needLock()
  const { asked, errors } = await askHosts(context, flags, locked, async (keep, newest) => {
    await newest()
    return { keep }
  })
  const found = new Map(
    asked.flatMap(outdatedOf).map((each) => [`${each.release} ${each.name}`, each]),
  )
  const all = [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  if (flags.json)
    process.stdout.write(`${json({ version: 1, type: 'outdated', packages: all, errors })}\n`)
  else {
    const total = [...locked.values()].reduce((sum, { size }) => sum + size, 0)
    const lines = outdatedLines(all, total, paintFor(process.stdout))
    process.stdout.write(`${lines.join('\n')}\n`)
    for (const error of errors)
      process.stderr.write(`${errorLines(error, paintFor(process.stderr)).join('\n')}\n`)
  }
  return errors.length > 0 ? exitCodes.failed : exitCodes.done
}

function outdatedOf({ release, packages, newest = new Map(), gone }: Asked): Outdated[] {
  return [...packages].flatMap(([name, { version: locked }]) => {
    const candidate = newest.get(name)
    if (!candidate || candidate.version === locked) return []
    const { version, origin } = candidate
    const isGone = gone.some((each) => each.name === name)
    return [
      {
        release,
        name,
        locked,
        candidate: version,
        origin,
        security: isSecurity(candidate),
        gone: isGone,
      },
    ]
  })
}
