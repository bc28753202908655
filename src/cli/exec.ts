import { runInRelease } from '../apps/release.ts'
import { problem } from '../base/errors.ts'
import { readAppState } from '../apps/delivery.ts'
import { redact } from '../base/secret.ts'
import { quote } from '../base/shell.ts'
import { closest } from '../model/suggestion.ts'
import { type Flags, openContext } from './context.ts'
import { appNamed } from './delivering.ts'

/** `fettle exec`: a command as the app's user, where the release that serves is, with what it finds there. */
export async function exec(
  name: string,
  words: readonly string[],
  flags: Omit<Flags, 'host'> & { readonly host?: string },
): Promise<number> {
  const context = await openContext({ ...flags, host: [] })
  const { app, hosts } = appNamed(context.fleet, name)
  const names = hosts.map((each) => each.name)
  const host = hosts.find((each) => each.name === (flags.host ?? names[0]))
  if (!host)
    throw problem('unknown-selection', {
      what: `host of ${name}`,
      name: flags.host ?? '',
      suggestion: closest(flags.host ?? '', names),
    })
  const session = context.machineOf(context.fleet.hosts.get(host.name)!).open()
  try {
    const { current } = await readAppState(app, session)
    if (!current) throw problem('app-not-deployed', { app: name, host: host.name })
    const command = words.length === 1 ? words[0]! : words.map(quote).join(' ')
    const frame = {
      script: runInRelease(name, current.release, command),
      user: 'root',
      onOutput: (chunk: Buffer) => process.stdout.write(redact(chunk.toString('utf8'))),
    }
    const [answer] = await session.run([frame])
    return answer!.code
  } finally {
    await session.close()
  }
}
