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
 * Gems of the system's Ruby, without their documentation: `'puma'`, or one exact version as
 * `'puma@6.4.0'`. Several versions of a gem can be there side by side, so others stay. Without a
 * version any that is installed will do, one that came with Ruby or a Debian package too, else the
 * newest is installed; what a gem depends on comes along. Needs Ruby (`packages('ruby')`), and a
 * compiler where a gem is compiled. `absent(...)` removes all versions, or the one named, but not
 * what came with Ruby or a Debian package.
 */
export interface GemOptions extends Common {}

/** Describes gems: `gemPackages('puma@6.4.0', 'bundler')`. */
export function gemPackages(...names: readonly string[]): Resource[]
export function gemPackages(names: readonly string[], options?: GemOptions): Resource[]
export function gemPackages(...args: readonly unknown[]): Resource[] {
  return describeAll(gemKind, args)
}

/** Prints each version of these gems, the newest first, and whether `gem uninstall` can remove it. */
const listing = `puts "able"
Gem::Specification.select { |s| ARGV.include?(s.name) }.sort_by(&:version).reverse.each do |s|
  own = s.base_dir == Gem.dir && !s.default_gem?
  puts [s.name, s.version, own ? "own" : "other"].join(" ")
end`

export const gemKind: Kind<LanguageDesired, LanguageState> = {
  name: 'gem',
  remembers: ({ desired }) => desired,
  leavesBefore: ['package'],
  named: check(
    "a gem's name such as 'puma', and '@' with a version",
    (name) => typeof name === 'string' && /^\w[\w.-]*$/.test(name),
  ),
  user: 'root',
  opaque: true,
  batch: 'together',
  fields: languageFields,

  read: (resources) =>
    sh`command -v gem >/dev/null && ruby -e ${listing} -- ${resources.map(({ name }) => name)} 2>/dev/null`,

  parse(output, resources) {
    const rows = output.toString('utf8').split('\n')
    const able = rows[0] === 'able'
    return resources.map(({ name }) => {
      const found = rows
        .slice(1)
        .map((row) => row.split(' '))
        .filter((row) => row[0] === name)
      const versions = found.map(([, version = '']) => version)
      const own = found.flatMap(([, version = '', whose]) => (whose === 'own' ? [version] : []))
      return { able, versions: [...new Set(versions)], own }
    })
  },

  diff(resource, state, context) {
    const found = diffLanguage(resource, state, context, 'gem')
    return found?.verb === 'change'
      ? {
          verb: 'change',
          summary: `${resource.desired.version} beside ${state.versions.join(', ')}`,
        }
      : found
  },

  apply: applyGems,

  outcome: installed,
}

function applyGems(changes: readonly Change<LanguageDesired, LanguageState>[]): Step {
  const all = changes.map(({ resource }) => resource)
  const wanted = all
    .filter(({ absent }) => !absent)
    .map(({ name, desired: { version } }) => (version === undefined ? name : `${name}:${version}`))
  return {
    script: lines(
      sh`command -v gem >/dev/null || { echo ${notInstalled(all[0]!, 'gem', 'ruby')}; exit 1; }`,
      ...all
        .filter(({ absent }) => absent)
        .map(({ name, desired: { version } }) => {
          const which = version === undefined ? ['--all'] : ['--version', version]
          return sh`gem uninstall ${which} --executables --ignore-dependencies ${name} </dev/null || exit 1`
        }),
      // What it says last may be an advice; its first error says why.
      wanted.length > 0 &&
        sh`said=$(gem install --no-document --minimal-deps ${wanted} 2>&1 </dev/null) || {
  printf '%s\n' "$said"
  printf '%s\n' "$said" | grep -m 1 '^ERROR:'
  exit 1
}`,
    ),
  }
}
