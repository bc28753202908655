import { Shell, lines, quote, sh } from '../base/shell.ts'
import type { Change, Context, Difference, Kind, Step } from '../model/kind.ts'
import { unknownAfter } from '../model/kind.ts'
import { type Common, type Resource, describe, given } from '../model/resource.ts'
import { check, flag, optional } from '../model/schema.ts'
import { applyFunctions, readFunctions } from './package-scripts.ts'

/** Debian packages, installed and removed by apt. All changes next to each other are one apt transaction. */
export interface PackageOptions extends Common {
  /** The exact version, or one with `*` as apt takes it: `'1.22.*'`. Left out: any that is installed, else the newest. */
  readonly version?: string
  /** Whether recommended packages come along. Left out: as apt is set up on the host (Debian: yes). */
  readonly recommends?: boolean
  /** For `absent(...)`: remove the configuration as well. */
  readonly purge?: boolean
}

interface PackageDesired {
  readonly version?: string
  readonly recommends?: boolean
  readonly purge?: boolean
}

export interface PackageState {
  /** As dpkg says it: `installed`, `config-files`, `half-configured`...; `missing` when it knows nothing. */
  readonly status: string
  readonly version: string
  /** The version that apt would install now; undefined when that is not known. */
  readonly next: string | undefined
  /** On the first that changes: what the transaction brings and removes beside the described packages. */
  readonly along: { readonly installs: readonly string[]; readonly removes: readonly string[] }
}

/** Describes packages: `packages('nginx', 'git')`, `packages(['nginx'], { version: '1.22.*' })`. */
export function packages(...names: readonly string[]): Resource[]
export function packages(names: readonly string[], options?: PackageOptions): Resource[]
export function packages(...args: readonly unknown[]): Resource[] {
  const [names, options] = (Array.isArray(args[0]) ? args : [args, {}]) as [
    string[],
    PackageOptions?,
  ]
  const { version, recommends, purge, ...common } = options ?? {}
  const desired = given({ version, recommends, purge })
  return [...new Set(names)].map((name) => describe(packageKind, name, desired, common))
}

const matching = (suggestion: string, pattern: RegExp): ReturnType<typeof check> =>
  check(suggestion, (value) => typeof value === 'string' && pattern.test(value))

export const packageKind: Kind<PackageDesired, PackageState> = {
  name: 'package',
  named: matching(
    "a package's name such as 'nginx' or 'libc6:amd64'",
    /^[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?$/,
  ),
  user: 'root',
  opaque: true,
  batch: true,
  fields: {
    version: optional(matching("a version such as '1.22.1-9' or '1.22.*'", /^[0-9][\w.+~:*-]*$/)),
    recommends: optional(flag),
    purge: optional(flag),
  },

  read: (resources) =>
    lines(
      readFunctions,
      // Of all architectures: dpkg-query does not know `x:amd64` where x is for every machine.
      sh`look ${[...new Set(resources.map(({ name }) => name.split(':')[0]!))]}`,
      ...groups(resources).map(({ flags, members }) =>
        lines(sh`set --; gone= flags=${flags.join(' ')}`, ...members.map(ask), sh`simulate "$@"`),
      ),
    ),

  parse: parsePackages,

  diff(resource, state, context) {
    const { desired, absent } = resource
    if (isRight(resource, state)) return undefined
    const note = along(state)
    if (absent) {
      const verb = 'remove'
      if (state.status === 'config-files') return { verb, summary: 'its configuration' }
      const what = desired.purge ? `${state.version} and its configuration` : state.version
      return { verb, summary: [what, ...note].join(', ') }
    }
    return installation(desired, state, context, note)
  },

  apply: applyPackages,

  outcome: ({ resource, state, difference: { verb, summary } }, after) =>
    verb === 'create' && !resource.absent && state.next !== after.version
      ? `install ${after.version}`
      : summary,
}

function isRight(
  { desired, absent }: Pick<Resource<PackageDesired>, 'desired' | 'absent'>,
  { status, version }: PackageState,
): boolean {
  if (absent) return status === 'missing' || (status === 'config-files' && !desired.purge)
  return status === 'installed' && fits(version, desired.version)
}

function fits(version: string, wanted: string | undefined): boolean {
  if (wanted === undefined) return true
  const parts = wanted.split('*').map((each) => each.replace(/[.+]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`).test(version)
}

function installation(
  desired: PackageDesired,
  state: PackageState,
  context: Context,
  note: readonly string[],
): Difference {
  const isNew = state.status === 'missing' || state.status === 'config-files'
  const others = context.opaque.filter((each) => !/^(package|apt-repository):/.test(each))
  if (isNew && others.length > 0) return unknownAfter(context, desired.version ?? 'installed')
  const listed = ![...context.earlier.keys()].some((each) => each.startsWith('apt-repository:'))
  const notes = listed ? note : []
  const version = (listed ? state.next : undefined) ?? versionLater(desired)
  if (isNew) return { verb: 'create', summary: [`install ${version}`, ...notes].join(', ') }
  const broken = state.status === 'installed' ? [] : [`${state.status} -> installed`]
  const changed = fits(state.version, desired.version) ? [] : [`${state.version} -> ${version}`]
  return { verb: 'change', summary: [...broken, ...changed, ...notes].join(', ') }
}

function versionLater({ version }: PackageDesired): string {
  if (version === undefined) return '(version known after apt-get update)'
  return version.includes('*') ? `${version} (exact version known after apt-get update)` : version
}

/** `with 2 more: a, b` and `which removes c`: the latter is never cut short. */
function along({ along: { installs, removes } }: PackageState): string[] {
  const shown = installs.length > 20 ? [...installs.slice(0, 20), '...'] : installs
  return [
    ...(installs.length > 0 ? [`with ${installs.length} more: ${shown.join(', ')}`] : []),
    ...(removes.length > 0 ? [`which also removes ${removes.join(', ')}`] : []),
  ]
}

/** Packages by how apt is to treat recommended ones, which it knows only per transaction. */
function groups<Each extends { readonly desired: PackageDesired; readonly absent: boolean }>(
  all: readonly Each[],
): { flags: readonly string[]; members: Each[] }[] {
  const answer = ({ desired, absent }: Each): boolean | undefined =>
    absent ? undefined : desired.recommends
  return [undefined, true, false]
    .map((recommends) => ({
      flags: recommends === undefined ? [] : [`--${recommends ? '' : 'no-'}install-recommends`],
      members: all.filter((each) => answer(each) === recommends),
    }))
    .filter(({ members }) => members.length > 0)
}

/** Adds the package to what is simulated, unless it is right already. */
function ask({ name, desired, absent }: Resource<PackageDesired>): Shell {
  if (absent) return sh`there ${name} && gone="$gone "${`${name}-`}`
  const pattern = Shell.literal((desired.version ?? '*').split('*').map(literally).join('*'))
  return sh`installed ${name} && case $version in ${pattern}) ;; *) false ;; esac || set -- "$@" ${argument(name, desired)}`
}

const literally = (text: string): string => (text === '' ? '' : quote(text))

const argument = (name: string, { version }: PackageDesired): string =>
  version === undefined ? name : `${name}=${version}`

function parsePackages(
  output: Buffer,
  resources: readonly Resource<PackageDesired>[],
): PackageState[] {
  const [head = '', ...sections] = output.toString('utf8').split('\n== simulation\n')
  const [native = '', ...rows] = head.split('\n')
  const found = new Map(
    rows.map((row): [string, { status: string; version: string }] => {
      const [name = '', status = '', version = ''] = row.split('\t')
      return [name, { status, version }]
    }),
  )
  const full = (name: string): string => (name.includes(':') ? name : `${name}:${native}`)
  const steps = sections.flatMap((each) => each.split('\n')).flatMap(simulated)
  const described = new Set(resources.map(({ name }) => full(name)))
  const others = (install: boolean): string[] => [
    ...new Set(
      steps
        .filter((each) => each.install === install && !described.has(full(each.name)))
        .map(({ name }) => name),
    ),
  ]
  let along: PackageState['along'] = { installs: others(true), removes: others(false) }
  return resources.map((resource) => {
    const [name = '', architecture = native] = resource.name.split(':')
    const row =
      found.get(`${name}:${architecture}`) ??
      (architecture === native ? found.get(`${name}:all`) : undefined)
    const known = row && row.status !== 'not-installed' ? row : { status: 'missing', version: '' }
    const step = steps.find((each) => each.install && full(each.name) === full(resource.name))
    const state = { ...known, next: step?.version, along: nothingElse }
    if (isRight(resource, state)) return state
    const first = { ...state, along }
    along = nothingElse
    return first
  })
}

const nothingElse: PackageState['along'] = { installs: [], removes: [] }

/** One line of what `apt-get --simulate` prints: `Inst nginx [1.18] (1.22 Debian:12 [amd64])`. */
function simulated(row: string): { install: boolean; name: string; version: string }[] {
  const found = /^(Inst|Remv|Purg) (\S+)(?: \[[^\]]*\])?(?: \((\S+))?/.exec(row)
  if (!found) return []
  return [{ install: found[1] === 'Inst', name: found[2]!, version: found[3] ?? '' }]
}

function applyPackages(changes: readonly Change<PackageDesired, PackageState>[]): Step {
  const whole = changes.map(({ resource, state }) => ({ ...resource, state }))
  const removed = whole.filter(({ absent, state }) => absent && state.status !== 'config-files')
  const purged = whole.filter(({ absent, desired }) => absent && desired.purge)
  const allowed = whole.flatMap(({ state }) => state.along.removes)
  const wanted = groups(whole.filter(({ absent }) => !absent))
  const runs = wanted.length === 0 && removed.length > 0 ? [{ flags: [], members: [] }] : wanted
  return {
    script: lines(
      applyFunctions,
      sh`allowed=${` ${[...allowed, ...removed.map(({ name }) => name)].join(' ')} `}`,
      ...runs.map(({ flags, members }, i) =>
        lines(
          sh`gone=${i === 0 ? removed.map(({ name }) => `${name}-`).join(' ') : ''}`,
          sh`flags=${[...flags, ...(members.some(({ desired }) => desired.version) ? ['--allow-downgrades'] : [])].join(' ')}`,
          sh`transact ${members.map(({ name, desired }) => argument(name, desired))}`,
        ),
      ),
      purged.length > 0 && sh`purge ${purged.map(({ name }) => name)}`,
    ),
  }
}
