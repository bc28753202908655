import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type Files, describeFleet } from './description.ts'
import { readInventory } from './inventory.ts'
import { PlayReader } from './plays.ts'
import { Report } from './report.ts'
import { yamlReader } from './yaml.ts'

/** The description that says what a playbook does, and what it could not say. */
export interface Imported {
  readonly files: Files
  readonly report: Report
  readonly inventories: readonly string[]
}

/** Reads a playbook with all that it uses. Throws `Unreadable` when there is nothing to begin with. */
export async function importPlaybook(
  playbook: string,
  inventories: readonly string[],
): Promise<Imported> {
  const yaml = await yamlReader()
  const report = new Report()
  const folder = dirname(resolve(playbook))
  const paths =
    inventories.length > 0 ? inventories.map((each) => resolve(each)) : usualInventory(folder)
  const inventory = readInventory(paths, folder, yaml, report)
  const placed = new PlayReader(inventory, yaml, report).read(resolve(playbook))
  return { files: describeFleet(placed, inventory, report), report, inventories: paths }
}

const names = [
  'inventory',
  'inventory.ini',
  'inventory.yml',
  'inventory.yaml',
  'hosts',
  'hosts.ini',
  'hosts.yml',
  'hosts.yaml',
  'inventories/production',
]

/** What ansible.cfg names, else a file of a usual name beside the playbook. */
function usualInventory(folder: string): string[] {
  for (const place of [folder, dirname(folder)]) {
    const settings = join(place, 'ansible.cfg')
    const named = existsSync(settings)
      ? /^\s*inventory\s*=\s*(\S+)/m.exec(readFileSync(settings, 'utf8'))?.[1]
      : undefined
    const found = [...(named ? [named] : []), ...names]
      .map((each) => join(place, each))
      .find((each) => existsSync(each) && (statSync(each).isFile() || each !== ''))
    if (found) return [found]
  }
  return []
}
