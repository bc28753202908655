import type { Resource } from '../model/resource.ts'
import { directory } from '../resources/directory.ts'
import { file } from '../resources/file.ts'
import { packages } from '../resources/package.ts'
import type { PostgresAccessRule } from '../resources/postgres-access-rules.ts'
import { type PostgresDatabaseOptions, postgresDatabase } from '../resources/postgres-database.ts'
import { postgresServer } from '../resources/postgres-server.ts'
import { type PostgresUserOptions, postgresUser } from '../resources/postgres-user.ts'
import { refuse } from '../resources/refusal.ts'
import { service } from '../resources/service.ts'
import { type Machine, inMegabytes, memoryOf } from './machine.ts'

/** PostgreSQL from the packages of the distribution, tuned to the machine. */
export interface PostgresOptions {
  /** Default: that of the distribution. Another one needs an `aptRepository` that has it. */
  readonly version?: number
  /** Users by name. */
  readonly users?: Readonly<Record<string, PostgresUserOptions>>
  /** Databases by name. The packages of well-known extensions come along. */
  readonly databases?: Readonly<Record<string, PostgresDatabaseOptions>>
  /** Addresses of this host that it listens on, beside loopback; `'*'` is all. Default: none. */
  readonly listen?: readonly string[]
  /** Who may connect from elsewhere, with a password. Default: nobody. */
  readonly access?: readonly PostgresAccessRule[]
  /** How much of the machine's memory is PostgreSQL's, from 0.1 to 1. Default: 1. */
  readonly memoryShare?: number
  /** Default: 100. */
  readonly maxConnections?: number
  /** Further settings; they come over those that are worked out. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>
}

/** What each distribution has. */
const versions: Readonly<Record<string, number>> = {
  bullseye: 13,
  bookworm: 15,
  trixie: 17,
  jammy: 14,
  noble: 16,
}

/** Packages of extensions that do not come with the server. */
const extensionPackages: Readonly<Record<string, (version: number) => string>> = {
  hypopg: (version) => `postgresql-${version}-hypopg`,
  pg_cron: (version) => `postgresql-${version}-cron`,
  pg_partman: (version) => `postgresql-${version}-partman`,
  pg_repack: (version) => `postgresql-${version}-repack`,
  pgaudit: (version) => `postgresql-${version}-pgaudit`,
  plperl: (version) => `postgresql-plperl-${version}`,
  plpython3u: (version) => `postgresql-plpython3-${version}`,
  postgis: (version) => `postgresql-${version}-postgis-3`,
  vector: (version) => `postgresql-${version}-pgvector`,
}

/**
 * Describes PostgreSQL with its users and databases:
 *
 *     postgres(host, {
 *       users: { shop: { password: Secret.env('SHOP_DB_PASSWORD') } },
 *       databases: { shop: { owner: 'shop', extensions: ['pg_trgm'] } },
 *     })
 */
export function postgres(host: Machine, options: PostgresOptions = {}): Resource[] {
  const { users = {}, databases = {}, access = [] } = options
  const version = versionOf(host, options)
  const extensions = Object.values(databases).flatMap(({ extensions = [] }) => extensions)
  const known = extensions.flatMap((each) => extensionPackages[each]?.(version) ?? [])
  const folder = '/etc/postgresql-common'
  return [
    // Read when the package makes the cluster; afterwards these cannot be changed.
    ...[folder, `${folder}/createcluster.d`].map((path) =>
      directory(path, { owner: 'root', group: 'root', mode: '0755', user: 'root' }),
    ),
    file(`${folder}/createcluster.d/fettle.conf`, {
      content: `# Kept by Fettle.\ninitdb_options = '--encoding=UTF8 --locale=C.UTF-8 --data-checksums'\n`,
      user: 'root',
    }),
    ...packages([`postgresql-${version}`, ...known]),
    postgresServer(`${version}/main`, { settings: settingsOf(host, options), access }),
    service('postgresql'),
    ...Object.entries(users).map(([name, each]) => postgresUser(name, each)),
    ...Object.entries(databases).map(([name, each]) => postgresDatabase(name, each)),
  ]
}

function versionOf({ facts }: Machine, { version }: PostgresOptions): number {
  const found = version ?? versions[facts.os.codename]
  if (found !== undefined) return found
  return refuse('postgres', 'version', {
    problem: `is missing: which one ${facts.os.id} ${facts.os.version} has is not known`,
    suggestion: 'the major version, such as version: 15',
  })
}

/** Larger shared buffers help no more, since the kernel caches too. MiB. */
const mostShared = 16 * 1024

function settingsOf(
  host: Machine,
  { listen = [], memoryShare = 1, maxConnections = 100, settings = {} }: PostgresOptions,
): Record<string, string | number | boolean> {
  if (!(memoryShare >= 0.1 && memoryShare <= 1))
    refuse('postgres', 'memoryShare', {
      problem: `cannot be ${memoryShare}`,
      suggestion: 'a number from 0.1 to 1',
    })
  const memory = Math.floor(memoryOf(host) * memoryShare)
  const { cpus } = host.facts
  const shared = Math.min(Math.floor(memory / 4), mostShared)
  const size = (mebibytes: number): string => inMegabytes(Math.floor(mebibytes))
  return {
    listen_addresses: listen.includes('*') ? '*' : ['localhost', ...listen].join(','),
    max_connections: maxConnections,
    shared_buffers: size(shared),
    effective_cache_size: size((memory * 3) / 4),
    maintenance_work_mem: size(Math.min(Math.max(memory / 16, 64), 2048)),
    // A query may take it several times over: for each sort, each hash, each worker.
    work_mem: size(Math.max((memory - shared) / (maxConnections * 3), 4)),
    max_worker_processes: Math.max(8, cpus),
    max_parallel_workers: Math.max(2, cpus),
    max_parallel_workers_per_gather: Math.min(Math.max(1, Math.ceil(cpus / 2)), 4),
    // Disks without arms: a page from anywhere costs about as much as the next one.
    random_page_cost: 1.1,
    effective_io_concurrency: 200,
    max_wal_size: '4GB',
    min_wal_size: '256MB',
    password_encryption: 'scram-sha-256',
    ...settings,
  }
}
