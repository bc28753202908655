import { Shell } from '../base/shell.ts'
import type { Facts } from '../model/facts.ts'

/** Prints the facts as `name value` lines. Mostly shell builtins: this runs with every read. */
export const factsScript: Shell = Shell.literal(`
[ -r /etc/os-release ] && . /etc/os-release
echo "id $ID"; echo "version $VERSION_ID"; echo "codename $VERSION_CODENAME"
printf 'uname '; uname -nrm
cpus=0
while read -r key list; do [ "$key" != Cpus_allowed_list: ] || break; done </proc/self/status
IFS=,
for each in $list; do cpus=$((cpus + \${each#*-} - \${each%-*} + 1)); done
unset IFS
echo "cpus $cpus"
read -r _ memory _ </proc/meminfo && echo "memory $memory"
printf 'addresses '; hostname -I
`)

/** Reads what `factsScript` printed. */
export function parseFacts(output: Buffer): Facts {
  const found = new Map<string, string>()
  for (const line of output.toString('utf8').split('\n')) {
    const space = line.indexOf(' ')
    if (space > 0) found.set(line.slice(0, space), line.slice(space + 1).trim())
  }
  const get = (name: string): string => found.get(name) ?? ''
  const [hostname = '', kernel = '', architecture = ''] = get('uname').split(' ')
  const addresses = get('addresses').split(' ').filter(Boolean)
  return {
    hostname,
    os: { id: get('id'), version: get('version'), codename: get('codename') },
    architecture,
    kernel,
    cpus: Number(get('cpus')) || 1,
    memory: Number(get('memory')) * 1024,
    addresses: [
      ...addresses.filter((each) => !each.includes(':')),
      ...addresses.filter((each) => each.includes(':')),
    ],
  }
}
