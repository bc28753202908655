import { sourceFiles } from '../runtimes/source-files.ts'
import { type Snapshot, type SnapshotFile, contentId } from './snapshot.ts'
import { sha256 } from './tar.ts'

/** All that there is of an app that is an image: a file with its name. */
export function imageSnapshot(name: string): Snapshot {
  const content = Buffer.from(`${name}\n`)
  const file: SnapshotFile = {
    path: 'image',
    mode: 0o644,
    hash: sha256(content),
    size: content.length,
  }
  return {
    id: contentId([file]),
    notes: [],
    prebuilt: true,
    entries: [file],
    files: sourceFiles([file.path], () => content.toString('utf8')),
    read: async (paths) => new Map(paths.map((path) => [path, content])),
  }
}
