import { problem } from '../base/errors.ts'
import type { AppDescription } from '../model/app.ts'
import type { Runtime, SourceFiles } from './runtime.ts'

/** Commands by process. Throws `procfile-broken` with the line; `file` is how the user knows it. */
export function parseProcfile(text: string, file: string): Readonly<Record<string, string>> {
  const found = new Map<string, string>()
  for (const [i, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const broken = (reason: string): Error =>
      problem('procfile-broken', { file, line: i + 1, reason }, { at: { file, line: i + 1 } })
    const [, name, command] = /^([^:]*?)\s*:\s*(.*)$/.exec(line) ?? []
    if (name === undefined || command === undefined)
      throw broken(`${JSON.stringify(short(line))} has no colon`)
    if (!/^[a-z][a-z0-9-]{0,30}$/.test(name))
      throw broken(`${JSON.stringify(short(name))} cannot be the name of a process`)
    if (command === '') throw broken(`${name} has no command`)
    if (command.includes('\0')) throw broken(`the command of ${name} holds a zero byte`)
    if (found.has(name)) throw broken(`${name} is there twice`)
    found.set(name, command)
  }
  return Object.fromEntries(found)
}

/**
 * The processes of an app: those of its description, over its Procfile's, or where there is none, over
 * those that its runtime knows. Throws when it has domains and nothing that answers them.
 */
export function processesOf(
  files: SourceFiles,
  runtime: Runtime | undefined,
  app: Pick<AppDescription, 'name' | 'source' | 'domains' | 'processes' | 'build' | 'at'>,
): Readonly<Record<string, string>> {
  const procfile = files.text('Procfile')
  const own =
    procfile === undefined
      ? (runtime?.processes(delivered(files, app.build.output)) ?? {})
      : parseProcfile(procfile, `${app.source.replace(/\/$/, '')}/Procfile`)
  const all = { ...own, ...app.processes }
  if (app.domains.length > 0 && all['web'] === undefined) {
    const where =
      procfile !== undefined
        ? 'its Procfile'
        : runtime
          ? `what is known of ${runtime.name}`
          : 'its files'
    throw problem('process-web-missing', { app: app.name, where }, { at: app.at })
  }
  return all
}

/** Only what its build puts in `output` is there when it runs; mostly that is not known before. */
function delivered(files: SourceFiles, output: string | undefined): SourceFiles {
  if (output === undefined) return files
  const folder = `${output.replace(/\/+$/, '')}/`
  const paths = files.paths.filter((each) => each.startsWith(folder))
  return {
    paths: paths.map((each) => each.slice(folder.length)),
    text: (path) => files.text(`${folder}${path}`),
  }
}

const short = (text: string): string => (text.length > 40 ? `${text.slice(0, 40)}…` : text)
