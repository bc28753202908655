import { Buffer } from 'node:buffer'
import { reveal } from '../base/secret.ts'
import { Shell, lines, sh } from '../base/shell.ts'
import type { Step } from '../model/kind.ts'
import { writeAtomically } from './file.ts'
import type { SystemFile } from './system-file.ts'
import { showUnits } from './unit-state.ts'

/** Where a host's own units are. */
export const folder = '/etc/systemd/system'

const isTemplate = (unit: string): boolean => /@\.\w+$/.test(unit)

/** Those of the units that systemd has in memory under their own name. */
export const notTemplates = (units: readonly string[]): string[] =>
  units.filter((unit) => !isTemplate(unit))

/** Of templates, all their instances that are loaded. */
export function showInstances(units: readonly string[]): Shell | undefined {
  const patterns = units.filter(isTemplate).map((unit) => unit.replace(/@\.(?=\w+$)/, '@*.'))
  return patterns.length > 0 ? lines(sh`echo`, showUnits(patterns)) : undefined
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

/** Unit files, and others beside them, that are to be written or removed together. */
export interface Placement {
  readonly write: readonly SystemFile[]
  /** Those among them that systemd must accept before any takes its place. */
  readonly verify: readonly SystemFile[]
  readonly remove: readonly SystemFile[]
}

/** Writes and removes; the daemon-reload is left to the caller. */
export function placeUnits({ write, verify, remove }: Placement): Step {
  return {
    script: lines(
      sh`stage=$(mktemp -d) || exit 1`,
      sh`trap 'rm -rf -- "$stage"' EXIT`,
      ...write.map(receive),
      verify.length > 0 && accepted(verify),
      ...write.map(install),
      ...remove.map(takeAway),
    ),
    input: write.map(({ desired }) => desired.content as string).join(''),
  }
}

const below = (path: string): string => path.slice(folder.length + 1)

/** Takes the next file off standard input and keeps it aside, under its path below the folder. */
function receive({ name: path, desired }: SystemFile): Shell {
  const name = below(path)
  const parent = name.includes('/') ? sh`mkdir -p -- "$stage"/${name.split('/')[0]!} &&` : sh``
  const size = Buffer.byteLength(reveal(desired.content as string))
  return sh`${parent} dd bs=65536 iflag=fullblock,count_bytes count=${size} of="$stage"/${name} 2>/dev/null || exit 1`
}

/** Moves a file that was kept aside to its place. */
function install(file: SystemFile): Shell {
  const parent = file.name.slice(0, file.name.lastIndexOf('/'))
  return lines(
    parent !== folder && sh`mkdir -p -- ${parent} || exit 1`,
    sh`( ${writeAtomically(file.name, file.desired)}
) < "$stage"/${below(file.name)} || exit 1`,
  )
}

/** The folder of a last drop-in goes too. */
function takeAway({ name }: SystemFile): Shell {
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
function accepted(files: readonly SystemFile[]): Shell {
  const units = new Set(files.map(({ name }) => below(name).split('/')[0]!.replace(/\.d$/, '')))
  return lines(
    sh`set -- ${[...units]}`,
    Shell.literal(
      `instance() { case $1 in *@.*) set -- "\${1%@.*}@fettle.\${1##*.}";; esac; printf '%s\\n' "$1"; }
verify() {
  for unit in "$@"; do shift; set -- "$@" "$(instance "$unit")"; done
  SYSTEMD_UNIT_PATH="$stage:" systemd-analyze verify --man=no -- "$@" 2>&1
}
# Of a drop-in the unit itself may be anywhere, or not here yet.
for unit in "$@"; do
  shift
  ! { [ -e "$stage/$unit" ] || systemctl cat -- "$unit" >/dev/null 2>&1; } || set -- "$@" "$unit"
done
# All of them at once: that takes hardly longer than one.
[ "$#" = 0 ] || verify "$@" >"$stage/.found"
for unit in "$@"; do
  {
    grep -E -i -e 'ignoring|invalid section|unbalanced' "$stage/.found" |
      grep -F -e "$stage/$unit:" -e "$stage/$unit.d/"
    grep -E -e 'Refusing|bad unit file setting|failed to load' "$stage/.found" |
      grep -F -e "$(instance "$unit")"
  } >"$stage/.wrong"
  if [ -s "$stage/.wrong" ]; then
    sed "s|^$stage/||" "$stage/.wrong"
    echo "systemd does not accept $unit: $(sed "s|^$stage/||; 1q" "$stage/.wrong")"
    exit 1
  fi
done`,
    ),
  )
}
