import type { Secret } from '../base/secret.ts'
import type { Resource } from '../model/resource.ts'
import { file } from '../resources/file.ts'
import { packages } from '../resources/package.ts'
import { refuse } from '../resources/refusal.ts'
import { transform } from '../resources/secret-text.ts'
import { restart, service } from '../resources/service.ts'
import { type Machine, memoryOf } from './machine.ts'

/** Redis on loopback, with a bound on its memory. */
export interface RedisOptions {
  /** What clients have to say first. Needed when it listens on more than loopback. */
  readonly password?: Secret | string
  /** Addresses of this host that it listens on, beside loopback. Default: none. */
  readonly listen?: readonly string[]
  /** Default: 6379. */
  readonly port?: number
  /** What its data may take, in MiB. Default: a quarter of the machine. */
  readonly memory?: number
  /**
   * What is on disk: `'snapshots'` now and then, a `'log'` of each change (at most a second is lost), or
   * `'none'` for a cache. Default: `'snapshots'`.
   */
  readonly persistence?: 'snapshots' | 'log' | 'none'
  /**
   * What happens when the memory is full: `'noeviction'` refuses writes, `'allkeys-lru'` forgets what was
   * not used for longest... Default: `'allkeys-lru'` for a cache, `'noeviction'` otherwise.
   */
  readonly policy?:
    | 'noeviction'
    | `${'allkeys' | 'volatile'}-${'lru' | 'lfu' | 'random'}`
    | 'volatile-ttl'
  /** Further settings of redis.conf; they come last. */
  readonly settings?: Readonly<Record<string, string | number>>
}

/** Describes Redis: `redis(host, { password: Secret.env('REDIS_PASSWORD'), persistence: 'none' })`. */
export function redis(host: Machine, options: RedisOptions = {}): Resource[] {
  if (options.listen?.length && options.password === undefined)
    refuse('redis', 'password', {
      problem: 'is missing: anybody who reaches these addresses could read and write all of it',
      suggestion: "password: Secret.env('REDIS_PASSWORD')",
    })
  const running = service('redis-server')
  return [
    ...packages('redis-server'),
    file('/etc/redis/redis.conf', {
      content: configuration(host, options),
      owner: 'redis',
      group: 'redis',
      mode: '0640',
      user: 'root',
      notify: restart(running),
    }),
    running,
  ]
}

const persistences = {
  snapshots: 'save 3600 1 300 100 60 10000\nappendonly no\n',
  log: 'save ""\nappendonly yes\nappendfsync everysec\n',
  none: 'save ""\nappendonly no\n',
}

function configuration(
  host: Machine,
  {
    password,
    listen = [],
    port = 6379,
    memory = Math.floor(memoryOf(host) / 4),
    persistence = 'snapshots',
    policy = persistence === 'none' ? 'allkeys-lru' : 'noeviction',
    settings = {},
  }: RedisOptions,
): string {
  const further = Object.entries(settings).map(([name, value]) => `${name} ${value}\n`)
  return `# Kept by Fettle.
bind 127.0.0.1 -::1${listen.map((each) => ` ${each}`).join('')}
protected-mode yes
port ${port}
pidfile /run/redis/redis-server.pid
logfile /var/log/redis/redis-server.log
dir /var/lib/redis
maxmemory ${memory}mb
maxmemory-policy ${policy}
${persistences[persistence]}${password === undefined ? '' : `requirepass ${quoted(String(password))}\n`}${further.join('')}`
}

/** As redis.conf takes any text. */
const quoted = (text: string): string =>
  transform(text, (text) => {
    const escape = (letter: string): string =>
      letter === '"' || letter === '\\'
        ? `\\${letter}`
        : `\\x${letter.charCodeAt(0).toString(16).padStart(2, '0')}`
    return `"${text.replace(/["\\]|\p{Cc}/gu, (letter) => (letter > '\x7e' ? letter : escape(letter)))}"`
  })
