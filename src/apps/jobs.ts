import { type Shell, lines, sh } from '../base/shell.ts'
import type { App } from '../model/app.ts'
import type { Launcher } from '../runtimes/runtime.ts'
import { launcherOf } from './launch.ts'
import { releaseFolderOf } from './paths.ts'
import type { Release } from './release.ts'
import { limitsOf, sections } from './units.ts'

const system = '/etc/systemd/system'

/** The units of a job of an app: `shop.job.clean.service`, and the timer that starts it. */
const unitOf = (app: string, job: string, type: 'service' | 'timer'): string =>
  `${app}.job.${job}.${type}`

/** Writes the units of all jobs of a release into its folder, which is where this runs. */
export function stageJobs(app: App, release: Release): Shell | undefined {
  const jobs = Object.entries(app.jobs)
  const launcher = launcherOf(app, release)
  if (jobs.length === 0) return undefined
  return lines(
    sh`mkdir jobs || exit 1`,
    ...jobs.flatMap(([job, { run, at }]) => [
      sh`printf '%s\n' ${launcher.script(run, 'once')} >jobs/${`${job}.sh`} || exit 1`,
      sh`printf '%s' ${serviceUnit(app, release.name, job, launcher)} >jobs/${unitOf(app.name, job, 'service')} || exit 1`,
      sh`printf '%s' ${timerUnit(app, job, at)} >jobs/${unitOf(app.name, job, 'timer')} || exit 1`,
    ]),
  )
}

/**
 * The jobs of this release are all that there are of the app on this host; without a release there are
 * none. Runs as root.
 */
export function placeJobs(app: App, release: string | undefined): Shell {
  const wanted =
    release === undefined ? sh`/nonexistent` : sh`${releaseFolderOf(app.name, release)}/jobs`
  return sh`changed=
for unit in ${system}/${app.name}.job.*; do
  [ -e "$unit" ] || continue
  [ ! -e ${wanted}/"\${unit##*/}" ] || continue
  case $unit in *.timer) systemctl disable --now -- "\${unit##*/}" 2>/dev/null ;; esac
  rm -f -- "$unit"; changed=yes
done
for unit in ${wanted}/${app.name}.job.*; do
  [ -e "$unit" ] || continue
  cmp -s -- "$unit" ${system}/"\${unit##*/}" || { cp -- "$unit" ${system}/ || exit 1; changed=yes; }
done
if [ -n "$changed" ]; then
  systemctl daemon-reload
  for unit in ${system}/${app.name}.job.*.timer; do
    [ ! -e "$unit" ] || { systemctl -q enable -- "\${unit##*/}" && systemctl restart -- "\${unit##*/}"; } || exit 1
  done
fi`
}

function serviceUnit(app: App, release: string, job: string, launcher: Launcher): string {
  const folder = releaseFolderOf(app.name, release)
  const fields = `FETTLE_APP=${app.name} FETTLE_RELEASE=${release} FETTLE_PROCESS=${job}`
  return sections({
    Unit: [`Description=${app.name}, job ${job}, ${release}`],
    Service: [
      'Type=oneshot',
      ...launcher.starts,
      `EnvironmentFile=${folder}/env`,
      `Environment=${fields}`,
      `ExecStart=/bin/sh ${folder}/jobs/${job}.sh`,
      `SyslogIdentifier=${app.name}`,
      `LogExtraFields=${fields}`,
      ...limitsOf(app),
      ...launcher.sandbox,
    ],
  })
}

function timerUnit(app: App, job: string, at: string): string {
  return sections({
    Unit: [`Description=${app.name}, when its job ${job} is due`],
    Timer: [`OnCalendar=${at}`, 'Persistent=yes'],
    Install: ['WantedBy=timers.target'],
  })
}
