import { Shell, lines, sh } from '../base/shell.ts'
import { type LockedPackage, type LockedRelease, closureOf, sorted } from '../model/lock.ts'
import type { Resource } from '../model/resource.ts'
import { parsePolicy } from './package-foresight.ts'
import { applyFunctions } from './package-scripts.ts'
import { type PackageDesired, argument, groups } from './package-state.ts'

/*
 * What described packages come to on a host: all that apt would install for them if nothing but
 * the base of the distribution were there. So it is the same on a host that is fresh and on one
 * that has them. The base is what is Essential or of priority required or important (unless it only
 * came along with something), and what that depends on; its versions are the host's business. apt
 * itself resolves the rest.
 */

/** A package as dpkg or apt describes it. */
interface Control {
  /** With the architecture where it is not the host's own. */
  readonly name: string
  readonly architecture: string
  readonly version: string
  /** Alternatives of each dependency. */
  readonly depends: readonly (readonly Dependency[])[]
  readonly provides: readonly string[]
}

interface Dependency {
  readonly name: string
  /** Where no other will do. */
  readonly exactly: string | undefined
}

/** What the first question brings: which system it is and what is its base. */
export interface Basis {
  readonly release: string
  readonly native: string
  readonly base: readonly Control[]
}

/** Brings apt's lists up to date and says what is installed. As root. */
export const basisScript: Shell = lines(
  applyFunctions,
  Shell.literal(`refresh && touch $lists || fail "apt-get update: $(why)"
[ ! -r /etc/os-release ] || . /etc/os-release
printf '\\n== basis\\n%s %s\\t%s\\n' "$ID" "\${VERSION_ID:-$VERSION_CODENAME}" "$arch"
dpkg-query -W -f='\${db:Status-Status}\\t\${Priority}\\t\${Essential}\\t\${Package}\\t\${Architecture}\\t\${Version}\\t\${Pre-Depends}, \${Depends}\\t\${Provides}\\n'
printf '== auto\\n'
apt-mark showauto`),
)

export function parseBasis(output: Buffer): Basis {
  const [, answer = ''] = output.toString('utf8').split('\n== basis\n')
  const [text = '', along = ''] = answer.split('\n== auto\n')
  const auto = new Set(along.split('\n'))
  const [head = '', ...rows] = text.split('\n')
  const [system = '', native = ''] = head.split('\t')
  const all = rows
    .map((row) => row.split('\t'))
    .filter(([status]) => status === 'installed')
    .map(([, priority = '', essential = '', ...more]) => {
      const [name, architecture, version, depends, provides] = more
      const control = controlOf({ name, architecture, version, depends, provides }, native)
      const core = priority === 'required' || priority === 'important'
      return { control, core: essential === 'yes' || (core && !auto.has(control.name)) }
    })
  const links = neighbours(all.map(({ control }) => control))
  const base = new Map<string, Control>()
  const waiting = all.filter(({ core }) => core).map(({ control }) => control)
  for (let each = waiting.pop(); each; each = waiting.pop()) {
    if (base.has(each.name)) continue
    base.set(each.name, each)
    waiting.push(...links(each))
  }
  return { release: `${system} ${native}`, native, base: [...base.values()] }
}

/** How versions are chosen. */
export interface Choice {
  /** These stay as they are locked. */
  readonly keep: LockedRelease
  /** But if apt cannot keep all, it may choose these anew. */
  readonly yielding?: readonly string[]
  /** Kept, but nothing that apt could be told to take, since no source has them any more. */
  readonly loose?: readonly string[]
}

/** Asks apt for all that the packages bring to the base. */
export function closureScript(
  resources: readonly Resource<PackageDesired>[],
  further: readonly string[],
  { base }: Basis,
  { keep, yielding = [], loose = [] }: Choice,
): Shell {
  const pins = (without: readonly string[]): string =>
    [...keep]
      .filter(([name]) => !without.includes(name))
      .map(
        ([name, { version }]) =>
          `Package: ${name}\nPin: version ${version}\nPin-Priority: 1001\n\n`,
      )
      .join('')
  const names = base.map(({ name, architecture }) =>
    architecture === 'all' ? name : `${name.split(':')[0]}:${architecture}`,
  )
  return lines(
    applyFunctions,
    sh`dpkg-query -s -- ${names} >"$work/status" || exit 1`,
    sh`prefer() { { printf %s "$1"; cat /etc/apt/preferences 2>/dev/null; } >"$work/preferences" || :; }`,
    sh`prefer ${pins(loose)}`,
    yielding.length > 0
      ? sh`fewer() { prefer ${pins([...loose, ...yielding])}; }`
      : sh`fewer() { false; }`,
    sh`printf '\n== policy\n'; ${keep.size > 0 ? sh`apt-cache policy -- ${[...keep.keys()]}` : sh`:`}`,
    askFunctions,
    ...groups(resources).map(({ flags, members }, i) => {
      const wanted = members.map((each) => asked(each, keep))
      return sh`flags=${flags.join(' ')}; ask ${[...wanted, ...(i === 0 ? further : [])]}`
    }),
    showAll,
  )
}

/** A version that is described rules where there is none to keep that fits it. */
function asked({ name, desired }: Resource<PackageDesired>, keep: LockedRelease): string {
  return argument(name, keep.has(name) ? undefined : desired.version)
}

const askFunctions = Shell.literal(`
pins="-o Dir::Etc::preferences=$work/preferences"
closure() {
  apt-get -q -s --reinstall --allow-downgrades -o Dir::State::status="$work/status" -o Dir::Cache::pkgcache= $pins $flags install "$@" >"$work/log" 2>&1
}
ask() {
  candidates "$@"
  [ -z "$unknown" ] || fail "no source has$unknown"
  closure "$@" || { fewer && closure "$@"; } || {
    printf '\\n== failed\\n%s\\n' "$(why)"
    exit
  }
  cat "$work/log" >>"$work/all"
}`)

const showAll = Shell.literal(`printf '\\n== closure\\n'
sed -n '/^Inst /p' "$work/all"
printf '\\n== control\\n'
apt-cache show -- $(sed -n 's/^Inst \\([^ ]*\\) \\(\\[[^]]*\\] \\)\\{0,1\\}(\\([^ ]*\\).*/\\1=\\3/p' "$work/all" | sort -u) |
  sed -n '/^$/p;/^\\(Package\\|Architecture\\|Version\\|Pre-Depends\\|Depends\\|Recommends\\|Provides\\): /p'`)

/** All that came, and which packages of the base have to be in one exact version for it. */
export interface Closure {
  readonly packages: LockedRelease
  readonly exact: readonly string[]
  /** Locked versions that no source has, and what they have. */
  readonly gone: readonly Gone[]
  /** Why apt cannot. */
  readonly failed: string | undefined
}

export interface Gone {
  readonly name: string
  readonly version: string
  readonly there: readonly string[]
}

export function parseClosure(output: Buffer, { base, native }: Basis, { keep }: Choice): Closure {
  const [, ...rest] = output.toString('utf8').split(/\n== (policy|failed|closure|control)\n/)
  const section = (name: string): string => {
    const at = rest.indexOf(name)
    return at < 0 ? '' : (rest[at + 1] ?? '')
  }
  const policy = parsePolicy(section('policy'))
  const gone = [...keep]
    .map(([name, { version }]) => ({ name, version, there: policy.get(name) ?? [] }))
    .filter(({ version, there }) => !there.includes(version))
  const found = new Map(section('closure').split('\n').flatMap(parseStep))
  const controls = section('control')
    .split(/\n{2,}/)
    .flatMap((each) => parseControl(each, native))
  const here = controls.filter(({ name, version }) => found.get(name)?.version === version)
  const links = neighbours(here)
  const needs = new Map(here.map((each) => [each.name, links(each).map(({ name }) => name)]))
  const packages = new Map(
    [...found].map(([name, each]): [string, LockedPackage] => [
      name,
      { ...each, needs: sorted(needs.get(name) ?? []) },
    ]),
  )
  const bound = new Set(
    here.flatMap(({ depends }) =>
      depends.flat().flatMap((each) => (each.exactly ? each.name : [])),
    ),
  )
  const exact = base.map(({ name }) => name).filter((name) => bound.has(name) && !found.has(name))
  const failed = rest.includes('failed') ? section('failed').trim() : undefined
  return { packages, exact, gone, failed }
}

/** `Inst nginx [1.18-1] (1.22-1 Debian:12.9/stable, Debian-Security:12/stable-security [amd64])`. */
function parseStep(row: string): [string, { version: string; origin: string }][] {
  const found = /^Inst (\S+)(?: \[[^\]]*\])? \((\S+) (.*?) ?\[[^\]]*\]\)/.exec(row)
  if (!found) return []
  const [, name = '', version = '', origins = ''] = found
  // The number of a point release says nothing, and changes.
  const origin = origins.split(', ').map((each) => each.replace(/:[^/]*/, ''))
  return [[name, { version, origin: origin.join(', ') }]]
}

function parseControl(text: string, native: string): Control[] {
  const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1] ?? ''
  const name = field('Package')
  if (name === '') return []
  const depends = ['Pre-Depends', 'Depends', 'Recommends'].map(field).join(', ')
  const [architecture, version, provides] = ['Architecture', 'Version', 'Provides'].map(field)
  return [controlOf({ name, architecture, version, depends, provides }, native)]
}

function controlOf(
  fields: Readonly<
    Record<'name' | 'architecture' | 'version' | 'depends' | 'provides', string | undefined>
  >,
  native: string,
): Control {
  const { name = '', architecture = '', version = '', depends = '', provides = '' } = fields
  const split = (text: string, separator: string): string[] =>
    text.split(separator).flatMap((each) => each.trim() || [])
  const own = architecture === native || architecture === 'all'
  return {
    name: own ? name : `${name}:${architecture}`,
    architecture,
    version,
    depends: split(depends, ',').map((each) => split(each, '|').map(dependencyOf)),
    provides: split(provides, ',').map((each) => each.replace(/[ (].*/, '')),
  }
}

function dependencyOf(text: string): Dependency {
  const [, name = '', exactly] = /^([^\s:(]+)\S*(?:\s*\(=\s*([^)]+)\))?/.exec(text) ?? []
  return { name, exactly }
}

/** Which of these a package may need: by name, or by what they provide, whatever the version. */
function neighbours<Each extends Control>(all: readonly Each[]): (of: Control) => Each[] {
  const byName = new Map<string, Each[]>()
  for (const each of all)
    for (const name of [each.name.split(':')[0]!, ...each.provides])
      byName.set(name, [...(byName.get(name) ?? []), each])
  return (of) => {
    const found = of.depends.flat().flatMap(({ name }) => byName.get(name) ?? [])
    return [...new Set(found)].filter(({ name }) => name !== of.name)
  }
}

/**
 * What is locked after that: what was kept stays as it was, even where no source has it any more.
 * `up` says so loudly; it is not changed unasked.
 */
export function lockedAs({ packages }: Closure, { keep, yielding = [] }: Choice): LockedRelease {
  return new Map(
    [...packages].map(([name, each]) => {
      const kept = keep.get(name)
      if (kept?.version === each.version) return [name, { ...each, origin: kept.origin }]
      return [name, kept && !yielding.includes(name) ? kept : each]
    }),
  )
}

/** What may be chosen anew along with these, if apt cannot do without. */
export function yieldingFor(release: LockedRelease, names: readonly string[]): string[] {
  return [...closureOf(release, names).keys()]
}
