import { Buffer } from 'node:buffer'
import { holdsSecret } from '../base/secret.ts'
import { type Shell, lines, sh } from '../base/shell.ts'
import { file, fileKind, readContents } from './file.ts'
import { statPaths } from './inode.ts'

/** A file of root's that a resource of another kind keeps as a part of itself. */
export type SystemFile = Parameters<typeof fileKind.diff>[0]

export type SystemFileState = ReturnType<typeof fileKind.parse>[number]

/** Only root may read it when it holds a secret. */
export function systemFile(path: string, content: string, absent: boolean): SystemFile {
  const mode = holdsSecret(content) ? '0600' : '0644'
  const made = file(path, { content, owner: 'root', group: 'root', mode, user: 'root' })
  return { ...(made as SystemFile), absent }
}

/** What `own` prints (no NUL bytes) and then the files. */
export function readWithFiles(own: Shell, files: readonly SystemFile[]): Shell {
  const paths = files.map(({ name }) => name)
  return lines(sh`( ${own} )`, sh`printf '\\0'`, statPaths(paths), readContents(files))
}

export function parseWithFiles(
  output: Buffer,
  files: readonly SystemFile[],
): { own: string; files: readonly SystemFileState[] } {
  const end = output.indexOf(0)
  const at = end < 0 ? output.length : end
  return {
    own: output.toString('utf8', 0, at),
    files: fileKind.parse(output.subarray(at + 1), files),
  }
}
