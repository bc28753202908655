import { problem } from '../base/errors.ts'
import { Lab, type LabHost } from '../lab/lab.ts'
import { closest } from '../model/suggestion.ts'
import type { Flags } from './context.ts'
import { exitCodes } from './exit-code.ts'
import { Project } from './project.ts'
import { json } from './render/json.ts'

/** `fettle lab up|down|list|reset`: throwaway hosts for this description. */
export async function lab(
  what: 'up' | 'down' | 'list' | 'reset',
  names: readonly string[],
  flags: Flags,
): Promise<number> {
  const project = Project.find(flags.fleet)
  const here = await Lab.open(project.folder, (line) => void process.stderr.write(`${line}\n`))
  if (what === 'down') {
    await here.down()
    return show([], flags)
  }
  if (what === 'list') return show(await here.list(), flags)
  const known = [...(await project.fleet()).hosts.keys()]
  for (const name of names)
    if (!known.includes(name))
      throw problem('unknown-selection', { what: 'host', name, suggestion: closest(name, known) })
  if (what === 'up') return show(await here.up(names.length > 0 ? names : known), flags)
  return show(await here.reset(names.length > 0 ? names : undefined), flags)
}

function show(hosts: readonly LabHost[], flags: Flags): number {
  const rows = hosts.map(({ name, state, container, target }) => ({
    name,
    state,
    container,
    address: target.address,
  }))
  const width = Math.max(0, ...rows.map(({ name }) => name.length))
  const lines = rows.map(
    ({ name, state, address }) => `${name.padEnd(width)}  ${address.padEnd(15)}  ${state}`,
  )
  const text = flags.json
    ? json({ version: 1, type: 'lab', hosts: rows })
    : lines.join('\n') || 'No lab hosts.'
  process.stdout.write(`${text}\n`)
  return exitCodes.done
}
