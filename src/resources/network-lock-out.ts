import { Shell, lines } from '../base/shell.ts'
import type { LockOut } from '../model/kind.ts'
import { firewallRules } from './lock-out.ts'

/** A row for each thing, then an empty one, then what `firewallRules` saves. */
const save = lines(
  Shell.literal(`if command -v ip >/dev/null; then
  echo links $(ip -o link show up | sed 's/^[0-9]*: \\([^:@]*\\).*/\\1/')
  echo addresses $(ip -o address show | awk '{ print $2 "|" $4 }') end
  for each in 4 6; do for what in address route rule; do
    all=
    [ "$what" != route ] || all='table all'
    [ "$what" != rule ] || echo "rules$each $(ip -"$each" rule | base64 -w 0)"
    echo "$what$each $(ip -"$each" "$what" save $all | base64 -w 0)"
  done; done
fi
for each in iptables ip6tables; do
  ! command -v "$each-save" >/dev/null || echo "$each $("$each-save" | base64 -w 0)"
done
echo`),
  firewallRules.save,
)

/**
 * What was added goes, and what went comes back: first addresses and rules, which routes need. What
 * is there already is no error.
 */
const restore = lines(
  Shell.literal(`all=$(cat)
row() { printf '%s\\n' "$all" | sed -n "s/^$1 //p"; }
# Routes are read several times over.
again() {
  file=$(mktemp -p /run) && row "$2$1" | base64 -d >"$file" && ip -"$1" "$2" restore <"$file"
  rm -f "$file"
}
if [ -n "$(row address4)$(row address6)" ]; then
  for link in $(row links); do ip link set "$link" up; done
  ip -o address show | awk '{ print $2 "|" $4 }' | while read -r found; do
    case " $(row addresses) " in *" $found "*) ;; *) ip address del "\${found#*|}" dev "\${found%%|*}";; esac
  done
  for each in 4 6; do
    again "$each" address
    [ "$(ip -"$each" rule | base64 -w 0)" = "$(row "rules$each")" ] || {
      ip -"$each" rule flush
      again "$each" rule
      # The first one is not flushed, and came once more.
      while [ "$(ip -"$each" rule | grep -c ^0:)" -gt 1 ]; do ip -"$each" rule del pref 0 || break; done
    }
    [ -z "$(row "route$each")" ] || { ip -"$each" route flush table main; again "$each" route; }
  done
fi 2>/dev/null
for each in iptables ip6tables; do
  # Tables that are new are emptied, as they cannot be removed.
  ! command -v "$each-restore" >/dev/null || {
    "$each-save" | sed -e /^-/d -e 's/^\\(:[A-Z]* \\)[A-Z][A-Z]* /\\1ACCEPT /'
    row "$each" | base64 -d
  } | "$each-restore"
done
printf '%s\\n' "$all" | sed '1,/^$/d' | (`),
  firewallRules.restore,
  Shell.literal(')'),
)

/** For a change of which nothing more is known than that it may cut the host off. */
export const networkLockOut: LockOut = { paths: [], save, restore }
