import type { SourceFiles } from '../runtimes/runtime.ts'
import { sha256 } from './tar.ts'

/** One file of a source. */
export interface SnapshotFile {
  /** Relative, with slashes; any name that is UTF-8. */
  readonly path: string
  readonly mode: 0o644 | 0o755
  /** Of its content; of a link, of what it points to. */
  readonly hash: string
  readonly size: number
  /** What it points to, when it is a symbolic link. */
  readonly link?: string
}

/** The files of an app at one moment. */
export interface Snapshot {
  /** 12 hex digits: of the commit, or of the content where there is none. */
  readonly id: string
  readonly commit?: string
  /** What a person should know, such as that uncommitted changes are left out. */
  readonly notes: readonly string[]
  /** Nothing is to be built, whatever its runtime would do: it came as an archive or was built here. */
  readonly prebuilt: boolean
  /** In the order of their paths. */
  readonly entries: readonly SnapshotFile[]
  readonly files: SourceFiles
  /** The contents of some of its files, by path. */
  read(paths: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>>
}

/** The name of files that have no commit. */
export function contentId(entries: readonly SnapshotFile[]): string {
  return sha256(
    JSON.stringify(entries.map(({ path, mode, hash, link }) => [path, mode, hash, link])),
  ).slice(0, 12)
}
