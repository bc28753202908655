import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { type FettleError, problem } from '../base/errors.ts'
import { Shell, lines, sh } from '../base/shell.ts'
import type { AppDescription } from '../model/app.ts'
import type { Answer } from '../transport/machine.ts'
import { treesOf } from './paths.ts'
import type { Snapshot, SnapshotFile } from './snapshot.ts'
import { type TarMember, sha256, tar, timeOf } from './tar.ts'

type Named = Pick<AppDescription, 'name'>

/**
 * What a host has of an app. Beside each tree `ID` stand `ID.source`, its files as they were sent, which
 * no build ever touches, and `ID.files`, their list. A tree is complete when all three are there.
 */
export interface HostTrees {
  /** Complete ones, the newest first. */
  readonly trees: readonly string[]
  /** Where in the newest a content is, by hash and mode. */
  readonly files: ReadonlyMap<string, string>
}

export const noTrees: HostTrees = { trees: [], files: new Map() }

/** Lists the complete trees, and the files of the newest. */
export function readTrees({ name }: Named): Shell {
  return sh`cd ${treesOf(name)} 2>/dev/null || exit 0
newest=
for list in $(ls -t -- *.files 2>/dev/null); do
  id=\${list%.files}
  [ -d "$id" ] && [ -d "$id.source" ] || continue
  printf '%s\n' "$id"
  newest=\${newest:-$list}
done
echo
[ -z "$newest" ] || cat -- "$newest"`
}

export function parseTrees(output: Buffer): HostTrees {
  const all = output.toString('utf8').split('\n')
  const end = all.indexOf('')
  const files = all.slice(end + 1).flatMap((line): [string, string][] => {
    const [, key, path] = /^([0-9a-f]{64} \d{3}) (".*")$/.exec(line) ?? []
    return key === undefined || path === undefined ? [] : [[key, JSON.parse(path) as string]]
  })
  return { trees: all.slice(0, Math.max(end, 0)), files: new Map(files) }
}

export interface UploadStep {
  readonly script: Shell
  readonly input: Uint8Array
}

/**
 * Brings the source of a tree to a host, as root; `buildStep` makes the tree of it. Only contents that
 * the newest tree there lacks are sent, the others become hard links to its files. Where the contents
 * turn out not to be what they should be, sending all of them (`noTrees`) puts that right.
 */
export async function uploadStep(
  { name }: Named,
  snapshot: Snapshot,
  have: HostTrees,
): Promise<UploadStep> {
  const { id } = snapshot
  const ready = sh`[ -d ${id} ] && [ -d ${`${id}.source`} ] && [ -e ${`${id}.files`} ]`
  if (have.trees.includes(id))
    return { script: sh`cd ${treesOf(name)} && ${ready}`, input: new Uint8Array() }
  const { archive, isPacked } = await packed(snapshot, have)
  const unpack = isPacked ? ['--gzip'] : []
  const script = lines(
    sh`umask 022; cd ${treesOf(name)} || exit 1`,
    // What an upload or a build before this one left when it was interrupted.
    sh`rm -rf -- .[!.]*
for each in *.source; do [ -d "\${each%.source}" ] || rm -rf -- "$each" "\${each%.source}.files"; done`,
    sh`tar --extract ${unpack} --same-permissions --numeric-owner --file - || { rm -rf -- .new; exit 1; }`,
    // What was sent is whole, else tar had failed: but what was here may have been changed since.
    sh`[ ! -s .new/sums ] || (cd .new/source && sha256sum --check --quiet --strict ../sums) || { rm -rf -- .new; exit 3; }`,
    sh`mv -T .new/source ${`${id}.source`} && mv -T .new/files ${`${id}.files`} && touch ${`${id}.files`} && rm -rf .new || exit 1`,
  )
  return { script, input: archive }
}

export function uploadProblem(app: string, host: string, { code, output }: Answer): FettleError {
  const log = output.toString('utf8').trim()
  const reason =
    code === 3
      ? 'the contents are not those that were sent'
      : log.split('\n').at(-1) || `exit code ${code}`
  return problem('upload-failed', { app, host, reason }, { log })
}

/** What is sent: packed by gzip, or not. */
interface Pack {
  readonly archive: Uint8Array
  readonly isPacked: boolean
}

/** Hosts that have the same are sent the same bytes, which are made once. */
async function packed(snapshot: Snapshot, have: HostTrees): Promise<Pack> {
  const base = have.trees[0] ?? ''
  const kept = snapshot.entries.filter((each) => have.files.has(keyOf(each)))
  const key = sha256(JSON.stringify([base, kept.map((each) => have.files.get(keyOf(each)))]))
  const known = packs.get(snapshot) ?? new Map<string, Promise<Pack>>()
  packs.set(snapshot, known)
  const made = known.get(key) ?? pack(snapshot, base, have)
  known.set(key, made)
  return made
}

const packs = new WeakMap<Snapshot, Map<string, Promise<Pack>>>()
const compress = promisify(gzip)
const keyOf = ({ hash, mode }: SnapshotFile): string => `${hash} ${mode.toString(8)}`

async function pack(snapshot: Snapshot, base: string, have: HostTrees): Promise<Pack> {
  const files = snapshot.entries.filter(({ link }) => link === undefined)
  const first = new Map<string, SnapshotFile>()
  for (const each of files) if (!first.has(keyOf(each))) first.set(keyOf(each), each)
  const kept = files.filter((each) => have.files.has(keyOf(each)))
  const wanted = [...first.entries()].filter(([key]) => !have.files.has(key))
  const contents = await snapshot.read(wanted.map(([, { path }]) => path))
  const inSource = (path: string): string => `.new/source/${path}`
  const member = (each: SnapshotFile): TarMember => {
    const { path, mode, hash, link } = each
    if (link !== undefined) return { path: inSource(path), type: 'symlink', target: link }
    const kept = have.files.get(keyOf(each))
    if (kept !== undefined)
      return { path: inSource(path), type: 'hardlink', target: `${base}.source/${kept}` }
    const own = first.get(keyOf(each))!
    if (own !== each) return { path: inSource(path), type: 'hardlink', target: inSource(own.path) }
    const content = contents.get(path)!
    return { path: inSource(path), type: 'file', mode, mtime: timeOf(hash), content }
  }
  const archive = tar([
    ...['.new', '.new/source', ...foldersOf(snapshot.entries).map(inSource)].map((path) => ({
      path,
      type: 'directory' as const,
      mode: 0o755,
    })),
    // Before the links to them.
    ...[...files, ...snapshot.entries.filter(({ link }) => link !== undefined)].map(member),
    {
      path: '.new/files',
      type: 'file',
      content: Buffer.from(listOf(files)),
    },
    { path: '.new/sums', type: 'file', content: Buffer.from(sumsOf(kept)) },
  ])
  const isPacked = await isCompressible(archive)
  return { archive: isPacked ? await compress(archive, { level: 1 }) : archive, isPacked }
}

/** Images, archives and programs hardly get smaller, and packing them takes longer than sending them. */
async function isCompressible(archive: Uint8Array): Promise<boolean> {
  const [size, count] = [16_384, 32]
  if (archive.length < 2 * size * count) return true
  const every = Math.floor(archive.length / count)
  const sample = Buffer.concat(
    Array.from({ length: count }, (_, i) => archive.subarray(i * every, i * every + size)),
  )
  return (await compress(sample, { level: 1 })).length < 0.9 * sample.length
}

function foldersOf(entries: readonly SnapshotFile[]): string[] {
  const found = new Set<string>()
  for (const { path } of entries) {
    const parts = path.split('/').slice(0, -1)
    for (let i = 1; i <= parts.length; i++) found.add(parts.slice(0, i).join('/'))
  }
  return [...found].sort()
}

function listOf(files: readonly SnapshotFile[]): string {
  return files.map((each) => `${keyOf(each)} ${JSON.stringify(each.path)}\n`).join('')
}

/** As sha256sum reads it: a name with a line break or a backslash is escaped, and its line says so. */
function sumsOf(files: readonly SnapshotFile[]): string {
  return files
    .map(({ hash, path }) => {
      const escaped = path.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r')
      return `${escaped === path ? '' : '\\'}${hash}  ${escaped}\n`
    })
    .join('')
}
