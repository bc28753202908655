import { lines, sh } from '../base/shell.ts'
import { backoffFolder } from '../model/place.ts'

/** For how long a program has to run so that its end is taken for the first one, in minutes. */
const good = 10

/** The longest wait, of which systemd itself has had a second (`RestartSec`). */
const longest = 60 - 1

/**
 * The script that runs before an instance, with its unit, as root: an instance that ends soon after each
 * start is started later and later, 1, 2, 4, up to 60 seconds after its end. One that ran for long begins
 * with a second again, and so does one that somebody starts; who removes its file ends its wait. systemd has
 * such waits from version 254 on, but never forgets an end.
 */
export const backoff: string = lines(
  sh`[ -d ${backoffFolder} ] || mkdir -p ${backoffFolder}`,
  sh`file=${backoffFolder}/"$1"; next=0`,
  // The first start of an instance starts no process for it.
  sh`if [ -e "$file" ] && [ -n "$(find "$file" -mmin -${good})" ] && [ "$(systemctl show -P NRestarts -- "$1")" -gt 0 ]; then
  read -r wait <"$file"
  next=$((2 * wait + 1))
  [ "$next" -le ${longest} ] || next=${longest}
  while [ "$wait" -gt 0 ] && [ -e "$file" ]; do sleep 1; wait=$((wait - 1)); done
  [ -e "$file" ] || next=0
fi`,
  sh`echo "$next" >"$file"`,
).text
