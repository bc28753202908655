import { lines, sh } from '../base/shell.ts'
import type { Change, Kind, Step } from '../model/kind.ts'
import type { Common, Resource } from '../model/resource.ts'
import { check } from '../model/schema.ts'
import {
  type LanguageDesired,
  type LanguageState,
  describeAll,
  diffLanguage,
  installed,
  languageFields,
  notInstalled,
} from './language-packages.ts'

/**
 * Packages of npm that are there for everybody (`npm install --global`): `'pm2'`, or one exact
 * version as `'pm2@5.3.0'`. Without a version any that is installed will do, else the newest is
 * installed. Needs npm (`packages('npm')`), which finds them as it is set up in `/etc/npmrc` and the
 * like. All changes next to each other are one run of npm.
 */
export interface NpmOptions extends Common {}

/** Describes packages of npm: `npmPackages('pm2@5.3.0', 'yarn')`. */
export function npmPackages(...names: readonly string[]): Resource[]
export function npmPackages(names: readonly string[], options?: NpmOptions): Resource[]
export function npmPackages(...args: readonly unknown[]): Resource[] {
  return describeAll(npmKind, args)
}

export const npmKind: Kind<LanguageDesired, LanguageState> = {
  name: 'npm',
  remembers: ({ desired }) => desired,
  leavesBefore: ['package'],
  named: check(
    "a package's name such as 'pm2' or '@angular/cli', and '@' with a version",
    (name) => typeof name === 'string' && /^(@[\w~][\w.~-]*\/)?[\w~][\w.~-]*$/.test(name),
  ),
  user: 'root',
  opaque: true,
  batch: 'together',
  fields: languageFields,

  // npm would write a log of each run, and remove older ones.
  read: () =>
    sh`command -v npm >/dev/null && npm_config_logs_dir=/dev/null npm_config_update_notifier=false npm ls --global --depth=0 --json 2>/dev/null`,

  parse(output, resources) {
    const text = output.toString('utf8').trim()
    if (text === '') return resources.map(() => ({ able: false, versions: [], own: [] }))
    const { dependencies = {} } = JSON.parse(text) as {
      dependencies?: Record<string, { version?: string }>
    }
    return resources.map(({ name }) => {
      const version = Object.hasOwn(dependencies, name) ? dependencies[name]!.version : undefined
      const versions = version === undefined ? [] : [version]
      return { able: true, versions, own: versions }
    })
  },

  diff: (resource, state, context) => diffLanguage(resource, state, context, 'npm'),

  apply: applyNpm,

  outcome: installed,
}

function applyNpm(changes: readonly Change<LanguageDesired, LanguageState>[]): Step {
  const all = changes.map(({ resource }) => resource)
  const gone = all.filter(({ absent }) => absent).map(({ name }) => name)
  const wanted = all
    .filter(({ absent }) => !absent)
    .map(({ name, desired: { version } }) => (version === undefined ? name : `${name}@${version}`))
  return {
    script: lines(
      sh`command -v npm >/dev/null || { echo ${notInstalled(all[0]!, 'npm', 'npm')}; exit 1; }`,
      // What npm says last is where its log is; its first words after the code say why.
      sh`run() {
  verb=$1; shift
  said=$(npm "$verb" --global --no-fund --no-audit --no-update-notifier "$@" 2>&1 </dev/null) && return
  printf '%s\n' "$said"
  printf '%s\n' "$said" | sed -nE 's/^npm (ERR!|error) //p' | grep -Ev '^code |^ *$' | head -n 1
  exit 1
}`,
      gone.length > 0 && sh`run uninstall -- ${gone}`,
      wanted.length > 0 && sh`run install -- ${wanted}`,
    ),
  }
}
