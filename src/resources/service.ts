import { Shell, lines, sh } from '../base/shell.ts'
import type { Change, Context, Difference, Kind, Step } from '../model/kind.ts'
import { type Common, type Notification, type Resource, describe, idOf } from '../model/resource.ts'
import { check, flag } from '../model/schema.ts'
import { serviceLockOut } from './lock-out.ts'
import { refuse } from './refusal.ts'
import { propertiesOf, unitBlocks } from './unit-state.ts'

/**
 * A unit of systemd that runs, or does not. `absent(service(...))` is stopped and disabled. What
 * it runs is described by a package, a `unit` or a `file`.
 */
export interface ServiceOptions extends Common {
  /**
   * Whether it runs now. Default: true. A unit that does its work and ends (`Type=oneshot` without
   * `RemainAfterExit=yes`) cannot be kept running: say false.
   */
  readonly running?: boolean
  /**
   * Whether it is started at boot. Default: true. A unit without an `[Install]` section, or one
   * that was generated, has no such switch and is left as it is.
   */
  readonly enabled?: boolean
  /** Whether nothing at all may start it. Default: false, once it is to run or be enabled. */
  readonly masked?: boolean
}

interface ServiceDesired {
  readonly running: boolean
  readonly enabled: boolean
  readonly masked: boolean
}

interface ServiceState {
  /** `loaded`, `not-found`, `masked`, `bad-setting`... Empty: systemd did not answer. */
  readonly load: string
  /** `active`, `inactive`, `failed`... */
  readonly active: string
  /** `running`, `auto-restart`... */
  readonly sub: string
  /** `enabled`, `disabled`, `static`... */
  readonly file: string
}

const suffixes = /\.(service|socket|timer|path|mount|automount|swap|target|slice|scope)$/

/** Describes a service: `service('nginx')`. */
export function service(name: string, options: ServiceOptions = {}): Resource {
  const { running, enabled, masked = false, ...common } = options
  const short = typeof name === 'string' ? name.replace(/\.service$/, '') : name
  if (masked && (running || enabled))
    refuse(`service:${short}`, 'masked', {
      problem: 'cannot be true for what is to run or be enabled',
      suggestion: 'masked: true alone, or leave it out',
    })
  const desired = { running: running ?? !masked, enabled: enabled ?? !masked, masked }
  return describe(serviceKind, short, desired, common)
}

/** Asks a service to restart after a change: `notify: restart(worker)`. */
export function restart(service: Resource | string): Notification {
  return { target: targetOf(service), action: 'restart' }
}

/** Asks a service to reload its configuration, or to restart where it cannot: `notify: reload('nginx')`. */
export function reload(service: Resource | string): Notification {
  return { target: targetOf(service), action: 'reload' }
}

const targetOf = (service: Resource | string): string =>
  typeof service === 'string'
    ? `service:${service.replace(/^service:/, '').replace(/\.service$/, '')}`
    : idOf(service)

/** The name that systemd knows it by. */
const unitOf = (name: string): string => (suffixes.test(name) ? name : `${name}.service`)

export const serviceKind: Kind<ServiceDesired, ServiceState> = {
  name: 'service',
  remembers: ({ desired }) => desired,
  leavesBefore: ['unit', 'package'],
  named: check(
    "the name of one unit, such as 'nginx' or 'getty@tty1'",
    (name) => typeof name === 'string' && /^[\w:.\\@-]{1,240}$/.test(name) && !/@(\.|$)/.test(name),
  ),
  user: 'root',
  batch: 'together',
  fields: { running: flag, enabled: flag, masked: flag },

  claims: ({ name }) => [{ what: `unit ${unitOf(name)}` }],

  units: (resources) => resources.map(({ name }) => unitOf(name)),

  parse: (output, resources) => {
    const known = unitBlocks(output.toString('utf8')).map(propertiesOf)
    // Answers have no names that can be relied on (aliases): only all of them, in order, will do.
    if (known.length !== resources.length) throw new Error('systemd does not answer')
    return known.map((each) => ({
      load: each.get('LoadState')!,
      active: each.get('ActiveState') ?? '',
      sub: each.get('SubState') ?? '',
      file: each.get('UnitFileState') ?? '',
    }))
  },

  diff(resource, state, context) {
    if (state.load === 'not-found' && isDown(state)) return missing(resource, context)
    // Its file is gone and comes back: what enables it is seen then.
    if (plannedUnit(unitOf(resource.name), context)?.verb === 'create')
      return { verb: 'unknown', summary: wantsOf(resource).join(', ') || downWords }
    const steps = stepsOf(resource, state)
    return steps.length === 0 ? undefined : differenceOf(steps, state)
  },

  apply: (changes) => applyServices(changes),

  lockOut: ({ name }) => serviceLockOut(name),

  actions: {
    reload: (resource) =>
      act(resource, resource.desired.running ? 'reload-or-restart' : 'try-reload-or-restart'),
    restart: (resource) => act(resource, resource.desired.running ? 'restart' : 'try-restart'),
  },
}

type Move = 'unmask' | 'mask' | 'enable' | 'disable' | 'start' | 'stop'

/** States of a unit file for which `systemctl enable` has something to do. */
const canEnable = ['disabled', 'enabled-runtime', 'linked', 'linked-runtime', 'bad']
const canDisable = ['enabled', 'enabled-runtime', 'linked', 'linked-runtime']

/** What to do, in this order. */
function stepsOf({ desired, absent }: Resource<ServiceDesired>, state: ServiceState): Move[] {
  const wanted = absent ? { running: false, enabled: false, masked: false } : desired
  const masked = state.load === 'masked' || state.file.startsWith('masked')
  const steps: Move[] = []
  const unmask = masked && (wanted.running || wanted.enabled)
  if (unmask) steps.push('unmask')
  // A masked unit does not show what it was before.
  if (wanted.enabled && (unmask || canEnable.includes(state.file))) steps.push('enable')
  if (!wanted.enabled && canDisable.includes(state.file)) steps.push('disable')
  if (wanted.running && !isUp(state)) steps.push('start')
  if (!wanted.running && !isDown(state)) steps.push('stop')
  if (wanted.masked && !masked) steps.push('mask')
  return steps
}

/** A unit that systemd has to start over and over is not up. */
const isUp = ({ active, sub }: ServiceState): boolean =>
  ['active', 'reloading', 'refreshing', 'activating'].includes(active) && sub !== 'auto-restart'

const isDown = ({ active }: ServiceState): boolean => active === 'inactive' || active === 'failed'

/** A service that has just been started runs on what is configured now. */
const freshStart = { settles: ['reload', 'restart'] }

function differenceOf(
  steps: readonly Move[],
  { load, active, sub, file }: ServiceState,
): Difference {
  const now = sub === 'auto-restart' ? sub : active
  const words: Readonly<Record<Move, string>> = {
    unmask: 'unmask',
    mask: 'mask',
    enable: load === 'masked' ? 'enable' : `${file} -> enabled`,
    disable: `${file} -> disabled`,
    start: `${now} -> running`,
    stop: `${now} -> stopped`,
  }
  const summary = steps.map((step) => words[step]).join(', ')
  return { verb: 'change', summary, ...(steps.includes('start') ? freshStart : {}) }
}

const wantsOf = ({ desired, absent }: Resource<ServiceDesired>): string[] => [
  ...(desired.enabled && !absent ? ['enabled'] : []),
  ...(desired.running && !absent ? ['running'] : []),
]

const downWords = 'stopped, disabled'

/** The host has no such unit, as far as was seen. */
function missing(resource: Resource<ServiceDesired>, context: Context): Difference | undefined {
  const { desired, absent, name } = resource
  const unit = unitOf(name)
  const wants = wantsOf(resource)
  const wanted = wants.join(', ')
  const planned = plannedUnit(unit, context)
  if (planned) {
    const after = planned.text?.after
    const install = after === undefined || /^\[Install\]/m.test(after)
    const steps = wants.filter((want) => want !== 'enabled' || install)
    // What enabled an earlier unit of that name may still be there.
    if (steps.length === 0) return install ? { verb: 'unknown', summary: downWords } : undefined
    const summary = `-> ${steps.join(', ')}`
    return { verb: 'change', summary, ...(steps.includes('running') ? freshStart : {}) }
  }
  if (context.opaque.length > 0) {
    const summary = `${wanted || downWords}, once ${context.opaque.at(-1)} has brought it`
    return { verb: 'unknown', summary }
  }
  if (desired.masked && !absent) return { verb: 'change', summary: 'mask' }
  return wanted === '' ? undefined : { verb: 'change', summary: `there is no unit ${unit} here` }
}

/** The earlier change that writes the unit, or its template, as a unit or as a plain file. */
function plannedUnit(unit: string, { earlier }: Context): Difference | undefined {
  const folder = '/etc/systemd/system'
  const found = [unit, unit.replace(/@.*(?=\.)/, '@')].flatMap((each) => [
    earlier.get(`unit:${each}`),
    earlier.get(`file:${folder}/${each}`),
    earlier.get(`link:${folder}/${each}`),
  ])
  return found.find((each) => each && each.verb !== 'remove')
}

function applyServices(changes: readonly Change<ServiceDesired, ServiceState>[]): Step {
  const moves = changes.map((change) => ({
    unit: unitOf(change.resource.name),
    masked: change.resource.desired.masked,
    steps: movesOf(change),
  }))
  const unitsTo = (move: Move): string[] =>
    moves.filter(({ steps }) => steps.includes(move)).map(({ unit }) => unit)
  /** In one go, since systemd reads all its units again after each. */
  const together = (move: Move): Shell | undefined => {
    const units = unitsTo(move)
    return units.length === 0 ? undefined : sh`systemctl ${move} -- ${units} || exit 1`
  }
  const started = unitsTo('start')
  // What runs can be stopped, and links be removed, when the unit's file is gone.
  const needed = moves
    .filter(
      ({ masked, steps }) =>
        !masked && !steps.every((each) => each === 'disable' || each === 'stop'),
    )
    .map(({ unit }) => unit)
  return {
    script: lines(
      functions,
      needed.length > 0 && sh`ready ${needed}`,
      ...(['unmask', 'disable'] as const).map(together),
      started.length > 0 && sh`forgive ${started}`,
      // In their order: what is stopped may be in the way of what is started next.
      ...moves.flatMap(({ unit, steps }) => [
        steps.includes('stop') && sh`systemctl stop -- ${unit} || exit 1`,
        steps.includes('start') && sh`go start ${unit}`,
      ]),
      // One moment for all of them, while the rest is done.
      started.length > 0 && sh`sleep ${moment} >/dev/null 2>&1 </dev/null &`,
      ...(['enable', 'mask'] as const).map(together),
      started.length > 0 && sh`wait`,
      started.length > 0 && sh`stay start ${started}`,
    ),
  }
}

function movesOf({ resource, state }: Change<ServiceDesired, ServiceState>): readonly Move[] {
  const { desired } = resource
  if (state.load !== 'not-found' || !isDown(state)) return stepsOf(resource, state)
  // A unit that an earlier step has just brought: its state now was not seen, so all is said.
  if (desired.masked) return ['mask']
  return [desired.enabled ? 'enable' : 'disable', desired.running ? 'start' : 'stop']
}

function act({ name }: Resource<ServiceDesired>, verb: string): Shell {
  const unit = unitOf(name)
  return lines(
    functions,
    sh`ready ${unit}`,
    sh`forgive ${unit}`,
    sh`go ${verb} ${unit}`,
    sh`case $states in
    *ActiveState=active*CanReload=yes*) sleep ${verb.includes('reload') ? reloadMoment : moment};;
    *) sleep ${moment};;
    esac`,
    sh`stay ${verb} ${unit}`,
  )
}

/**
 * What is started is looked at again after this long: for a simple service `systemctl start` has
 * succeeded once there is a process, even if that process then dies at once. Seconds.
 */
const moment = 0.4
/** What was told to reload has read its configuration by then, and died of it if it does. Seconds. */
const reloadMoment = 0.1

const functions: Shell = Shell.literal(
  `trouble() { journalctl -q -u "$unit" -n 20 --no-pager; echo "$unit $1"; exit 1; }
# All of them at once, which is the usual case; one by one to say which it was.
show() { properties=$1; shift; states=$(systemctl show -p "$properties" -- "$@"); }
# The units are there, and systemd would run what their files say now.
ready() {
  show LoadState,ActiveState,NeedDaemonReload,CanReload "$@"
  case $states in
  *LoadState=not-found*) for unit in "$@"; do found "$unit"; done;;
  *LoadState=?*) ;;
  *) echo 'systemd does not answer on this host'; exit 1;;
  esac
  case $states in *NeedDaemonReload=yes*) systemctl daemon-reload || exit 1;; esac
}
found() {
  case $(systemctl show -p LoadState -- "$1") in
  *=not-found) echo "there is no unit $1 on this host"; exit 1;;
  esac
}
# That they failed before, and how often, does not count.
forgive() { systemctl reset-failed -- "$@" 2>/dev/null; }
go() {
  unit=$2
  systemctl "$1" -- "$unit" || trouble "failed to $1; its log is above"
}
stay() {
  verb=$1
  shift
  show ActiveState,SubState,NRestarts "$@"
  case $states in
  *SubState=auto-restart*|*NRestarts=[1-9]*|*ActiveState=failed*|*ActiveState=inactive*)
    for unit in "$@"; do stays "$unit" "$verb"; done;;
  esac
}
stays() {
  unit=$1
  state=$(systemctl show -p Type,RemainAfterExit,ActiveState,SubState,Result,NRestarts -- "$unit")
  case $state in
  *SubState=auto-restart*|*NRestarts=[1-9]*) trouble "ended as soon as it was started; its log is above";;
  *ActiveState=failed*) trouble "did not stay up ($(echo "$state" | sed -n s/^Result=//p)); its log is above";;
  *ActiveState=inactive*) case $2/$state in try-*) ;;
    *Type=oneshot*RemainAfterExit=no*) trouble "is a oneshot unit: it does its work and ends. Describe it with running: false";;
    *) trouble "ended as soon as it was started; its log is above";; esac;;
  esac
}`,
)
