import { createReadStream, readFileSync } from 'node:fs'
import { lstat, readFile, readlink } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { problem } from '../base/errors.ts'
import type { AppDescription } from '../model/app.ts'
import { pathsIn, sourceFiles } from '../runtimes/source-files.ts'
import { type Snapshot, type SnapshotFile, contentId } from './snapshot.ts'
import { sha256 } from './tar.ts'

/** A folder without git, as it is now, by its content. Throws `source-unusable`. */
export async function folderSnapshot(
  app: Pick<AppDescription, 'name' | 'at'>,
  folder: string,
): Promise<Snapshot> {
  const entries: SnapshotFile[] = []
  for (const path of pathsIn(folder)) entries.push(await entryOf(app, folder, path))
  if (entries.length === 0)
    throw problem(
      'source-unusable',
      { app: app.name, path: folder, reason: 'there is no file in it' },
      { at: app.at },
    )
  const links = new Set(entries.flatMap(({ path, link }) => (link === undefined ? [] : [path])))
  return {
    id: contentId(entries),
    notes: [],
    prebuilt: false,
    entries,
    files: sourceFiles(
      entries.map(({ path }) => path),
      (path) => (links.has(path) ? undefined : readFileSync(join(folder, path), 'utf8')),
    ),
    async read(paths) {
      const contents = new Map<string, Uint8Array>()
      for (const path of paths) contents.set(path, await readFile(join(folder, path)))
      return contents
    },
  }
}

async function entryOf(
  app: Pick<AppDescription, 'name' | 'at'>,
  folder: string,
  path: string,
): Promise<SnapshotFile> {
  const unusable = (reason: string): Error =>
    problem('source-unusable', { app: app.name, path: join(folder, path), reason }, { at: app.at })
  // Node has put these in the place of bytes that are not UTF-8.
  if (path.includes('\uFFFD')) throw unusable('its name is not UTF-8')
  const found = await lstat(join(folder, path))
  if (found.isSymbolicLink()) {
    const link = await readlink(join(folder, path))
    return { path, mode: 0o644, hash: sha256(link), size: 0, link }
  }
  if (!found.isFile()) throw unusable('it is neither a file, a folder nor a link')
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(join(folder, path))) hash.update(chunk as Buffer)
  return {
    path,
    mode: found.mode & 0o100 ? 0o755 : 0o644,
    hash: hash.digest('hex'),
    size: found.size,
  }
}
