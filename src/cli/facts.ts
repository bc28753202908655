import { asFettleError } from '../base/errors.ts'
import { limited } from '../engine/limited.ts'
import { readFacts } from '../engine/observe.ts'
import type { Facts } from '../model/facts.ts'
import { type Flags, openContext } from './context.ts'
import { exitCodes } from './exit-code.ts'
import { errorLines } from './render/error.ts'
import { paintFor } from './render/style.ts'
import { json } from './render/json.ts'

/** `fettle facts`: what is read off the hosts. */
export async function facts(flags: Flags): Promise<number> {
  const { hosts, machineOf } = await openContext(flags)
  const answers = await limited(flags.parallel, hosts, async (host) => {
    const session = machineOf(host).open()
    try {
      return { host: host.name, facts: await readFacts(session) }
    } catch (thrown) {
      return { host: host.name, error: asFettleError(thrown) }
    } finally {
      await session.close()
    }
  })
  const paint = paintFor(process.stdout)
  const lines = answers.flatMap((each) => [
    paint('bold', each.host),
    ...('error' in each ? errorLines(each.error!, paint) : factLines(each.facts)).map(
      (line) => `  ${line}`,
    ),
  ])
  const text = flags.json ? json({ version: 1, type: 'facts', hosts: answers }) : lines.join('\n')
  process.stdout.write(`${text}\n`)
  return answers.some((each) => 'error' in each) ? exitCodes.failed : exitCodes.done
}

function factLines({
  os,
  architecture,
  kernel,
  cpus,
  memory,
  addresses,
  hostname,
}: Facts): string[] {
  return [
    `hostname   ${hostname}`,
    `system     ${os.id} ${os.version} (${os.codename}), ${architecture}, kernel ${kernel}`,
    `cpus       ${cpus}`,
    `memory     ${(memory / 1024 ** 3).toFixed(1)} GiB`,
    `addresses  ${addresses.join(' ')}`,
  ]
}
