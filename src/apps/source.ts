import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type FettleError, problem } from '../base/errors.ts'
import { git } from '../base/git.ts'
import type { AppDescription } from '../model/app.ts'
import { closest } from '../model/suggestion.ts'
import { placeOf } from '../runtimes/source-files.ts'
import { committedSnapshot } from './committed.ts'
import { folderSnapshot } from './folder.ts'
import { imageSnapshot } from './image.ts'
import type { Snapshot } from './snapshot.ts'
import { temporaryFolder } from './temporary.ts'

/** An app whose source was found, and fetched where it is a URL. */
export interface Source {
  /** Its files at a revision: what is checked out, or the default branch of a URL, when none is named. */
  resolve(rev?: string): Promise<Snapshot>
  /** What changed from one commit to another, newest first: `abc1234 subject (author)`. */
  changelog(from: string, to: string): Promise<readonly string[]>
  /** The newest change in a commit, in the same words; undefined where there is no history. */
  subject(commit: string): Promise<string | undefined>
}

type Described = Pick<AppDescription, 'name' | 'source' | 'at'>

/**
 * Finds the source of an app. `folder` is that of the description, `cache` holds clones of URLs.
 * Throws `source-missing` or `source-unreachable`.
 */
export async function openSource(app: Described, folder: string, cache: string): Promise<Source> {
  const place = placeOf(app, folder)
  if (place.kind === 'url') return repository(app, await fetched(app, place.url, cache), '')
  if (place.kind === 'image') return plain(app, async () => imageSnapshot(place.name))
  if (place.kind === 'archive') return plain(app, () => archiveSnapshot(app, place.path))
  const prefix = await git(place.path, ['rev-parse', '--show-prefix'])
  if (prefix.reason) {
    // A repository that git refuses to read is not a plain folder.
    if (/dubious ownership|not installed/.test(prefix.reason))
      throw problem(
        'source-unreachable',
        { app: app.name, source: place.path, reason: prefix.reason },
        { at: app.at },
      )
    return plain(app, () => folderSnapshot(app, place.path))
  }
  const under = prefix.output.toString('utf8').replace(/\/?\n$/, '')
  const known = await git(place.path, [
    'ls-tree',
    '-z',
    '--name-only',
    '--full-tree',
    `HEAD:${under}`,
  ])
  if (known.reason || known.output.length === 0) {
    const note = 'It is in no commit: its files were taken as they are.'
    return plain(app, async () => ({ ...(await folderSnapshot(app, place.path)), notes: [note] }))
  }
  return repository(app, place.path, under)
}

function repository(app: Described, folder: string, under: string): Source {
  const changes = async (range: string, ...options: readonly string[]): Promise<string[]> => {
    const format = ['log', '--no-decorate', '--no-color', '--format=%h %s (%an)', '--abbrev=7']
    const limits = ['--end-of-options', range, '--', ...(under === '' ? [] : ['.'])]
    const { output, reason } = await git(folder, [...format, ...options, ...limits])
    return reason ? [] : output.toString('utf8').split('\n').filter(Boolean)
  }
  return {
    async resolve(rev = 'HEAD') {
      const commit = await commitOf(app, folder, rev)
      return committedSnapshot({ app, folder, under, commit })
    },
    changelog: (from, to) => changes(`${from}..${to}`),
    subject: async (commit) => (await changes(commit, '-1'))[0],
  }
}

/** What has no history has one state: that of now. */
function plain(app: Described, read: () => Promise<Snapshot>): Source {
  return {
    async resolve(rev) {
      const snapshot = await read()
      if (rev === undefined || rev === snapshot.id) return snapshot
      const nearest = 'none: its source is not a git repository'
      throw problem('revision-unknown', { app: app.name, rev, nearest }, { at: app.at })
    },
    changelog: async () => [],
    subject: async () => undefined,
  }
}

async function commitOf(app: Described, folder: string, rev: string): Promise<string> {
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${rev}^{commit}`]
  const { output, reason } = await git(folder, args)
  if (!reason) return output.toString('utf8').trim()
  const refs = await git(folder, [
    'for-each-ref',
    '--sort=-creatordate',
    '--format=%(refname:short)',
  ])
  const nearest = closest(rev, refs.output.toString('utf8').split('\n').filter(Boolean))
  throw problem('revision-unknown', { app: app.name, rev, nearest }, { at: app.at })
}

/** A copy of a repository that is kept and brought up to date; a bare one, as only commits are read. */
async function fetched(app: Described, url: string, cache: string): Promise<string> {
  const name = createHash('sha256').update(url).digest('hex').slice(0, 16)
  const folder = join(cache, `${name}.git`)
  await mkdir(cache, { recursive: true })
  const update = [
    'fetch',
    '--quiet',
    '--prune',
    '--tags',
    '--force',
    'origin',
    '+refs/heads/*:refs/heads/*',
  ]
  const { reason } = isRepository(folder)
    ? await git(folder, update)
    : await cloned(url, folder, cache)
  if (reason) throw unreachable(app, url, reason)
  return folder
}

/** Beside, then renamed: a clone that was interrupted is not taken for a repository. */
async function cloned(url: string, folder: string, cache: string): Promise<{ reason: string }> {
  const beside = await mkdtemp(join(cache, '.clone-'))
  try {
    const { reason } = await git(cache, ['clone', '--quiet', '--bare', '--', url, beside])
    if (reason) return { reason }
    await rm(folder, { recursive: true, force: true })
    await rename(beside, folder)
    return { reason: '' }
  } finally {
    await rm(beside, { recursive: true, force: true })
  }
}

function isRepository(folder: string): boolean {
  return statSync(join(folder, 'HEAD'), { throwIfNoEntry: false })?.isFile() ?? false
}

/** A password in a URL is nobody's business. */
function unreachable(app: Described, url: string, reason: string): FettleError {
  const hidden = (text: string): string => text.replace(/\/\/[^/@\s]+@/g, '//')
  const details = { app: app.name, source: hidden(url), reason: hidden(reason) }
  return problem('source-unreachable', details, { at: app.at })
}

/** Unpacked beside and read as a folder: what is in it is what is delivered. */
async function archiveSnapshot(app: Described, path: string): Promise<Snapshot> {
  const folder = temporaryFolder('archive')
  try {
    await promisify(execFile)('tar', ['-xf', path, '-C', folder, '--no-same-owner'])
  } catch (error) {
    const reason = error instanceof Error ? error.message.trim().split('\n').at(-1)! : String(error)
    throw problem('source-unusable', { app: app.name, path, reason }, { at: app.at })
  }
  return { ...(await folderSnapshot(app, folder)), prebuilt: true }
}
