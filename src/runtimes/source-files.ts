import { execFileSync } from 'node:child_process'
import { lstatSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { problem } from '../base/errors.ts'
import { gitNow } from '../base/git.ts'
import { type AppDescription, imagePrefix } from '../model/app.ts'
import type { SourceFiles } from './runtime.ts'

/** Where the files of an app are. */
export type SourcePlace =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'image'; readonly name: string }
  | { readonly kind: 'archive' | 'folder'; readonly path: string }

/** Reads `source` as the description means it: relative to `folder`. Throws `source-missing`. */
export function placeOf(
  { name, source, at }: Pick<AppDescription, 'name' | 'source' | 'at'>,
  folder: string,
): SourcePlace {
  if (source.startsWith(imagePrefix))
    return { kind: 'image', name: source.slice(imagePrefix.length) }
  if (/^[a-z][a-z0-9+-]*:\/\//i.test(source) || /^[\w.-]+@[\w.-]+:/.test(source))
    return { kind: 'url', url: source }
  const path = resolve(folder, source)
  const found = statSync(path, { throwIfNoEntry: false })
  if (found?.isDirectory()) return { kind: 'folder', path }
  if (found?.isFile() && /\.(tar|tgz|tar\.(gz|xz|bz2|zst))$/.test(source))
    return { kind: 'archive', path }
  const reason = found ? 'is neither a folder nor a tar archive' : 'is not there'
  throw problem('source-missing', { app: name, path, reason }, { at })
}

/**
 * The files of an app as far as they can be seen here without fetching anything: the paths, and the
 * texts that are asked for. Undefined for a URL and for an image.
 */
export function localFiles(
  app: Pick<AppDescription, 'name' | 'source' | 'at'>,
  folder: string,
): SourceFiles | undefined {
  const place = placeOf(app, folder)
  if (place.kind === 'url' || place.kind === 'image') return undefined
  const known = seen.get(place.path)
  if (known) return known
  const files =
    place.kind === 'archive'
      ? archiveFiles(place.path)
      : (committedFiles(place.path) ?? folderFiles(place.path))
  seen.set(place.path, files)
  return files
}

/** A description is evaluated once for each host; its sources are read once. */
const seen = new Map<string, SourceFiles>()

/** Files of which a text is asked for at most once. */
export function sourceFiles(
  paths: readonly string[],
  read: (path: string) => string | undefined,
): SourceFiles {
  const names = new Set(paths)
  const texts = new Map<string, string | undefined>()
  return {
    paths,
    text(path) {
      if (!names.has(path)) return undefined
      if (!texts.has(path)) texts.set(path, read(path))
      return texts.get(path)
    },
  }
}

function committedFiles(path: string): SourceFiles | undefined {
  const prefix = gitNow(path, ['rev-parse', '--show-prefix'])
  if (prefix.reason) return undefined
  const tree = `HEAD:${prefix.output.toString('utf8').replace(/\/?\n$/, '')}`
  const listed = gitNow(path, ['ls-tree', '-r', '-z', '--name-only', '--full-tree', tree])
  const paths = listed.output.toString('utf8').split('\0').filter(Boolean)
  if (listed.reason || paths.length === 0) return undefined
  const base = tree.endsWith(':') ? tree : `${tree}/`
  return sourceFiles(paths, (each) => {
    const shown = gitNow(path, ['cat-file', 'blob', `${base}${each}`])
    return shown.reason ? undefined : shown.output.toString('utf8')
  })
}

function folderFiles(path: string): SourceFiles {
  const paths = pathsIn(path)
  return sourceFiles(paths, (each) => {
    const file = join(path, each)
    return lstatSync(file).isFile() ? readFileSync(file, 'utf8') : undefined
  })
}

/** Everything in a folder that is not a folder, but never git's own. */
export function pathsIn(folder: string, under = ''): string[] {
  return readdirSync(join(folder, under), { withFileTypes: true })
    .filter(({ name }) => name !== '.git')
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = under === '' ? entry.name : `${under}/${entry.name}`
      return entry.isDirectory() ? pathsIn(folder, path) : [path]
    })
}

function archiveFiles(path: string): SourceFiles {
  const run = (args: readonly string[]): string | undefined => {
    try {
      const options = {
        maxBuffer: 1 << 28,
        stdio: 'pipe',
        env: { ...process.env, LC_ALL: 'C.UTF-8' },
      } as const
      return execFileSync('tar', args, options).toString('utf8')
    } catch {
      return undefined
    }
  }
  const members = (run(['--quoting-style=literal', '-tf', path]) ?? '').split('\n')
  const byPath = new Map(
    members
      .filter((each) => each !== '' && !each.endsWith('/'))
      .map((each) => [each.replace(/^(\.\/)+/, ''), each]),
  )
  return sourceFiles([...byPath.keys()], (each) => run(['-xOf', path, '--', byPath.get(each)!]))
}
