import { isIP } from 'node:net'
import type { Kind } from '../model/kind.ts'
import { type Common, type Resource, describe } from '../model/resource.ts'
import { check, oneOf } from '../model/schema.ts'
import { type Found, type TextEdit, type TextState, editing } from './text-edit.ts'

/**
 * The names of one address in `/etc/hosts`. It owns the lines of that address: they become one.
 * Lines of other addresses are not touched. `absent(hostEntry(...))` takes the address away.
 */
export interface HostEntryOptions extends Common {}

interface HostEntryDesired {
  readonly path: string
  readonly names: readonly string[]
}

/** Describes an entry, the full name first: `hostEntry('10.0.0.5', ['db.example.com', 'db'])`. */
export function hostEntry(
  address: string,
  names: string | readonly string[],
  options: HostEntryOptions = {},
): Resource {
  const desired = { path: hostsFile, names: typeof names === 'string' ? [names] : names }
  return describe(hostEntryKind, address, desired, options)
}

const hostsFile = '/etc/hosts'

const label = /^[A-Za-z0-9_](?:[\w-]{0,61}[A-Za-z0-9_])?$/

export const hostEntryKind: Kind<HostEntryDesired, TextState> = {
  name: 'host-entry',
  remembers: ({ desired }) => desired,
  named: check(
    "an IP address, such as '10.0.0.5' or 'fd00::5'",
    (name) => typeof name === 'string' && isIP(name) !== 0,
  ),
  user: 'root',
  fields: {
    path: oneOf(hostsFile),
    names: check(
      "names of hosts, such as ['db.example.com', 'db']",
      (names) =>
        Array.isArray(names) &&
        names.length > 0 &&
        names.every((name) => typeof name === 'string' && isName(name)),
    ),
  },

  // Containers have /etc/hosts mounted, where no file can be renamed to: it is then written in place.
  ...editing(editOf),
}

const isName = (name: string): boolean =>
  name.length <= 253 && name.split('.').every((each) => label.test(each))

function editOf({ name: address, desired, absent }: Resource<HostEntryDesired>): TextEdit {
  const { path, names } = desired
  const wanted = `${address} ${names.join(' ')}`
  const find = (rows: readonly string[]): Found => {
    const drop = rows.flatMap((row, i) => (wordsOf(row)[0] === address ? [i] : []))
    const only = drop.length === 1 && wordsOf(rows[drop[0]!]!).join(' ') === wanted
    return { drop, same: absent ? drop.length === 0 : only }
  }
  return {
    path,
    text: absent ? '' : `${address}\t${names.join(' ')}\n`,
    at: 'end',
    find,
    awk: `
  for (i = 1; i <= n; i++) {
    entry = row[i]; comment = index(entry, "#"); if (comment) entry = substr(entry, 1, comment - 1)
    count = split(entry, word, " ")
    if (!count || word[1] != ENVIRON["address"] "") continue
    drop[i] = 1; hits++; if (!first) first = i
    entry = word[1]; for (j = 2; j <= count; j++) entry = entry " " word[j]
    if (entry == ENVIRON["wanted"] "") right++
  }
  if (text != "" && hits == 1 && right == 1) same = 1`,
    environment: { address, wanted },
  }
}

/** What a line says, however it is spaced and whatever its comment. */
const wordsOf = (row: string): string[] =>
  row
    .split('#', 1)[0]!
    .split(/[ \t]+/)
    .filter(Boolean)
