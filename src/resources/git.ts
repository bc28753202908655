import { holdsSecret, reveal } from '../base/secret.ts'
import { lines, sh } from '../base/shell.ts'
import type { Change, Difference, Kind, Step } from '../model/kind.ts'
import { unknownAfter } from '../model/kind.ts'
import { type Common, type Resource, describe, given } from '../model/resource.ts'
import { check, flag, optional, path } from '../model/schema.ts'
import { applyFunctions, readFunctions } from './git-scripts.ts'

/**
 * A checkout of one exact commit of a git repository. Submodules are not fetched and hooks of the
 * checkout do not run. Files that git does not track stay as they are.
 */
export interface GitOptions extends Common {
  /** Where to clone it from, as git takes it. Without a password in it: processes on the host could see it. */
  readonly url: string
  /** A branch, a tag or all 40 digits of a commit. Where a branch and a tag share a name: the branch. */
  readonly ref: string
  /** Fetch only so many commits of the history. Default: all of it. */
  readonly depth?: number
  /** Discard local changes to tracked files. Default: they are an error, and nothing is changed. */
  readonly force?: boolean
}

interface GitDesired {
  readonly url: string
  readonly ref: string
  readonly depth?: number
  readonly force?: boolean
}

interface GitState {
  /** `foreign`: a checkout of another user. `none`: there is no git on the host. */
  readonly place: 'absent' | 'empty' | 'checkout' | 'foreign' | 'other' | 'none'
  readonly owner: string
  readonly url: string
  /** The commit that is checked out; empty in a checkout without any. */
  readonly head: string
  /** A run of ours ended in the middle, so changed files are not somebody's work. */
  readonly interrupted: boolean
  /** Tracked files with changes. */
  readonly changed: readonly string[]
  /** The commit that the ref names; undefined when that could not be found out. */
  readonly target: string | undefined
  /** Why not, in git's words. */
  readonly trouble: string
}

/** Describes a checkout: `git('/srv/shop', { url: 'https://example.org/shop.git', ref: 'v1.2' })`. */
export function git(path: string, options: GitOptions): Resource {
  const { url, ref, depth, force, ...common } = options
  return describe(gitKind, path, given({ url, ref, depth, force }) as GitDesired, common)
}

export const gitKind: Kind<GitDesired, GitState> = {
  name: 'git',
  remembers: ({ desired: { url, force } }) =>
    isClosed(url) ? undefined : { url, ref: '', ...given({ force }) },
  named: path,
  user: 'login',
  fields: {
    url: check(
      "an address such as 'https://example.org/shop.git'",
      (value) => typeof value === 'string' && /^[^-\s\0][^\n\0]*$/.test(value),
    ),
    ref: check(
      'a branch, a tag or all digits of a commit',
      (value) => typeof value === 'string' && isRef(value),
    ),
    depth: optional(
      check('a whole number from 1', (value) => Number.isInteger(value) && Number(value) > 0),
    ),
    force: optional(flag),
  },

  claims: ({ name }) => [{ what: `path ${name}` }],

  read: (resources) =>
    lines(
      readFunctions,
      ...resources.map(({ name, desired, absent }, i) => {
        const names = absent || isCommit(desired.ref) ? [] : namesOf(desired.ref)
        return sh`look ${i} ${name} ${desired.url} ${names}`
      }),
      sh`wait`,
    ),

  parse(output, resources) {
    const rows = output.toString('utf8').split('\n')
    return resources.map(({ desired }, i) => parseCheckout(rows, `${i} `, desired))
  },

  diff(resource, state, context): Difference | undefined {
    const { desired, absent } = resource
    if (absent) return removal(desired, state)
    const wanted = `${short(state.target ?? desired.ref)} of ${desired.url}`
    if (state.place === 'none')
      return context.opaque.length > 0
        ? unknownAfter(context, wanted)
        : { verb: 'create', summary: `${wanted}, but git is not installed` }
    if (state.place === 'foreign')
      return { verb: 'change', summary: `it belongs to ${state.owner}, who has to change it` }
    if (state.place === 'other')
      return { verb: 'change', summary: `${wanted}, but there is something else in its place` }
    if (state.target === undefined)
      return context.opaque.length > 0 && state.place !== 'checkout'
        ? unknownAfter(context, wanted)
        : { verb: 'unknown', summary: `${wanted}: ${state.trouble}` }
    if (state.place !== 'checkout') return { verb: 'create', summary: wanted }
    const changes = changesOf(desired, state, state.target)
    return changes.length === 0 ? undefined : { verb: 'change', summary: changes.join(', ') }
  },

  asPlanned: (seen, after) => ({ ...after, target: seen.target ?? after.target }),

  apply: ([change]) => applyGit(change!),
}

/** With a password in it, which a host does not remember: such a checkout is not told from others. */
const isClosed = (url: string): boolean => holdsSecret(url) || /\/\/[^/]*:[^/]*@/.test(url)

const isCommit = (ref: string): boolean => /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(ref)

/** What git-check-ref-format(1) allows. */
function isRef(ref: string): boolean {
  return (
    /^[^-/.~^:?*[\\][^~^:?*[\\]*$/.test(ref) &&
    !/[\s\p{Cc}]/u.test(ref) &&
    !/\.\.|@\{|\/\/|\/\.|\.lock(\/|$)|[./]$/.test(ref)
  )
}

/** The full names that a ref may have, the one that counts first. */
function namesOf(ref: string): string[] {
  if (ref === 'HEAD' || ref.startsWith('refs/')) return [`${ref}^{}`, ref]
  return [`refs/heads/${ref}`, `refs/tags/${ref}^{}`, `refs/tags/${ref}`]
}

/** What is fetched to have the ref's commit where the server gives no commit by its number. */
function fetchable(ref: string): string[] {
  if (isCommit(ref)) return ['+refs/heads/*:refs/remotes/origin/*', '+refs/tags/*:refs/tags/*']
  return namesOf(ref).filter((each) => !each.endsWith('^{}'))
}

function parseCheckout(
  rows: readonly string[],
  prefix: string,
  { ref }: Pick<GitDesired, 'ref'>,
): GitState {
  const own = rows.filter((row) => row.startsWith(prefix)).map((row) => row.slice(prefix.length))
  const decoded = (word: string): string | undefined => {
    const row = own.find((each) => each.startsWith(`${word} `))
    return row && Buffer.from(row.slice(word.length + 1), 'base64').toString('utf8')
  }
  const places = /^(absent|empty|checkout|foreign|other|none)( |$)/
  const [place = 'other', owner = '', head = '-', stopped = ''] =
    own.find((row) => places.test(row))?.split(' ') ?? []
  const answer = decoded('reached')
  return {
    place: place as GitState['place'],
    owner,
    url: (decoded('url') ?? '').replace(/\n$/, ''),
    head: head === '-' ? '' : head,
    interrupted: stopped === 'interrupted',
    changed: (decoded('changed') ?? '')
      .split('\0')
      .filter(Boolean)
      .map((row) => row.slice(3)),
    target: isCommit(ref) ? ref : answer === undefined ? undefined : resolve(ref, answer),
    trouble:
      answer === undefined ? wordsOf(decoded('failed') ?? '') : `there is no branch or tag ${ref}`,
  }
}

/** The commit of a ref in what `git ls-remote` printed; `^{}` is what an annotated tag points to. */
function resolve(ref: string, answer: string): string | undefined {
  const listed = new Map(
    answer.split('\n').flatMap((row): [string, string][] => {
      const found = /^([0-9a-f]{40,64})\t(\S+)$/.exec(row)
      return found ? [[found[2]!, found[1]!]] : []
    }),
  )
  return namesOf(ref)
    .map((name) => listed.get(name))
    .find(Boolean)
}

function wordsOf(answer: string): string {
  const rows = answer.split('\n').map((row) => row.trim())
  return (
    rows.find((row) => row && !/^warning:/i.test(row)) ??
    'the repository did not answer within a minute'
  )
}

const short = (ref: string): string => (isCommit(ref) ? ref.slice(0, 7) : ref)

function removal({ url, force }: GitDesired, state: GitState): Difference | undefined {
  const verb = 'remove'
  if (state.place === 'foreign')
    return { verb, summary: `it belongs to ${state.owner}, who has to remove it` }
  if (state.place !== 'checkout' || state.url !== reveal(url)) return undefined
  const changes = state.changed.length > 0 ? [handChanges(state.changed, force)] : []
  return { verb, summary: [short(state.head) || 'an empty checkout', ...changes].join(', ') }
}

function changesOf({ url, force }: GitDesired, state: GitState, target: string): string[] {
  const { head, interrupted, changed } = state
  return [
    ...(state.url === reveal(url) ? [] : [`url ${state.url || '(none)'} -> ${url}`]),
    ...(head === target ? [] : [`${short(head) || 'no commit'} -> ${short(target)}`]),
    ...(interrupted ? ['finishes an interrupted checkout'] : []),
    ...(changed.length > 0 && !interrupted ? [handChanges(changed, force)] : []),
  ]
}

function handChanges(files: readonly string[], force: boolean | undefined): string {
  const names = files.slice(0, 8).join(', ') + (files.length > 8 ? ', ...' : '')
  return force ? `discards changes in ${names}` : `in the way: changes by hand in ${names}`
}

function applyGit({ resource, state }: Change<GitDesired, GitState>): Step {
  const { name, desired, absent } = resource
  const { url, ref, depth, force } = desired
  const refuse = (reason: string): Step => ({ script: sh`echo ${reason}; exit 1` })
  const flagged = force ? '-f' : ''
  if (state.place === 'foreign')
    return refuse(`it belongs to ${state.owner}: say user: '${state.owner}'`)
  if (absent) return { script: lines(applyFunctions, sh`remove ${name} ${flagged}`) }
  if (state.place === 'none') return refuse("git is not installed: describe packages('git') before")
  if (state.place === 'other') return refuse(`${name} is there and is not a checkout of git`)
  if (state.target === undefined) return refuse(state.trouble)
  const names = fetchable(ref)
  // Tags come along as in a clone, also those that were moved.
  const how = depth === undefined ? '--tags --force' : `--depth=${depth}`
  return {
    script: lines(
      applyFunctions,
      sh`check_out ${name} ${url} ${state.target} ${how} ${flagged} ${names}`,
    ),
  }
}
