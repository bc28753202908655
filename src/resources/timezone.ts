import { type Shell, lines, sh } from '../base/shell.ts'
import type { Change, Context, Difference, Kind, Step } from '../model/kind.ts'
import { type Common, type Resource, describe } from '../model/resource.ts'
import { check } from '../model/schema.ts'
import { writeAtomically } from './file.ts'
import { type Inode, parseStat } from './inode.ts'

/**
 * The time zone of the host: the link `/etc/localtime`, which programs follow, and its name in
 * `/etc/timezone` where there is one. The zones themselves come with the package tzdata. What runs
 * already keeps the zone that it started with: `notify: restart('cron')`. `absent(timezone(...))`
 * puts a host that is in this zone back to Etc/UTC and leaves one that is in another as it is.
 */
export interface TimezoneOptions extends Common {}

/** The zone is the name of the resource, so there is nothing else to describe. */
type TimezoneDesired = Record<never, never>

interface TimezoneState {
  /** What stands at /etc/localtime. */
  readonly link: Inode
  /** Whether the host has the data of the zone. */
  readonly known: boolean
  /** What /etc/timezone says; empty when there is none. */
  readonly text: string
}

/** Describes the time zone: `timezone('Europe/Copenhagen')`. */
export function timezone(zone: string, options: TimezoneOptions = {}): Resource {
  return describe(timezoneKind, zone, {}, options)
}

const localtime = '/etc/localtime'
const textFile = '/etc/timezone'
const zones = '/usr/share/zoneinfo'
const utc = 'Etc/UTC'

export const timezoneKind: Kind<TimezoneDesired, TimezoneState> = {
  name: 'timezone',
  remembers: () => ({}),
  named: check(
    "the name of a time zone, such as 'Europe/Copenhagen' or 'Etc/UTC'",
    (name) => typeof name === 'string' && /^[A-Z][\w+-]*(\/[A-Z][\w+-]*){0,2}$/.test(name),
  ),
  user: 'root',
  fields: {},

  // A host has one time zone, and no other kind may write its files.
  claims: () => [{ what: `path ${localtime}` }, { what: `path ${textFile}` }],

  paths: () => [localtime],

  // What is free to hold anything comes last.
  read: (resources) =>
    lines(
      sh`for zone in ${resources.map(({ name }) => name)}; do
        ${hasData(sh`"$zone"`)} && printf '%s\n' "$zone"
      done; printf '\\0'`,
      sh`cat ${textFile} 2>/dev/null; :`,
    ),

  parse(output, resources) {
    const { inodes, rest } = parseStat(output, [localtime])
    const end = rest.indexOf(0)
    const known = rest.toString('utf8', 0, end).split('\n')
    const text = rest.toString('utf8', end + 1).trim()
    return resources.map(({ name }) => ({ link: inodes[0]!, known: known.includes(name), text }))
  },

  diff({ name, absent }, state, context): Difference | undefined {
    const now = zoneOf(state.link)
    const verb = absent ? 'remove' : state.link.type === 'absent' ? 'create' : 'change'
    const wanted = absent ? utc : name
    if (absent && now !== name && state.text !== name) return undefined
    if (!absent && !state.known) return missing(name, now, context)
    const changes = [
      now !== wanted && `${now} -> ${wanted}`,
      state.text !== wanted && hasText(state) && `${textFile}: ${brief(state.text)} -> ${wanted}`,
    ].filter(Boolean)
    return changes.length === 0 ? undefined : { verb, summary: changes.join(', ') }
  },

  apply: ([change]) => applyTimezone(change!),
}

/** Debian 13 has no such file any more: where the system gets along without it, so do we. */
const hasText = ({ text, link }: TimezoneState): boolean => text !== '' || link.type === 'absent'

/** True on the host when it has the data of the zone: each such file begins with these letters. */
const hasData = (zone: Shell): Shell => sh`[ "$(head -c 4 ${zones}/${zone} 2>/dev/null)" = TZif ]`

/** The zone that a link names, absolute or relative; of anything else what it is. */
function zoneOf({ type, target }: Inode): string {
  if (type === 'absent') return 'no zone'
  if (type !== 'link') return `a ${type}`
  return /^(?:\.\.|)\/usr\/share\/zoneinfo\/(.+)$/.exec(target)?.[1] ?? target
}

const brief = (text: string): string => (text === '' ? 'nothing' : text.split('\n')[0]!)

/** The data of the zone is not on the host, as far as was seen. */
function missing(zone: string, now: string, { opaque }: Context): Difference {
  const wanted = now === zone ? `data of ${zone}` : `${now} -> ${zone}`
  return opaque.length > 0
    ? { verb: 'unknown', summary: `${wanted}, once ${opaque.at(-1)} has brought it` }
    : { verb: 'change', summary: `there is no time zone ${zone} here (package tzdata)` }
}

function applyTimezone({ resource, state }: Change<TimezoneDesired, TimezoneState>): Step {
  const wanted = resource.absent ? utc : resource.name
  return {
    script: lines(
      // UTC needs no data: what finds none uses UTC.
      !resource.absent &&
        sh`${hasData(sh`${wanted}`)} || { echo ${`there is no time zone ${wanted} on this host: is the package tzdata installed, and the name right?`}; exit 1; }`,
      hasText(state) &&
        sh`(
${writeAtomically(textFile, {})}
) || exit 1`,
      sh`new=${localtime}.fettle.$$`,
      sh`ln -sT -- ${zones}/${wanted} "$new" && mv -fT -- "$new" ${localtime} || { rm -f -- "$new"; exit 1; }`,
    ),
    input: `${wanted}\n`,
  }
}
