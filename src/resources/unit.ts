import { Secret, reveal } from '../base/secret.ts'
import { Shell, lines, sh } from '../base/shell.ts'
import type { Change, Kind, Step } from '../model/kind.ts'
import { type Common, type Resource, describe } from '../model/resource.ts'
import { type Complaint, check, filled, flag } from '../model/schema.ts'
import { fileKind, writeAtomically } from './file.ts'
import { refuse } from './refusal.ts'
import {
  type SystemFile,
  type SystemFileState,
  parseWithFiles,
  readWithFiles,
  systemFile,
} from './system-file.ts'

/** The value of one setting of a unit file; a list repeats the setting. */
export type UnitValue = string | number | boolean | Secret | readonly (string | number | Secret)[]

/** Sections such as `Service`, with their settings in order. */
export type UnitSections = Readonly<Record<string, Readonly<Record<string, UnitValue>>>>

interface UnitCommon extends Common {
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
export type UnitOptions = UnitCommon &
  (
    | {
        /** The text of the file. */
        readonly content: string
        readonly sections?: never
      }
    | {
        /** The settings by section: `{ Service: { ExecStart: '/usr/bin/worker' } }`. */
        readonly sections: UnitSections
        readonly content?: never
      }
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

export const folder = '/etc/systemd/system'

export const unitKind: Kind<UnitDesired, UnitState> = {
  name: 'unit',
  named: check(
    "a unit's name with its type, such as 'worker.service'; a drop-in's in letters, digits, . _ -",
    (name) =>
      typeof name === 'string' &&
      /^[\w:.\\@-]{1,240}\.(service|socket|timer|path|mount|automount|swap|target|slice)(\/[\w-][\w.-]*)?$/.test(
        name,
      ),
  ),
  user: 'root',
  batch: true,
  fields: { content: filled, verify: flag },

  claims: (resource) => [{ what: `path ${fileOf(resource).name}` }],

  read: (resources) =>
    readWithFiles(readStale(resources.map(({ name }) => unitOf(name))), resources.map(fileOf)),

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

function pathOf(name: string): string {
  const [unit, dropIn] = name.split('/')
  return dropIn === undefined ? `${folder}/${unit}` : `${folder}/${unit}.d/${dropIn}.conf`
}

const fileOf = ({ name, desired, absent }: Resource<UnitDesired>): SystemFile =>
  systemFile(pathOf(name), desired.content, absent)

/** Of a template, all its instances that are loaded. */
export function readStale(units: readonly string[]): Shell {
  const patterns = units.map((unit) => unit.replace(/@\.(?=\w+$)/, '@*.'))
  return sh`systemctl show -p Names,NeedDaemonReload -- ${patterns} 2>/dev/null`
}

/** The names of the units that systemd would have to read again. */
export function staleUnits(output: string): string[] {
  return output
    .split(/\n\n+/)
    .filter((block) => /^NeedDaemonReload=yes$/m.test(block))
    .flatMap((block) => /^Names=(.*)$/m.exec(block)?.[1]?.split(' ') ?? [])
    .map((name) => name.replace(/^"(.*)"$/, '$1').replaceAll('\\\\', '\\'))
}

export function isStale(stale: readonly string[], unit: string): boolean {
  const template = /^(.*@)(\.\w+)$/.exec(unit)
  return template
    ? stale.some((name) => name.startsWith(template[1]!) && name.endsWith(template[2]!))
    : stale.includes(unit)
}

/** Everything is looked at before anything takes its place, and systemd reloads once, at the end. */
function applyUnits(changes: readonly Change<UnitDesired, UnitState>[]): Step {
  const files = changes.map(({ resource }) => fileOf(resource))
  const writes = changes.filter(
    ({ resource, state }, i) =>
      !resource.absent &&
      fileKind.diff(files[i]!, state.file, { earlier: new Map(), opaque: [] }) !== undefined,
  )
  const verified = writes.filter(({ resource }) => resource.desired.verify)
  return {
    script: lines(
      sh`stage=$(mktemp -d) || exit 1`,
      sh`trap 'rm -rf -- "$stage"' EXIT`,
      ...writes.map(({ resource }) => receive(pathOf(resource.name), resource.desired.content)),
      verified.length > 0 && verify(verified.map(({ resource }) => pathOf(resource.name))),
      ...writes.map(({ resource }) => install(fileOf(resource))),
      ...files.filter(({ absent }) => absent).map(remove),
      sh`systemctl daemon-reload`,
    ),
    input: writes.map(({ resource }) => resource.desired.content).join(''),
  }
}

const below = (path: string): string => path.slice(folder.length + 1)

/** Takes the next file off standard input and keeps it aside, under its path below the folder. */
export function receive(path: string, content: string): Shell {
  const name = below(path)
  const parent = name.includes('/') ? sh`mkdir -p -- "$stage"/${name.split('/')[0]!} &&` : sh``
  const size = Buffer.byteLength(reveal(content))
  return sh`${parent} dd bs=65536 iflag=fullblock,count_bytes count=${size} of="$stage"/${name} 2>/dev/null || exit 1`
}

/** Moves a file that was kept aside to its place. */
export function install(file: SystemFile): Shell {
  const parent = file.name.slice(0, file.name.lastIndexOf('/'))
  return lines(
    parent !== folder && sh`mkdir -p -- ${parent} || exit 1`,
    sh`( ${writeAtomically(file.name, file.desired)}
) < "$stage"/${below(file.name)} || exit 1`,
  )
}

/** The folder of a last drop-in goes too. */
function remove({ name }: SystemFile): Shell {
  const parent = name.slice(0, name.lastIndexOf('/'))
  return lines(
    sh`rm -f -- ${name} || exit 1`,
    parent !== folder &&
      sh`[ ! -d ${parent} ] || rmdir --ignore-fail-on-non-empty -- ${parent} || exit 1`,
  )
}

/**
 * Has systemd read what was kept aside as if it were in place. Fails when it would refuse a unit or
 * ignore a setting; that a program or another unit is not there yet is no fault of the file.
 */
export function verify(paths: readonly string[]): Shell {
  const units = [...new Set(paths.map((path) => below(path).split('/')[0]!.replace(/\.d$/, '')))]
  return lines(
    sh`for unit in ${units}; do`,
    // Of a drop-in the unit itself may be anywhere, or not here yet.
    Shell.literal(
      `[ -e "$stage/$unit" ] || systemctl cat -- "$unit" >/dev/null 2>&1 || continue
instance=$unit; [ "\${unit%@.*}" = "$unit" ] || instance=\${unit%@.*}@fettle.\${unit##*.}
found=$(SYSTEMD_UNIT_PATH="$stage:" systemd-analyze verify --man=no "$instance" 2>&1)
printf '%s\\n' "$found" | grep -E -i -e 'ignoring|invalid section|unbalanced' | grep -F -e "$stage/" > "$stage/.wrong"
printf '%s\\n' "$found" | grep -E -e 'Refusing|bad unit file setting|failed to load' | grep -F -e "$instance" >> "$stage/.wrong"
if [ -s "$stage/.wrong" ]; then
  sed "s|^$stage/||" "$stage/.wrong"
  echo "systemd does not accept $unit: $(sed "s|^$stage/||; 1q" "$stage/.wrong")"
  exit 1
fi
done`,
    ),
  )
}
