import { Shell, sh } from '../base/shell.ts'

/** Where Fettle keeps its own on a host. */
export const folder = '/var/lib/fettle'

/** Where it keeps what the host knows of an app, and the lease of the app. */
export const placeOf = (app: string): string => `${folder}/apps/${app}`

/** Where each unit of an instance has a file until it is stopped: how long its next start waits, in seconds. */
export const backoffFolder = '/run/fettle/backoff'

/** A run that has given no sign of life for so long has ended, whatever became of it. Seconds. */
export const leaseTerm = 60

/** In the folder of a lease: for how many seconds it holds still, 0 or less when it has expired. */
export const leaseLeft: Shell = sh`$(( $(stat -c %Y beat 2>/dev/null || echo 0) + ${leaseTerm} - $(date +%s) ))`

/** How a shell finds names of releases, as in those of folders and units: of a tree and of what it runs with. */
export const releaseGlob: Shell = Shell.literal('????????????.??????')

/**
 * Sets `runs` to how many runs changed something, wherever the file was cut short by a loss of
 * power too. In the folder.
 */
export const readRuns: Shell = Shell.literal(`runs=
read -r runs 2>/dev/null <runs
case $runs in ''|*[!0-9]*) runs=0;; esac`)

/** Counts one more; whoever has read the host before must read it again. */
export const countRun: Shell = Shell.literal('echo $((runs + 1)) >runs.new && mv -f runs.new runs')
