import { type Shell, lines, sh } from '../base/shell.ts'
import type { Change, Kind, Step } from '../model/kind.ts'
import { type Common, type Resource, describe, given } from '../model/resource.ts'
import { check, optional, path } from '../model/schema.ts'
import {
  type LanguageDesired,
  type LanguageState,
  diffLanguage,
  exactVersion,
  installed,
  languagePackages,
  notInstalled,
} from './language-packages.ts'

/**
 * Python packages, installed by pip: `'httpie'`, or one exact version as `'httpie==3.2.2'` or
 * `'httpie@3.2.2'`. Without a version any that is installed will do, else the newest is installed;
 * what a package depends on comes along. All changes next to each other are one run of pip for each
 * place. What pip did not install, such as a Debian package's files, is never removed.
 */
export interface PipOptions extends Common {
  /**
   * The virtual environment they are for, made when it is missing (package `python3-venv`); it
   * leaves the system's own Python alone, so it is what a program of yours should have. It stays
   * when its packages are removed. Left out: `/usr/local`, for all that runs with the system's
   * Python (package `python3-pip`); Debian's programs too, which is why pip itself refuses that
   * from Debian 12 on unless told otherwise, as it is here.
   */
  readonly venv?: string
}

interface PipDesired extends LanguageDesired {
  /** As it is called there; the resource's name has the environment before it. */
  readonly package: string
  readonly venv?: string
}

/** Describes Python packages: `pipPackages(['gunicorn==22.0.0'], { venv: '/opt/shop' })`. */
export function pipPackages(...names: readonly string[]): Resource[]
export function pipPackages(names: readonly string[], options?: PipOptions): Resource[]
export function pipPackages(...args: readonly unknown[]): Resource[] {
  const { packages, options } = languagePackages<PipOptions>(args, /==|@/)
  const { venv, ...common } = options
  return packages.map(([given_, version]) => {
    const name = typeof given_ === 'string' ? usual(given_) : given_
    const full = venv === undefined ? name : `${venv}:${name}`
    return describe(pipKind, full, { package: name, ...given({ venv, version }) }, common)
  })
}

/** Python takes these for the same: Flask_Login, flask.login, flask-login. */
const usual = (name: string): string => name.toLowerCase().replace(/[-_.]+/g, '-')

/** Prints whether pip is there and the version of each package: the one that an import would take. */
const listing = `import sys, importlib.metadata as m, importlib.util as u
print("able" if u.find_spec("pip") else "unable")
for name in sys.argv[1:]:
    try:
        d = m.distribution(name)
        debian = str(d.locate_file("")).startswith("/usr/lib/")
        if d.version: print(name, d.version, "other" if debian else "own")
    except m.PackageNotFoundError: pass
print("end")`

export const pipKind: Kind<PipDesired, LanguageState> = {
  name: 'pip',
  remembers: ({ desired }) => desired,
  leavesBefore: ['package'],
  named: check(
    "a package's name such as 'httpie', and '==' with a version",
    (name) =>
      typeof name === 'string' && /^(\/[^\n\0]*:)?[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(name),
  ),
  user: 'root',
  opaque: true,
  batch: 'together',
  fields: {
    package: check('a name', (value) => typeof value === 'string'),
    version: optional(exactVersion),
    venv: optional(path),
  },

  read: (resources) =>
    lines(
      ...groups(resources).map(({ venv, members }) => {
        const names = members.map(({ desired }) => desired.package)
        if (venv === undefined) return sh`python3 -I -c ${listing} ${names} 2>/dev/null; echo`
        return sh`if [ -x ${`${venv}/bin/python`} ]; then ${`${venv}/bin/python`} -I -c ${listing} ${names} 2>/dev/null; echo
else python3 -I -c 'import venv, ensurepip; print("able\\nend")' 2>/dev/null; echo; fi`
      }),
    ),

  parse(output, resources) {
    const sections = output.toString('utf8').split('\n\n')
    const places = groups(resources).map(({ venv }) => venv)
    return resources.map(({ desired }) => {
      const rows = (sections[places.indexOf(desired.venv)] ?? '').split('\n')
      const found = rows.map((row) => row.split(' ')).find(([name]) => name === desired.package)
      const [, version, whose] = found ?? []
      const versions = version === undefined ? [] : [version]
      return { able: rows.includes('able'), versions, own: whose === 'own' ? versions : [] }
    })
  },

  diff(resource, state, context) {
    const program = resource.desired.venv === undefined ? 'pip' : 'python3-venv'
    return diffLanguage(resource, state, context, program)
  },

  apply: applyPip,

  outcome: installed,
}

/** Packages by the place they are for. */
function groups<Each extends { readonly desired: PipDesired }>(
  all: readonly Each[],
): { venv: string | undefined; members: Each[] }[] {
  return [...new Set(all.map(({ desired }) => desired.venv))].map((venv) => ({
    venv,
    members: all.filter(({ desired }) => desired.venv === venv),
  }))
}

function applyPip(changes: readonly Change<PipDesired, LanguageState>[]): Step {
  const whole = changes.map(({ resource, state }) => ({ ...resource, state }))
  return {
    script: lines(
      // As variables: an older pip passes over those that it does not know.
      sh`export PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1`,
      ...groups(whole).map(({ venv, members }) => {
        const gone = members.filter(({ absent }) => absent)
        const wanted = members.filter(({ absent }) => !absent)
        const beside = wanted.filter(({ state }) => isAnothers(state))
        return lines(
          python(venv, members[0]!),
          gone.length > 0 &&
            sh`"$python" -I -m pip uninstall -q -y -- ${gone.map(({ desired }) => desired.package)} </dev/null || exit 1`,
          beside.length > 0 &&
            sh`"$python" -I -m pip install -q --ignore-installed --no-deps -- ${beside.map(requirement)} </dev/null || exit 1`,
          wanted.length > 0 &&
            sh`"$python" -I -m pip install -q -- ${wanted.map(requirement)} </dev/null || exit 1`,
        )
      }),
    ),
  }
}

/** Debian's comes first, and pip would try to remove that: from Debian 13 on it fails of it. */
const isAnothers = ({ versions, own }: LanguageState): boolean => versions.length > own.length

const requirement = ({ desired }: Resource<PipDesired>): string =>
  desired.version === undefined ? desired.package : `${desired.package}==${desired.version}`

/** Sets `$python` to the one of the place, and makes or mends the virtual environment. */
function python(venv: string | undefined, resource: Resource): Shell {
  const needs = (what: string, from: string): Shell =>
    sh`{ echo ${notInstalled(resource, what, from)}; exit 1; }`
  if (venv === undefined)
    return lines(
      sh`python=python3; python3 -I -c 'import pip' 2>/dev/null || ${needs('pip', 'python3-pip')}`,
    )
  return lines(
    sh`python=${`${venv}/bin/python`}`,
    sh`if ! "$python" -I -c 'import pip' 2>/dev/null; then
  python3 -I -c 'import venv, ensurepip' 2>/dev/null || ${needs('python3-venv', 'python3-venv')}
  python3 -I -m venv -- ${venv} || exit 1
fi`,
  )
}
