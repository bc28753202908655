import { Secret, reveal } from '../base/secret.ts'
import { lines, sh } from '../base/shell.ts'
import type { Change, Context, Difference, Kind, Step } from '../model/kind.ts'
import { nothingPlanned, unknownAfter } from '../model/kind.ts'
import { type Common, type Resource, describe, given, idOf } from '../model/resource.ts'
import { check, filled, listOf, optional, text, whole } from '../model/schema.ts'
import { imageName } from './container-image.ts'
import { environmentCheck } from './command.ts'
import { fileKind, writeAtomically } from './file.ts'
import {
  type SystemFile,
  type SystemFileState,
  parseWithFiles,
  readWithFiles,
  systemFile,
} from './system-file.ts'
import { propertiesOf, unitBlocks } from './unit-state.ts'
import { folder, placeUnits } from './unit-files.ts'
import { render } from './unit.ts'

/**
 * A container that podman runs and systemd keeps running, as the unit of that name. It is started anew
 * when anything about it changes. `absent(container(...))` stops it and removes its unit; images and
 * volumes stay.
 */
export interface ContainerOptions extends Common {
  /** A `containerImage`, or the name of an image that is on the host. */
  readonly image: Resource | string
  /** Words instead of what the image runs by itself. */
  readonly command?: readonly string[]
  /**
   * What is reached from outside of it: `'8080:80'` is its port 80 on port 8080 of the host's loopback;
   * say `'0.0.0.0:8080:80'` for everywhere.
   */
  readonly ports?: readonly string[]
  /** Variables, kept in a file that only root may read. */
  readonly environment?: Readonly<Record<string, string | Secret>>
  /** Such as `'/srv/data:/data'`, `'/etc/shop:/etc/shop:ro'` or, kept by podman, `'data:/data'`. */
  readonly volumes?: readonly string[]
  /** Such as `'host'`. Default: a network of podman's. */
  readonly network?: string
  /** At most so much memory, in MiB. */
  readonly memory?: number
  /** Seconds to stop in, before it is killed. Default: 10. */
  readonly stopSeconds?: number
  /** Further options of `podman run`. */
  readonly options?: readonly string[]
}

interface ContainerDesired {
  readonly image: string
  readonly command: readonly string[]
  readonly ports: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly volumes: readonly string[]
  readonly network?: string
  readonly memory?: number
  readonly stopSeconds: number
  readonly options: readonly string[]
}

interface ContainerState {
  readonly podman: boolean
  readonly files: readonly SystemFileState[]
  readonly active: string
  readonly enabled: boolean
  /** What runs was started before its files were written, or systemd has not read them. */
  readonly stale: boolean
}

/** Describes a container: `container('web', { image: 'docker.io/library/nginx:1.27', ports: ['8080:80'] })`. */
export function container(name: string, options: ContainerOptions): Resource {
  const {
    image,
    command = [],
    ports = [],
    environment = {},
    volumes = [],
    network,
    memory,
    stopSeconds = 10,
    options: further = [],
    after,
    ...common
  } = options
  const described = typeof image === 'object' ? image : undefined
  const first = [...(described ? [idOf(described)] : []), ...listOfIds(after)]
  const desired = {
    image: described?.name ?? (image as string),
    command,
    ports,
    environment: Object.fromEntries(
      Object.entries(environment).map(([key, value]) => [key, String(value)]),
    ),
    volumes,
    stopSeconds,
    options: further,
    ...given({ network, memory }),
  }
  return describe(containerKind, name, desired, { ...common, after: first as never })
}

const listOfIds = (after: Common['after']): readonly unknown[] =>
  after === undefined ? [] : Array.isArray(after) ? after.flat() : [after]

const word = (suggestion: string, pattern: RegExp): ReturnType<typeof check> =>
  check(suggestion, (value) => typeof value === 'string' && pattern.test(value))

export const containerKind: Kind<ContainerDesired, ContainerState> = {
  name: 'container',
  remembers: () => ({
    image: '',
    command: [],
    ports: [],
    environment: {},
    volumes: [],
    stopSeconds: 0,
    options: [],
  }),
  leavesBefore: ['container-image', 'package'],
  named: word("a name such as 'web' (letters, digits, . _ -)", /^[A-Za-z0-9][\w.-]{0,100}$/),
  user: 'root',
  fields: {
    image: imageName,
    command: listOf(text),
    ports: listOf(
      word(
        "ports such as '8080:80' or '0.0.0.0:8080:80', with /udp where it is",
        /^(\[[0-9a-f:.]+\]:|\d{1,3}(\.\d{1,3}){3}:)?\d{1,5}:\d{1,5}(\/(tcp|udp))?$/,
      ),
    ),
    environment: check(
      'variables by name, their values texts or secrets on one line',
      (value) =>
        environmentCheck(value) === undefined &&
        Object.values(value as Record<string, string>).every(
          (each) => !/[\r\n]/.test(reveal(each)),
        ),
    ),
    volumes: listOf(word("such as '/srv/data:/data:ro'", /^[^:\0\n]+:\/[^:\0\n]*(:[\w,=]+)?$/)),
    network: optional(word("a network's name such as 'host'", /^[\w][\w.:,=-]*$/)),
    memory: optional(whole),
    stopSeconds: whole,
    options: listOf(filled),
  },

  claims: (resource) => [
    { what: `unit ${unitOf(resource.name)}` },
    ...filesOf(resource).map(({ name }) => ({ what: `path ${name}` })),
  ],

  read: (resources) =>
    readWithFiles(
      sh`command -v podman >/dev/null && echo podman; echo
systemctl show --timestamp=us+utc -p LoadState,ActiveState,UnitFileState,NeedDaemonReload,ActiveEnterTimestamp -- ${resources.map(({ name }) => unitOf(name))} 2>/dev/null
echo; stat -c 'written %.6Y %n' ${resources.flatMap((each) => filesOf(each).map(({ name }) => name))} 2>/dev/null`,
      resources.flatMap(filesOf),
    ),

  parse(output, resources) {
    const { own, files } = parseWithFiles(output, resources.flatMap(filesOf))
    const units = unitBlocks(own).map(propertiesOf)
    if (units.length !== resources.length) throw new Error('systemd does not answer')
    const written = new Map(
      [...own.matchAll(/^written (\S+) (.*)$/gm)].map(([, time, path]) => [path, Number(time)]),
    )
    return resources.map((resource, i) => {
      const value = (key: string): string => units[i]!.get(key) ?? ''
      const [, day, time] =
        /(\d{4}-\d\d-\d\d) ([\d:.]+) UTC/.exec(value('ActiveEnterTimestamp')) ?? []
      const since = day === undefined ? undefined : secondsOf(day, time!)
      const newer = filesOf(resource).some(
        ({ name }) => since !== undefined && (written.get(name) ?? 0) > since,
      )
      return {
        podman: /^podman$/m.test(own),
        files: files.slice(2 * i, 2 * i + 2),
        active: value('ActiveState'),
        enabled: value('UnitFileState') === 'enabled',
        stale: value('NeedDaemonReload') === 'yes' || newer,
      }
    })
  },

  diff(resource, state, context) {
    return resource.absent ? removal(state) : difference(resource, state, context)
  },

  apply: ([change]) => applyContainer(change!),
}

/** To the microsecond, which a Date does not keep. */
function secondsOf(day: string, time: string): number {
  const [whole = '', part = '0'] = time.split('.')
  return Date.parse(`${day}T${whole}Z`) / 1000 + Number(`0.${part}`)
}

const unitOf = (name: string): string => `${name}.service`

/** Its unit, and its variables. */
function filesOf({ name, desired, absent }: Resource<ContainerDesired>): [SystemFile, SystemFile] {
  const variables = Object.entries(desired.environment).map(([key, value]) => `${key}=${value}\n`)
  const environment = systemFile(environmentOf(name), variables.join(''), absent)
  return [
    systemFile(`${folder}/${unitOf(name)}`, unitText(name, desired), absent),
    { ...environment, desired: { ...environment.desired, mode: '0600' } },
  ]
}

const environmentOf = (name: string): string => `/etc/containers/${name}.env`

function unitText(name: string, desired: ContainerDesired): string {
  const { image, command, ports, volumes, network, memory, stopSeconds, options } = desired
  const run = [
    ...`podman run --name ${name} --replace --rm --detach --sdnotify=conmon --cgroups=split`.split(
      ' ',
    ),
    ...'--log-driver=passthrough --pull=never --init=false'.split(' '),
    `--env-file=${environmentOf(name)}`,
    `--stop-timeout=${stopSeconds}`,
    ...ports.map((each) => `--publish=${/^(\[|\d+\.)/.test(each) ? each : `127.0.0.1:${each}`}`),
    ...volumes.map((each) => `--volume=${each}`),
    ...(network === undefined ? [] : [`--network=${network}`]),
    ...(memory === undefined ? [] : [`--memory=${memory}m`]),
    ...options,
    '--',
    image,
    ...command,
  ]
  const sections = {
    Unit: {
      Description: `Container ${name}`,
      Wants: 'network-online.target',
      After: 'network-online.target',
    },
    Service: {
      Type: 'notify',
      NotifyAccess: 'all',
      Environment: 'PODMAN_SYSTEMD_UNIT=%n',
      ExecStart: `/usr/bin/${run.map(unitWord).join(' ')}`,
      ExecStop: `/usr/bin/podman stop --ignore --time ${stopSeconds} ${name}`,
      ExecStopPost: `-/usr/bin/podman rm --force --ignore --time 0 ${name}`,
      // Ended by the SIGTERM of a stop.
      SuccessExitStatus: 143,
      Restart: 'always',
      RestartSec: 2,
      KillMode: 'mixed',
      Delegate: 'yes',
      TimeoutStartSec: 90,
      TimeoutStopSec: stopSeconds + 20,
    },
    Install: { WantedBy: 'multi-user.target' },
  }
  return `# Kept by Fettle.\n${render(sections)}`
}

/** One word of ExecStart=, whatever it holds. */
function unitWord(word: string): string {
  const plain = word.replaceAll('%', '%%').replaceAll('$', '$$$$')
  if (/^[\w%+,./:@=$-]+$/.test(plain)) return plain
  const escaped = plain.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\t', '\\t')
  return `"${escaped}"`
}

function removal({ files, active, enabled }: ContainerState): Difference | undefined {
  const runs = active !== 'inactive' && active !== 'failed'
  const words = [
    ...(runs ? [`${active} -> stopped`] : []),
    ...(enabled || files.some(({ type }) => type !== 'absent') ? ['its unit'] : []),
  ]
  return words.length === 0 ? undefined : { verb: 'remove', summary: words.join(', ') }
}

function difference(
  resource: Resource<ContainerDesired>,
  state: ContainerState,
  context: Context,
): Difference | undefined {
  const { image } = resource.desired
  const anew = state.files[0]!.type === 'absent'
  const { unit, environment, enable, start } = stepsFor(resource, state)
  if (start && !state.podman)
    return context.opaque.length > 0
      ? unknownAfter(context, `running ${image}`)
      : { verb: anew ? 'create' : 'change', summary: 'there is no podman on this host' }
  const words = [
    ...(unit.length > 0 ? ['unit'] : []),
    ...(environment.length > 0 ? ['environment'] : []),
    ...(enable ? ['enabled'] : []),
    ...(start ? [state.active === 'active' ? 'restart' : `${state.active} -> running`] : []),
  ]
  if (words.length === 0) return undefined
  const found = unit[0] && fileKind.diff(unit[0], state.files[0]!, context)?.text
  return {
    verb: anew ? 'create' : 'change',
    summary: anew ? `running ${image}` : words.join(', '),
    ...(found ? { text: found } : {}),
  }
}

interface Steps {
  /** Its unit and its variables, where they differ. */
  readonly unit: readonly SystemFile[]
  readonly environment: readonly SystemFile[]
  readonly enable: boolean
  readonly start: boolean
}

/** What is said in the plan, and no more: a container that only was not enabled goes on running. */
function stepsFor(resource: Resource<ContainerDesired>, state: ContainerState): Steps {
  const [unit, environment] = filesOf(resource).map((each, i) =>
    fileKind.diff(each, state.files[i]!, nothingPlanned) ? [each] : [],
  ) as [SystemFile[], SystemFile[]]
  const start = state.active !== 'active' || unit.length + environment.length > 0 || state.stale
  return { unit, environment, enable: !state.enabled, start }
}

function applyContainer({ resource, state }: Change<ContainerDesired, ContainerState>): Step {
  const { name, desired } = resource
  const unit = unitOf(name)
  if (resource.absent)
    return {
      script: lines(
        sh`case $(systemctl show -p LoadState -- ${unit}) in *=not-found) ;; *) systemctl disable --now -- ${unit} || exit 1 ;; esac`,
        sh`systemctl stop -- ${unit} 2>/dev/null`,
        sh`rm -f -- ${filesOf(resource).map((each) => each.name)} || exit 1`,
        sh`systemctl daemon-reload`,
      ),
    }
  const { unit: units, environment, enable, start } = stepsFor(resource, state)
  const placed = placeUnits({ write: units, verify: units, remove: [] })
  const enabled = enable && sh`systemctl enable -- ${unit} || exit 1`
  if (!start) return { script: lines(enabled) }
  return {
    script: lines(
      sh`command -v podman >/dev/null || { echo 'there is no podman on this host: is its package described?'; exit 1; }`,
      sh`podman image exists ${desired.image} || { echo ${`there is no image ${desired.image} on this host: describe it with containerImage`}; exit 1; }`,
      ...environment.map(
        (each) =>
          sh`( mkdir -p /etc/containers && printf '%s' ${each.desired.content as string} | ( ${writeAtomically(each.name, each.desired)}
) ) || exit 1`,
      ),
      units.length > 0 &&
        sh`( ${placed.script}
) || exit 1`,
      sh`systemctl daemon-reload || exit 1`,
      enabled,
      sh`systemctl reset-failed -- ${unit} 2>/dev/null`,
      sh`since=$(date '+%F %T')
systemctl restart -- ${unit} && sleep 1 && systemctl is-active --quiet -- ${unit} || {
  journalctl -q -u ${unit} --since "$since" -n 20 --no-pager -o cat
  echo ${`the container ${name} did not stay up; its log is above`}; exit 1; }`,
    ),
    input: units.length > 0 ? placed.input : undefined,
  }
}
