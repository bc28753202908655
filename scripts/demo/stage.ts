import { execFile, spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify, styleText } from 'node:util'

/** This checkout. */
export const root: string = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const program = join(root, 'dist', 'cli', 'fettle.cjs')

export function say(text: string): void {
  console.log(`\n${styleText(['bold', 'inverse'], ' demo ')} ${styleText('bold', text)}\n`)
}

/** Runs the command line that this checkout builds in a folder; its output goes where ours goes. */
export async function fettle(folder: string, ...words: string[]): Promise<void> {
  const code = await fettleEnds(folder, ...words)
  if (code !== 0) process.exit(code)
}

/** The same, for a command that may fail. */
export async function fettleEnds(folder: string, ...words: string[]): Promise<number> {
  if (!existsSync(program)) throw new Error('Run `npm install` first: it builds dist/.')
  console.log(styleText('dim', `$ fettle ${words.join(' ')}`))
  const child = spawn(process.execPath, [program, ...words], { cwd: folder, stdio: 'inherit' })
  return new Promise((resolve) => child.on('exit', (code) => resolve(code ?? 1)))
}

/** What a command prints with `--json`. */
export async function ask<Answer>(folder: string, ...words: string[]): Promise<Answer> {
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...words, '--json'], {
    cwd: folder,
  })
  return JSON.parse(stdout) as Answer
}

/** Where the lab has its hosts, by name. */
export async function addresses(folder: string): Promise<Map<string, string>> {
  const { hosts } = await ask<{ hosts: { name: string; address: string }[] }>(folder, 'lab', 'list')
  return new Map(hosts.map(({ name, address }) => [name, address]))
}

export function edit(file: string, before: string, after: string): void {
  const text = readFileSync(file, 'utf8')
  if (!text.includes(before)) throw new Error(`${file} does not hold ${before}`)
  writeFileSync(file, text.replace(before, after))
  for (const [colour, sign, line] of [
    ['red', '-', before],
    ['green', '+', after],
  ] as const)
    console.log(styleText(colour, line.replace(/^/gm, `  ${sign} `)))
  console.log()
}
