import type { Resource } from '../model/resource.ts'
import { file } from '../resources/file.ts'
import { type MariadbDatabaseOptions, mariadbDatabase } from '../resources/mariadb-database.ts'
import { type MariadbUserOptions, mariadbUser } from '../resources/mariadb-user.ts'
import { packages } from '../resources/package.ts'
import { refuse } from '../resources/refusal.ts'
import { restart, service } from '../resources/service.ts'
import { type Machine, memoryOf } from './machine.ts'

/** MariaDB from the packages of the distribution, tuned to the machine. */
export interface MariadbOptions {
  /** Users by name: `'shop'` from this machine, `'shop@10.0.0.%'` from others. */
  readonly users?: Readonly<Record<string, MariadbUserOptions>>
  /** Databases by name. */
  readonly databases?: Readonly<Record<string, MariadbDatabaseOptions>>
  /** The address that it listens on; `'*'` is all. Default: 127.0.0.1. */
  readonly listen?: string
  /** How much of the machine's memory is MariaDB's, from 0.1 to 1. Default: 1. */
  readonly memoryShare?: number
  /** Default: 100. */
  readonly maxConnections?: number
  /** Further settings of mariadbd; they come over those that are worked out. */
  readonly settings?: Readonly<Record<string, string | number>>
}

/**
 * Describes MariaDB with its users and databases:
 *
 *     mariadb(host, {
 *       users: { shop: { password: Secret.env('SHOP_DB_PASSWORD') } },
 *       databases: { shop: { access: { shop: 'all' } } },
 *     })
 */
export function mariadb(host: Machine, options: MariadbOptions = {}): Resource[] {
  const { users = {}, databases = {} } = options
  const running = service('mariadb')
  const rows = Object.entries(settingsOf(host, options))
  return [
    ...packages('mariadb-server'),
    file('/etc/mysql/mariadb.conf.d/90-fettle.cnf', {
      content: `# Kept by Fettle.\n[mariadbd]\n${rows.map(([key, value]) => `${key} = ${value}\n`).join('')}`,
      owner: 'root',
      group: 'root',
      mode: '0644',
      user: 'root',
      // It says what it does not know, and does not start on it.
      validate: 'mariadbd --defaults-file=%s --user=mysql --verbose --help >/dev/null',
      notify: restart(running),
    }),
    running,
    ...Object.entries(users).map(([name, each]) => mariadbUser(name, each)),
    ...Object.entries(databases).map(([name, each]) => mariadbDatabase(name, each)),
  ]
}

function settingsOf(
  host: Machine,
  { listen = '127.0.0.1', memoryShare = 1, maxConnections = 100, settings = {} }: MariadbOptions,
): Record<string, string | number> {
  if (!(memoryShare >= 0.1 && memoryShare <= 1))
    refuse('mariadb', 'memoryShare', {
      problem: `cannot be ${memoryShare}`,
      suggestion: 'a number from 0.1 to 1',
    })
  // Half for the pool: connections, sorts and the rest of the system need theirs.
  const pool = Math.max(Math.floor((memoryOf(host) * memoryShare) / 2), 64)
  return {
    'bind-address': listen,
    'character-set-server': 'utf8mb4',
    max_connections: maxConnections,
    innodb_buffer_pool_size: `${pool}M`,
    innodb_log_file_size: `${Math.min(Math.max(Math.floor(pool / 4), 48), 2048)}M`,
    ...settings,
  }
}
