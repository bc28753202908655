import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { problem } from '../base/errors.ts'
import { type Imported, importPlaybook } from '../import/ansible/playbook.ts'
import type { Remark } from '../import/ansible/report.ts'
import { Unreadable } from '../import/ansible/yaml.ts'
import { exitCodes } from './exit-code.ts'
import { json } from './render/json.ts'

interface ImportFlags {
  readonly inventory: readonly string[]
  readonly out: string
  readonly json?: boolean
}

/** `fettle import ansible`: a description that says what a playbook does, and what it could not say. */
export async function importAnsible(playbook: string, flags: ImportFlags): Promise<number> {
  const imported = await readAll(playbook, flags.inventory)
  const folder = resolve(flags.out)
  const files = [...imported.files]
  for (const [name] of files)
    if (existsSync(join(folder, name))) throw problem('file-exists', { path: join(folder, name) })
  for (const [name, content] of files) {
    const path = join(folder, name)
    mkdirSync(dirname(path), { recursive: true })
    if (typeof content === 'string') writeFileSync(path, content)
    else copyFileSync(content.copy, path)
  }
  writeProject(folder)
  const text = flags.json ? json(asDocument(imported)) : lines(imported, folder).join('\n')
  process.stdout.write(`${text}\n`)
  return imported.report.left.length === 0 ? exitCodes.done : exitCodes.failed
}

async function readAll(playbook: string, inventories: readonly string[]): Promise<Imported> {
  const missing = [playbook, ...inventories].find((each) => !existsSync(each))
  if (missing !== undefined)
    throw problem('usage', {
      problem: `There is no ${missing}.`,
      next: 'Name a playbook, and an inventory with --inventory.',
    })
  try {
    return await importPlaybook(playbook, inventories)
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    const { file, line } = error.place
    throw problem('usage', {
      problem: `${shown(file)}, line ${line}: ${error.message}.`,
      next: 'Correct the file and run again; nothing was written.',
    })
  }
}

/** What an editor and npm want beside a description, where it is not there yet. */
function writeProject(folder: string): void {
  const starter = new URL('../../examples/starter/', import.meta.url)
  const add = (name: string, content: string): void => {
    if (!existsSync(join(folder, name))) writeFileSync(join(folder, name), content)
  }
  add('package.json', readFileSync(new URL('package.json', starter), 'utf8'))
  add('.gitignore', readFileSync(new URL('gitignore', starter), 'utf8'))
  const settings = JSON.parse(readFileSync(new URL('tsconfig.json', starter), 'utf8')) as {
    compilerOptions: object
  }
  // Roles are imported by the names of their files.
  const compilerOptions = { ...settings.compilerOptions, allowImportingTsExtensions: true }
  add('tsconfig.json', `${JSON.stringify({ compilerOptions }, null, 2)}\n`)
}

const shown = (path: string): string => relative(process.cwd(), path) || path

function asDocument({ files, report }: Imported): object {
  const remark = (each: Remark): object => ({ ...each, file: shown(each.file) })
  return {
    version: 1,
    type: 'import',
    files: [...files.keys()],
    left: report.left.map(remark),
    notes: report.notes.map(remark),
  }
}

function lines({ files, report: { left, notes } }: Imported, folder: string): string[] {
  const own = [...files.keys()].filter((name) => name.endsWith('.ts'))
  const others = files.size - own.length
  const here = relative(process.cwd(), folder)
  return [
    `Wrote ${own.join(', ')}${others > 0 ? ` and ${others} templates and files` : ''} to ${here || 'this folder'}.`,
    ...section(left, 'Not translated, to be done by hand'),
    ...section(notes, 'Translated or left out, and not quite the same'),
    '',
    left.length === 0
      ? 'Everything was translated.'
      : `${left.length} ${left.length === 1 ? 'thing is' : 'things are'} left to do by hand.`,
    'Next:',
    ...(here ? [`  cd ${here}`] : []),
    '  npm install        your editor then checks what was written',
    '  npx fettle plan    what would change: nothing, where Ansible has done the same',
  ]
}

function section(remarks: readonly Remark[], title: string): string[] {
  if (remarks.length === 0) return []
  return [
    '',
    `${title}:`,
    ...remarks.flatMap(({ file, line, what, why, todo }) => [
      `  ${shown(file)}${line > 0 ? `:${line}` : ''}  ${what}`,
      `    ${why}${todo ? `; ${todo}` : ''}`,
    ]),
  ]
}
