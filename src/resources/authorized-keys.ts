import { createHash } from 'node:crypto'
import { Shell, lines, sh } from '../base/shell.ts'
import type { Change, Difference, Kind, Step } from '../model/kind.ts'
import { unknownAfter } from '../model/kind.ts'
import { type Common, type Resource, describe, given } from '../model/resource.ts'
import { account, check, flag, listOf, optional } from '../model/schema.ts'
import { homeLockOut } from './lock-out.ts'

/** The keys that may log in as a user: lines of `~/.ssh/authorized_keys`. */
export interface AuthorizedKeysOptions extends Common {
  /** One key each, as in a `.pub` file; options such as `from="10.0.0.0/8"` may stand before it. */
  readonly keys: readonly string[]
  /** These keys only: every other key is taken out. Default: others stay. */
  readonly exclusive?: boolean
}

interface KeysDesired {
  readonly keys: readonly string[]
  readonly exclusive?: boolean
}

interface KeysState {
  /** Undefined when there is no such user. */
  readonly home: string | undefined
  /** As `stat` prints the permissions and the owner: `700 1000`; empty when it is not there. */
  readonly folder: string
  readonly file: string
  readonly uid: string
  /** One character for each byte. */
  readonly content: string
}

/** Describes who may log in: `authorizedKeys('deploy', { keys: ['ssh-ed25519 AAAA... ann'] })`. */
export function authorizedKeys(user: string, options: AuthorizedKeysOptions): Resource {
  const { keys, exclusive, ...common } = options
  return describe(authorizedKeysKind, user, given({ keys, exclusive }), common)
}

/** The key itself within a line, without options and comment: what makes two lines the same key. */
const keyPattern =
  /(?:^|\s)((?:ssh-|ecdsa-|sk-ssh-|sk-ecdsa-)[\w@.-]+[ \t]+[A-Za-z0-9+/]{16,}={0,3})(?=\s|$)/

export const authorizedKeysKind: Kind<KeysDesired, KeysState> = {
  name: 'authorized-keys',
  remembers: ({ desired }) => ({ keys: desired.keys }),
  leavesBefore: ['user'],
  named: account,
  user: 'root',
  fields: {
    keys: listOf(
      check(
        "one public key as in a .pub file: 'ssh-ed25519 AAAA... name'",
        (value) =>
          typeof value === 'string' &&
          /^[^#\n\r\0][^\n\r\0]*$/.test(value) &&
          keyPattern.test(value),
      ),
    ),
    exclusive: optional(flag),
  },

  claims: ({ name }) => [{ what: `path ~${name}/.ssh/authorized_keys` }],

  read: (resources) =>
    lines(
      asUser,
      sh`rows=$(getent passwd -- ${resources.map(({ name }) => name)})`,
      asRoot,
      sh`[ -z "$rows" ] || while IFS=: read -r name _ uid gid _ home _; do
  printf '%s\t%s\t%s\t' "$name" "$uid" "$home"
  case $name in
  ${resources.map((each) => sh`${each.name}) want=${sha256(expected(each))};;`).reduce((all, each) => sh`${all} ${each}`, sh``)}
  esac
  if same "$home" "$uid" "$want"; then printf '700 %s\t600 %s\t=\n' "$uid" "$uid"
  else as "$uid" "$gid" sh -c ${look} sh "$home" 2>/dev/null </dev/null || printf '\t\t\n'; fi
done <<END
$rows
END`,
    ),

  parse(output, resources) {
    const rows = output
      .toString('utf8')
      .split('\n')
      .map((row) => row.split('\t'))
    return resources.map((resource) => {
      const { name } = resource
      const row = rows.find((each) => each[0] === name && each.length === 6)
      const [, uid = '', home, folder = '', file = '', content = ''] = row ?? []
      const text = content === '=' ? expected(resource) : Buffer.from(content, 'base64')
      return { home, uid, folder, file, content: text.toString('latin1') }
    })
  },

  diff(resource, state, context): Difference | undefined {
    const { name, desired, absent } = resource
    // Nobody logs in as a user who is gone.
    if (absent && context.earlier.get(`user:${name}`)?.verb === 'remove') return undefined
    const before = state.content
    const after = afterwards(resource, before)
    if (state.home === undefined) {
      if (absent) return undefined
      const user = context.earlier.get(`user:${name}`)
      const wanted = keyChanges('', after).join(', ') || 'no keys'
      if (context.opaque.length > 0 && user?.verb !== 'create') return unknownAfter(context, wanted)
      return user
        ? { verb: 'create', summary: wanted, text: { before: '', after: show(after) } }
        : { verb: 'create', summary: `${wanted}, but there is no user ${name}` }
    }
    if (absent && before === after) return undefined
    const missing = state.file === '' && desired.keys.length === 0 ? ['no keys'] : []
    const changes = [...keyChanges(before, after), ...permissionChanges(state), ...missing]
    if (changes.length === 0 && before === after) return undefined
    const verb = absent ? 'remove' : state.file === '' ? 'create' : 'change'
    const text = { before: show(before), after: show(after) }
    return {
      verb,
      summary: changes.join(', ') || 'other lines',
      ...(before === after ? {} : { text }),
    }
  },

  apply: ([change]) => applyKeys(change!),

  lockOut: ({ name }, login) => (name === login ? homeLockOut(login) : undefined),
}

// Whatever is done in a home is done as the user whose home it is: a link that the user puts in
// the way then leads nowhere that the user could not go without us.
const asUser = Shell.literal(`as() {
  uid=$1 gid=$2
  shift 2
  if [ "$(id -u)" = "$uid" ]; then "$@"; else setpriv --reuid "$uid" --regid "$gid" --init-groups -- "$@"; fi
}`)

// The usual case in a few processes for all homes: root compares, and learns nothing but whether a
// file is the very one that is wanted. Whatever is not is looked at as the user.
const asRoot = Shell.literal(`set --
while IFS=: read -r _ _ _ _ _ home _; do set -- "$@" "$home/.ssh" "$home/.ssh/authorized_keys"; done <<END
$rows
END
seen=$(stat -c '%F %a %u %n' -- "$@" 2>/dev/null)
line() { case "
$seen
" in *"
$1
"*) ;; *) false;; esac; }
# What would never end, such as a pipe, is not read to its end.
set --
while IFS=: read -r _ _ uid _ _ home _; do
  file=$home/.ssh/authorized_keys
  if line "regular file 600 $uid $file"; then set -- "$@" "$file"; fi
done <<END
$rows
END
[ "$#" = 0 ] || seen="$seen
$(timeout 10 sha256sum -- "$@" 2>/dev/null)"
same() { line "directory 700 $2 $1/.ssh" && line "regular file 600 $2 $1/.ssh/authorized_keys" && line "$3  $1/.ssh/authorized_keys"; }`)

/** Run as the user with the home as $1; prints one line. */
const look = `cd "$1/.ssh" 2>/dev/null || { printf '\\t\\t\\n'; exit 0; }
folder=$(stat -c '%a %u' .)
if [ -L authorized_keys ]; then file=link
elif [ -e authorized_keys ] && [ ! -f authorized_keys ]; then file=other
else file=$(stat -c '%a %u' authorized_keys 2>/dev/null)
fi
printf '%s\\t%s\\t' "$folder" "$file"
[ ! -f authorized_keys ] || base64 -w 0 <authorized_keys
echo`

/** Run as the user with the home as $1, the hash of the content that was read as $2. */
const write = `cd "$1" && mkdir -p .ssh && chmod 0700 .ssh && cd .ssh || exit 1
[ -L authorized_keys ] || [ ! -d authorized_keys ] || { echo 'there is a directory in its place'; exit 1; }
now=$({ [ ! -f authorized_keys ] || cat authorized_keys; } 2>/dev/null | sha256sum)
[ "\${now%% *}" = "$2" ] || { echo 'the keys changed since they were read; run again'; exit 1; }
new=$(mktemp ./.fettle.XXXXXXXX) || exit 1
trap 'rm -f "$new"' EXIT
cat >"$new" && chmod 0600 "$new" && mv -fT "$new" authorized_keys`

function applyKeys({ resource, state }: Change<KeysDesired, KeysState>): Step {
  const { name } = resource
  const read = sha256(Buffer.from(state.content, 'latin1'))
  return {
    script: lines(
      asUser,
      sh`row=$(getent passwd -- ${name}) || { printf 'there is no user %s\n' ${name}; exit 1; }
IFS=: read -r _ _ uid gid _ home _ <<END
$row
END
[ -d "$home" ] || { printf 'the home of %s, %s, is not there\n' ${name} "$home"; exit 1; }
ssh=$home/.ssh
# Where the user may not write nobody can put a link in the way, so root may make the folder.
if [ ! -e "$ssh" ] && [ ! -L "$ssh" ] && ! as "$uid" "$gid" test -w "$home"; then
  mkdir -m 0700 -- "$ssh" || exit 1
fi
if [ -d "$ssh" ] && [ ! -L "$ssh" ] && [ "$(stat -c %u -- "$ssh")" != "$uid" ]; then
  chown -h -- "$uid:$gid" "$ssh" || exit 1
fi
as "$uid" "$gid" sh -c ${write} sh "$home" ${read}`,
    ),
    input: Buffer.from(afterwards(resource, state.content), 'latin1'),
  }
}

/** The file where nothing but the described keys is in it. */
function expected({ desired }: Resource<KeysDesired>): Buffer {
  return Buffer.from(afterwards({ desired, absent: false }, ''), 'latin1')
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

function permissionChanges({ uid, folder, file }: KeysState): string[] {
  const differs = (what: string, found: string, mode: string): string[] => {
    if (found === '' || found === `${mode} ${uid}`) return []
    const [foundMode = '', owner] = found.split(' ')
    if (found === 'link' || found === 'other') return [`${found} -> file`]
    return [
      ...(foundMode === mode ? [] : [`${what} mode ${foundMode.padStart(4, '0')} -> 0${mode}`]),
      ...(owner === uid ? [] : [`${what} owner ${owner} -> ${uid}`]),
    ]
  }
  return [...differs('.ssh', folder, '700'), ...differs('authorized_keys', file, '600')]
}

/** What the file holds when it is as described; the very same text when it is so already. */
function afterwards(
  { desired, absent }: Pick<Resource<KeysDesired>, 'desired' | 'absent'>,
  before: string,
): string {
  const latin1 = (key: string): string => Buffer.from(key.trim()).toString('latin1')
  const wanted = new Map(desired.keys.map((each) => [identity(latin1(each)), latin1(each)]))
  const missing = new Map(wanted)
  const present = linesOf(before)
  const kept = present.flatMap((line) => {
    const key = identity(line)
    if (key === undefined || !wanted.has(key)) {
      const other = /^\s*[^#\s]/.test(line)
      return desired.exclusive && !absent && other ? [] : [line]
    }
    const first = missing.delete(key)
    return first && !absent ? [wanted.get(key)!] : []
  })
  const all = absent ? kept : [...kept, ...missing.values()]
  return all.join('\n') === present.join('\n') ? before : all.map((each) => `${each}\n`).join('')
}

function identity(line: string): string | undefined {
  if (/^\s*#/.test(line)) return undefined
  return keyPattern.exec(line)?.[1]?.replace(/\s+/, ' ')
}

/** `+ann -bob ~eve`: which keys come, go, or get another comment or options. */
function keyChanges(before: string, after: string): string[] {
  const byKey = (text: string): Map<string, string> =>
    new Map(linesOf(text).flatMap((line) => (identity(line) ? [[identity(line)!, line]] : [])))
  const old = byKey(before)
  const fresh = byKey(after)
  return [
    ...[...fresh].filter(([key]) => !old.has(key)).map(([, line]) => `+${nameOf(line)}`),
    ...[...old].filter(([key]) => !fresh.has(key)).map(([, line]) => `-${nameOf(line)}`),
    ...[...fresh]
      .filter(([key, line]) => old.has(key) && old.get(key) !== line)
      .map(([, line]) => `~${nameOf(line)}`),
  ]
}

/** The comment of a key, else the end of the key. */
function nameOf(line: string): string {
  const found = keyPattern.exec(line)!
  const comment = line.slice(found.index + found[0].length).trim()
  return comment ? show(comment) : `...${found[1]!.slice(-12)}`
}

const linesOf = (text: string): string[] => (text === '' ? [] : text.replace(/\n$/, '').split('\n'))

const show = (latin1: string): string => Buffer.from(latin1, 'latin1').toString('utf8')
