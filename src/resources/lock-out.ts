import { Shell, lines, sh } from '../base/shell.ts'
import type { LockOut } from '../model/kind.ts'

/**
 * How a change at a path may lock this login out of the host; undefined: it cannot. `paths` holds
 * no more than the path itself, so that nothing else is put back that changed in the meantime.
 */
export function lockOutOf(path: string, login: string): LockOut | undefined {
  const home = homeOf(login)
  const ssh = `${home}/.ssh`
  if (isWithin(path, ssh)) return { ...homeLockOut(login), paths: [path] }
  const found = guarded.find(({ roots, pattern }) =>
    roots ? roots.some((root) => isWithin(path, root)) : pattern.test(path),
  )
  if (found) return { paths: [path], ...found.answer }
  const above = [home, ...guarded.flatMap(({ roots }) => roots ?? [])]
  if (!above.some((each) => isWithin(each, path))) return undefined
  return isWithin(home, path) ? homeLockOut(login) : ownershipLockOut(path)
}

/** Who may log in as this user, by key: sshd also looks at who owns the home and may write to it. */
export function homeLockOut(login: string): LockOut {
  const home = homeOf(login)
  return {
    paths: [],
    // Where the home is today, which need not be where homes usually are; parents come first.
    save: lines(
      sh`home=$(getent passwd -- ${login} | cut -d: -f6); home=$(readlink -f -- "$home")`,
      sh`[ -n "$home" ] || home=${home}`,
      Shell.literal(`each=$home
set --
while [ -n "$each" ]; do set -- ".$each" "$@"; each=\${each%/*}; done
[ ! -e "$home/.ssh" ] || set -- "$@" --recursion ".$home/.ssh"
cd / && tar --no-recursion -cf - ./ "$@" 2>/dev/null | base64 -w 0`),
    ),
    restore: unpack,
  }
}

/** A user or a group: what says who may log in and who may become root. */
export function accountLockOut(login: string): LockOut {
  return {
    ...homeLockOut(login),
    paths: ['/etc/passwd', '/etc/shadow', '/etc/group', '/etc/gshadow'],
  }
}

/** A unit through which one logs in, or without which there is no network. */
export function serviceLockOut(name: string): LockOut | undefined {
  const family = families.find(({ units }) =>
    units.includes(/\.(service|socket)$/.test(name) ? name : `${name}.service`),
  )
  if (!family) return undefined
  const { units, rules } = family
  return {
    paths: [],
    save: lines(
      // An alias, as sshd is of ssh on Debian, is another name for a unit that is listed itself.
      sh`for unit in ${units}; do
  state=$(systemctl show -p Id,LoadState,ActiveState,UnitFileState -- "$unit")
  case $state in
  *Id="$unit"*LoadState=not-found*|*LoadState=not-found*Id="$unit"*) ;;
  *Id="$unit"*) echo "$unit active=$(echo "$state" | sed -n s/^ActiveState=//p) file=$(echo "$state" | sed -n s/^UnitFileState=//p)";;
  esac
done
echo`,
      rules && firewallRules.save,
    ),
    restore: lines(restoreUnits, rules && firewallRules.restore),
  }
}

/**
 * The rules in the kernel, a line for each table, so that each is put back by itself. Tables of
 * `iptables` cannot be read back by nft and are left alone.
 */
export const firewallRules: { readonly save: Shell; readonly restore: Shell } = {
  save: Shell.literal(`if command -v nft >/dev/null; then nft list tables | while read -r _ family name; do
  rules=$(nft list table "$family" "$name") || continue
  case $rules in *' xt '[mt]a*) rules=;; esac
  printf '%s %s %s\\n' "$family" "$name" "$(printf %s "$rules" | base64 -w 0)"
done; fi`),
  restore: Shell.literal(`saved=$(cat)
if command -v nft >/dev/null; then
  nft list tables | while read -r _ family name; do
    case "
$saved" in *"
$family $name "*) ;; *)
      case $(nft list table "$family" "$name") in *' xt '[mt]a*) ;; *) nft delete table "$family" "$name";; esac;;
    esac
  done
  printf '%s\\n' "$saved" | while read -r family name rules; do
    [ -z "$rules" ] || { echo "table $family $name"; echo "delete table $family $name"; printf %s "$rules" | base64 -d; } | nft -f -
  done
fi`),
}

const homeOf = (login: string): string => (login === 'root' ? '/root' : `/home/${login}`)

const isWithin = (path: string, root: string): boolean =>
  path === root || path.startsWith(root === '/' ? '/' : `${root}/`)

/** A directory above something that counts: only who owns it and who may enter it. */
function ownershipLockOut(path: string): LockOut {
  return {
    paths: [],
    save: sh`cd / && tar --no-recursion -cf - -- ${`.${path}`} 2>/dev/null | base64 -w 0`,
    restore: unpack,
  }
}

// Root's tar gives a directory that is there its owner and permissions back too.
const unpack = Shell.literal('base64 -d | tar -C / -xpPf -')

/** With a socket, systemd listens in its place, on Ubuntu where sshd's settings say. */
const sshAgain = Shell.literal(`if systemctl -q is-active ssh.socket; then
  systemctl daemon-reload
  systemctl restart ssh.socket
  systemctl try-reload-or-restart ssh.service
else
  for unit in ssh sshd; do
    ! systemctl -q cat -- "$unit" >/dev/null 2>&1 || { systemctl reset-failed -- "$unit" 2>/dev/null; systemctl reload-or-restart -- "$unit"; break; }
  done
fi`)

/** Makes what is configured hold again, of a unit that is started at boot. */
const again = (unit: string, command: string): Shell =>
  Shell.literal(`! systemctl -q is-enabled ${unit} 2>/dev/null || ${command}`)

interface Guarded {
  /** Everything at and below these. */
  readonly roots?: readonly string[]
  readonly pattern: RegExp
  readonly answer: Partial<LockOut>
}

const nothing = /(?!)/

const guarded: readonly Guarded[] = [
  { roots: ['/etc/ssh', '/etc/default/ssh'], pattern: nothing, answer: { restore: sshAgain } },
  {
    pattern: /^\/(etc|usr\/local\/lib)\/systemd\/system\/sshd?(@?\.service|\.socket)(\.d)?(\/|$)/,
    answer: { restore: lines(sh`systemctl daemon-reload`, sshAgain) },
  },
  {
    roots: [
      '/etc/sudoers',
      '/etc/sudoers.d',
      '/etc/pam.d',
      '/etc/security',
      '/etc/nsswitch.conf',
      '/etc/hosts.allow',
      '/etc/hosts.deny',
      '/etc/passwd',
      '/etc/shadow',
      '/etc/group',
      '/etc/gshadow',
      '/etc/nologin',
      '/run/nologin',
    ],
    pattern: nothing,
    answer: {},
  },
  { roots: ['/etc/nftables.conf', '/etc/nftables.d'], pattern: nothing, answer: firewallRules },
  {
    roots: ['/etc/iptables'],
    pattern: nothing,
    answer: { restore: again('netfilter-persistent', 'netfilter-persistent start') },
  },
  {
    roots: ['/etc/ufw', '/etc/default/ufw'],
    pattern: nothing,
    answer: { restore: again('ufw', 'ufw reload') },
  },
  {
    roots: ['/etc/network'],
    pattern: nothing,
    answer: { restore: again('networking', 'systemctl restart networking') },
  },
  {
    roots: ['/etc/netplan'],
    pattern: nothing,
    answer: { restore: sh`! command -v netplan >/dev/null || netplan apply` },
  },
  {
    roots: ['/etc/systemd/network', '/etc/systemd/networkd.conf'],
    pattern: nothing,
    answer: {
      restore: again(
        'systemd-networkd',
        '{ networkctl reload && systemctl -q is-active systemd-networkd || systemctl restart systemd-networkd; }',
      ),
    },
  },
  {
    roots: ['/etc/NetworkManager'],
    pattern: nothing,
    answer: { restore: again('NetworkManager', 'systemctl restart NetworkManager') },
  },
]

/** Units that exclude each other are put back together. */
const families: readonly { readonly units: readonly string[]; readonly rules?: true }[] = [
  { units: ['ssh.service', 'sshd.service', 'ssh.socket', 'sshd.socket'] },
  ...['nftables', 'netfilter-persistent', 'iptables', 'ufw', 'firewalld'].map((unit) => ({
    units: [`${unit}.service`],
    rules: true as const,
  })),
  ...['networking', 'systemd-networkd', 'NetworkManager', 'wpa_supplicant'].map((unit) => ({
    units: [`${unit}.service`],
  })),
]

/** Stops come first: one of two units that exclude each other may hold the port. */
const restoreUnits = Shell.literal(`units=
while read -r unit active file && [ -n "$unit" ]; do units="$units$unit $active $file
"; done
each() {
  printf %s "$units" | while read -r unit active file; do
    case $1/$active/$file in
    stop/active=active/*|stop/active=reloading/*|stop/active=activating/*) ;;
    stop/*) systemctl stop -- "$unit";;
    file/*/file=masked*) systemctl mask -- "$unit";;
    file/*/file=enabled) systemctl unmask -- "$unit"; systemctl enable -- "$unit";;
    file/*/file=disabled) systemctl unmask -- "$unit"; systemctl disable -- "$unit";;
    file/*) systemctl unmask -- "$unit";;
    start/active=active/*|start/active=reloading/*|start/active=activating/*) systemctl reset-failed -- "$unit"; systemctl start -- "$unit";;
    esac
  done
}
each stop; each file; each start`)
