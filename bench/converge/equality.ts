import { readFile } from 'node:fs/promises'
import type { LabHost } from '../../src/lab/lab.ts'
import { type Hosts, here } from './hosts.ts'
import { type Ansible, type Fettle, changedOf } from './tools.ts'

/** Whether each tool takes the other's first run for done, and whether all bytes are the same. */
export async function compareEndStates(
  hosts: Hosts,
  host: LabHost,
  fettle: Fettle,
  ansible: Ansible,
): Promise<string[]> {
  const script = await readFile(here('end-state.sh'), 'utf8')

  await hosts.reset([host])
  const first = await fettle.call(['up', '--yes', '--lab'], [host])
  if (first.code !== 0) throw new Error(`fettle ended with ${first.code}:\n${first.output}`)
  const byFettle = await hosts.ssh(host, script)
  const check = await ansible.call(['--check', '--diff'], [host])
  const changed = changedOf(check).get(host.name)

  await hosts.reset([host])
  const yardstick = await ansible.call([], [host])
  if (yardstick.code !== 0)
    throw new Error(`ansible ended with ${yardstick.code}:\n${yardstick.output}`)
  const byAnsible = await hosts.ssh(host, script)
  const plan = await fettle.call(['plan', '--lab'], [host])

  const different = differences(byFettle, byAnsible)
  return [
    changed === 0
      ? "After Fettle's first run, Ansible (`--check`) has nothing to change."
      : `After Fettle's first run, Ansible (\`--check\`) would change ${changed} things:${block(check.output)}`,
    plan.code === 0 && plan.output.includes('Nothing to change')
      ? "After Ansible's first run, `fettle plan` has nothing to change."
      : `After Ansible's first run, \`fettle plan\` has something to change:${block(plan.output)}`,
    different.length === 0
      ? 'What `end-state.sh` sees of both is the same to the byte: files, permissions, owners, accounts, keys, packages, units, settings.'
      : `What \`end-state.sh\` sees of both differs (- Fettle, + Ansible):${block(different.join('\n'))}`,
  ]
}

function differences(fettle: string, ansible: string): string[] {
  const [ours, theirs] = [fettle.split('\n'), ansible.split('\n')]
  // Two empty answers are the same too.
  for (const lines of [ours, theirs])
    if (lines.length < 400) throw new Error(`end-state.sh saw too little:\n${lines.join('\n')}`)
  return [
    ...ours.filter((line) => !theirs.includes(line)).map((line) => `- ${line}`),
    ...theirs.filter((line) => !ours.includes(line)).map((line) => `+ ${line}`),
  ]
}

const block = (text: string): string => `\n\n  ~~~\n${text.trim().replace(/^/gm, '  ')}\n  ~~~`
