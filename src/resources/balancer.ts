import { Shell, lines, sh } from '../base/shell.ts'
import { render } from '../balancer/config.ts'
import {
  type BalancedApp,
  type BalancerSettings,
  type LiveSlots,
  configFile,
} from '../balancer/description.ts'
import { awkKeepLive, checkConfig, liveSlots, lockConfig } from '../balancer/slots.ts'
import type { Change, Context, Difference, Kind, Step } from '../model/kind.ts'
import { type Common, type Resource, describe } from '../model/resource.ts'
import { check } from '../model/schema.ts'
import { bytesOf } from './in-order.ts'
import { type Inode, ownershipDifferences, parseStat, statPaths } from './inode.ts'

/**
 * HAProxy's whole configuration, `/etc/haproxy/haproxy.cfg`, made from the apps of the fleet; the role
 * `balancer(host)` describes it. Which slots of the apps take traffic is for deploys to say: they are kept
 * as they are on the host. HAProxy looks at the file before it takes its place.
 */
export interface BalancerConfigOptions extends Common {
  /** What HAProxy is told beside its apps. */
  readonly settings: BalancerSettings
  /** The apps with their hosts. */
  readonly apps: readonly BalancedApp[]
}

interface BalancerDesired {
  readonly settings: BalancerSettings
  readonly apps: readonly BalancedApp[]
}

interface BalancerState {
  readonly inode: Inode
  /** Empty when there is no file. */
  readonly text: string
  /** The host has HAProxy. */
  readonly able: boolean
}

/** Describes HAProxy's configuration. */
export function balancerConfig(options: BalancerConfigOptions): Resource {
  const { settings, apps, ...common } = options
  return describe(balancerKind, 'haproxy', { settings, apps }, common)
}

const isRecord = (value: unknown): boolean => typeof value === 'object' && value !== null

export const balancerKind: Kind<BalancerDesired, BalancerState> = {
  name: 'balancer',
  remembers: () => ({
    settings: { addresses: [], proxyProtocol: [], trustedProxies: [], https: false, acme: false },
    apps: [],
  }),
  named: check("'haproxy'", (name) => name === 'haproxy'),
  user: 'root',
  fields: {
    settings: check('settings in braces', isRecord),
    apps: check('a list of apps', (value) => Array.isArray(value) && value.every(isRecord)),
  },

  claims: () => [{ what: `path ${configFile}` }],

  // What is free to hold anything comes last.
  read: () =>
    lines(
      sh`! command -v haproxy >/dev/null || printf able; printf '\\0'`,
      statPaths([configFile]),
      sh`[ ! -f ${configFile} ] || cat -- ${configFile}`,
    ),

  parse(output, resources) {
    const end = output.indexOf(0)
    if (end < 0) throw new Error('the configuration of HAProxy could not be read')
    const { inodes, rest } = parseStat(output.subarray(end + 1), [configFile])
    const able = output.toString('utf8', 0, end) === 'able'
    return resources.map(() => ({ inode: inodes[0]!, text: rest.toString('utf8'), able }))
  },

  diff(resource, state, context): Difference | undefined {
    const there = state.inode.type !== 'absent'
    if (resource.absent)
      return there ? { verb: 'remove', summary: countOf(liveSlots(state.text)) } : undefined
    if (!state.able && context.opaque.length === 0)
      return { verb: 'change', summary: 'there is no HAProxy here (package haproxy)' }
    return difference(resource.desired, state, context)
  },

  apply: ([change]) => applyConfig(change!),
}

const ownership = { owner: 'root', group: 'root', mode: '0644' }

const countOf = (apps: LiveSlots): string => `${apps.size} app${apps.size === 1 ? '' : 's'}`

function difference(
  { settings, apps }: BalancerDesired,
  { inode, text }: BalancerState,
  { opaque }: Context,
): Difference | undefined {
  const now = liveSlots(text)
  const after = render(settings, apps, now)
  const later = liveSlots(after)
  if (inode.type === 'absent') {
    const words = opaque.length > 0 || now.size > 0 ? '' : ', none of them deployed'
    return { verb: 'create', summary: countOf(later) + words, text: { before: '', after } }
  }
  const others = ownershipDifferences(ownership, inode)
  if (inode.type !== 'file') others.unshift(`${inode.type} -> file`)
  if (text === after && others.length === 0) return undefined
  const moves = [
    ...[...later.keys()].filter((app) => !now.has(app)).map((app) => `+${app}`),
    ...[...now.keys()].filter((app) => !later.has(app)).map((app) => `-${app}`),
    ...lostOf(now, later),
    ...others,
  ]
  const summary = moves.length === 0 ? 'content' : moves.join(', ')
  return { verb: 'change', summary, ...(text === after ? {} : { text: { before: text, after } }) }
}

/** Slots that take traffic now and are no more described. */
function lostOf(now: LiveSlots, later: LiveSlots): string[] {
  return [...now].flatMap(([app, hosts]) =>
    [...hosts].flatMap(([host, slots]) => {
      const kept = later.get(app)?.get(host) ?? []
      const lost = slots.filter((slot) => !kept.includes(slot))
      return lost.length === 0 ? [] : [`no more traffic to ${app} on ${host}`]
    }),
  )
}

/**
 * A deploy may have changed slots since they were read: those of the file as it is now are kept. So what is
 * sent has none that is live.
 */
function applyConfig({ resource }: Change<BalancerDesired, BalancerState>): Step {
  if (resource.absent) return { script: lines(lockConfig, sh`rm -f -- ${configFile}`) }
  const { settings, apps } = resource.desired
  const content = render(settings, apps, new Map())
  const size = bytesOf(content).length
  return {
    script: lines(
      sh`command -v haproxy >/dev/null || { echo "there is no HAProxy here: describe packages('haproxy') before"; exit 1; }`,
      sh`path=${configFile}`,
      sh`[ ! -d "$path" ] || { echo 'there is a directory in its place'; exit 1; }`,
      lockConfig,
      sh`stage=$(mktemp -d) && new=$(mktemp -- /etc/haproxy/.fettle.XXXXXXXX) || exit 1
trap 'rm -rf -- "$stage" "$new"' EXIT`,
      sh`dd bs=65536 iflag=fullblock,count_bytes count=${size} of="$stage/described" 2>/dev/null && [ "$(wc -c < "$stage/described")" = ${size} ] || { echo 'its content did not arrive whole, the old file is untouched'; exit 1; }`,
      sh`old=$path; [ -f "$old" ] || old=/dev/null`,
      sh`awk ${awkKeepLive} old=1 "$old" old= "$stage/described" > "$new" && chown root:root "$new" && chmod 0644 "$new" || exit 1`,
      checkConfig,
      Shell.literal('sync -- "$new" && mv -fT -- "$new" "$path"'),
    ),
    input: content,
  }
}
