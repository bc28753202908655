import { FettleError, asFettleError, problem } from '../base/errors.ts'
import { redact } from '../base/secret.ts'
import { Shell, quote } from '../base/shell.ts'
import { limited } from '../engine/limited.ts'
import { type Flags, openContext } from './context.ts'
import { exitCodes } from './exit-code.ts'
import { errorLines } from './render/error.ts'
import { paintFor } from './render/style.ts'
import { json } from './render/json.ts'

interface HostAnswer {
  readonly host: string
  readonly code?: number
  readonly output?: string
  readonly error?: FettleError
}

/** `fettle run -- COMMAND`: on all chosen hosts at once; hosts with equal output are shown once. */
export async function run(words: readonly string[], flags: Flags): Promise<number> {
  const { hosts, machineOf } = await openContext(flags)
  const script = commandOf(words)
  const answers = await limited(
    flags.parallel,
    hosts,
    async ({ name: host, ...rest }): Promise<HostAnswer> => {
      const session = machineOf({ name: host, ...rest }).open()
      const error = (): FettleError =>
        problem('host-timeout', {
          host,
          seconds: flags.timeout,
          state: 'The command may still be running there.',
        })
      try {
        const [answer] = await session.run([{ script, user: flags.user }], {
          seconds: flags.timeout,
          error,
        })
        return { host, code: answer!.code, output: redact(answer!.output.toString('utf8')) }
      } catch (thrown) {
        return { host, error: asFettleError(thrown) }
      } finally {
        await session.close()
      }
    },
  )
  process.stdout.write(
    flags.json
      ? `${json({ version: 1, type: 'run-command', hosts: answers })}\n`
      : grouped(answers),
  )
  return answers.every(({ code }) => code === 0) ? exitCodes.done : exitCodes.failed
}

/** One word is a shell line as it is; several are one command with its arguments, as they are. */
function commandOf(words: readonly string[]): Shell {
  return Shell.literal(words.length === 1 ? words[0]! : words.map(quote).join(' '))
}

function grouped(answers: readonly HostAnswer[]): string {
  const paint = paintFor(process.stdout)
  const groups = new Map<string, string[]>()
  for (const { host, code, output = '', error } of answers) {
    const failed = code ? `${paint('red', `exit code ${code}`)}\n` : ''
    const text = error
      ? `${errorLines(error, paint).join('\n')}\n`
      : `${output}${output === '' || output.endsWith('\n') ? '' : '\n'}${failed}`
    groups.set(text, [...(groups.get(text) ?? []), host])
  }
  return [...groups]
    .map(([text, hosts]) => `${paint('bold', hosts.join(', '))}\n${text}`)
    .join('\n')
}
