import { Shell, sh } from '../base/shell.ts'

/** Longer files are left out. Bytes. */
export const longestFile: number = 256 * 1024

/** Where things that were made by hand are looked for. */
const roots = [
  '/etc',
  '/usr/local/bin',
  '/usr/local/sbin',
  '/usr/local/etc',
  '/usr/share/keyrings',
  '/var/spool/cron/crontabs',
]

/** What programs make there by themselves, and too much of it to be listed. */
const pruned = [
  '/etc/alternatives',
  '/etc/ssl/certs',
  '/etc/rc?.d',
  '/etc/systemd/*/*.wants',
  '/etc/systemd/*/*.requires',
]

/** What only root may read, and is no secret all the same. */
export const openToUs: readonly string[] = [
  '/etc/sudoers',
  '/etc/sudoers.d/*',
  '/etc/ufw/*',
  '/etc/iptables/rules.*',
  '/etc/nftables*',
  '/var/spool/cron/crontabs/*',
]

const cases = (patterns: readonly string[]): Shell => Shell.literal(patterns.join(' | '))

/**
 * Prints what a host is, in sections. It changes nothing; what others may not read, it does not read
 * either, except for the few files that are known to hold no secrets.
 */
export const inventoryScript: Shell = sh`exec 2>/dev/null
section() { printf '\\n==fettle== %s\\n' "$1"; }
lists() { cat /var/lib/dpkg/info/*.list; }
# Configuration with its checksums, of packages that are installed: dpkg's own, and ucf's.
conffiles() {
  dpkg-query -W -f ${'${db:Status-Status}\\n${Conffiles}\\n'} |
    awk '/^[^ ]/ { there = $1 == "installed" } /^ / && there && NF == 2 && length($2) == 32 { print $2 "  " $1 }'
  cat /var/lib/ucf/hashfile
}

section packages
dpkg-query -W -f ${'${Package}\\t${db:Status-Status}\\t${Priority}\\t${Section}\\t${Pre-Depends}, ${Depends}\\t${Provides}\\n'}
section manual
apt-mark showmanual
section held
apt-mark showhold
section fetchable
apt-mark showmanual | xargs -r apt-cache policy | awk '/^[^ ]/ { name = substr($1, 1, length($1) - 1) } /^ +-?[0-9]+ [a-z]+:/ { print name }' | sort -u
section conffiles
conffiles | md5sum -c | grep -v ': OK$'
section verify
dpkg --verify | grep '^..5' | grep -v '^[^ ]* c '

all=$(find ${roots} -xdev \\( ${pruned
  .map((path) => sh`-path ${path} -o `)
  .reduce(
    (all, each) => sh`${all}${each}`,
    sh``,
  )}-false \\) -prune -o \\( -type f -o -type l -o -type d \\) ! -name '*[[:cntrl:]]*' -printf ${'%y\\t%m\\t%u\\t%g\\t%s\\t%l\\t%p\\n'})
unowned=$({ lists; echo ----; printf '%s\\n' "$all"; } | awk -F '\\t' '!told { if ($0 == "----") told = 1; else owned[$0] = 1; next } !($7 in owned)')
section unowned
printf '%s\\n' "$unowned"
section owned
printf '%s\\n' "$all"
section sums
printf '%s\\n' "$unowned" | awk -F '\\t' '$1 == "f" { print $7 }' | tr '\\n' '\\0' | xargs -0r md5sum
section stock
{ printf '%s\\n' "$unowned"; echo ----; lists | grep -E '^/usr/(share|lib)/' | grep -v '^/usr/share/doc/'; } |
  awk -F '\\t' '!told { if ($0 == "----") told = 1; else { n = split($7, part, "/"); if ($1 == "f") name[part[n]] = 1 }; next } { n = split($0, part, "/"); if (part[n] in name) print }' |
  tr '\\n' '\\0' | xargs -0r md5sum
section ucf
cat /var/lib/ucf/hashfile

section contents
changed=$(conffiles | md5sum -c | sed -n 's/: FAILED$//p')
{ printf '%s\\n' "$unowned" | awk -F '\\t' '$1 == "f" { print $7 }'; printf '%s\\n' "$changed"; } | sort -u | while IFS= read -r path; do
  [ -f "$path" ] && [ ! -L "$path" ] || continue
  case $path in
    ${cases(openToUs)}) ;;
    *) [ -n "$(find "$path" -maxdepth 0 -perm -004)" ] || continue ;;
  esac
  [ "$(stat -c %s -- "$path")" -le ${longestFile} ] || continue
  printf '%s\\t' "$path"
  base64 -w 0 -- "$path"
  echo
done

section passwd
cat /etc/passwd
section group
cat /etc/group
section shadow
awk -F: '{ kind = $2 == "" ? "empty" : $2 ~ /^[!*]+$/ ? "none" : $2 ~ /^!/ ? "locked" : "set"; print $1 ":" kind ":" ($8 == "" ? "" : "ended") }' /etc/shadow
section known
cut -d : -f 1 /usr/share/base-passwd/passwd.master /usr/share/base-passwd/group.master
{ cut -d : -f 1,3 /etc/passwd; cut -d : -f 1,3 /etc/group; } | sort -u | while IFS=: read -r name id; do
  [ "$id" -ge 100 ] && [ "$id" -lt 1000 ] || continue
  grep -lqswF -- "$name" /var/lib/dpkg/info/*inst /usr/lib/sysusers.d/*.conf && printf '%s\\n' "$name"
done
section homes
while IFS=: read -r name _ _ _ _ home _; do
  [ -d "$home" ] || continue
  printf '%s\\t%s\\t' "$name" "$(stat -c '%a %U' -- "$home")"
  keys=$home/.ssh/authorized_keys
  [ ! -L "$home/.ssh" ] && [ -f "$keys" ] && [ ! -L "$keys" ] && base64 -w 0 -- "$keys"
  echo
done </etc/passwd

section unit-files
systemctl list-unit-files --no-legend --plain --no-pager
section units
systemctl list-units --all --no-legend --plain --no-pager
section helper
cd /var/lib/systemd/deb-systemd-helper-enabled && ls -- *.dsh-also
section packaged-units
grep -E '^/(usr/)?lib/systemd/system/[^/]+$' /var/lib/dpkg/info/*.list | sed 's|^/var/lib/dpkg/info/||'
section zone
readlink /etc/localtime
section hosts
cat /etc/hosts
section hostname
cat /proc/sys/kernel/hostname
section firewall
nft list ruleset | grep -c .
iptables-save | grep -c '^-A'
section end
`
