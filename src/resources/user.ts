import { createHash } from 'node:crypto'
import { Secret } from '../base/secret.ts'
import { Shell, lines, sh } from '../base/shell.ts'
import type { Change, Context, Difference, Kind, Step } from '../model/kind.ts'
import { unknownAfter } from '../model/kind.ts'
import { type Common, type Resource, describe, given } from '../model/resource.ts'
import { account, check, flag, listOf, optional, path, whole } from '../model/schema.ts'
import { listChanges } from './group.ts'
import { accountLockOut } from './lock-out.ts'

/** A user account. What is left out is left as it is, or as useradd makes it. */
export interface UserOptions extends Common {
  /** Its number. Left out: the next that is free, or what it has already. */
  readonly uid?: number
  /** The primary group, which must exist. Left out: a group of the user's own name. */
  readonly group?: string
  /**
   * The further groups, which must exist: exactly these, the user is taken out of all others.
   * Left out: they stay as they are.
   */
  readonly groups?: readonly string[]
  /** Only add to `groups`, and leave the user in the groups that are not listed. */
  readonly keepGroups?: boolean
  /** The home directory's path. An existing one is moved there. */
  readonly home?: string
  /** Make the home directory when it is missing. Default: true, but false for system users. */
  readonly createHome?: boolean
  /** The login shell, such as `/bin/bash`; `/usr/sbin/nologin` for none. */
  readonly shell?: string
  /** The full name or a few words. */
  readonly comment?: string
  /** Take the number from the range for system users. Only looked at when the user is made. */
  readonly system?: boolean
  /** The password as a crypt hash, as `openssl passwd -6` prints it. It is never shown. */
  readonly password?: string | Secret
  /** True: no login at all, by key or password. False: such a lock is lifted. Left out: as it is. */
  readonly locked?: boolean
  /** For `absent(...)`: remove the home directory and the mail as well. */
  readonly removeHome?: boolean
}

type UserDesired = Omit<UserOptions, keyof Common | 'password'> & { readonly password?: Secret }

interface UserState {
  readonly uid: number
  readonly group: string
  readonly groups: readonly string[]
  readonly comment: string
  readonly home: string
  readonly homeThere: boolean
  readonly shell: string
  /** `half`: a password behind a lock, or an account that has ended, but not both. */
  readonly lock: 'open' | 'half' | 'locked'
  /** A lock stands before the password. */
  readonly passwordLocked: boolean
  /** Of the crypt hash, in hex: the crypt hash itself never leaves the host. */
  readonly passwordHash: string | undefined
}

/** Describes a user: `user('deploy', { shell: '/bin/bash', groups: ['www-data'] })`. */
export function user(name: string, options: UserOptions = {}): Resource {
  const { after, notify, user: by, password, ...fields } = options
  const hidden =
    typeof password === 'string' ? new Secret(`password of ${name}`, password) : password
  const desired = given({ ...fields, password: hidden }) as UserDesired
  return describe(userKind, name, desired, given({ after, notify, user: by }))
}

const field = (what: string, pattern: RegExp): ReturnType<typeof check> =>
  check(what, (value) => typeof value === 'string' && pattern.test(value))

export const userKind: Kind<UserDesired, UserState | undefined> = {
  name: 'user',
  remembers: ({ desired: { removeHome } }) => given({ removeHome }),
  named: account,
  user: 'root',
  fields: {
    uid: optional(whole),
    group: optional(account),
    groups: optional(listOf(account)),
    keepGroups: optional(flag),
    home: optional((value) => path(value) ?? field("a path without ':'", /^[^:\n]*$/)(value)),
    createHome: optional(flag),
    shell: optional((value) => path(value) ?? field("a path without ':'", /^[^:\n]*$/)(value)),
    comment: optional(field("one line without ':'", /^[^:\n\0]*$/)),
    system: optional(flag),
    password: optional(
      check(
        'a crypt hash such as `openssl passwd -6` prints',
        (value) => value instanceof Secret && /^\$[\w-]+\$[^:\s]+$/.test(value.reveal()),
      ),
    ),
    locked: optional(flag),
    removeHome: optional(flag),
  },

  claims: ({ name, desired, absent }) =>
    desired.groups && !desired.keepGroups && !absent ? [{ what: `groups of ${name}` }] : [],

  read(resources) {
    const names = resources.map(({ name }) => name)
    const withPassword = resources.filter(({ desired }) => desired.password).map(({ name }) => name)
    return sh`today= hashed=${` ${withPassword.join(' ')} `}
getent passwd -- ${names} | while IFS= read -r row; do
  home=${Shell.literal('${row%:*}')}; home=${Shell.literal('${home##*:}')}
  [ -d "$home" ] && printf 'user:there:' || printf 'user:missing:'
  printf '%s\n' "$row"
done
getent group | while IFS= read -r row; do printf 'group:%s\n' "$row"; done
getent shadow -- ${names} 2>/dev/null | while IFS=: read -r name hash _ _ _ _ _ end _; do
  printf 'shadow:%s:' "$name"
  case $hash in '!*' | '!' | '*' | '!!') printf none: ;; '!'*) printf locked: ;; *) printf open: ;; esac
  [ -z "$end" ] || [ -n "$today" ] || today=$(( $(date +%s) / 86400 ))
  [ -n "$end" ] && [ "$end" -le "$today" ] && printf ended: || printf valid:
  case $hashed in
    *" $name "*) hash=$(printf %s "${Shell.literal('${hash#!}')}" | sha256sum); echo "${Shell.literal('${hash%% *}')}" ;;
    *) echo ;;
  esac
done
:`
  },

  parse: parseUsers,

  diff({ desired, absent }, state, context) {
    if (absent) return state && removal(desired, state, context)
    if (!state) return creation(desired, context)
    const changes = differences(desired, state).map(({ words }) => words)
    return changes.length === 0 ? undefined : { verb: 'change', summary: changes.join(', ') }
  },

  apply: ([change]) => applyUser(change!),

  lockOut: ({ name }, login) => (name === login ? accountLockOut(login) : undefined),
}

function parseUsers(output: Buffer, resources: readonly { readonly name: string }[]) {
  const rows = output
    .toString('utf8')
    .split('\n')
    .map((row) => row.split(':'))
  const groups = rows.filter((row) => row[0] === 'group')
  return resources.map(({ name }): UserState | undefined => {
    const row = rows.find((each) => each[0] === 'user' && each[2] === name)
    if (!row) return undefined
    const [, there, , , uid, gid, comment = '', home = '', shell = ''] = row
    const [, , password, end, hash] =
      rows.find((each) => each[0] === 'shadow' && each[1] === name) ?? []
    const shut = Number(password === 'locked' || password === 'none') + Number(end === 'ended')
    return {
      uid: Number(uid),
      group: groups.find((each) => each[3] === gid)?.[1] ?? gid ?? '',
      groups: groups
        .filter((each) => (each[4] ?? '').split(',').includes(name))
        .map((each) => each[1] ?? ''),
      comment,
      home,
      homeThere: there === 'there',
      shell,
      lock: shut === 2 ? 'locked' : end === 'ended' || password === 'locked' ? 'half' : 'open',
      passwordLocked: password === 'locked',
      passwordHash: hash || undefined,
    }
  })
}

function creation(desired: UserDesired, context: Context): Difference {
  const { uid, group, groups, home, shell, comment } = desired
  const facts = [
    uid === undefined ? undefined : `uid ${uid}`,
    desired.system && 'system',
    group && `group ${group}`,
    groups?.length && `groups ${groups.join(', ')}`,
    home && `home ${home}`,
    !makesHome(desired, undefined) && 'no home directory made',
    shell && `shell ${shell}`,
    comment && `comment ${comment}`,
    desired.password && 'password',
    desired.locked && 'locked',
  ]
  const wanted = facts.filter(Boolean).join(', ') || 'user'
  if (context.opaque.length > 0) return unknownAfter(context, wanted)
  return { verb: 'create', summary: wanted }
}

function removal(
  { removeHome }: UserDesired,
  { uid, home }: UserState,
  { earlier }: Context,
): Difference {
  const goes = earlier.get(`directory:${home}`)?.verb === 'remove'
  const rest = removeHome ? `, with its home ${home}` : goes ? '' : `, its home ${home} stays`
  return { verb: 'remove', summary: `uid ${uid}${rest}` }
}

/** Ordinary users have a home unless it says otherwise; those of the system only where it says so. */
function makesHome({ createHome, system }: UserDesired, state: UserState | undefined): boolean {
  return createHome ?? (state ? state.uid >= 1000 && state.uid < 60_000 : !system)
}

/** Each difference in words, and the arguments for usermod that settle it, if any do. */
function differences(
  desired: UserDesired,
  state: UserState,
): { words: string; mod?: readonly string[] }[] {
  const plain = (word: 'uid' | 'group' | 'shell' | 'comment', option: string) => {
    const wanted = desired[word]
    return wanted === undefined || wanted === state[word]
      ? []
      : [{ words: `${word} ${state[word]} -> ${wanted}`, mod: [option, String(wanted)] }]
  }
  const { home = state.home, groups, keepGroups } = desired
  const makes = makesHome(desired, state)
  const moves = home !== state.home
  const kept = keepGroups ? [...(groups ?? []), ...state.groups] : groups
  const changes = listChanges('group', kept, state.groups)
  return [
    ...plain('uid', '-u'),
    ...plain('group', '-g'),
    ...(changes.length > 0
      ? [{ words: changes.join(', '), mod: ['-G', [...new Set(kept)].join(',')] }]
      : []),
    ...(moves
      ? [
          {
            words: `home ${state.home} -> ${home}`,
            mod: ['-d', home, ...(makes && state.homeThere ? ['-m'] : [])],
          },
        ]
      : []),
    ...(makes && !state.homeThere ? [{ words: `home directory ${home} missing` }] : []),
    ...plain('shell', '-s'),
    ...plain('comment', '-c'),
    ...(passwordDiffers(desired, state) ? [{ words: 'password' }] : []),
    ...(desired.locked === true && state.lock !== 'locked' ? [{ words: 'locked' }] : []),
    ...(desired.locked === false && state.lock !== 'open' ? [{ words: 'unlocked' }] : []),
  ]
}

function passwordDiffers({ password, locked }: UserDesired, state: UserState): boolean {
  if (!password) return false
  const hash = createHash('sha256').update(password.reveal()).digest('hex')
  return hash !== state.passwordHash || (locked === undefined && state.passwordLocked)
}

function applyUser({ resource, state }: Change<UserDesired, UserState | undefined>): Step {
  const { name, desired, absent } = resource
  if (absent)
    return { script: sh`userdel ${desired.removeHome ? sh`-r` : sh``} -- ${name} </dev/null` }
  const { password, locked } = desired
  const sets = password !== undefined && (!state || passwordDiffers(desired, state))
  return {
    script: lines(
      state ? modify(name, desired, state) : create(name, desired),
      makesHome(desired, state) && makeHome(name),
      sets && sh`chpasswd -e || exit 1`,
      locked === true && sh`usermod -L -e 1 -- ${name} </dev/null || exit 1`,
      locked === false && state && state.lock !== 'open' && unlock(name, state, sets),
    ),
    input: sets ? `${name}:${password}\n` : undefined,
  }
}

function create(name: string, desired: UserDesired): Shell {
  const { uid, group, groups, home, shell, comment } = desired
  const words = [
    ...(desired.system ? ['-r'] : []),
    ...(uid === undefined ? [] : ['-u', String(uid)]),
    ...(groups?.length ? ['-G', groups.join(',')] : []),
    ...(home === undefined ? [] : ['-d', home]),
    ...(shell === undefined ? [] : ['-s', shell]),
    ...(comment === undefined ? [] : ['-c', comment]),
    makesHome(desired, undefined) ? '-m' : '-M',
  ]
  // A group of the same name that is there already becomes the user's own.
  const own =
    group === undefined
      ? sh`set --; getent group -- ${name} >/dev/null && set -- -g ${name}`
      : sh`set -- -g ${group}`
  return lines(own, sh`useradd "$@" ${words} -- ${name} </dev/null || exit 1`)
}

function modify(name: string, desired: UserDesired, state: UserState): Shell | undefined {
  const words = differences(desired, state).flatMap(({ mod }) => mod ?? [])
  return words.length === 0 ? undefined : sh`usermod ${words} -- ${name} </dev/null || exit 1`
}

/** Makes the home that the account names from the skeleton, in one rename, if it is missing. */
function makeHome(name: string): Shell {
  return sh`home=$(getent passwd -- ${name} | cut -d: -f6)
if [ ! -d "$home" ]; then
  mode=$(sed -n 's/^HOME_MODE[[:space:]]*//p' /etc/login.defs)
  [ -d /etc/skel ] && from=/etc/skel || from=$(mktemp -d)
  new=$home.fettle
  mkdir -p -- "${Shell.literal('${home%/*}')}/" && rm -rf -- "$new" && cp -aT -- "$from" "$new" &&
    chown -Rh -- ${`${name}:`} "$new" && chmod -- "${Shell.literal('${mode:-0755}')}" "$new" && mv -T -- "$new" "$home" || exit 1
fi`
}

/** A password that was just set has no lock before it any more. */
function unlock(name: string, state: UserState, fresh: boolean): Shell {
  const words = state.passwordLocked && !fresh ? ['-U', '-e', ''] : ['-e', '']
  return sh`usermod ${words} -- ${name} </dev/null || exit 1`
}
