import { Secret, reveal } from '../base/secret.ts'
import { lines, sh } from '../base/shell.ts'
import { type Change, type Kind, type Step, nothingPlanned } from '../model/kind.ts'
import { type Common, type Resource, describe } from '../model/resource.ts'
import { type Complaint, check, filled, flag } from '../model/schema.ts'
import { lockOutOf } from './lock-out.ts'
import { fileKind } from './file.ts'
import { refuse } from './refusal.ts'
import {
  type SystemFile,
  type SystemFileState,
  parseWithFiles,
  readWithFiles,
  systemFile,
} from './system-file.ts'
import {
  folder,
  isStale,
  notTemplates,
  placeUnits,
  showInstances,
  staleUnits,
} from './unit-files.ts'

/** The value of one setting of a unit file; a list repeats the setting. */
export type UnitValue = string | number | boolean | Secret | readonly (string | number | Secret)[]

/** Sections such as `Service`, with their settings in order. */
export type UnitSections = Readonly<Record<string, Readonly<Record<string, UnitValue>>>>

/** A unit file. */
interface UnitFields extends Common {
  /** The text of the file. */
  readonly content?: string
  /** Instead of content: the settings by section: `{ Service: { ExecStart: '/usr/bin/worker' } }`. */
  readonly sections?: UnitSections
  /**
   * A name such as `'override'`: only add to or change a unit that is there, in
   * `/etc/systemd/system/UNIT.d/override.conf`.
   */
  readonly dropIn?: string
  /**
   * Default: true. systemd looks at the unit first, and one that it would refuse or whose settings
   * it would ignore does not take its place. False: take it as it is, such as settings that only
   * newer versions of systemd know.
   */
  readonly verify?: boolean
}

/**
 * A unit file of systemd in `/etc/systemd/system`. systemd reloads its units in the same step;
 * running, enabling and restarting are for `service`: `notify: restart('worker')`. Remove one with
 * `absent(unit(...))`, after `absent(service(...))` has stopped what it runs. Content with secrets
 * is for root's eyes only; `systemctl show` tells what is in `Environment=` to everybody all the
 * same, so put secrets in an `EnvironmentFile=`.
 */
export type UnitOptions = UnitFields &
  (
    | { readonly content: string; readonly sections?: never }
    | { readonly sections: UnitSections; readonly content?: never }
  )

interface UnitDesired {
  readonly content: string
  readonly verify: boolean
}

interface UnitState {
  readonly file: SystemFileState
  /** systemd has in memory what an earlier version of its files said. */
  readonly stale: boolean
}

/** Describes a unit file: `unit('worker.service', { sections: { Service: { ExecStart: '/usr/bin/worker' } } })`. */
export function unit(name: string, options: UnitOptions): Resource {
  const { content, sections, dropIn, verify = true, ...common } = options
  const full = dropIn === undefined ? name : `${name}/${dropIn.replace(/\.conf$/, '')}`
  if ((content === undefined) === (sections === undefined))
    refuse(`unit:${full}`, 'content', {
      problem: content === undefined ? 'is missing' : 'cannot go with sections',
      suggestion: 'either content or sections',
    })
  const wrong = sections && complaintAbout(sections)
  if (wrong) refuse(`unit:${full}`, 'sections', wrong)
  const desired = { content: content ?? render(sections!), verify }
  return describe(unitKind, full, desired, common)
}

/** The text of a unit file. */
export function render(sections: UnitSections): string {
  return Object.entries(sections)
    .map(([section, settings]) =>
      [
        `[${section}]`,
        ...Object.entries(settings).flatMap(([key, value]) =>
          (Array.isArray(value) ? value : [value]).map((each) => `${key}=${wordOf(each)}`),
        ),
        '',
      ].join('\n'),
    )
    .join('\n')
}

const wordOf = (value: UnitValue): string =>
  value === true ? 'yes' : value === false ? 'no' : String(value)

/** A line break in a value would be another setting. */
function complaintAbout(sections: UnitSections): Complaint | undefined {
  for (const [section, settings] of Object.entries(sections)) {
    const name = (text: string): boolean => /^[A-Za-z][A-Za-z0-9-]*$/.test(text)
    if (!name(section))
      return { problem: `cannot have ${JSON.stringify(section)}`, suggestion: "such as 'Service'" }
    for (const [key, value] of Object.entries(settings)) {
      const values = Array.isArray(value) ? value : [value]
      const fits = values.every(
        (each) => ['string', 'number', 'boolean'].includes(typeof each) || each instanceof Secret,
      )
      if (!name(key) || !fits || values.some((each) => /[\n\0]/.test(reveal(String(each)))))
        return {
          problem: `cannot have this ${section}.${key}`,
          suggestion: 'one line of text, a number, true or false, or a list of them',
        }
    }
  }
  return undefined
}

export const unitKind: Kind<UnitDesired, UnitState> = {
  name: 'unit',
  remembers: () => ({ content: '', verify: false }),
  lockOut: (resource, login) => lockOutOf(fileOf(resource).name, login),
  named: check(
    "a unit's name with its type, such as 'worker.service'; a drop-in's in letters, digits, . _ -",
    (name) =>
      typeof name === 'string' &&
      /^[\w:.\\@-]{1,240}\.(service|socket|timer|path|mount|automount|swap|target|slice)(\/[\w-][\w.-]*)?$/.test(
        name,
      ),
  ),
  user: 'root',
  batch: 'together',
  fields: { content: filled, verify: flag },

  claims: (resource) => [{ what: `path ${fileOf(resource).name}` }],

  units: (resources) => notTemplates(unitsOf(resources)),

  read: (resources) =>
    readWithFiles(showInstances(unitsOf(resources)) ?? sh`:`, resources.map(fileOf)),

  parse(output, resources) {
    const { own, files } = parseWithFiles(output, resources.map(fileOf))
    const stale = staleUnits(own)
    return files.map((file, i) => ({ file, stale: isStale(stale, unitOf(resources[i]!.name)) }))
  },

  diff(resource, state, context) {
    const difference = fileKind.diff(fileOf(resource), state.file, context)
    return difference ?? (state.stale ? { verb: 'change', summary: 'daemon-reload' } : undefined)
  },

  apply: (changes) => applyUnits(changes),
}

const unitOf = (name: string): string => name.split('/')[0]!
const unitsOf = (resources: readonly Resource[]): string[] => [
  ...new Set(resources.map(({ name }) => unitOf(name))),
]

function pathOf(name: string): string {
  const [unit, dropIn] = name.split('/')
  return dropIn === undefined ? `${folder}/${unit}` : `${folder}/${unit}.d/${dropIn}.conf`
}

const fileOf = ({ name, desired, absent }: Resource<UnitDesired>): SystemFile =>
  systemFile(pathOf(name), desired.content, absent)

function applyUnits(changes: readonly Change<UnitDesired, UnitState>[]): Step {
  const all = changes.map(({ resource, state }) => ({ resource, state, file: fileOf(resource) }))
  const writes = all.filter(
    ({ resource, state, file }) =>
      !resource.absent && fileKind.diff(file, state.file, nothingPlanned) !== undefined,
  )
  const { script, input } = placeUnits({
    write: writes.map(({ file }) => file),
    verify: writes.filter(({ resource }) => resource.desired.verify).map(({ file }) => file),
    remove: all.filter(({ resource }) => resource.absent).map(({ file }) => file),
  })
  return { script: lines(script, sh`systemctl daemon-reload`), input }
}
