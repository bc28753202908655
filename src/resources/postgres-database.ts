import { problem } from '../base/errors.ts'
import { sh } from '../base/shell.ts'
import type { Change, Difference, Kind, Step } from '../model/kind.ts'
import { unknownAfter } from '../model/kind.ts'
import { type Common, type Resource, describe, given, idOf } from '../model/resource.ts'
import { check, flag, line, listOf, optional } from '../model/schema.ts'
import { type DatabaseServer, sincePlanned } from './database-server.ts'
import { type PostgresAccess, accessQuery } from './postgres-access.ts'
import {
  type Row,
  askPostgres,
  inDatabase,
  nameCheck,
  parseAnswer,
  runPostgres,
  withoutServer,
} from './postgres-session.ts'
import { refuse } from './refusal.ts'
import { postgresName, postgresText } from './sql.ts'

/**
 * A database of the host's PostgreSQL. Only its owner and those named in `access` may connect to it.
 * `absent(postgresDatabase(name, { destroy: true }))` drops it with all that is in it, unless
 * somebody is connected.
 */
export interface PostgresDatabaseOptions extends Common {
  /** The user who may do everything in it. Left out: `postgres`, or whose it is already. */
  readonly owner?: string
  /** Extensions that it has, in this order; others stay. Their packages are described beside it. */
  readonly extensions?: readonly string[]
  /**
   * Who else may connect, and what they may do with the tables and sequences of all its schemas, those
   * of later included where the owner makes them: `'read'`, `'write'`, or `'connect'`, which leaves that
   * to the database.
   */
  readonly access?: Readonly<Record<string, PostgresAccess>>
  /** Of a new one. Default: that of the cluster; what it is cannot be changed. */
  readonly encoding?: string
  /** Of a new one, such as `'C.UTF-8'`. Default: that of the cluster; what it is cannot be changed. */
  readonly locale?: string
  /** For `absent(...)`: yes, what is in it is to be lost. */
  readonly destroy?: boolean
}

interface PostgresDatabaseDesired {
  readonly owner?: string
  readonly extensions: readonly string[]
  readonly access: Readonly<Record<string, PostgresAccess>>
  readonly encoding?: string
  readonly locale?: string
  readonly destroy?: boolean
}

interface Database {
  readonly owner: string
  readonly encoding: string
  readonly locale: string
  readonly extensions: readonly string[]
  /** How its privileges differ, a few words each. */
  readonly access: readonly string[]
  readonly tables: number
}

interface PostgresDatabaseState {
  readonly server: DatabaseServer
  /** Why the server does not answer. */
  readonly reason: string
  readonly database: Database | undefined
}

/** Describes a database: `postgresDatabase('shop', { owner: 'shop', extensions: ['pg_trgm'] })`. */
export function postgresDatabase(name: string, options: PostgresDatabaseOptions = {}): Resource {
  const { owner, extensions = [], access = {}, encoding, locale, destroy, ...common } = options
  const desired = { extensions, access, ...given({ owner, encoding, locale, destroy }) }
  if (owner !== undefined && owner in access)
    refuse(`postgres-database:${name}`, 'access', {
      problem: `cannot name ${owner}, its owner`,
      suggestion: 'others: the owner may do everything',
    })
  return describe(postgresDatabaseKind, name, desired, common)
}

const user = nameCheck('shop', /^(public|none)$/)

export const postgresDatabaseKind: Kind<PostgresDatabaseDesired, PostgresDatabaseState> = {
  name: 'postgres-database',
  // That its data is lost is said with what is offered.
  remembers: () => ({ extensions: [], access: {}, destroy: true }),
  leavesBefore: ['postgres-user', 'postgres-server', 'service', 'unit', 'package'],
  named: nameCheck('shop', /^template[01]$/),
  user: 'root',
  fields: {
    owner: optional(user),
    extensions: listOf(nameCheck('pg_trgm', /^$/)),
    access: check(
      "users and what they may do: { report: 'read' }, one of 'connect', 'read', 'write'",
      (value) =>
        typeof value === 'object' &&
        value !== null &&
        Object.entries(value).every(
          ([name, level]) =>
            user(name) === undefined && ['connect', 'read', 'write'].includes(level as string),
        ),
    ),
    encoding: optional(line),
    locale: optional(line),
    destroy: optional(flag),
  },

  claims(resource) {
    // Asked before any host is: data is not lost by a word alone.
    if (resource.absent && !resource.desired.destroy)
      throw problem(
        'invalid-resource',
        {
          resource: idOf(resource),
          field: 'destroy',
          problem: 'is missing: absent would drop the database with all that is in it',
          suggestion: 'destroy: true if that is what you want',
        },
        { at: resource.at },
      )
    return []
  },

  read: (resources) => askPostgres(question(resources)),

  parse(output, resources) {
    const { server, reason, rows } = parseAnswer(output)
    return resources.map(({ name }) => {
      const [outer, inner] = rows.filter((row) => row['name'] === name)
      return { server, reason, database: outer && databaseOf(outer, inner) }
    })
  },

  diff(resource, state, context) {
    const { desired, absent } = resource
    const { server, database } = state
    if (server !== 'up') return withoutServer(state, absent, wordsOf(desired), context)
    if (absent) return database && removal(database)
    if (!database)
      return context.opaque.length > 0
        ? unknownAfter(context, wordsOf(desired))
        : { verb: 'create', summary: wordsOf(desired) }
    const changes = changesOf(desired, database)
    return changes.length === 0 ? undefined : { verb: 'change', summary: changes.join(', ') }
  },

  apply: ([change]) => applyDatabase(change!),

  asPlanned: sincePlanned,
}

/** About all databases first, then in each of those that are there. */
function question(resources: readonly Resource<PostgresDatabaseDesired>[]): string {
  const about = `SELECT json_build_object('name', datname, 'owner', pg_get_userbyid(datdba),
  'encoding', pg_encoding_to_char(encoding), 'locale', datcollate)
FROM pg_database WHERE datname IN (${resources.map(({ name }) => postgresText(name)).join(', ')});\n`
  const tables = `(SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
  WHERE relkind IN ('r', 'p') AND nspname !~ '^pg_' AND nspname <> 'information_schema')`
  const within = resources.map(({ name, desired, absent }) => {
    const access = absent
      ? `'[]'::json`
      : `(SELECT coalesce(json_agg(words), '[]') FROM (${accessQuery(desired.access)}) q)`
    return inDatabase(
      name,
      `SELECT json_build_object('name', current_database(), 'tables', ${absent ? tables : 0},
  'extensions', ARRAY(SELECT extname::text FROM pg_extension), 'access', ${access});`,
    )
  })
  return [about, ...within].join('')
}

/** One that lets nobody in says nothing of what is in it. */
function databaseOf(outer: Row, inner: Row | undefined): Database {
  const within = { extensions: [], access: ['it allows no connections'], tables: 0, ...inner }
  return { ...outer, ...within } as unknown as Database
}

function wordsOf({ owner, extensions, access, encoding, locale }: PostgresDatabaseDesired): string {
  const words = [
    owner !== undefined && `owner ${owner}`,
    encoding,
    locale,
    extensions.length > 0 && `extensions ${extensions.join(', ')}`,
    ...Object.entries(access).map(([name, level]) => `${name}: ${level}`),
    'nobody else',
  ]
  return words.filter(Boolean).join(', ')
}

/** So many changed privileges are named. */
const shown = 8

/** What is decided when a database is made. */
function impossible({ encoding, locale }: PostgresDatabaseDesired, now: Database): string[] {
  const plain = (text: string): string => text.toLowerCase().replace('-', '')
  const fixed = (what: 'encoding' | 'locale', wanted: string | undefined): string[] =>
    wanted === undefined || plain(now[what]) === plain(wanted)
      ? []
      : [`${what} ${now[what]} -> ${wanted} is not possible: dump it, drop it and restore it`]
  return [...fixed('encoding', encoding), ...fixed('locale', locale)]
}

function changesOf(desired: PostgresDatabaseDesired, database: Database): string[] {
  const { owner, extensions, access } = desired
  const missing = extensions.filter((each) => !database.extensions.includes(each))
  const more = database.access.length - shown
  const changes = [
    ...impossible(desired, database),
    owner !== undefined &&
      owner !== database.owner &&
      `owner ${database.owner} -> ${owner}${Object.keys(access).length > 0 ? ', and access to what that user makes' : ''}`,
    missing.length > 0 && `extension ${missing.join(', ')}`,
    ...database.access.slice(0, shown),
    more > 0 && `${more} more privilege${more === 1 ? '' : 's'}`,
  ]
  return changes.filter((each) => typeof each === 'string')
}

function removal({ tables }: Database): Difference {
  const count = tables === 1 ? '1 table' : `${tables} tables`
  return { verb: 'remove', summary: `drop it and ALL ITS DATA (${count})` }
}

function applyDatabase(change: Change<PostgresDatabaseDesired, PostgresDatabaseState>): Step {
  const { name, desired, absent } = change.resource
  const database = postgresName(name)
  if (absent) return runPostgres(`DROP DATABASE ${database};\n`)
  const { owner, extensions, access } = desired
  const now = change.state.database
  const [never] = now ? impossible(desired, now) : []
  if (never !== undefined) return { script: sh`echo ${never}; exit 1` }
  const outside = now
    ? owner === undefined || owner === now.owner
      ? ''
      : `ALTER DATABASE ${database} OWNER TO ${postgresName(owner)};\n`
    : creation(name, desired)
  return runPostgres(
    outside +
      inDatabase(
        name,
        [
          // Extensions go where the objects of users do.
          'SET search_path = public;',
          ...extensions.map((each) => `CREATE EXTENSION IF NOT EXISTS ${postgresName(each)};`),
          'SET search_path = pg_catalog;',
          `SELECT statement FROM (${accessQuery(access)}) q \\gexec`,
        ].join('\n'),
      ),
  )
}

/** Only the bare template takes another encoding or locale. */
function creation(name: string, desired: PostgresDatabaseDesired): string {
  const { owner, encoding, locale } = desired
  const bare = encoding !== undefined || locale !== undefined
  return [
    `CREATE DATABASE ${postgresName(name)}`,
    owner === undefined ? '' : `OWNER ${postgresName(owner)}`,
    bare ? 'TEMPLATE template0' : '',
    encoding === undefined ? '' : `ENCODING ${postgresText(encoding)}`,
    locale === undefined ? '' : `LOCALE ${postgresText(locale)}`,
    ';\n',
  ].join(' ')
}
