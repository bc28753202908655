import type { Resource } from '../model/resource.ts'
import { file } from '../resources/file.ts'
import { packages } from '../resources/package.ts'
import { restart, service } from '../resources/service.ts'
import { type Machine, memoryOf } from './machine.ts'

/** Memcached on loopback. It asks nobody for a password: whoever reaches it may read and write. */
export interface MemcachedOptions {
  /** What is kept, in MiB. Default: an eighth of the machine. */
  readonly memory?: number
  /** Addresses of this host that it listens on, instead of loopback alone. */
  readonly listen?: readonly string[]
  /** Default: 11211. */
  readonly port?: number
  /** Default: 1024. */
  readonly maxConnections?: number
  /** The largest item, in MiB. Default: 1. */
  readonly maxItem?: number
}

/** Describes Memcached: `memcached(host, { memory: 256 })`. */
export function memcached(host: Machine, options: MemcachedOptions = {}): Resource[] {
  const {
    memory = Math.floor(memoryOf(host) / 8),
    listen = ['127.0.0.1'],
    port = 11211,
    maxConnections = 1024,
    maxItem = 1,
  } = options
  const running = service('memcached')
  const content = `# Kept by Fettle.
-d
logfile /var/log/memcached.log
-u memcache
-P /var/run/memcached/memcached.pid
-m ${memory}
-p ${port}
-U 0
-c ${maxConnections}
-I ${maxItem}m
${listen.map((each) => `-l ${each}\n`).join('')}`
  return [
    ...packages('memcached'),
    file('/etc/memcached.conf', {
      content,
      owner: 'root',
      group: 'root',
      mode: '0644',
      user: 'root',
      notify: restart(running),
    }),
    running,
  ]
}
