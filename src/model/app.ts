import { createHash } from 'node:crypto'
import { type SourcePosition, problem } from '../base/errors.ts'
import type { Secret } from '../base/secret.ts'
import { mistakeIn } from './app-checks.ts'
import type {
  AppBalance,
  AppBuild,
  AppHealth,
  AppJob,
  AppLimits,
  AppOptions,
  AppRollout,
} from './app-options.ts'
import { callerPosition } from './position.ts'
import type { Host, Resources, Selector } from './role.ts'

/** An app as it is described, with what was left out filled in. Plain data. */
export interface AppDescription {
  readonly name: string
  readonly source: string
  readonly image: string | undefined
  readonly runtime: string | undefined
  readonly domains: readonly string[]
  /** Over those of its Procfile. */
  readonly processes: Readonly<Record<string, string>>
  readonly jobs: Readonly<Record<string, AppJob>>
  readonly env: Readonly<Record<string, string | number | boolean | Secret>>
  readonly instances: Readonly<Record<string, number>>
  readonly build: AppBuild & { readonly where: 'host' | 'here'; readonly timeout: number }
  readonly health: Required<AppHealth>
  readonly limits: AppLimits & { readonly tasks: number; readonly files: number }
  readonly balance: Required<Omit<AppBalance, 'https'>> & { readonly https: boolean | undefined }
  readonly rollout: Required<AppRollout>
  /** The first of the ports that its instances have on every host; the others follow it. */
  readonly port: number
  readonly at: SourcePosition | undefined
}

/** An app and the resources that each of its hosts needs before it can be delivered there. */
export interface App extends AppDescription {
  readonly prepares: (host: Host) => Resources
  /** Places it: `shop.on('web1', 'web2')`. */
  on(...where: readonly Selector[]): AppPlacement
}

export interface AppPlacement {
  readonly app: App
  readonly where: readonly Selector[]
  readonly at: SourcePosition | undefined
}

/** One of an app's hosts. */
export interface AppHost {
  readonly name: string
  readonly address: string
}

/** An app with the hosts that it is placed on, in the order of the fleet. */
export interface PlacedApp {
  readonly app: App
  readonly hosts: readonly AppHost[]
}

/**
 * How many instances of `web` find room on a host: twice as many as run, as those of two releases run
 * side by side, and at least 16, so that it can be scaled without touching the balancer.
 */
export const slotsOf = ({ instances }: AppDescription): number =>
  Math.min(portsOfApp, Math.max(16, 2 * (instances['web'] ?? 0)))

/** The port of a slot, which are numbered from 0. */
export const portOf = ({ port }: Pick<AppDescription, 'port'>, slot: number): number => port + slot

/** Where it lives on each of its hosts: all but its units, and what the host knows of it. */
export const folderOf = (app: string): string => `/srv/${app}`

/** Who runs it, and who builds it and owns its releases. */
export const userOf = (app: string): string => app
export const builderOf = (app: string): string => `${app}-build`

/** What begins the source of an app that is an image. */
export const imagePrefix = 'docker://'

/** Fills in what was left out. Throws `invalid-app`, which names the field and what to write instead. */
export function describeApp(name: string, options: AppOptions): AppDescription {
  const at = callerPosition()
  const mistake = mistakeIn(name, options)
  if (mistake) throw problem('invalid-app', { app: name, ...mistake }, { at })
  const { image, domains = [], processes = {}, jobs = {}, env = {} } = options
  const {
    instances = 2,
    build = {},
    health = {},
    limits = {},
    balance = {},
    rollout = {},
  } = options
  return {
    name,
    // One of the two is there.
    source: options.source ?? `${imagePrefix}${image}`,
    image,
    runtime: image === undefined ? options.runtime : 'container',
    domains: [domains].flat().map((each) => each.toLowerCase()),
    processes,
    jobs,
    env,
    instances: typeof instances === 'number' ? { web: instances } : { web: 2, ...instances },
    build: { where: 'host', timeout: 900, ...build },
    health: { ...defaults.health, ...(typeof health === 'string' ? { path: health } : health) },
    limits: { tasks: 512, files: 65536, ...limits },
    balance: { ...defaults.balance, https: undefined, ...balance },
    rollout: { ...defaults.rollout, ...rollout },
    port: options.port ?? firstPort(name),
    at,
  }
}

const defaults = {
  health: { path: '/', status: [200, 399], healthy: 2, timeout: 2, within: 30, every: 2 },
  balance: {
    by: 'leastconn',
    sticky: false,
    connections: 200,
    queue: 10,
    timeout: 60,
    tunnel: 3600,
    gzip: true,
  },
  rollout: { atOnce: 1, settle: 5, drain: 30, stop: 10, keep: 5, worse: 3 },
} as const

/** Ports below those that Linux hands out by itself (from 32768), by the name: it never changes. */
function firstPort(name: string): number {
  const blocks = (32_000 - 10_000) / portsOfApp
  const hash = createHash('sha256').update(name).digest().readUInt32BE(0)
  return 10_000 + (hash % blocks) * portsOfApp
}

/** So many ports are set aside for each app. */
export const portsOfApp = 100
