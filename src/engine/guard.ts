import { Shell, lines, sh } from '../base/shell.ts'
import type { LockOut } from '../model/kind.ts'
import type { Frame } from '../transport/machine.ts'
import { countRun, folder, readRuns } from '../model/place.ts'

/**
 * The dead man's switch. Before the first change that may lock us out, the host saves what it is
 * about to lose and starts a timer; a new login over a new connection puts the timer back. When it
 * runs out, the host restores what it saved, by itself. The timer is a unit of systemd that is
 * enabled, so that a host that is rebooted in the middle restores as well.
 */
export const guardTerm = 60

const place = `${folder}/guard`
const fresh = `${folder}/guard.new`
const spent = `${folder}/guard.old`
const unit = 'fettle-guard'
const units = '/etc/systemd/system'

/** Whoever restores, disarms or postpones does so alone. */
const alone = (flags: string): Shell =>
  sh`exec 9>${folder}/guard.lock && flock ${Shell.literal(flags)} 9`

/** What is no guard: one that was being armed or is disarmed, and the units of it. */
const sweep: Shell = sh`[ ! -e ${units}/${unit}.timer ] || systemctl -q disable --now ${unit}.timer
rm -rf -- ${fresh} ${spent} ${units}/${unit}.timer ${units}/${unit}.service
systemctl daemon-reload`

/**
 * Saves what these put back, and starts the timer. It is a guard only once all of it is there, so
 * that nothing is ever restored by halves. Runs as root.
 */
export function arm(lockOuts: readonly LockOut[]): Frame {
  const paths = [...new Set(lockOuts.flatMap((each) => each.paths))]
  const live = liveOf(lockOuts)
  return {
    user: 'root',
    input: restoreScript(live).text,
    script: lines(
      sh`[ -d /run/systemd/system ] || { echo 'systemd does not run here, so there is nothing that could put back what a change breaks'; exit 1; }`,
      sh`rm -rf -- ${fresh} && mkdir -p -m 0700 ${fresh} && cd ${fresh} || exit 1`,
      sh`cat >restore && : >there && : >gone || exit 1`,
      sh`for path in ${paths}; do`,
      sh`  if [ -e "$path" ] || [ -L "$path" ]; then printf '%s\\0' "$path" >>there; else printf '%s\\0' "$path" >>gone; fi`,
      sh`done`,
      sh`tar -P --null -T there -cf saved.tar || exit 1`,
      ...live.map(({ save }, i) => save && sh`( ${save}\n) >saved.${String(i)}`),
      sh`printf '%s\n' '[Unit]' 'Description=Puts back what a run of Fettle changed, as nobody could log in any more' '[Service]' 'Type=oneshot' ${`ExecStart=/bin/sh ${place}/restore`} >${units}/${unit}.service &&`,
      sh`printf '%s\n' '[Unit]' 'Description=Time to log in after a change that may lock out' 'StartLimitIntervalSec=0' '[Timer]' ${`OnActiveSec=${guardTerm}`} 'AccuracySec=1' '[Install]' 'WantedBy=timers.target' >${units}/${unit}.timer || exit 1`,
      // Else a loss of power could leave the change without its guard.
      sh`sync -f . ${units} 2>/dev/null`,
      sh`mv -T ${fresh} ${place} || exit 1`,
      sh`systemctl daemon-reload && systemctl -q enable ${unit}.timer && systemctl restart ${unit}.timer || {
  mv -T ${place} ${spent}
  ${sweep}
  exit 1
}`,
    ),
  }
}

/** Puts the timer back, from a login that works; ends with 1 when it has run out. Runs as root. */
export const postpone: Shell = sh`${alone('-n')} && [ -d ${place} ] && systemctl restart ${unit}.timer || exit 1`

/** All is well: nothing is put back. Ends with 1 when it was put back already. Runs as root. */
export const disarm: Shell = sh`${alone('-w 20')} && rm -rf -- ${spent} && mv -T ${place} ${spent} || exit 1
${sweep}`

/** Succeeds once the host has put back what it had. */
export const hasRestored: Shell = sh`${alone('-w 8')} && [ ! -d ${place} ]`

/** Puts back what is not proven, without waiting for the timer. Runs as root. */
export const restoreNow: Shell = sh`if [ -d ${place} ]; then sh ${place}/restore; elif [ -e ${units}/${unit}.timer ] || [ -e ${fresh} ] || [ -e ${spent} ]; then ${sweep}
fi`

/** What has to be done beside putting files back, each once. */
function liveOf(lockOuts: readonly LockOut[]): Pick<LockOut, 'save' | 'restore'>[] {
  const known = lockOuts
    .filter(({ save, restore }) => save || restore)
    .map((each) => [`${each.save?.text}\0${each.restore?.text}`, each] as const)
  return [...new Map(known).values()]
}

/** What the host runs when nobody came: files first, then what makes them hold again. */
function restoreScript(live: readonly Pick<LockOut, 'save' | 'restore'>[]): Shell {
  return lines(
    sh`${alone('')} && cd ${place} || exit 0`,
    sh`export LC_ALL=C.UTF-8 PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"`,
    sh`{`,
    sh`xargs -0 -r rm -rf -- <gone`,
    // Away and back at once, and only when it is known to be whole.
    sh`if tar -tf saved.tar >/dev/null; then xargs -0 -r rm -rf -- <there; tar -P -xpf saved.tar; fi`,
    ...live.map(
      ({ restore }, i) =>
        restore &&
        sh`[ -f saved.${String(i)} ] || : >saved.${String(i)}
( exec 9>&-
${restore}
) <saved.${String(i)}`,
    ),
    sh`} >log 2>&1`,
    // Whoever has read the host before this has seen something else.
    sh`cd ${folder}`,
    readRuns,
    countRun,
    sh`rm -rf restored && mv -T ${place} restored`,
    sweep,
  )
}
