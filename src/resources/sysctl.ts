import { lines, sh } from '../base/shell.ts'
import {
  type Change,
  type Context,
  type Difference,
  type Kind,
  type Step,
  nothingPlanned,
} from '../model/kind.ts'
import { type Common, type Resource, describe } from '../model/resource.ts'
import { check } from '../model/schema.ts'
import { fileKind, writeAtomically } from './file.ts'
import {
  type SystemFile,
  type SystemFileState,
  parseWithFiles,
  readWithFiles,
  systemFile,
} from './system-file.ts'

/**
 * Settings of the kernel: set at once, and kept for the next boot in a file of their own in
 * `/etc/sysctl.d`. In a container whose kernel may not be changed only the file is kept, and the
 * plan says so. `absent(sysctl(...))` removes the file; the value stays until the next boot.
 */
export interface SysctlOptions extends Common {}

interface SysctlDesired {
  /** Blanks in a row count as one: `'10240 65000'`. */
  readonly value: string
}

interface SysctlState {
  readonly file: SystemFileState
  /** What the kernel has; undefined: it has no such setting. */
  readonly live: string | undefined
  /** Whether we may set it: containers often may not. */
  readonly ours: boolean
}

/** Describes settings of the kernel: `sysctl('net.core.somaxconn', 4096)`, or `sysctl({ 'vm.swappiness': 10 })`. */
export function sysctl(key: string, value: string | number, options?: SysctlOptions): Resource
export function sysctl(
  settings: Readonly<Record<string, string | number>>,
  options?: SysctlOptions,
): Resource[]
export function sysctl(
  given: string | Readonly<Record<string, string | number>>,
  second: string | number | SysctlOptions = {},
  options: SysctlOptions = {},
): Resource | Resource[] {
  if (typeof given === 'string') return describeOne(given, second as string | number, options)
  return Object.entries(given).map(([key, value]) => describeOne(key, value, second as object))
}

function describeOne(key: string, value: string | number, options: SysctlOptions): Resource {
  const fits = typeof value === 'string' || typeof value === 'number'
  const desired = { value: fits ? singleSpaced(String(value)) : value }
  return describe(sysctlKind, usual(key), desired, options)
}

const singleSpaced = (value: string): string => value.trim().replace(/[ \t]+/g, ' ')

/** As sysctl(8) has it: the separator that comes first, dot or slash, is the one between parts. */
function partsOf(key: string): string[] {
  const separator = /[./]/.exec(key)?.[0] ?? '.'
  const parts = key.split(separator)
  return separator === '/' ? parts : parts.map((part) => part.replaceAll('/', '.'))
}

/** With dots between the parts, and slashes where a part itself has a dot. */
const usual = (key: string): string =>
  typeof key === 'string'
    ? partsOf(key)
        .map((part) => part.replaceAll('.', '/'))
        .join('.')
    : key

/** A setting that every kernel has: may we not set it, then not those that are missing either. */
const probe = (path: string): string =>
  path.startsWith('/proc/sys/net/') ? '/proc/sys/net/core/somaxconn' : '/proc/sys/vm/swappiness'

const livePath = (key: string): string => `/proc/sys/${partsOf(key).join('/')}`

export const sysctlKind: Kind<SysctlDesired, SysctlState> = {
  name: 'sysctl',
  remembers: () => ({ value: '' }),
  named: check(
    "a setting of the kernel, such as 'net.core.somaxconn'",
    (name) =>
      typeof name === 'string' &&
      /^[\w:@-]+([./][\w:@-]+)+$/.test(name) &&
      partsOf(name).every((part) => part !== '.' && part !== '..'),
  ),
  user: 'root',
  batch: 'together',
  fields: {
    value: check(
      'a number or one line of text',
      (value) => typeof value === 'string' && value !== '' && !/[\n\0]/.test(value),
    ),
  },

  claims: (resource) => [{ what: `path ${fileOf(resource).name}` }],

  // grep names the file of each value, in one process; a shell's own `read` takes these files byte
  // by byte, which the kernel answers with the first byte only.
  read(resources) {
    const paths = resources.map(({ name }) => livePath(name))
    return readWithFiles(
      lines(
        sh`grep -sH '' -- ${paths}`,
        sh`for each in ${[...paths, ...new Set(paths.map(probe))]}; do [ -w "$each" ] && printf 'ours %s\n' "$each"; done`,
      ),
      resources.map(fileOf),
    )
  },

  parse(output, resources) {
    const { own, files } = parseWithFiles(output, resources.map(fileOf))
    const rows = own.split('\n')
    const ours = new Set(rows.filter((row) => row.startsWith('ours ')).map((row) => row.slice(5)))
    return files.map((file, i) => {
      const path = livePath(resources[i]!.name)
      const found = rows.filter((row) => row.startsWith(`${path}:`))
      const live =
        found.length === 0
          ? undefined
          : found.map((row) => singleSpaced(row.slice(path.length + 1))).join('\n')
      return { file, live, ours: ours.has(live === undefined ? probe(path) : path) }
    })
  },

  diff: (resource, state, context) =>
    resource.absent ? removal(resource, state) : difference(resource, state, context),

  apply: (changes) => applySettings(changes),
}

function fileOf({ name, desired, absent }: Resource<SysctlDesired>): SystemFile {
  // Late among its like, so that what a distribution sets does not win at boot.
  const path = `/etc/sysctl.d/99-fettle-${name.replaceAll('/', '~')}.conf`
  return systemFile(path, `# Kept by Fettle.\n${name} = ${desired.value}\n`, absent)
}

function removal(resource: Resource<SysctlDesired>, state: SysctlState): Difference | undefined {
  if (state.file.type === 'absent') return undefined
  const now = state.live === undefined ? '' : `; it stays ${state.live} until the next boot`
  return { verb: 'remove', summary: `its file${now}` }
}

function difference(
  resource: Resource<SysctlDesired>,
  { file, live, ours }: SysctlState,
  context: Context,
): Difference | undefined {
  const wanted = resource.desired.value
  const kept = fileKind.diff(fileOf(resource), file, context)
  if (live === undefined && ours) {
    if (context.opaque.length > 0)
      return { verb: 'unknown', summary: `${wanted}, once ${context.opaque.at(-1)} has brought it` }
    return { verb: 'change', summary: `this kernel has no ${resource.name}` }
  }
  const verb = file.type === 'absent' ? 'create' : 'change'
  const text = kept?.text === undefined ? {} : { text: kept.text }
  if (ours && live !== wanted) return { verb, summary: `${live} -> ${wanted}`, ...text }
  if (!kept) return undefined
  const same = live === wanted ? 'for the next boot' : 'file only: this kernel is not ours to set'
  return { verb, summary: `${wanted} (${same})`, ...text }
}

/** The kernel first: a value that it does not take must not come back with the next boot. */
function applySettings(changes: readonly Change<SysctlDesired, SysctlState>[]): Step {
  return {
    script: lines(
      ...changes.map(({ resource, state }) => {
        const file = fileOf(resource)
        const kept = fileKind.diff(file, state.file, nothingPlanned)
        if (resource.absent) return sh`rm -f -- ${file.name} || exit 1`
        const path = livePath(resource.name)
        const { value } = resource.desired
        return lines(
          state.ours &&
            lines(
              sh`[ -e ${path} ] || { echo ${`this kernel has no ${resource.name}: load the module that brings it first`}; exit 1; }`,
              sh`printf '%s\n' ${value} > ${path} || { echo ${`the kernel does not take ${value} for ${resource.name}`}; exit 1; }`,
            ),
          kept &&
            sh`printf '%s' ${file.desired.content as string} | (
${writeAtomically(file.name, file.desired)}
) || exit 1`,
        )
      }),
    ),
  }
}
