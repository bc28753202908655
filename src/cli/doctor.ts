import { spawnSync } from 'node:child_process'
import { asFettleError } from '../base/errors.ts'
import { sh } from '../base/shell.ts'
import { limited } from '../engine/limited.ts'
import { missingPackages } from '../lab/prerequisites.ts'
import { type Context, type Flags, openContext } from './context.ts'
import { exitCodes } from './exit-code.ts'
import { paintFor, visible } from './render/style.ts'
import { json } from './render/json.ts'

/** One thing that was looked at. `needed`: without it, plan and up do not work. */
interface Finding {
  readonly what: string
  readonly good: boolean
  readonly needed: boolean
  readonly detail: string
}

/** `fettle doctor`: what Fettle needs here and on the hosts, and what is missing. */
export async function doctor(flags: Flags): Promise<number> {
  const here = [...programs(), await labFinding()]
  const context = await openContext(flags).catch((thrown: unknown) => asFettleError(thrown))
  const described =
    context instanceof Error
      ? [{ what: 'description', good: false, needed: true, detail: context.message }]
      : [
          { what: 'description', good: true, needed: true, detail: context.project.file },
          ...(await hostFindings(context, flags)),
        ]
  const findings = [...here, ...described]
  const paint = paintFor(process.stdout)
  const width = Math.max(...findings.map(({ what }) => what.length))
  const lines = findings.map(({ what, good, needed, detail }) => {
    const sign = good
      ? paint('green', 'ok     ')
      : needed
        ? paint('red', 'missing')
        : paint('yellow', 'absent ')
    return `${sign}  ${what.padEnd(width)}  ${paint('dim', visible(detail))}`
  })
  const text = flags.json ? json({ version: 1, type: 'doctor', findings }) : lines.join('\n')
  process.stdout.write(`${text}\n`)
  return findings.every(({ good, needed }) => good || !needed) ? exitCodes.done : exitCodes.failed
}

function programs(): Finding[] {
  const program = (what: string, words: string[], needed: boolean, remedy: string): Finding => {
    const { status, stdout, stderr } = spawnSync(what, words, { encoding: 'utf8' })
    const good = status === 0
    return { what, good, needed, detail: good ? (stdout || stderr).trim().split('\n')[0]! : remedy }
  }
  return [
    { what: 'node', good: true, needed: true, detail: process.version },
    program('ssh', ['-V'], true, 'apt-get install openssh-client'),
    program(
      'git',
      ['--version'],
      false,
      'apt-get install git; without it the ledger cannot name commits',
    ),
  ]
}

async function labFinding(): Promise<Finding> {
  const missing = await missingPackages()
  const good = missing.length === 0
  const detail = good
    ? 'everything it needs is here'
    : `apt-get install ${missing.join(' ')} (or docker); only needed for --lab`
  return { what: 'lab', good, needed: false, detail }
}

/** What resources use on a host, beyond a POSIX shell. */
const hostPrograms = [
  'find',
  'sha256sum',
  'base64',
  'dd',
  'mktemp',
  'getent',
  'dpkg-query',
  'apt-get',
  'systemctl',
]

async function hostFindings({ hosts, machineOf }: Context, flags: Flags): Promise<Finding[]> {
  return limited(flags.parallel, hosts, async (host) => {
    const session = machineOf(host).open()
    const what = `host ${host.name}`
    try {
      const script = sh`for each in ${hostPrograms}; do command -v "$each" >/dev/null || echo "$each"; done`
      const [own] = await session.run([{ script }])
      const missing = own!.output.toString('utf8').split('\n').filter(Boolean)
      await session.run([{ script: sh`true`, user: 'root' }])
      const good = missing.length === 0
      return {
        what,
        good,
        needed: true,
        detail: good ? 'reachable, root, all programs' : `lacks ${missing.join(', ')}`,
      }
    } catch (thrown) {
      const { message, next } = asFettleError(thrown)
      return { what, good: false, needed: true, detail: `${message} ${next}` }
    } finally {
      await session.close()
    }
  })
}
