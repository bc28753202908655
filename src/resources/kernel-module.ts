import { type Shell, lines, sh } from '../base/shell.ts'
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
 * A module of the kernel: loaded now, and at every boot by a file of its own in
 * `/etc/modules-load.d`. One that is built into the kernel counts as loaded. A container has the
 * modules of its host: there only the files are kept, and the plan says so.
 * `absent(kernelModule(...))` removes the files, and unloads it where nothing uses it.
 */
export interface KernelModuleOptions extends Common {
  /** Its options, kept in `/etc/modprobe.d`: `{ nested: 1 }`. They hold when it is loaded next. */
  readonly options?: Readonly<Record<string, string | number>>
}

interface KernelModuleDesired {
  readonly options: Readonly<Record<string, string | number>>
}

interface KernelModuleState {
  readonly atBoot: SystemFileState
  readonly settings: SystemFileState
  /** `known`: it could be loaded. */
  readonly module: 'loaded' | 'built-in' | 'known' | 'unknown'
  /** How much there is that uses it. */
  readonly users: number
  readonly container: boolean
}

/** Describes a module: `kernelModule('br_netfilter')`, `kernelModule('kvm_intel', { options: { nested: 1 } })`. */
export function kernelModule(name: string, given: KernelModuleOptions = {}): Resource {
  const { options = {}, ...common } = given
  // The kernel takes both for the same, and shows this one.
  const usual = typeof name === 'string' ? name.replaceAll('-', '_') : name
  return describe(kernelModuleKind, usual, { options }, common)
}

export const kernelModuleKind: Kind<KernelModuleDesired, KernelModuleState> = {
  name: 'kernel-module',
  remembers: () => ({ options: {} }),
  named: check(
    "the name of a module, such as 'br_netfilter'",
    (name) => typeof name === 'string' && /^[A-Za-z0-9]\w*$/.test(name),
  ),
  user: 'root',
  fields: {
    options: check(
      'options of the module, such as { nested: 1 }, without blanks and quotes',
      (value) =>
        typeof value === 'object' &&
        value !== null &&
        !Array.isArray(value) &&
        Object.entries(value).every(
          ([key, each]) => /^\w+$/.test(key) && /^[^\s"'\\#\p{Cc}«»]+$/u.test(String(each)),
        ),
    ),
  },

  claims: (resource) => filesOf(resource).map(({ name }) => ({ what: `path ${name}` })),

  // Modprobe is asked only about those that the kernel does not show.
  read: (resources) =>
    readWithFiles(
      lines(
        sh`[ ! -e /run/systemd/container ] || echo container`,
        sh`for name in ${resources.map(({ name }) => name)}; do`,
        sh`  if [ -e "/sys/module/$name/initstate" ]; then
    users=0; [ ! -e "/sys/module/$name/refcnt" ] || users=$(cat "/sys/module/$name/refcnt")
    echo "$name loaded $users"
  elif [ -e "/sys/module/$name" ]; then echo "$name built-in 0"
  else case $(modprobe --show-depends -- "$name" 2>/dev/null) in
    builtin*) echo "$name built-in 0";; insmod* | install*) echo "$name known 0";; *) echo "$name unknown 0";;
  esac; fi
done`,
      ),
      resources.flatMap(filesOf),
    ),

  parse(output, resources) {
    const { own, files } = parseWithFiles(output, resources.flatMap(filesOf))
    const rows = own.split('\n').map((row) => row.split(' '))
    return resources.map(({ name }, i) => {
      const [, module, users] = rows.find((row) => row[0] === name && row.length === 3) ?? []
      if (module === undefined) throw new Error(`it was not told whether there is ${name}`)
      return {
        atBoot: files[2 * i]!,
        settings: files[2 * i + 1]!,
        module: module as KernelModuleState['module'],
        users: Number(users),
        container: rows[0]![0] === 'container' && rows[0]!.length === 1,
      }
    })
  },

  diff: (resource, state, context) =>
    resource.absent ? removal(resource, state) : difference(resource, state, context),

  apply: ([change]) => applyModule(change!),
}

function filesOf({ name, desired, absent }: Resource<KernelModuleDesired>): SystemFile[] {
  const options = Object.entries(desired.options).map(([key, value]) => ` ${key}=${value}`)
  const made = (folder: string, content: string, gone: boolean): SystemFile =>
    systemFile(`/etc/${folder}/fettle-${name}.conf`, `# Kept by Fettle.\n${content}\n`, gone)
  return [
    made('modules-load.d', name, absent),
    made('modprobe.d', `options ${name}${options.join('')}`, absent || options.length === 0),
  ]
}

/** The files that are not as described. */
function wrongFiles(
  resource: Resource<KernelModuleDesired>,
  { atBoot, settings }: KernelModuleState,
): { atBoot: Difference | undefined; settings: Difference | undefined } {
  const [first, second] = filesOf(resource)
  return {
    atBoot: fileKind.diff(first!, atBoot, nothingPlanned),
    settings: fileKind.diff(second!, settings, nothingPlanned),
  }
}

function removal(
  resource: Resource<KernelModuleDesired>,
  state: KernelModuleState,
): Difference | undefined {
  const { atBoot, settings } = wrongFiles(resource, state)
  const unload = isUnloaded(state)
  if (!atBoot && !settings && !unload) return undefined
  const stays =
    state.module === 'loaded' && !unload && !state.container && 'it stays loaded, as it is in use'
  const changes = [atBoot && 'not at boot', settings && 'its options', unload && 'unload it', stays]
  return { verb: 'remove', summary: changes.filter(Boolean).join(', ') }
}

const isUnloaded = ({ module, users, container }: KernelModuleState): boolean =>
  module === 'loaded' && users === 0 && !container

const isLoaded = ({ module }: KernelModuleState): boolean =>
  module === 'loaded' || module === 'built-in'

function difference(
  resource: Resource<KernelModuleDesired>,
  state: KernelModuleState,
  { opaque }: Context,
): Difference | undefined {
  const { name, desired } = resource
  const { module, container } = state
  const wanted = Object.entries(desired.options).map(([key, value]) => `${key}=${value}`)
  const load = !container && !isLoaded(state)
  if (load && module === 'unknown')
    return opaque.length > 0
      ? { verb: 'unknown', summary: `load it, once ${opaque.at(-1)} has brought it` }
      : { verb: 'change', summary: noSuchModule(name) }
  if (!container && module === 'built-in' && wanted.length > 0)
    return { verb: 'change', summary: builtInOptions(name) }
  const { atBoot, settings } = wrongFiles(resource, state)
  const later = module === 'loaded' && !container ? ', when it is loaded next' : ''
  const changes = [
    load && 'load it',
    atBoot && 'load it at boot',
    settings && `${wanted.length > 0 ? `options ${wanted.join(' ')}` : 'no options'}${later}`,
  ].filter(Boolean)
  if (changes.length === 0) return undefined
  const note = container ? ' (files only: a container has the modules of its host)' : ''
  const verb = state.atBoot.type === 'absent' ? 'create' : 'change'
  return { verb, summary: changes.join(', ') + note }
}

const noSuchModule = (name: string): string => `there is no module ${name} for this kernel`

const builtInOptions = (name: string): string =>
  `${name} is built into this kernel, so its options belong on the command line of the kernel`

/** First the options, which it is loaded with; what cannot be loaded is not tried at boot. */
function applyModule({ resource, state }: Change<KernelModuleDesired, KernelModuleState>): Step {
  const { name, desired, absent } = resource
  const [first, second] = filesOf(resource)
  const wrong = wrongFiles(resource, state)
  const keep = (file: SystemFile, difference: Difference | undefined): Shell | undefined =>
    difference && (file.absent ? sh`rm -f -- ${file.name} || exit 1` : write(file))
  if (absent)
    return {
      script: lines(
        isUnloaded(state) && sh`modprobe -r -- ${name} || exit 1`,
        keep(first!, wrong.atBoot),
        keep(second!, wrong.settings),
      ),
    }
  const isBuiltIn = state.module === 'built-in' && !state.container
  if (isBuiltIn && Object.keys(desired.options).length > 0)
    return { script: sh`echo ${builtInOptions(name)}; exit 1` }
  const load = !state.container && !isLoaded(state)
  return {
    script: lines(
      load &&
        sh`modprobe --show-depends -- ${name} >/dev/null 2>&1 || { echo ${noSuchModule(name)}; exit 1; }`,
      keep(second!, wrong.settings),
      load && sh`modprobe -- ${name} || exit 1`,
      keep(first!, wrong.atBoot),
    ),
  }
}

function write({ name, desired }: SystemFile): Shell {
  return lines(
    sh`mkdir -p -- ${name.slice(0, name.lastIndexOf('/'))} || exit 1`,
    sh`printf '%s' ${desired.content as string} | (
${writeAtomically(name, desired)}
) || exit 1`,
  )
}
