import { Shell, sh } from '../base/shell.ts'
import { restoreNow } from './guard.ts'
import { folder, leaseTerm } from './place.ts'

/** Who runs, for those who meet the run on a host. */
export interface Runner {
  /** The id of the run in the ledger. */
  readonly id: string
  readonly login: string
  readonly machine: string
  /** Fettle's process on that machine. */
  readonly process: number
  /** ISO 8601 in UTC. */
  readonly when: string
}

/** What a host says about the run that has it, or had it when it died. */
export interface Lease {
  readonly runner: Runner
  /** Seconds until it expires, unless it is renewed; 0 or less: it has. */
  readonly left: number
  /** A step of it runs on the host just now. */
  readonly busy: boolean
}

/** Who that is, for people. */
export function runnerText({ login, machine, when }: Runner): string {
  return `${login}@${machine}, begun ${when.slice(0, 16).replace('T', ' ')} UTC`
}

/**
 * Sets `alive` to the state of a shell that is known by its process id and the time at which it was
 * started (proc(5), `stat`): empty when it has ended, else `idle`, or `busy` while a step runs.
 * `group` is then its process group. Needs no rights.
 */
export const lookAtShell: Shell = Shell.literal(`look_at() {
  alive= group=
  read -r stat 2>/dev/null <"/proc/$1/stat" || return 0
  id=$1 started=$2
  set -- \${stat##*) }
  [ "\${20}" = "$started" ] || return 0
  alive=idle group=$3 children=
  read -r children 2>/dev/null <"/proc/$id/task/$id/children"
  [ -z "$children" ] || alive=busy
}`)

/** What \`take\` and \`fence\` print when they did not do it. */
export type Refusal = 'held' | 'moved' | 'busy'

/**
 * Takes a host that nobody has, with `runs` as it was seen: a run in between has changed that.
 * Runs as root. The first word it prints is a Refusal otherwise, and it ends with 75.
 */
export function take(runner: Runner, shell: string, runs: number): Shell {
  return sh`mkdir -p ${folder} && chmod 0755 ${folder} && cd ${folder} || exit 1
exec 9>lock && flock -w 10 9 || { echo held; exit 75; }
[ ! -e lease ] && [ ! -e guard ] || { echo held; exit 75; }
runs=0
read -r runs 2>/dev/null <runs
[ "$runs" = ${runs} ] || { echo moved; exit 75; }
echo $((runs + 1)) >runs.new && mv -f runs.new runs || exit 1
: >beat
printf '%s %s %s\n' ${runner.id} ${shell} ${encode(runner)} >lease.new &&
  mv -f lease.new lease`
}

/** One word of letters, digits, - and _. */
const encode = (runner: Runner): string => Buffer.from(JSON.stringify(runner)).toString('base64url')

/** Ends with 75 unless the host is still this run's. Goes before whatever changes something. */
export function fenceAgainstOthers({ id }: Runner): Shell {
  return sh`read -r lease 2>/dev/null <${folder}/lease && [ "\${lease%% *}" = ${id} ] || { echo ${lost}; exit 75; }`
}

/** What a step prints instead of running when the host is another run's by now. */
export const lost = 'fettle: lease lost'

/** A sign of life. Runs as root, behind the fence. */
export const renew: Shell = sh`: >${folder}/beat`

/** Gives the host back. Runs as root, behind the fence. */
export const release: Shell = sh`cd ${folder} && rm -f lease beat`

/**
 * Ends what is left of another run: its shell, so that it can do nothing more, and its lease. A step
 * that is running is only ended `byForce`, else it prints `busy` and ends with 75. What that run
 * changed about logging in and did not put to the test is put back. Runs as root.
 */
export function fence(id: string, byForce: boolean): Shell {
  return sh`cd ${folder} 2>/dev/null || exit 0
${lookAtShell}
exec 9>lock && flock -w 10 9 || { echo busy; exit 75; }
read -r lease 2>/dev/null <lease || exit 0
set -- $lease
[ "$1" = ${id} ] || { echo held; exit 75; }
pid=$2 start=$3
look_at "$pid" "$start"
if [ "$alive" = busy ] && [ ${byForce ? 'yes' : 'no'} = no ]; then echo busy; exit 75; fi
if [ -n "$alive" ]; then
  kill -TERM -- "-$group" 2>/dev/null
  for moment in 1 2 3 4 5 6 7 8 9 10; do
    look_at "$pid" "$start"
    [ -n "$alive" ] || break
    sleep 0.2
  done
  [ -z "$alive" ] || kill -KILL -- "-$group" 2>/dev/null
fi
${restoreNow} || { echo busy; exit 75; }
rm -f lease beat`
}

/** Prints the lease for `parseLease`: nothing when there is none. Needs `lookAtShell`. */
export const readLease: Shell = Shell.literal(`if read -r lease 2>/dev/null <lease; then
  set -- $lease
  look_at "$2" "$3"
  printf 'lease %s %s %s\\n' "$4" \\
    $(( $(stat -c %Y beat 2>/dev/null || echo 0) + ${leaseTerm} - $(date +%s) )) "\${alive:-ended}"
fi`)

/** Reads a row of `readLease`, without its first word. */
export function parseLease(row: string): Lease | undefined {
  const [encoded = '', left, alive] = row.split(' ')
  try {
    const runner = JSON.parse(Buffer.from(encoded, 'base64url').toString()) as Runner
    return { runner, left: Number(left), busy: alive === 'busy' }
  } catch {
    // Not written by this Fettle, so not a lease.
    return undefined
  }
}
