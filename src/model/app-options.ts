import type { Secret } from '../base/secret.ts'

/** What the user writes about one app. Times are in seconds, sizes in MiB. */
export interface AppOptions {
  /** Where it comes from: a folder or a git repository here, relative to the description, or a git URL. */
  readonly source?: string
  /**
   * Instead of a source: an image with its registry and its tag or digest, such as
   * `registry.example.com/shop:1.4`. What a tag means is looked up once: for a newer one name another.
   */
  readonly image?: string
  /** What it is, where its files do not say: `node`, `python`, `ruby`, `php`, `go`, `static`, `container`. */
  readonly runtime?: string
  /** Whose requests it answers: `shop.example.com`, or `*.example.com` for all below it. */
  readonly domains?: string | readonly string[]
  /**
   * Commands by process, over those of its Procfile. `web` is balanced and listens on `$PORT` of `$HOST`;
   * `release` is run once before traffic moves; all others are workers.
   */
  readonly processes?: Readonly<Record<string, string>>
  /** Commands at certain times, on the first of its hosts: `{ clean: { run: 'bin/clean', at: 'daily' } }`. */
  readonly jobs?: Readonly<Record<string, AppJob>>
  /** What it finds in its environment: addresses of backing services, secrets, settings. */
  readonly env?: Readonly<Record<string, string | number | boolean | Secret>>
  /** How many of each process run on each host; a number is meant for `web`. Default: 2 web, 1 of each worker. */
  readonly instances?: number | Readonly<Record<string, number>>
  /** How its files become a release. */
  readonly build?: AppBuild
  /** When an instance counts as well; a text is the path. */
  readonly health?: string | AppHealth
  /** What one instance may take. */
  readonly limits?: AppLimits
  /** How the balancer treats its requests. */
  readonly balance?: AppBalance
  /** How a release takes the place of the one before. */
  readonly rollout?: AppRollout
  /** The first of 100 ports for its instances. Default: one between 10000 and 32000, by its name. */
  readonly port?: number
}

export interface AppJob {
  readonly run: string
  /** When, as systemd's OnCalendar has it: `daily`, `*:0/5`, `Mon 04:00`. */
  readonly at: string
}

export interface AppBuild {
  /** Instead of what its runtime does. Empty: nothing is to be built. */
  readonly command?: string
  /** `host`: on each of its hosts, as its build user. `here`: on this machine, once. Default: `host`. */
  readonly where?: 'host' | 'here'
  /** What of the built tree is the release, such as `dist`. Default: all of it. */
  readonly output?: string
  /** Default: 900. */
  readonly timeout?: number
}

export interface AppHealth {
  /** What is asked for. Default: `/`. */
  readonly path?: string
  /** The lowest and the highest status that is well. Default: 200 to 399. */
  readonly status?: readonly [number, number]
  /** How many good answers in a row it takes. Default: 2. */
  readonly healthy?: number
  /** How long one answer may take. Default: 2. */
  readonly timeout?: number
  /** How long a new instance may take to become well. Default: 30. */
  readonly within?: number
  /** How often the balancer asks. Default: 2. */
  readonly every?: number
}

export interface AppLimits {
  /** MiB. Default: none. */
  readonly memory?: number
  /** In processors: `0.5`. Default: none. */
  readonly cpu?: number
  /** Threads and processes. Default: 512. */
  readonly tasks?: number
  /** Open files. Default: 65536. */
  readonly files?: number
}

export interface AppBalance {
  /** Default: `leastconn`. */
  readonly by?: 'roundrobin' | 'leastconn'
  /** A client stays with the instance that answered it first, by a cookie. Default: false. */
  readonly sticky?: boolean
  /** Requests at once for each instance; more wait their turn. Default: 200. */
  readonly connections?: number
  /** How long a request may wait for its turn. Default: 10. */
  readonly queue?: number
  /** How long an answer may take to begin, and a client or instance may be silent. Default: 60. */
  readonly timeout?: number
  /** How long a WebSocket may be silent. Default: 3600. */
  readonly tunnel?: number
  /** Answers over plain HTTP send the client to HTTPS. Default: whether the balancer has a certificate. */
  readonly https?: boolean
  /** Compresses text. Default: true. */
  readonly gzip?: boolean
}

export interface AppRollout {
  /** How many hosts change at once. Default: 1. */
  readonly atOnce?: number
  /** How long new instances are watched before the next hosts change. Default: 5. */
  readonly settle?: number
  /** How long old instances may take to finish their requests. Default: 30. */
  readonly drain?: number
  /** How long a process may take to end after SIGTERM. Default: 10. */
  readonly stop?: number
  /** How many releases are kept. Default: 5. */
  readonly keep?: number
  /** How many times as many failed answers and how much slower than the release before is bad. Default: 3. */
  readonly worse?: number
}
