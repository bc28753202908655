import type { Context, Difference, Kind } from '../model/kind.ts'
import { type Common, type Resource, describe, given, idOf } from '../model/resource.ts'
import { type Check, check, optional } from '../model/schema.ts'

/** What the packages of npm, pip and gem have in common: a name, perhaps an exact version. */
export interface LanguageDesired {
  readonly version?: string
}

export interface LanguageState {
  /** The host has the program that installs them. */
  readonly able: boolean
  /** Those that a program finds, whoever installed them; the one in use comes first. */
  readonly versions: readonly string[]
  /** Those among them that this program can remove again. */
  readonly own: readonly string[]
}

/** The exact version of a package: `'5.3.0'`, and no range. */
export const exactVersion: Check = check(
  "one exact version, such as '5.3.0'",
  (value) => typeof value === 'string' && /^\d[\w.!+-]*$/.test(value),
)

export const languageFields: { readonly version: Check } = { version: optional(exactVersion) }

/** What the functions of these kinds are called with: names, or a list of them and options. */
export type Names = readonly [string, ...string[]]

/** Takes `name@version` apart, and `(...names)` or `(names, options)`. */
export function languagePackages<Options extends Common>(
  args: readonly unknown[],
  separator: RegExp = /(?!^)@/,
): { packages: readonly (readonly [name: string, version?: string])[]; options: Options } {
  const [names, options] = Array.isArray(args[0])
    ? (args as [string[], Options?])
    : [args as string[], undefined]
  const packages = [...new Set(names)].map((each): [string, string?] => {
    const at = typeof each === 'string' ? each.search(separator) : -1
    return at < 0 ? [each] : [each.slice(0, at), each.slice(at).replace(/^(==|@)/, '')]
  })
  return { packages, options: options ?? ({} as Options) }
}

/** The usual function of such a kind. */
export function describeAll<Desired extends LanguageDesired>(
  kind: Kind<Desired, LanguageState>,
  args: readonly unknown[],
): Resource[] {
  const { packages, options } = languagePackages<Common>(args)
  return packages.map(([name, version]) =>
    describe(kind, name, given({ version }) as Desired, options),
  )
}

/** How a package differs. `program`: what installs it; `asks`: where the newest version is known. */
export function diffLanguage(
  resource: Resource<LanguageDesired>,
  state: LanguageState,
  context: Context,
  program: string,
): Difference | undefined {
  const { desired, absent } = resource
  // Others of its kind are installed by the same command, and bring nothing that it asks about.
  const last = context.opaque.findLast((id) => !id.startsWith(`${resource.kind}:`))
  if (absent) return removal(resource, state, last, program)
  const { version } = desired
  const wanted = version ?? `the newest (known once ${program} has asked for it)`
  if (!state.able)
    return last === undefined
      ? { verb: 'create', summary: `install ${wanted}, but ${program} is not installed` }
      : {
          verb: 'unknown',
          summary: `${version ?? 'installed'}, once ${last} has brought ${program}`,
        }
  if (state.versions.length === 0)
    return last === undefined
      ? { verb: 'create', summary: `install ${wanted}` }
      : { verb: 'unknown', summary: `${version ?? 'installed'}, unless ${last} brings it` }
  if (version === undefined || state.versions.includes(version)) return undefined
  return { verb: 'change', summary: `${state.versions.join(', ')} -> ${version}` }
}

function removal(
  { desired: { version } }: Resource<LanguageDesired>,
  state: LanguageState,
  last: string | undefined,
  program: string,
): Difference | undefined {
  if (!state.able)
    return last === undefined
      ? undefined
      : { verb: 'unknown', summary: `known once ${last} has brought ${program}` }
  const gone = state.own.filter((each) => version === undefined || each === version)
  return gone.length === 0 ? undefined : { verb: 'remove', summary: gone.join(', ') }
}

/** For the record: which version it has become. */
export function installed(
  { resource, difference }: { resource: Resource<LanguageDesired>; difference: Difference },
  after: LanguageState,
): string {
  return difference.verb === 'create' && !resource.absent
    ? `install ${after.versions[0] ?? '?'}`
    : difference.summary
}

/** What a host without the program is told. */
export const notInstalled = (resource: Resource, program: string, from: string): string =>
  `${program} is not installed, which ${idOf(resource)} needs: describe packages('${from}') before`
