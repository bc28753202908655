import { lines, sh } from '../base/shell.ts'
import type { Change, Difference, Kind, Step } from '../model/kind.ts'
import { unknownAfter } from '../model/kind.ts'
import { type Common, type Resource, describe, given } from '../model/resource.ts'
import { account, flag, listOf, optional, whole } from '../model/schema.ts'
import { accountLockOut } from './lock-out.ts'

/** A group of users. */
export interface GroupOptions extends Common {
  /** Its number. Left out: the next that is free, or what it has already. */
  readonly gid?: number
  /** Take the number from the range for system groups. Only looked at when the group is made. */
  readonly system?: boolean
  /**
   * Exactly these users are its members; others are taken out. Left out: members stay as they are.
   * A user whose `groups` are described cannot be listed here as well.
   */
  readonly members?: readonly string[]
}

interface GroupDesired {
  readonly gid?: number
  readonly system?: boolean
  readonly members?: readonly string[]
}

interface GroupState {
  readonly gid: number
  readonly members: readonly string[]
}

/** Describes a group: `group('www', { members: ['deploy'] })`. */
export function group(name: string, options: GroupOptions = {}): Resource {
  const { gid, system, members, ...common } = options
  return describe(groupKind, name, given({ gid, system, members }), common)
}

export const groupKind: Kind<GroupDesired, GroupState | undefined> = {
  name: 'group',
  remembers: () => ({}),
  named: account,
  user: 'root',
  fields: { gid: optional(whole), system: optional(flag), members: optional(listOf(account)) },

  claims: ({ desired, absent }) =>
    absent
      ? []
      : (desired.members ?? []).map((each) => ({ what: `groups of ${each}`, shared: true })),

  read: (resources) => sh`getent group -- ${resources.map(({ name }) => name)}; :`,

  parse(output, resources) {
    const found = new Map<string, GroupState>()
    for (const row of output.toString('utf8').split('\n')) {
      const [name, , gid, members] = row.split(':')
      if (name && gid && /^\d+$/.test(gid))
        found.set(name, { gid: Number(gid), members: (members ?? '').split(',').filter(Boolean) })
    }
    return resources.map(({ name }) => found.get(name))
  },

  diff({ desired, absent }, state, context): Difference | undefined {
    if (absent) return state && { verb: 'remove', summary: `gid ${state.gid}` }
    const { gid, members } = desired
    if (!state) {
      const facts = [
        gid === undefined ? undefined : `gid ${gid}`,
        desired.system && 'system',
        members?.length && `members ${members.join(', ')}`,
      ]
      const wanted = facts.filter(Boolean).join(', ') || 'group'
      if (context.opaque.length > 0) return unknownAfter(context, wanted)
      return { verb: 'create', summary: wanted }
    }
    const changes = [
      ...(gid !== undefined && gid !== state.gid ? [`gid ${state.gid} -> ${gid}`] : []),
      ...listChanges('member', members, state.members),
    ]
    return changes.length === 0 ? undefined : { verb: 'change', summary: changes.join(', ') }
  },

  apply: ([change]) => applyGroup(change!),

  // Of what a change may take from the login user nothing but the names is known here.
  lockOut({ name, desired, absent }, login) {
    const takes = desired.members && !desired.members.includes(login)
    const concerned = absent || name === login || desired.gid !== undefined || takes
    return concerned ? accountLockOut(login) : undefined
  },
}

/** What a list of names must gain and lose: `+member a, -member b`. */
export function listChanges(
  word: string,
  wanted: readonly string[] | undefined,
  present: readonly string[],
): string[] {
  if (!wanted) return []
  return [
    ...[...new Set(wanted)]
      .filter((each) => !present.includes(each))
      .map((each) => `+${word} ${each}`),
    ...present.filter((each) => !wanted.includes(each)).map((each) => `-${word} ${each}`),
  ]
}

function applyGroup({ resource, state }: Change<GroupDesired, GroupState | undefined>): Step {
  const { name, desired, absent } = resource
  const { gid, system, members } = desired
  if (absent) return { script: sh`groupdel -- ${name}` }
  const number = gid === undefined ? [] : ['-g', String(gid)]
  const first = state
    ? gid !== undefined && gid !== state.gid && sh`groupmod ${number} -- ${name} || exit 1`
    : sh`groupadd ${number} ${system ? sh`-r` : sh``} -- ${name} || exit 1`
  const second =
    listChanges('', members, state?.members ?? []).length > 0 &&
    sh`gpasswd -M ${members!.join(',')} ${name} || exit 1`
  return { script: lines(first, second) }
}
