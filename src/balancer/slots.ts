import { Shell, lines, sh } from '../base/shell.ts'
import { type LiveSlots, adminSocket, configFile } from './description.ts'
import { inRows } from './section.ts'

/** What is to become of one slot; `drain`: only clients that a cookie binds to it still come. */
export interface SlotChange {
  readonly app: string
  readonly host: string
  readonly slot: number
  readonly state: 'ready' | 'drain' | 'maint'
}

/** Which slots take traffic, from the text of haproxy.cfg: all of its apps, and of each the hosts with such slots. */
export function liveSlots(cfg: string): LiveSlots {
  const live = new Map<string, Map<string, number[]>>()
  let app: Map<string, number[]> | undefined
  for (const row of cfg.split('\n')) {
    const [, section, name = ''] = /^([a-z]\S*)\s*(\S*)/.exec(row) ?? []
    if (section !== undefined) {
      app = section === 'backend' && name.startsWith('app-') ? new Map() : undefined
      if (app) live.set(name.slice('app-'.length), app)
    }
    const [, host, slot] = /^\s+server\s+(\S+)-(\d+)\s/.exec(row) ?? []
    if (!app || host === undefined || /\sdisabled\s*$/.test(row)) continue
    app.set(host, [...(app.get(host) ?? []), Number(slot)])
  }
  return live
}

/** Prints haproxy.cfg; nothing when there is none. */
export const readConfig: Shell = sh`cat ${configFile} 2>/dev/null; :`

/**
 * Runs as root on the balancer. The slots are changed in HAProxy's file and then in the HAProxy that runs,
 * those that become ready first. It fails and changes nothing when one of them is not there or HAProxy would
 * not take the file. Safe to run twice, and beside another one.
 */
export function setSlots(changes: readonly SlotChange[]): Shell {
  if (changes.length === 0) return sh`:`
  const order = ['ready', 'drain', 'maint']
  const sorted = [...changes].sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state))
  const slots = sorted.map(({ app, host, slot, state }) => ({
    server: `app-${app}/${host}-${slot}`,
    state,
  }))
  return lines(lockConfig, editFile(slots), tell(slots))
}

/**
 * Whoever changes the file has this lock, which ends with the shell. Programs that are started meanwhile
 * must not inherit it: HAProxy itself would keep it for ever.
 */
export const lockConfig: Shell = sh`exec 9>>/run/lock/fettle-haproxy.lock && flock -w 60 9 || { echo 'another run has been changing the balancer for a minute'; exit 1; }`

/** For awk: the server of a line as `BACKEND/SERVER`; empty for any other line. */
export const awkServer: string = `function server() { return $1 == "server" && backend != "" ? backend "/" $2 : "" }
/^[a-z]/ { backend = $1 == "backend" ? $2 : "" }`

/** Only whole lines of servers are touched, and of these only the word at the end. */
const awkEdit = `${awkServer}
FNR == NR { if (!($1 in state)) missing++; state[$1] = $2; next }
{ name = server(); was = $0 }
name in state {
  missing--
  sub(/[ \\t]+$/, ""); sub(/[ \\t]+disabled$/, "")
  if (state[name] != "ready") $0 = $0 " disabled"
  seen[name] = 1
}
$0 != was { changed = 1 }
{ print }
END {
  if (missing) { for (name in state) if (!(name in seen)) print name | "sort >&2"; exit 1 }
  if (!changed) exit 3
}`

/** Prints the described file, in which no slot is live, with those live that are in the file of `old=1`. */
export const awkKeepLive: string = `FNR == 1 { backend = "" }
${awkServer}
{ name = server() }
old && name != "" && !/[ \\t]disabled[ \\t]*$/ { live[name] = 1 }
!old { if (name in live) sub(/ disabled$/, ""); print }`

/** `"$path"` is the file and `"$new"` what is to take its place; says why HAProxy would not take that. */
export const checkConfig: Shell = Shell.literal(
  `checked=$(haproxy -c -f "$new" 2>&1 9>&-) || {
  printf '%s\\n' "$checked" | grep -v '^\\[NOTICE\\]' | sed "s#$new#$path#g"
  echo 'HAProxy does not take this configuration, the old one is untouched'; exit 1; }`,
)

/** A slot as HAProxy names it. */
interface Slot {
  readonly server: string
  readonly state: SlotChange['state']
}

/** What is on disk survives the loss of power right after. Who has the lock is alone with the new file. */
function editFile(slots: readonly Slot[]): Shell {
  const states = slots.map(({ server, state }) => `${server} ${state}`)
  return lines(
    sh`path=${configFile}; new=/etc/haproxy/.fettle.new`,
    sh`[ -f "$path" ] || { echo "there is no $path on this host: run 'fettle up' first"; exit 1; }`,
    sh`trap 'rm -f -- "$new"' EXIT; umask 077`,
    sh`unknown=$(printf '%s\n' ${states} | awk ${awkEdit} - "$path" 2>&1 >"$new")`,
    sh`case $? in`,
    sh`0)`,
    checkConfig,
    sh`cp --attributes-only --preserve=mode,ownership -- "$path" "$new" && sync -- "$new" && mv -fT -- "$new" "$path" || exit 1 ;;
3) ;;
1) echo "these slots are not in $path:" $unknown "(nothing was changed; 'fettle up' brings it up to date)"; exit 1 ;;
*) printf '%s\n' "$unknown" "$path was not changed"; exit 1 ;;
esac`,
  )
}

/**
 * A HAProxy that is just reloading may have read the file as it was, while the one that it replaces still
 * answers: it is waited for. Each command answers with an empty line; whatever else it says is trouble.
 */
function tell(slots: readonly Slot[]): Shell {
  const commands = slots.map(({ server, state }) => `set server ${server} state ${state}`)
  const rows = inRows(commands).map((some) => some.join('; '))
  return lines(
    sh`reloaded() { tries=100; while [ "$(systemctl is-active haproxy)" = reloading ] && [ $((tries -= 1)) -gt 0 ]; do sleep 0.1; done; }`,
    sh`tell() {
  said=$(for commands in ${rows}; do
    printf '%s\n' "$commands" | socat -t 10 - ${`UNIX-CONNECT:${adminSocket}`} 2>&1 || echo 'HAProxy does not answer'
  done)
  [ -z "$said" ] || { printf '%s\n' "$said"; false; }
}`,
    sh`reloaded
tell || {
  # The file is right already: HAProxy only has to read it.
  echo 'HAProxy is told by a reload instead'
  systemctl reload-or-restart haproxy 9>&- || { echo 'HAProxy does not run; its file is right, and is used once it does'; exit 1; }
  reloaded
  tell || { echo 'HAProxy does not do what its file says'; exit 1; }
}`,
  )
}
