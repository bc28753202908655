import { Call, Copied, type Value } from './call.ts'
import { type Entry, type LeftOut, type Part, entry } from './draft.ts'
import type { Account, Group, Inventory } from './inventory.ts'
import { secretIn } from './secrets.ts'

/** Numbers that are given to what people make; 65534 is nobody. */
const ofPeople = (id: number): boolean => id >= 1000 && id < 60_000

const byHand = (name: string, id: number, { known }: Inventory): boolean =>
  ofPeople(id) || (id > 0 && id < 1000 && !known.has(name))

/** Users and groups that were made by hand, and who may log in as whom. */
export function people(inventory: Inventory): Part {
  const { users, groups } = inventory
  const made = users.filter(({ name, uid }) => byHand(name, uid, inventory))
  const madeGroups = groups.filter(({ name, gid }) => byHand(name, gid, inventory))
  const guests = guestsOf(madeGroups, made)
  return {
    entries: [
      ...madeGroups.filter((group) => !isPrivate(group, made)).map(groupEntry),
      ...made.map((account) => userEntry(account, groups)),
      ...[...guests].map(([name, own]) =>
        entry(new Call('user', name, { groups: own, keepGroups: true })),
      ),
      ...oncePerHome(users).flatMap((account) => keysEntry(account, groups)),
    ],
    leftOut: [
      ...users.flatMap(({ name, uid }) =>
        uid === 0 && name !== 'root'
          ? [{ what: `user ${name}`, why: 'it is root by another name' }]
          : [],
      ),
      ...users.flatMap(passwordOf),
      ...users.flatMap(secretKeys),
    ],
  }
}

const oncePerHome = (users: readonly Account[]): Account[] =>
  [...new Map([...users].reverse().map((each) => [each.home, each])).values()].reverse()

/** useradd makes it along with its user. */
const isPrivate = ({ name, gid, members }: Group, made: readonly Account[]): boolean =>
  members.length === 0 &&
  made.some((each) => each.name === name && each.uid === gid && each.gid === gid)

const groupEntry = ({ name, gid }: Group): Entry =>
  entry(new Call('group', name, gid < 1000 ? { gid, system: true } : { gid }))

function userEntry(account: Account, groups: readonly Group[]): Entry {
  const { name, uid, gid, home, shell, comment, homeThere } = account
  const primary = groups.find((each) => each.gid === gid)?.name
  const further = groups
    .filter(({ members }) => members.includes(name))
    .map((each) => each.name)
    .sort()
  const system = uid < 1000
  const options: Record<string, Value> = {
    uid,
    system: system || undefined,
    group: primary === name ? undefined : primary,
    groups: further.length === 0 ? undefined : further,
    home: home === `/home/${name}` ? undefined : home,
    createHome: homeThere === !system ? undefined : homeThere,
    shell: shell === '' ? undefined : shell,
    comment: comment === '' ? undefined : comment,
    locked: (account.ended && account.password !== 'set') || undefined,
  }
  return entry(new Call('user', name, options))
}

/** Users of packages that were put into groups that were made by hand. */
function guestsOf(groups: readonly Group[], made: readonly Account[]): Map<string, string[]> {
  const guests = new Map<string, string[]>()
  for (const { name, members } of groups)
    for (const member of members)
      if (!made.some((each) => each.name === member))
        guests.set(member, [...(guests.get(member) ?? []), name])
  return guests
}

/** As keys where the file is as keys are kept; else as the file that it is. */
function keysEntry({ name, gid, home, keys }: Account, groups: readonly Group[]): Entry[] {
  if (keys === undefined) return []
  const rows = keys
    .toString('utf8')
    .split('\n')
    .map((row) => row.trim())
  const wanted = rows.filter((row) => row !== '' && !row.startsWith('#'))
  if (wanted.length === 0 || secretIn(wanted.join('\n')) !== undefined) return []
  const path = `${home}/.ssh/authorized_keys`
  const group = groups.find((each) => each.gid === gid)?.name ?? name
  const modes = ['0600', '0644', '0640', '0664', '0400', '0444']
  const folder = new Call('directory', `${home}/.ssh`, {
    owner: name === 'root' ? undefined : name,
    group: name === 'root' ? undefined : group,
  })
  const plain = modes.map((mode) => [
    folder,
    new Call('file', path, {
      source: new Copied(path.slice(1), keys),
      owner: name === 'root' ? undefined : name,
      group: name === 'root' ? undefined : group,
      mode: mode === '0644' ? undefined : mode,
    }),
  ])
  return [{ ways: [[new Call('authorizedKeys', name, { keys: wanted })], ...plain] }]
}

function secretKeys({ name, home, keys }: Account): LeftOut[] {
  const why = keys && secretIn(keys.toString('utf8'))
  return why ? [{ what: `${home}/.ssh/authorized_keys of ${name}`, why }] : []
}

function passwordOf({ name, password }: Account): LeftOut[] {
  if (password === 'empty')
    return [{ what: `user ${name}`, why: 'it has no password at all: lock it' }]
  if (password === 'none') return []
  return [
    {
      what: `password of ${name}`,
      why: "a hash is a secret: describe it with `password: Secret.env('...')`, or leave it as it is",
    },
  ]
}
