import { quote } from '../base/shell.ts'
import { Shell, sh } from '../base/shell.ts'
import { asFettleError, problem } from '../base/errors.ts'
import { redact } from '../base/secret.ts'
import { type Flags, openContext } from './context.ts'
import { appNamed } from './delivering.ts'
import { exitCodes } from './exit-code.ts'
import { errorLines } from './render/error.ts'
import { paintFor } from './render/style.ts'

export interface LogFlags {
  readonly follow?: boolean
  readonly process?: string
  readonly release?: string
}

/** `fettle logs`: what the instances of an app log, each line with its host. */
export async function logs(name: string, flags: Flags & LogFlags): Promise<number> {
  const context = await openContext(flags)
  const { hosts } = appNamed(context.fleet, name)
  const script = readLogs(name, flags)
  const seconds = flags.follow ? 2_000_000 : 60
  const results = await Promise.all(
    hosts.map(async ({ name: host }) => {
      const session = context.machineOf(context.fleet.hosts.get(host)!).open()
      const prefix = paintFor(process.stdout)('dim', `${host}  `)
      const rows = new Rows((row) =>
        process.stdout.write(flags.json ? `${row}\n` : `${prefix}${redact(row)}\n`),
      )
      const error = (): ReturnType<typeof problem> =>
        problem('host-timeout', { host, seconds, state: 'Nothing was changed.' })
      try {
        const frame = { script, user: 'root', onOutput: (chunk: Buffer) => rows.take(chunk) }
        await session.run([frame], { seconds, error })
        return true
      } catch (thrown) {
        process.stderr.write(
          `${errorLines(asFettleError(thrown), paintFor(process.stderr)).join('\n')}\n`,
        )
        return false
      } finally {
        rows.end()
        await session.close()
      }
    }),
  )
  return results.every(Boolean) ? exitCodes.done : exitCodes.failed
}

function readLogs(name: string, flags: Flags & LogFlags): Shell {
  const fields = [
    `FETTLE_APP=${name}`,
    ...(flags.process ? [`FETTLE_PROCESS=${flags.process}`] : []),
    ...(flags.release ? [`FETTLE_RELEASE=${flags.release}`] : []),
  ]
  const words = [
    '--no-pager',
    '-q',
    '-o',
    flags.json ? 'json' : 'short-iso',
    '-n',
    String(flags.number),
  ]
  // When nobody reads any more, nothing is left to run there.
  return flags.follow
    ? sh`exec timeout 2000000 ${Shell.literal(['journalctl', ...words, '-f', ...fields].map(quote).join(' '))}`
    : sh`journalctl ${words} ${fields}`
}

/** Whole lines out of chunks. */
class Rows {
  readonly #write: (row: string) => void
  #rest = ''

  constructor(write: (row: string) => void) {
    this.#write = write
  }

  take(chunk: Buffer): void {
    const rows = (this.#rest + chunk.toString('utf8')).split('\n')
    this.#rest = rows.pop()!
    rows.forEach(this.#write)
  }

  end(): void {
    if (this.#rest !== '') this.#write(this.#rest)
    this.#rest = ''
  }
}
