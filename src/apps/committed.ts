import { type Hash, createHash } from 'node:crypto'
import { problem } from '../base/errors.ts'
import { git, gitNow } from '../base/git.ts'
import type { AppDescription } from '../model/app.ts'
import { sourceFiles } from '../runtimes/source-files.ts'
import type { Snapshot, SnapshotFile } from './snapshot.ts'

interface Committed {
  readonly app: Pick<AppDescription, 'name' | 'at'>
  readonly folder: string
  /** The folder inside the repository; empty for all of it. */
  readonly under: string
  readonly commit: string
}

interface Listed {
  readonly path: string
  readonly blob: string
  readonly mode: string
}

/** The files of a commit, or of one folder in it. Throws `source-unusable`. */
export async function committedSnapshot(from: Committed): Promise<Snapshot> {
  const { folder, commit } = from
  const listed = await list(from)
  const blobs = new Map(listed.map(({ path, blob }) => [path, blob]))
  const { seen, contents } = await readThrough(
    folder,
    listed.map(({ blob }) => blob),
    linkBlobs(listed),
  )
  const entries = listed.map((each) => entryOf(from, each, seen.get(each.blob)!))
  return {
    id: commit.slice(0, 12),
    commit,
    notes: await notes(from),
    prebuilt: false,
    entries,
    files: sourceFiles([...blobs.keys()], (path) => {
      const blob = blobs.get(path)!
      if (contents) return Buffer.concat(contents.get(blob) ?? []).toString('utf8')
      const { output, reason } = gitNow(folder, ['cat-file', 'blob', blob])
      return reason ? undefined : output.toString('utf8')
    }),
    async read(paths) {
      const wanted = paths.map((path) => blobs.get(path)!)
      const found = contents ?? (await contentsOf(folder, [...new Set(wanted)]))
      return new Map(paths.map((path, i) => [path, Buffer.concat(found.get(wanted[i]!) ?? [])]))
    },
  }
}

async function list(from: Committed): Promise<Listed[]> {
  const { folder, under, commit } = from
  const { output, reason } = await git(folder, [
    'ls-tree',
    '-r',
    '-z',
    '--full-tree',
    `${commit}:${under}`,
  ])
  if (reason) throw unusable(from, under, `the commit does not hold it`)
  const text = output.toString('utf8')
  const found = text
    .split('\0')
    .filter(Boolean)
    .map((line) => {
      const [, mode = '', type = '', blob = '', path = ''] =
        /^(\d+) (\w+) (\w+)\t([^]*)$/.exec(line) ?? []
      if (type === 'commit') throw unusable(from, path, 'it is a submodule, which is not supported')
      if (path.includes('\uFFFD')) throw unusable(from, path, 'its name is not UTF-8')
      return { path, blob, mode }
    })
  if (found.length === 0) throw unusable(from, under, 'there is no file in it')
  return found
}

const linkMode = '120000'
const linkBlobs = (listed: readonly Listed[]): ReadonlySet<string> =>
  new Set(listed.flatMap(({ mode, blob }) => (mode === linkMode ? [blob] : [])))

interface Seen {
  readonly hash: string
  readonly size: number
  /** The first bytes: all of a link, and enough to tell what git-lfs left in a file's place. */
  readonly start: Buffer
}

/** By blob, in the pieces that it came in. */
type Contents = Map<string, Buffer[]>

/** So many bytes are kept when they are read for their hashes, and not read again to be sent. */
const mostKept = 64 * 1024 * 1024

async function readThrough(
  folder: string,
  wanted: readonly string[],
  links: ReadonlySet<string>,
): Promise<{ seen: ReadonlyMap<string, Seen>; contents: Contents | undefined }> {
  const blobs = [...new Set(wanted)]
  const made = blobs.map((): { hash: Hash; size: number; start: Buffer } => ({
    hash: createHash('sha256'),
    size: 0,
    start: Buffer.alloc(0),
  }))
  let contents: Contents | undefined = new Map()
  let kept = 0
  await eachBlob(folder, blobs, (i, chunk) => {
    const state = made[i]!
    state.hash.update(chunk)
    state.size += chunk.length
    const most = links.has(blobs[i]!) ? 4096 : 64
    if (state.start.length < most)
      state.start = Buffer.concat([state.start, chunk.subarray(0, most - state.start.length)])
    kept += chunk.length
    if (kept > mostKept) contents = undefined
    else add(contents, blobs[i]!, chunk)
  })
  const seen = blobs.map(
    (blob, i) => [blob, { ...made[i]!, hash: made[i]!.hash.digest('hex') }] as const,
  )
  return { seen: new Map(seen), contents }
}

async function contentsOf(folder: string, blobs: readonly string[]): Promise<Contents> {
  const contents: Contents = new Map()
  await eachBlob(folder, blobs, (i, chunk) => add(contents, blobs[i]!, chunk))
  return contents
}

function add(contents: Contents | undefined, blob: string, chunk: Buffer): void {
  const known = contents?.get(blob)
  if (known) known.push(chunk)
  else contents?.set(blob, [chunk])
}

function entryOf(
  from: Committed,
  { path, mode }: Listed,
  { hash, size, start }: Seen,
): SnapshotFile {
  if (mode === linkMode) {
    const link = start.toString('utf8')
    if (link.includes('\uFFFD')) throw unusable(from, path, 'what it points to is not UTF-8')
    return { path, mode: 0o644, hash, size: 0, link }
  }
  if (start.toString('latin1').startsWith('version https://git-lfs'))
    throw unusable(from, path, 'its content is kept by git-lfs, which is not supported')
  return { path, mode: mode === '100755' ? 0o755 : 0o644, hash, size }
}

/** Gives the contents of blobs in pieces as they come, through one git. */
async function eachBlob(
  folder: string,
  blobs: readonly string[],
  take: (index: number, chunk: Buffer) => void,
): Promise<void> {
  let index = 0
  let left = 0
  let head = Buffer.alloc(0)
  let state: 'head' | 'content' | 'end' = 'head'
  const onOutput = (given: Buffer): void => {
    let chunk = given
    while (chunk.length > 0)
      if (state === 'content') {
        const part = chunk.subarray(0, left)
        take(index, part)
        left -= part.length
        chunk = chunk.subarray(part.length)
        if (left === 0) state = 'end'
      } else if (state === 'end') {
        chunk = chunk.subarray(1)
        index += 1
        state = 'head'
      } else {
        const end = chunk.indexOf(10)
        head = Buffer.concat([head, end < 0 ? chunk : chunk.subarray(0, end)])
        chunk = end < 0 ? chunk.subarray(chunk.length) : chunk.subarray(end + 1)
        if (end < 0) continue
        left = Number(head.toString('latin1').split(' ')[2] ?? 0)
        head = Buffer.alloc(0)
        state = left === 0 ? 'end' : 'content'
      }
  }
  const input = blobs.map((blob) => `${blob}\n`).join('')
  const { reason } = await git(folder, ['cat-file', '--batch'], { input, onOutput })
  if (reason || index !== blobs.length) throw new Error(reason || 'git did not give all contents')
}

/** What is not committed is not delivered, which is easily forgotten. */
async function notes({ folder, under, commit }: Committed): Promise<string[]> {
  const head = await git(folder, ['rev-parse', '--verify', '--quiet', 'HEAD'])
  if (head.output.toString('latin1').trim() !== commit) return []
  const where = under === '' ? [] : ['--', '.']
  const { output, reason } = await git(folder, ['status', '--porcelain', '-z', ...where])
  const count = reason
    ? 0
    : output
        .toString('utf8')
        .split('\0')
        .filter((each) => /^.. /.test(each)).length
  if (count === 0) return []
  return [`${count} uncommitted ${count === 1 ? 'change is' : 'changes are'} not delivered.`]
}

function unusable({ app, folder, commit }: Committed, path: string, reason: string): Error {
  const details = { app: app.name, path: `${path || folder} (${commit.slice(0, 12)})`, reason }
  return problem('source-unusable', details, { at: app.at })
}
