import { Shell, lines, sh } from '../base/shell.ts'
import { restoreNow } from './guard.ts'
import { countRun, folder, leaseLeft, leaseTerm, readRuns } from '../model/place.ts'

/** Who runs, for those who meet the run on a host. */
export interface Runner {
  /** The id of the run in the ledger. */
  readonly id: string
  readonly login: string
  readonly machine: string
  /** Fettle's process on that machine. */
  readonly process: number
  /** Where that number means this process: other machines, also of that name, say something else. */
  readonly space: string
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
 * `family GROUP [PIDS]` prints the processes of a process group, those PIDS that are left, and all
 * that they have started, whatever group that is in: sudo gives what it runs one of its own.
 * `look_at PID STARTED GROUP` sets `alive` to the state of a shell that is known by its process id
 * and the time at which it was started (proc(5), `stat`): empty when it has ended, and what it ran
 * too; else `idle`, or `busy` while a step runs. Needs no rights.
 */
export const lookAtShell: Shell = Shell.literal(`family() {
  rows=$(for each in /proc/[0-9]*/stat; do
    read -r stat 2>/dev/null <"$each" || continue
    pid=\${stat%% *}
    set -- \${stat##*) }
    [ "$1" = Z ] || echo "$pid $2 $3"
  done)
  found=' ' before=
  while [ "$found" != "$before" ]; do
    before=$found
    while read -r pid parent group; do
      case " $found " in *" $pid "*) continue;; esac
      case " $2 " in *" $pid "*) found="$found$pid "; continue;; esac
      [ "$group" != "$1" ] || [ "$1" = 0 ] || { found="$found$pid "; continue; }
      case $found in *" $parent "*) found="$found$pid ";; esac
    done <<END
$rows
END
  done
  set -- $found
  echo "$*"
}
look_at() {
  alive= children=
  if read -r stat 2>/dev/null <"/proc/$1/stat"; then
    id=$1 started=$2 leader=$3
    set -- \${stat##*) }
    if [ "\${20}" = "$started" ] && [ "$1" != Z ]; then
      alive=idle
      read -r children 2>/dev/null <"/proc/$id/task/$id/children"
      [ -z "$children" ] || alive=busy
      return 0
    fi
    # Another process by now; then so is a group of that number.
    [ "$id" != "$leader" ] || [ "\${20}" = "$started" ] || return 0
    set -- "$id" "$started" "$leader"
  fi
  [ -z "$(family "$3")" ] || alive=busy
}`)

/** Sets the words of the lease as $1 and so on; none when there is no lease, or a part of one. */
const readWords: Shell = Shell.literal(`lease=
read -r lease 2>/dev/null <lease
set -- $lease
[ $# -eq 5 ] || set --`)

/**
 * Takes a host (or what else a lease in another place stands for) that nobody has, with `runs` as it was seen: a run in between has changed that.
 * Runs as root. Else it prints `moved`, `busy`, or `held` with the rest of a row of `readLease`, and
 * ends with 75.
 */
export function take(runner: Runner, shell: string, runs: number, place: string = folder): Shell {
  return lines(
    sh`mkdir -p ${place} && chmod 0755 ${place} && cd ${place} || exit 1
exec 9>lock && flock -w 10 9 || { echo busy; exit 75; }`,
    readWords,
    sh`[ $# -eq 0 ] || { echo "held $5 ${leaseLeft} idle"; exit 75; }`,
    // Of a run that is gone. That is counted, so this one must read the host again.
    sh`[ ! -e guard ] || ${restoreNow}`,
    readRuns,
    sh`[ "$runs" = ${runs} ] || { echo moved; exit 75; }`,
    sh`${countRun} || exit 1
: >beat
printf '%s %s %s\n' ${runner.id} ${Shell.literal(words(shell))} ${encode(runner)} >lease.new &&
  mv -f lease.new lease`,
  )
}

/** Three numbers, whatever the host said. */
const words = (shell: string): string => (/^\d+ \d+ \d+$/.test(shell) ? `'${shell}'` : "'0 0 0'")

/** One word of letters, digits, - and _. */
const encode = (runner: Runner): string => Buffer.from(JSON.stringify(runner)).toString('base64url')

/** Ends with 75 unless the host is still this run's. Goes before whatever changes something. */
export function fenceAgainstOthers({ id }: Runner, place: string = folder): Shell {
  return sh`read -r lease 2>/dev/null <${place}/lease && [ "\${lease%% *}" = ${id} ] || { echo ${lost}; exit 75; }`
}

/** What a step prints instead of running when the host is another run's by now. */
export const lost = 'fettle: lease lost'

/** A sign of life. Runs as root, behind the fence. */
export const renew = (place: string = folder): Shell => sh`: >${place}/beat`

/** Gives the host back. Runs as root, behind the fence. */
export const release = (place: string = folder): Shell => sh`cd ${place} && rm -f lease beat`

/** Ends the shell that was looked at, of the group `own`, with all that it has started. */
const endFamily: Shell = Shell.literal(`kin= signal=TERM
[ -z "$alive" ] || for moment in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  kin=$(family "$own" "$kin")
  [ -n "$kin" ] || break
  [ "$moment" -lt 11 ] || signal=KILL
  kill -s "$signal" $kin 2>/dev/null
  sleep 0.2
done
[ -z "$kin" ] || { echo busy; exit 75; }`)

/**
 * Hands the host from this run's shell, whose connection is dead, to another one of the same run. What
 * the old one was asked last is let finish, for so many seconds, else it prints `busy` and ends with
 * 75. Runs as root, behind the fence.
 */
export function moveIn(shell: string, seconds: number): Shell {
  return lines(
    sh`cd ${folder} || exit 1`,
    lookAtShell,
    readWords,
    sh`[ $# -ne 0 ] || exit 1
own=$4 tries=${seconds * 5}
while look_at "$2" "$3" "$4"; [ "$alive" = busy ]; do
  [ "$tries" -gt 0 ] || { echo busy; exit 75; }
  tries=$((tries - 1))
  sleep 0.2
done
run=$1 who=$5
exec 9>lock && flock -w 10 9 || { echo busy; exit 75; }`,
    readWords,
    sh`[ "$1" = "$run" ] || { echo ${lost}; exit 75; }
look_at "$2" "$3" "$4"
${endFamily}
printf '%s %s %s\n' "$run" ${Shell.literal(words(shell))} "$who" >lease.new && mv -f lease.new lease`,
  )
}

/**
 * Ends what is left of a run: its shell and whatever that started, so that it can do nothing more,
 * and its lease, which is not that run's any more from the first moment on. A step that is running
 * is only ended `byForce`, else it prints `busy` and ends with 75. What that run changed about
 * logging in and did not put to the test is put back. Runs as root.
 */
export function fence(id: string, byForce: boolean, place: string = folder): Shell {
  return lines(
    sh`cd ${place} 2>/dev/null || exit 0`,
    lookAtShell,
    sh`exec 9>lock && flock -w 10 9 || { echo busy; exit 75; }`,
    readWords,
    sh`[ $# -ne 0 ] || exit 0
[ "$1" = ${id} ] || [ "$1" = ${`-${id}`} ] || { echo held; exit 75; }
own=$4
look_at "$2" "$3" "$4"
if [ "$alive" = busy ] && [ ${byForce ? 'yes' : 'no'} = no ]; then echo busy; exit 75; fi
echo ${`-${id}`} "$2 $3 $4 $5" >lease.new && mv -f lease.new lease
${endFamily}
${place === folder ? restoreNow : sh`:`} || { echo busy; exit 75; }
rm -f lease beat
echo ended`,
  )
}

/** Prints the lease for `parseLease`: nothing when there is none. Needs `lookAtShell`. */
export const readLease: Shell = lines(
  readWords,
  sh`if [ $# -ne 0 ]; then
  look_at "$2" "$3" "$4"
  echo "lease $5 ${leaseLeft} \${alive:-ended}"
fi`,
)

/** Reads a row of `readLease`, without its first word. */
export function parseLease(row: string): Lease | undefined {
  const [encoded = '', seconds, alive] = row.split(' ')
  try {
    const runner = JSON.parse(Buffer.from(encoded, 'base64url').toString()) as Runner
    // A sign of life from the future: the host's clock was put back since.
    return { runner, left: Math.min(leaseTerm, Number(seconds)), busy: alive === 'busy' }
  } catch {
    // Not written by this Fettle, so not a lease.
    return undefined
  }
}
