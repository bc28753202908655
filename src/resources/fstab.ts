import type { Resource } from '../model/resource.ts'
import { type Shell, lines, sh } from '../base/shell.ts'
import { type Difference, type Step, nothingPlanned } from '../model/kind.ts'
import { type Found, type TextEdit, type TextState, bytes, editing } from './text-edit.ts'

/** An entry of `/etc/fstab`, which mounts and swaps keep as a part of themselves. */
export interface FstabEntry {
  readonly device: string
  /** Where it is mounted; `none` for swap, whose entry goes by its device. */
  readonly target: string
  readonly type: string
  /** Separated by commas. */
  readonly options: string
  readonly pass: number
}

interface FstabDesired extends FstabEntry {
  readonly path: string
}

const path = '/etc/fstab'

/** As a resource whose kind is `fstab` below; nobody else ever sees it. */
export function fstabEntry(entry: FstabEntry, absent: boolean): Resource<FstabDesired> {
  const desired = { path, ...entry }
  return {
    kind: 'fstab',
    name: path,
    desired,
    absent,
    user: 'root',
    after: [],
    notify: [],
    at: undefined,
  }
}

export const fstab: ReturnType<typeof editing<FstabDesired>> = editing(editOf)

/** A field of fstab or mountinfo: what would end it is written as an octal number. */
export const escaped = (field: string): string =>
  field.replace(/[ \t\n\\]/g, (each) => `\\${each.charCodeAt(0).toString(8).padStart(3, '0')}`)

export const unescaped = (field: string): string =>
  field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)))

/** What a summary calls it. */
export const inFstab = 'its entry in /etc/fstab'

/** How the entry differs, whatever is planned before: nothing but this changes it. */
export const entryDifference = (
  entry: Resource<FstabDesired>,
  state: TextState,
): Difference | undefined => fstab.diff(entry, state, nothingPlanned)

/** These, and then the entry: what cannot be mounted must not be waited for at the next boot. */
export function thenEntry(
  entry: Resource<FstabDesired>,
  state: TextState,
  ...steps: readonly (Shell | undefined | false)[]
): Step {
  const difference = entryDifference(entry, state)
  if (!difference) return { script: lines(...steps) }
  const { script, input } = fstab.apply([{ resource: entry, state, difference }])
  return { script: lines(...steps, sh`( ${script}\n) || exit 1`, systemdReads), input }
}

/** systemd makes units of the file, and mounts again what units say that are out of date. */
const systemdReads: Shell = sh`[ ! -d /run/systemd/system ] || systemctl daemon-reload || exit 1`

/** The options of the entry that is there. */
export function entryOptions(state: TextState, target: string): string[] {
  const rows = state.content.toString('latin1').split('\n').map(fieldsOf)
  const found = rows.find((fields) => isAt(fields, bytes(escaped(target))))
  return found === undefined ? [] : unescaped(found[3]!).split(',')
}

/** The six fields; of a line that says nothing none. */
function fieldsOf(row: string): string[] {
  const fields = row.split(/[ \t]+/).filter(Boolean)
  if (fields.length < 2 || fields[0]!.startsWith('#')) return []
  const [device = '', target = '', type = '', options = 'defaults', dump = '0', pass = '0'] = fields
  return [device, target, type, options, dump, pass]
}

const isSwap = (fields: readonly string[]): boolean => fields[2] === 'swap'

const isAt = (fields: readonly string[], target: string): boolean =>
  fields.length > 0 && !isSwap(fields) && fields[1]!.replace(/(.)\/+$/, '$1') === target

function editOf({ desired, absent }: Resource<FstabDesired>): TextEdit {
  const { device, target, type, options, pass } = desired
  const swap = type === 'swap'
  const key = escaped(swap ? device : target)
  const wanted = [device, target, type, options, '0', String(pass)].map(escaped).join(' ')
  const find = (rows: readonly string[]): Found => {
    const drop = rows.flatMap((row, i) => {
      const fields = fieldsOf(row)
      const hit = swap ? isSwap(fields) && fields[0] === bytes(key) : isAt(fields, bytes(key))
      return hit ? [i] : []
    })
    const only = drop.length === 1 && fieldsOf(rows[drop[0]!]!).join(' ') === bytes(wanted)
    return { drop, same: absent ? drop.length === 0 : only }
  }
  return {
    path,
    text: absent ? '' : `${wanted}\n`,
    at: 'end',
    find,
    awk: `
  for (i = 1; i <= n; i++) {
    count = split(row[i], field, " ")
    if (count < 2 || substr(field[1], 1, 1) == "#") continue
    where = field[2]
    while (length(where) > 1 && substr(where, length(where)) == "/") where = substr(where, 1, length(where) - 1)
    if (ENVIRON["swap"] == "yes") where = field[1]
    if (where != ENVIRON["key"] "" || (field[3] == "swap") != (ENVIRON["swap"] == "yes")) continue
    drop[i] = 1; hits++; if (!first) first = i
    if (count < 4) field[4] = "defaults"
    if (count < 5) field[5] = "0"
    if (count < 6) field[6] = "0"
    entry = field[1]; for (j = 2; j <= 6; j++) entry = entry " " field[j]
    if (entry == ENVIRON["wanted"] "") right++
  }
  if (text != "" && hits == 1 && right == 1) same = 1`,
    environment: { key, wanted, swap: swap ? 'yes' : 'no' },
  }
}
