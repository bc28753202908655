import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** The program that scenarios run is the one that is published: it starts in a fifth of the time of its sources. */
export const program: string = join(root, 'dist', 'cli', 'fettle.cjs')

/** Builds it where it is older than what it is made of. */
export function buildProgram(): void {
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter(
    (name) => !name.endsWith('.test.ts'),
  )
  const parts = [
    ...sources.map((name) => join(root, 'src', name)),
    join(root, 'rolldown.config.js'),
  ]
  const timeOf = (path: string): number => statSync(path).mtimeMs
  if (existsSync(program) && parts.every((part) => timeOf(part) < timeOf(program))) return
  console.error('Building the program, as a source of it is newer')
  execFileSync('npm', ['run', '--silent', 'build'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}
