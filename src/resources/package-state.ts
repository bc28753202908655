import { Shell, lines, quote, sh } from '../base/shell.ts'
import type { Lock } from '../model/lock.ts'
import type { Resource } from '../model/resource.ts'
import { type Foreseen, type Foresight, parseForesight } from './package-foresight.ts'
import {
  type LockedState,
  type Row,
  lockedNames,
  lockedStates,
  lockedVersions,
} from './package-lock.ts'
import { lockedReadFunctions, readFunctions } from './package-scripts.ts'

export interface PackageDesired {
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
  /** Where there is a fettle.lock, unless it is wanted gone. */
  readonly locked?: LockedState
  /** On the first that changes: what the transaction brings and removes beside the described packages. */
  readonly along: Along
}

interface Along {
  readonly installs: readonly Foreseen[]
  readonly removes: readonly string[]
}

type Described = Resource<PackageDesired>

export function isRight(
  { desired, absent }: Pick<Described, 'desired' | 'absent'>,
  { status, version, locked }: PackageState,
): boolean {
  if (absent) return status === 'missing' || (status === 'config-files' && !desired.purge)
  if (status !== 'installed') return false
  if (locked) return version === locked.version && locked.drift.length === 0
  return fits(version, desired.version)
}

export function fits(version: string, wanted: string | undefined): boolean {
  if (wanted === undefined) return true
  const parts = wanted.split('*').map((each) => each.replace(/[.+]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`).test(version)
}

/** Packages by how apt is to treat recommended ones, which it knows only per transaction. */
export function groups<Each extends { readonly desired: PackageDesired; readonly absent: boolean }>(
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

/** What apt is to install, as a word for it. */
export const argument = (name: string, version: string | undefined): string =>
  version === undefined ? name : `${name}=${version}`

export function readPackages(resources: readonly Described[], lock: Lock | undefined): Shell {
  const names = wantedNames(resources)
  const all = [...resources.map(({ name }) => name), ...(lock ? lockedNames(lock, names) : [])]
  return lines(
    readFunctions,
    lock && lockedReadFunctions,
    // Of all architectures: dpkg-query does not know `x:amd64` where x is for every machine.
    sh`look ${[...new Set(all.map((name) => name.split(':')[0]!))]}`,
    lock && lockedVersions(lock, names),
    ...groups(resources).map(({ flags, members }, i) =>
      lock
        ? lines(
            Shell.literal(i === 0 ? 'wanted=$drift' : 'wanted='),
            sh`gone= flags=${flags.join(' ')}`,
            ...members.map(askLocked),
            Shell.literal('foresee'),
          )
        : lines(sh`set --; gone= flags=${flags.join(' ')}`, ...members.map(ask), sh`simulate "$@"`),
    ),
  )
}

const wantedNames = (resources: readonly Described[]): string[] =>
  resources.filter(({ absent }) => !absent).map(({ name }) => name)

/** Adds the package to what is simulated, unless it is right already. */
function ask(resource: Described): Shell {
  const { name, desired, absent } = resource
  if (absent) return remove(name)
  const pattern = Shell.literal((desired.version ?? '*').split('*').map(literally).join('*'))
  return sh`installed ${name} && case $version in ${pattern}) ;; *) false ;; esac || set -- "$@" ${argument(name, desired.version)}`
}

const askLocked = ({ name, absent }: Described): Shell => (absent ? remove(name) : sh`want ${name}`)

const remove = (name: string): Shell => sh`there ${name} && gone="$gone "${`${name}-`}`

const literally = (text: string): string => (text === '' ? '' : quote(text))

export function parsePackages(
  output: Buffer,
  resources: readonly Described[],
  lock: Lock | undefined,
): PackageState[] {
  const answer = parseAnswer(output.toString('utf8'))
  const { native, foresight } = answer
  const full = (name: string): string => (name.includes(':') ? name : `${name}:${native}`)
  const locked = lock && lockedStates(lock, wantedNames(resources), answer, answer.sections)
  const described = new Set(resources.map(({ name }) => full(name)))
  const states = resources.map((resource): PackageState => {
    const step = foresight.installs.find(({ name }) => full(name) === full(resource.name))
    const state = { ...answer.row(resource.name), next: step?.to, along: nothingElse }
    return locked && !resource.absent ? { ...state, locked: locked(resource.name) } : state
  })
  const drifting = new Set(
    states.flatMap(({ locked }) => locked?.drift.map(({ name }) => name) ?? []),
  )
  const along = {
    installs: foresight.installs.filter(
      ({ name }) => !described.has(full(name)) && !drifting.has(name),
    ),
    removes: foresight.removes.filter((name) => !described.has(full(name))),
  }
  const first = resources.findIndex((resource, i) => !isRight(resource, states[i]!))
  return states.map((state, i) => (i === first ? { ...state, along } : state))
}

const nothingElse: Along = { installs: [], removes: [] }

interface PackagesAnswer {
  readonly system: string
  readonly native: string
  readonly foresight: Foresight
  readonly sections: { readonly apt: string; readonly policy: string }
  row(name: string): Row
}

function parseAnswer(output: string): PackagesAnswer {
  const [head = '', ...rest] = output.split(/\n== (apt|policy)\n/)
  const section = (wanted: string): string[] =>
    rest.filter((_, i) => i % 2 === 1 && rest[i - 1] === wanted)
  const rows = head.split('\n').map((row) => row.split('\t'))
  const found = new Map(
    rows.map(([name = '', status = '', version = '']) => [name, { status, version }]),
  )
  const native = [...found.keys()].find((name) => name.startsWith('dpkg:'))?.slice(5) ?? ''
  const foresights = section('apt').map(parseForesight)
  return {
    system: found.get('release')?.version ?? '',
    native,
    foresight: {
      installs: unique(foresights.flatMap(({ installs }) => installs)),
      removes: [...new Set(foresights.flatMap(({ removes }) => removes))],
    },
    sections: { apt: section('apt').join('\n'), policy: section('policy').join('\n') },
    row: (wanted) => {
      const [name = '', architecture = native] = wanted.split(':')
      const row =
        found.get(`${name}:${architecture}`) ??
        (architecture === native ? found.get(`${name}:all`) : undefined)
      return row && row.status !== 'not-installed' ? row : { status: 'missing', version: '' }
    },
  }
}

const unique = <Each extends { readonly name: string }>(all: readonly Each[]): Each[] => [
  ...new Map(all.map((each) => [each.name, each])).values(),
]
