import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseDocument, stringify } from 'yaml'
import { problem } from '../base/errors.ts'
import { secretName } from '../secrets/secrets-file.ts'

const heading = `# One value a line, or more lines after "NAME: |". What you take out is removed.
# This file is in memory only where that is possible, and gone when the editor ends.
`

/** Shows values to a person in an editor and answers them as they are afterwards. */
export async function editValues(
  values: ReadonlyMap<string, string | Error>,
): Promise<Map<string, string>> {
  const known = new Map<string, string>()
  for (const [name, value] of values)
    if (value instanceof Error) throw value
    else known.set(name, value)
  const body = known.size === 0 ? '' : stringify(Object.fromEntries(known), { lineWidth: 0 })
  const edited = await inPrivate(`${heading}${body}`, async (file) => {
    await runEditor(file)
    return readFileSync(file, 'utf8')
  })
  return parsed(edited)
}

/** In a folder of our own, in memory where there is such a place; gone at the end, however it comes. */
async function inPrivate<T>(content: string, use: (file: string) => Promise<T>): Promise<T> {
  const memory = [process.env['XDG_RUNTIME_DIR'], '/dev/shm'].find(
    (each) => each && existsSync(each),
  )
  const folder = mkdtempSync(join(memory ?? tmpdir(), 'fettle-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  const stop = (): void => {
    remove()
    process.exit(130)
  }
  const signals = ['SIGTERM', 'SIGHUP'] as const
  // Ctrl-C is the editor's own business.
  const ignore = (): void => undefined
  process.on('SIGINT', ignore).on('exit', remove)
  for (const signal of signals) process.on(signal, stop)
  try {
    const file = join(folder, 'secrets.yaml')
    writeFileSync(file, content, { mode: 0o600, flag: 'wx' })
    return await use(file)
  } finally {
    remove()
    process.off('SIGINT', ignore).off('exit', remove)
    for (const signal of signals) process.off(signal, stop)
  }
}

function runEditor(file: string): Promise<void> {
  const editor = process.env['VISUAL'] || process.env['EDITOR'] || 'vi'
  // As git does it: the variable is a shell's text, such as `code --wait`.
  const child = spawn('sh', ['-c', `${editor} "$@"`, editor, file], { stdio: 'inherit' })
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code) => {
      if (code === 0) return resolve()
      const next = 'Set EDITOR to an editor that ends with 0 when it has saved, and run again.'
      reject(problem('edit-failed', { reason: `${editor} ended with ${code ?? 'a signal'}`, next }))
    })
  })
}

/** Every value is text, whatever else YAML would take it for. */
function parsed(text: string): Map<string, string> {
  const document = parseDocument(text, { schema: 'failsafe', prettyErrors: false })
  const fail = (reason: string): never => {
    throw problem('edit-failed', { reason, next: 'Run `fettle secrets edit` again.' })
  }
  const [error] = document.errors
  // Not the library's words, which may quote a value.
  if (error)
    fail(`line ${text.slice(0, error.pos[0]).split('\n').length} is not YAML (${error.code})`)
  const values: unknown = document.toJS()
  if (values === null || values === '') return new Map()
  if (typeof values !== 'object' || Array.isArray(values)) return fail('there are no names in it')
  return new Map(
    Object.entries(values).map(([name, value]: [string, unknown]) => {
      if (!secretName.test(name)) fail(`${JSON.stringify(name)} cannot be the name of a secret`)
      return [name, typeof value === 'string' && value !== '' ? value : fail(`${name} is not text`)]
    }),
  )
}
