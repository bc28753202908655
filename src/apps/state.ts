import { lines, sh } from '../base/shell.ts'
import type { Shell } from '../base/shell.ts'
import { type Journal, ownShell, parseJournal } from '../engine/journal.ts'
import { lookAtShell, readLease } from '../engine/lease.ts'
import { placeOf, readRuns, releaseGlob } from '../model/place.ts'

/** What a release serves with on one host. */
export interface Serving {
  /** The rollout that brought it. */
  readonly id: string
  readonly release: string
  /** The commit of its tree, where it has one. */
  readonly commit?: string
  /** The slots of its `web`. */
  readonly slots: readonly number[]
  /** How many of each process run, where `fettle scale` has said so. */
  readonly scaled?: Readonly<Record<string, number>>
  /** How many of each further process run. */
  readonly workers: Readonly<Record<string, number>>
}

/** A release that served on a host, for `releases` and for going back. */
export interface Served {
  readonly release: string
  readonly commit?: string
  readonly subject?: string
  /** ISO 8601 in UTC. */
  readonly when: string
  readonly who: string
}

/** What a host knows about an app. */
export interface AppState {
  /** Whose turn it is: the lease of the app on this host. */
  readonly journal: Pick<Journal, 'shell' | 'runs' | 'lease'>
  /** What serves; undefined before the first deploy. */
  readonly current: Serving | undefined
  /** What is to take its place: a rollout that goes on, or was interrupted. */
  readonly next: Serving | undefined
  /** No traffic is wanted, whatever runs. */
  readonly maintenance: boolean
  /** Oldest first. */
  readonly history: readonly Served[]
  /** The processes of every release that is there, by its name. */
  readonly releases: ReadonlyMap<string, readonly string[]>
  /** Whether `up` has prepared the host. */
  readonly prepared: boolean
  /** Free on the disk of the app, in KiB. */
  readonly free: number
  /** TCP ports that something listens on. */
  readonly listening: readonly number[]
}

/** Reads all of it with a few processes; needs no rights. */
export function readState(app: string, user: string): Shell {
  const place = placeOf(app)
  return lines(
    lookAtShell,
    sh`( printf 'shell '; ${ownShell} )`,
    sh`! getent passwd ${user} >/dev/null || [ ! -d /srv/${app}/releases ] || echo prepared`,
    sh`df -Pk /srv/${app} 2>/dev/null | { read -r head; read -r disk all used free rest && echo "free $free"; }`,
    // Local address and port of every listening socket, in hex: proc(5).
    sh`cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | while read -r at own peer state rest; do [ "$state" != 0A ] || echo "port \${own##*:}"; done`,
    sh`for each in /srv/${app}/releases/${releaseGlob}; do
  [ -d "$each/tree" ] || continue
  printf 'release %s' "\${each##*/}"
  for file in "$each"/*; do case \${file##*/} in tree | env | jobs) ;; *) printf ' %s' "\${file##*/}" ;; esac; done
  echo
done`,
    sh`cd ${place} 2>/dev/null || exit 0`,
    readRuns,
    sh`echo "runs $runs"`,
    sh`( ${readLease}
)`,
    sh`[ ! -e maintenance ] || echo maintenance
for each in current next; do [ ! -e $each ] || { printf '%s ' $each; cat $each; echo; }; done
[ ! -e history ] || tail -n 50 history | while IFS= read -r row; do printf 'served %s\n' "$row"; done`,
  )
}

/** Reads what `readState` printed. Throws an Error where it is not whole. */
export function parseState(output: Buffer): AppState {
  const rows = output.toString('utf8').split('\n')
  const all = (word: string): string[] =>
    rows.flatMap((row) => (row.startsWith(`${word} `) ? [row.slice(word.length + 1)] : []))
  const parsed = <Value>(word: string): Value | undefined => {
    const [text] = all(word)
    return text === undefined ? undefined : (JSON.parse(text) as Value)
  }
  const { shell, runs, lease } = parseJournal(output)
  return {
    journal: { shell, runs, lease },
    current: parsed('current'),
    next: parsed('next'),
    maintenance: rows.includes('maintenance'),
    history: all('served').map((row) => JSON.parse(row) as Served),
    releases: new Map(
      all('release').map((row) => {
        const [name = '', ...processes] = row.split(' ')
        return [name, processes]
      }),
    ),
    prepared: rows.includes('prepared'),
    free: Number(all('free')[0] ?? 0),
    listening: [...new Set(all('port').map((port) => Number.parseInt(port, 16)))],
  }
}

/** Writes one of the files of the state, so that a host that loses its power has it whole. Runs as root. */
export function keep(app: string, file: 'current' | 'next', serving: Serving | undefined): Shell {
  const place = placeOf(app)
  if (!serving) return sh`rm -f ${place}/${file}`
  return sh`cd ${place} && printf '%s\n' ${JSON.stringify(serving)} >${file}.new && { sync ${file}.new 2>/dev/null; mv -f ${file}.new ${file}; }`
}

/** Adds a line about what serves from now on. Runs as root. */
export function keepHistory(app: string, served: Served): Shell {
  return sh`printf '%s\n' ${JSON.stringify(served)} >>${placeOf(app)}/history`
}

export function keepMaintenance(app: string, on: boolean): Shell {
  const file = `${placeOf(app)}/maintenance`
  return on ? sh`mkdir -p ${placeOf(app)} && : >${file}` : sh`rm -f ${file}`
}
