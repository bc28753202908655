import { type EnvEntry, envOf } from '../apps/env.ts'
import { treesOf } from '../apps/paths.ts'
import { problem } from '../base/errors.ts'
import { redact } from '../base/secret.ts'
import { closest } from '../model/suggestion.ts'
import { runtimeFor } from '../runtimes/runtimes.ts'
import { localFiles } from '../runtimes/source-files.ts'
import type { Flags } from './context.ts'
import { exitCodes } from './exit-code.ts'
import { Project } from './project.ts'
import { json } from './render/json.ts'
import { paintFor, visible } from './render/style.ts'

/** `fettle env`: what an app finds in its environment, and where each value comes from. */
export async function env(name: string, flags: Pick<Flags, 'fleet' | 'json'>): Promise<number> {
  const project = Project.find(flags.fleet)
  const { apps } = await project.fleet()
  const app = apps.get(name)?.app
  if (!app) throw problem('unknown-app', { name, suggestion: closest(name, [...apps.keys()]) })
  const own = '(its own)'
  const files = localFiles(app, project.folder)
  const runtime = files && runtimeFor(app, files)
  const entries = envOf(app, {
    runtime: runtime?.env(`${treesOf(name)}/COMMIT`) ?? {},
    file: project.envFile(name),
    secrets: await project.secrets(),
    instance: { HOST: own, PORT: own },
  })
  const text = flags.json
    ? json({ version: 1, type: 'env', app: name, env: entries })
    : tableOf(entries).join('\n')
  process.stdout.write(`${text}\n`)
  return exitCodes.done
}

function tableOf(entries: readonly EnvEntry[]): string[] {
  const paint = paintFor(process.stdout)
  const width = (of: (entry: EnvEntry) => string): number =>
    Math.max(...entries.map((entry) => of(entry).length))
  const names = width(({ name }) => name)
  const sources = width(({ from }) => from)
  return entries.map(({ name, value, from }) =>
    [
      paint('bold', name.padEnd(names)),
      paint('dim', from.padEnd(sources)),
      visible(redact(String(value))),
    ].join('  '),
  )
}
