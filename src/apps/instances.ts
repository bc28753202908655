import { type Shell, lines, sh } from '../base/shell.ts'
import { type App, portOf } from '../model/app.ts'
import { backoffFolder, releaseGlob } from '../model/place.ts'
import { propertiesOf } from '../resources/unit-state.ts'
import type { Serving } from './state.ts'
import { unitOf } from './units.ts'

/** The units of all instances that a release serves with. */
export function unitsOf(app: App, { release, slots, workers }: Serving): string[] {
  return [...webUnits(app, { release, slots }), ...workerUnits(app, { release, workers })]
}

export function webUnits(
  app: App,
  { release, slots }: Pick<Serving, 'release' | 'slots'>,
): string[] {
  return slots.map((slot) => unitOf(app.name, 'web', release, String(portOf(app, slot))))
}

export function workerUnits(
  app: App,
  { release, workers }: Pick<Serving, 'release' | 'workers'>,
): string[] {
  return Object.entries(workers).flatMap(([process, count]) =>
    Array.from({ length: count }, (_, i) => unitOf(app.name, process, release, String(i + 1))),
  )
}

const wants = '/etc/systemd/system/multi-user.target.wants'

/** Starts units now and at every boot: by the links that `systemctl enable` makes, without its reload. */
export function start(units: readonly string[]): Shell | undefined {
  if (units.length === 0) return undefined
  return lines(
    sh`mkdir -p ${wants} || exit 1`,
    sh`for unit in ${units}; do
  ln -sfT "../\${unit%%@*}@.service" ${wants}/"$unit" || exit 1
  [ ! -e ${backoffFolder}/"$unit" ] || rm -f ${backoffFolder}/"$unit"
done`,
    sh`systemctl reset-failed -- ${units} 2>/dev/null; systemctl start -- ${units} || { systemctl status --no-pager --lines 20 -- ${units}; exit 1; }`,
  )
}

/** Stops units, now and for good; those that are not there are no mistake. */
export function stop(units: readonly string[]): Shell | undefined {
  if (units.length === 0) return undefined
  return lines(
    sh`for unit in ${units}; do rm -f ${wants}/"$unit" ${backoffFolder}/"$unit"; done`,
    sh`systemctl stop -- ${units} 2>/dev/null; systemctl reset-failed -- ${units} 2>/dev/null; :`,
  )
}

/** Stops every instance of the app but these: also what an interrupted rollout left behind. */
export function stopAllBut(app: App, units: readonly string[]): Shell {
  const patterns = [`${app.name}.*@*.service`]
  return lines(
    sh`wanted=' '${units.join(' ')}' '; extra=
for unit in $( { systemctl list-units --all --no-legend --plain -- ${patterns}; ls ${wants}; } | while read -r unit rest; do echo "$unit"; done | sort -u); do
  case $unit in ${app.name}.*.${releaseGlob}@*.service) ;; *) continue ;; esac
  case $wanted in *" $unit "*) ;; *) extra="$extra $unit"; rm -f ${wants}/"$unit" ${backoffFolder}/"$unit" ;; esac
done
[ -z "$extra" ] || { systemctl stop -- $extra; systemctl reset-failed -- $extra 2>/dev/null; }
:`,
  )
}

/**
 * Waits until each slot has answered well so many times in a row. Prints what the last answer was
 * where that does not happen in time or an instance has died again and again.
 */
export function awaitHealth(
  app: App,
  { release, slots }: Pick<Serving, 'release' | 'slots'>,
  address: string,
): Shell {
  const { path, status, healthy, timeout, within } = app.health
  const [low, high] = status
  const host = app.domains.find((each) => !each.startsWith('*')) ?? address
  const pending = slots.map((slot) => `${portOf(app, slot)}=0`)
  const template = unitOf(app.name, 'web', release, '')
  const site = `http://${address.includes(':') ? `[${address}]` : address}`
  return lines(
    sh`began=$(date +%s); pending=${pending.join(' ')}; template=${template}`,
    // One process for all of them in turn. Of each it prints the code, and before it what went wrong.
    sh`ask() {
  set --
  for each in $pending; do set -- "$@" -o /dev/null ${site}:"\${each%=*}"${path}; done
  curl -gsS -m ${timeout} -w '%{stderr}%{http_code}\n' -H ${`Host: ${host}`} -H 'User-Agent: fettle' "$@" 2>&1
}`,
    // What a slot answered: how often it has been well in a row, and which is the first that is not, and why.
    sh`count() {
  port=\${1%=*}; good=\${1#*=}
  case $2 in [1-9][0-9][0-9]) code=$2 words="status $2" ;; *) code=0 words=\${3:-none} ;; esac
  if [ "$code" -ge ${low} ] && [ "$code" -le ${high} ]; then good=$((good + 1))
  else good=0; [ -n "$ailing" ] || { ailing=$port; answer=$words; }; fi
  [ "$good" -ge ${healthy} ] || left="$left $port=$good"
}`,
    sh`asked=0
while [ -n "$pending" ]; do
  left= ailing= words=
  set -- $pending
  said=$(ask)
  while IFS= read -r row; do
    case $row in
      [0-9][0-9][0-9]) [ $# = 0 ] || { count "$1" "$row" "$words"; shift; }; words= ;;
      *) words="$words\${words:+ }$row" ;;
    esac
  done <<END
$said
END
  for each; do count "$each" 000 "$said"; done
  pending=$left
  [ -n "$pending" ] || break
  if [ -n "$ailing" ]; then
    restarts=$(systemctl show -P NRestarts -- "\${template%.service}$ailing.service")
    if [ "\${restarts:-0}" -ge 3 ]; then echo "its instance on port $ailing ends again and again"; exit 1; fi
    if [ $(( $(date +%s) - began )) -ge ${Math.ceil(within)} ]; then
      if [ "\${restarts:-0}" -gt 0 ]; then echo "its instance on port $ailing was not well within "${`${within} s: it ended, and was started again, times: `}"$restarts"; exit 1; fi
      echo "its instance on port $ailing was not well within "${`${within} s; asked for ${path}, it answered: `}"$answer"; exit 1
    fi
  fi
  # What takes long to start is not slowed down by being asked.
  asked=$((asked + 1))
  if [ -z "$ailing" ]; then sleep 0.05; elif [ $asked -lt 20 ]; then sleep 0.1; else sleep 0.5; fi
done`,
  )
}

/**
 * Prints what systemd says of each unit. Nothing, and systemd is not asked, where all these processes still
 * run: `mains`, the main ones of the units when they were looked at before.
 */
export function lookAt(units: readonly string[], mains: readonly string[]): Shell {
  if (units.length === 0) return sh`:`
  const look = sh`systemctl show -p Id,ActiveState,SubState,NRestarts,Result,MainPID -- ${units}`
  if (mains.length === 0) return look
  return sh`for pid in ${mains}; do [ -d /proc/$pid ] || { ${look}; break; }; done`
}

/** The main processes of units that all are well, from what `lookAt` printed. */
export const mainsOf = (output: string): string[] =>
  [...output.matchAll(/^MainPID=([1-9]\d*)$/gm)].map(([, pid]) => pid!)

/** What is wrong, from what `lookAt` printed. */
export function ailing(output: string): string[] {
  return output.split(/\n\n+/).flatMap((block) => {
    const all = propertiesOf(block)
    const unit = all.get('Id')
    if (!unit) return []
    const state = all.get('ActiveState')
    if (state !== 'active') return [`${unit} is ${state} (${all.get('Result')})`]
    return Number(all.get('NRestarts') ?? 0) > 0 ? [`${unit} died and was started again`] : []
  })
}

/** What systemd says of any unit that comes and goes: it tells nobody why. */
const routine =
  /^(Starting|Started|Stopping|Stopped) .*\.(service|slice)( |\.\.\.|\.$)|: (Scheduled restart job|Deactivated successfully|Consumed )/

/** The end of what instances logged, and systemd of them. */
export function lastLog(units: readonly string[], rows: number): Shell {
  const chosen = units.flatMap((each) => ['-u', each])
  return sh`journalctl --no-pager -o cat -n ${10 * rows} ${chosen} 2>/dev/null | grep -vE ${routine.source} | tail -n ${rows}`
}

/** Those that a reason speaks of, by their name or their port; all of them where it speaks of none. */
export function blamed(units: readonly string[], reason: string): readonly string[] {
  const named = units.filter((unit) => {
    const port = /@(\d+)\.service$/.exec(unit)?.[1]
    return reason.includes(unit) || reason.includes(` port ${port} `)
  })
  return named.length > 0 ? named : units
}
