import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { problem } from '../base/errors.ts'
import type { Flags } from './context.ts'
import { exitCodes } from './exit-code.ts'
import { json } from './render/json.ts'

/** `fettle init`: a small, commented, working description that a lab can boot at once. */
export async function init(folder: string, flags: Flags): Promise<number> {
  const target = resolve(folder)
  const source = new URL('../../examples/starter/', import.meta.url)
  const files = ['fleet.ts', 'index.html.eta', 'package.json', 'tsconfig.json', 'gitignore']
  for (const name of files.map(named))
    if (existsSync(join(target, name))) throw problem('file-exists', { path: join(target, name) })
  mkdirSync(target, { recursive: true })
  for (const name of files)
    writeFileSync(join(target, named(name)), readFileSync(new URL(name, source)))
  const written = files.map(
    (name) => relative(process.cwd(), join(target, named(name))) || named(name),
  )
  const here = relative(process.cwd(), target)
  const text = flags.json
    ? json({ version: 1, type: 'init', files: written })
    : [
        `Wrote ${written.join(', ')}.`,
        '',
        'Next:',
        ...(here ? [`  cd ${here}`] : []),
        '  npm install             your editor then checks fleet.ts',
        '  npx fettle lab up       boot its hosts as throwaway containers',
        '  npx fettle plan --lab   what would change',
        '  npx fettle up --lab     change it',
        'Then write the addresses of your own servers in fleet.ts and leave out --lab.',
      ].join('\n')
  process.stdout.write(`${text}\n`)
  return exitCodes.done
}

// npm leaves files called .gitignore out of packages.
const named = (file: string): string => (file === 'gitignore' ? '.gitignore' : file)
