import { type Shell, lines, sh } from '../base/shell.ts'
import {
  type Change,
  type Context,
  type Difference,
  type Kind,
  nothingPlanned,
} from '../model/kind.ts'
import { type Common, type Resource, describe } from '../model/resource.ts'
import { check, flag } from '../model/schema.ts'
import { line, lineKind } from './line.ts'
import type { TextState } from './text-edit.ts'

/**
 * A locale that programs can use: listed in `/etc/locale.gen` and generated, which takes the package
 * locales. Sessions and services that run already keep the default that they started with.
 * `absent(locale(...))` removes it again.
 */
export interface LocaleOptions extends Common {
  /** Whether it is the one that the host uses by default: `LANG`, in `/etc/default/locale` or where that leads. Default: false. */
  readonly default?: boolean
}

interface LocaleDesired {
  readonly default: boolean
}

interface LocaleState {
  /** Its character set, where the package locales is there and knows it. */
  readonly charset: string | undefined
  readonly generated: boolean
  readonly list: TextState
  /** The file that says what is the default, and what is in it. */
  readonly path: string
  readonly settings: TextState
}

/** Describes a locale: `locale('da_DK.UTF-8', { default: true })`. */
export function locale(name: string, options: LocaleOptions = {}): Resource {
  const { default: first = false, ...common } = options
  return describe(localeKind, name, { default: first }, common)
}

const listPath = '/etc/locale.gen'
const settingsPath = '/etc/default/locale'
/** Where later systems keep it; the other path is a link to it then. */
const laterPath = '/etc/locale.conf'

type Line = Parameters<typeof lineKind.diff>[0]

/** Commented out is not listed; what takes the place of such a line stands where it stood. */
function listed(name: string, charset: string, absent: boolean): Line {
  const startsWith = absent ? [`${name} `] : [`${name} `, `# ${name} `, `#${name} `]
  const made = line(listPath, { line: `${name} ${charset}`, startsWith, user: 'root' })
  return { ...(made as Line), absent }
}

function setting(path: string, name: string, absent: boolean): Line {
  const made = line(path, { line: `LANG=${name}`, startsWith: 'LANG=', user: 'root' })
  return { ...(made as Line), absent }
}

const texts = (): Line[] => [
  listed('x', 'x', false),
  setting(settingsPath, 'x', false),
  setting(laterPath, 'x', false),
]

/** Those that glibc brings by itself. */
const isBuiltIn = (name: string): boolean => /^C\b/.test(name)

export const localeKind: Kind<LocaleDesired, LocaleState> = {
  name: 'locale',
  remembers: ({ desired }) => desired,
  named: check(
    "a locale, such as 'en_US.UTF-8' or 'C.UTF-8'",
    (name) =>
      typeof name === 'string' &&
      /^([a-z]{2,3}_[A-Z]{2}(\.[A-Za-z0-9-]+)?(@[a-z]+)?|C\.UTF-8)$/.test(name),
  ),
  user: 'root',
  batch: 'together',
  fields: { default: flag },

  // A host has one default.
  claims: ({ desired, absent }) => [
    { what: `path ${listPath}`, shared: true },
    { what: `path ${settingsPath}`, shared: true },
    { what: `path ${laterPath}`, shared: true },
    ...(desired.default && !absent ? [{ what: 'default locale' }] : []),
  ],

  read: (resources) =>
    lines(
      lineKind.read!(texts()),
      sh`printf '\\0'; [ ! -L ${settingsPath} ] || echo link`,
      sh`printf '\\0'; locale -a 2>/dev/null`,
      sh`printf '\\0'; ${charsetsOf(resources.map(({ name }) => name))}`,
    ),

  parse(output, resources) {
    const parts = output.toString('latin1').split('\0')
    if (parts.length !== 4) throw new Error('the answer was cut short')
    const [first, link, all, supported] = parts as [string, string, string, string]
    const [list, settings, later] = lineKind.parse(Buffer.from(first), texts())
    const known = new Set(all.split('\n'))
    const charsets = new Map(supported.split('\n').map((row) => row.split(' ') as [string, string]))
    return resources.map(({ name }) => ({
      charset: charsets.get(name),
      generated: known.has(asListed(name)),
      list: list!,
      path: link === '' ? settingsPath : laterPath,
      settings: link === '' ? settings! : later!,
    }))
  },

  diff: (resource, state, context) =>
    resource.absent ? removal(resource, state) : difference(resource, state, context),

  // What can be refused is refused before anything has changed.
  apply: (changes) => ({ script: lines(...changes.map(ready), ...changes.map(applyLocale)) }),
}

/** Prints name and character set of those that can be generated here. */
const charsetsOf = (names: readonly string[]): Shell =>
  sh`names=${names.join(' ')} awk ${`BEGIN { n = split(ENVIRON["names"], all, " "); for (i = 1; i <= n; i++) want[all[i]] }
$1 in want { print $1, $2 }`} /usr/share/i18n/SUPPORTED 2>/dev/null`

/** As locale(1) writes it: `da_DK.utf8`. */
const asListed = (name: string): string =>
  name.replace(/\.([^@]*)/, (_, set: string) => `.${set.toLowerCase().replace(/[^a-z0-9]/g, '')}`)

/** The locale that is the default now. */
function defaultOf({ settings }: LocaleState): string | undefined {
  const rows = settings.content.toString('utf8').split('\n')
  return rows
    .findLast((row) => row.startsWith('LANG='))
    ?.slice(5)
    .replace(/^(["'])(.*)\1\s*$/, '$2')
    .trim()
}

const differs = (resource: Line, state: TextState): boolean =>
  lineKind.diff(resource, state, nothingPlanned) !== undefined

function removal(
  { name, desired }: Resource<LocaleDesired>,
  state: LocaleState,
): Difference | undefined {
  const changes = [
    isListed(name, state) && `its line in ${listPath}`,
    state.generated && !isBuiltIn(name) && 'what was generated',
    desired.default && defaultOf(state) === name && `LANG in ${state.path}`,
  ]
  const summary = changes.filter(Boolean).join(', ')
  return summary === '' ? undefined : { verb: 'remove', summary }
}

const isListed = (name: string, { list }: LocaleState): boolean =>
  differs(listed(name, 'x', true), list)

function difference(
  { name, desired }: Resource<LocaleDesired>,
  state: LocaleState,
  { opaque }: Context,
): Difference | undefined {
  const { charset, generated, list, path } = state
  const now = defaultOf(state)
  const lang = desired.default && now !== name && `LANG ${now ?? 'unset'} -> ${name} in ${path}`
  if (!generated && charset === undefined)
    return opaque.length > 0
      ? { verb: 'unknown', summary: `generate it, once ${opaque.at(-1)} has brought it` }
      : { verb: 'change', summary: `there is no locale ${name} here (package locales)` }
  const changes = [
    !generated && 'generate it',
    needsLine(name, state) &&
      differs(listed(name, charset!, false), list) &&
      `list it in ${listPath}`,
    lang,
  ]
  const summary = changes.filter(Boolean).join(', ')
  return summary === '' ? undefined : { verb: generated ? 'change' : 'create', summary }
}

const needsLine = (name: string, { charset }: LocaleState): boolean =>
  charset !== undefined && !isBuiltIn(name)

function applyLocale({ resource, state }: Change<LocaleDesired, LocaleState>): Shell {
  const { name, desired, absent } = resource
  const { charset } = state
  const now = defaultOf(state)
  if (absent)
    return lines(
      desired.default && now === name && edit(setting(state.path, name, true), state.settings),
      isListed(name, state) && edit(listed(name, 'x', true), state.list),
      state.generated &&
        !isBuiltIn(name) &&
        lines(
          // A name that does not say its character set has a longer one beside it.
          charset !== undefined &&
            !name.includes('.') &&
            sh`localedef --delete-from-archive -- ${asListed(name.replace(/(?=@|$)/, `.${charset}`))} 2>/dev/null`,
          sh`localedef --delete-from-archive -- ${asListed(name)} || exit 1`,
        ),
    )
  return lines(
    !state.generated && generate(name, charset ?? ''),
    needsLine(name, state) && edit(listed(name, charset!, false), state.list),
    desired.default && now !== name && edit(setting(state.path, name, false), state.settings),
  )
}

function ready({
  resource: { name, absent },
  state: { charset = '', generated },
}: Change<LocaleDesired, LocaleState>): Shell | undefined {
  if (absent || generated) return undefined
  const unknown = `there is no locale ${name} on this host: is the package locales installed, and the name right?`
  return sh`[ "$(${charsetsOf([name])})" = ${`${name} ${charset}`} ] || { echo ${unknown}; exit 1; }`
}

/** As locale-gen does it, for this one alone. It ends with 1 when it had but warnings. */
const generate = (name: string, charset: string): Shell =>
  sh`localedef -i ${name.replace(/\.[^@]*/, '')} -c -f ${charset} -A /usr/share/locale/locale.alias -- ${name}; [ $? -le 1 ] || exit 1`

/** The edit of one line; the same step may make others before and after it. */
function edit(resource: Line, state: TextState): Shell {
  const difference = lineKind.diff(resource, state, nothingPlanned)
  if (!difference) return sh`:`
  const { script, input } = lineKind.apply([{ resource, state, difference }])
  return sh`printf '%s' ${input as string} | ( ${script}\n) || exit 1`
}
