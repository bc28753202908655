import { problem } from '../base/errors.ts'
import type { Change, Kind, Step } from '../model/kind.ts'
import { unknownAfter } from '../model/kind.ts'
import { type Common, type Resource, describe, given, idOf } from '../model/resource.ts'
import { check, flag, optional } from '../model/schema.ts'
import { type DatabaseServer, sincePlanned } from './database-server.ts'
import {
  type Row,
  accountName,
  askMariadb,
  databaseName,
  granteeOf,
  parseAnswer,
  runMariadb,
  withoutServer,
} from './mariadb-session.ts'
import { mariadbName, mariadbPattern, mariadbText } from './sql.ts'

/** What somebody may do in a database. */
export type MariadbAccess = 'read' | 'write' | 'all'

/**
 * A database of the host's MariaDB. Users that are not named in `access` have no privileges on it,
 * but for those that they have everywhere. `absent(mariadbDatabase(name, { destroy: true }))` drops it
 * with all that is in it.
 */
export interface MariadbDatabaseOptions extends Common {
  /**
   * Who may do what: `'read'`, `'write'` (rows, not tables), or `'all'`. Users are named as in
   * `mariadbUser`.
   */
  readonly access?: Readonly<Record<string, MariadbAccess>>
  /** Of tables that are made later. Default: that of the server (utf8mb4). */
  readonly charset?: string
  /** Of tables that are made later. Default: that of the server. */
  readonly collation?: string
  /** For `absent(...)`: yes, what is in it is to be lost. */
  readonly destroy?: boolean
}

interface MariadbDatabaseDesired {
  readonly access: Readonly<Record<string, MariadbAccess>>
  readonly charset?: string
  readonly collation?: string
  readonly destroy?: boolean
}

interface Grant {
  /** Such as `'shop'@'localhost'`. */
  readonly grantee: string
  /** The database as it was written in GRANT, where `_` and `%` stand for others too. */
  readonly pattern: string
  readonly privilege: string
}

interface MariadbDatabaseState {
  readonly server: DatabaseServer
  /** Why the server does not answer. */
  readonly reason: string
  readonly database: { charset: string; collation: string; tables: number } | undefined
  readonly grants: readonly Grant[]
}

/** Describes a database: `mariadbDatabase('shop', { access: { shop: 'all' } })`. */
export function mariadbDatabase(name: string, options: MariadbDatabaseOptions = {}): Resource {
  const { access = {}, charset, collation, destroy, ...common } = options
  const desired = { access, ...given({ charset, collation, destroy }) }
  return describe(mariadbDatabaseKind, name, desired, common)
}

const words = (text: string): string[] => text.trim().split(/\s*,\s*/)
const read = words('SELECT, SHOW VIEW')
const write = [
  ...read,
  ...words('INSERT, UPDATE, DELETE, EXECUTE, CREATE TEMPORARY TABLES, LOCK TABLES'),
]
/** By name and not as ALL, so that a newer server means the same. */
const levels: Readonly<Record<MariadbAccess, readonly string[]>> = {
  read,
  write,
  all: [
    ...write,
    ...words(`CREATE, DROP, REFERENCES, INDEX, ALTER, CREATE VIEW, CREATE ROUTINE,
      ALTER ROUTINE, EVENT, TRIGGER, DELETE HISTORY`),
  ],
}

const word = check(
  "a word such as 'utf8mb4'",
  (value) => typeof value === 'string' && /^\w{1,64}$/.test(value),
)

export const mariadbDatabaseKind: Kind<MariadbDatabaseDesired, MariadbDatabaseState> = {
  name: 'mariadb-database',
  // That its data is lost is said with what is offered.
  remembers: () => ({ access: {}, destroy: true }),
  leavesBefore: ['mariadb-user', 'service', 'unit', 'package'],
  named: databaseName,
  user: 'root',
  fields: {
    access: check(
      "users and what they may do: { shop: 'all' }, one of 'read', 'write', 'all'",
      (value) =>
        typeof value === 'object' &&
        value !== null &&
        Object.entries(value).every(
          ([name, level]) => accountName(name) === undefined && Object.hasOwn(levels, level),
        ),
    ),
    charset: optional(word),
    collation: optional(word),
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

  read: (resources) => askMariadb(question(resources)),

  parse(output, resources) {
    const { server, reason, rows } = parseAnswer(output)
    return resources.map(({ name }) => ({
      server,
      reason,
      database: rows.find((row) => row['name'] === name) as MariadbDatabaseState['database'],
      grants: grantsIn(rows, name),
    }))
  },

  diff({ name, desired, absent }, state, context) {
    const { server, database, grants } = state
    const wanted = wordsOf(desired)
    if (server !== 'up') return withoutServer(state, absent, wanted, context)
    if (absent) {
      if (!database && grants.length === 0) return undefined
      const count = database?.tables === 1 ? '1 table' : `${database?.tables} tables`
      const also = grants.length > 0 ? ', with the privileges on it' : ''
      const summary = database ? `drop it and ALL ITS DATA (${count})${also}` : 'privileges on it'
      return { verb: 'remove', summary }
    }
    if (!database)
      return context.opaque.length > 0
        ? unknownAfter(context, wanted)
        : { verb: 'create', summary: wanted }
    const changes = [
      ...settingsMoved(desired, database),
      ...movesOf(name, desired, grants).map(({ words }) => words),
    ]
    return changes.length === 0 ? undefined : { verb: 'change', summary: changes.join(', ') }
  },

  apply: ([change]) => applyDatabase(change!),

  asPlanned: sincePlanned,
}

/** A charset by itself brings its own collation. */
function settingsMoved(
  { charset, collation }: MariadbDatabaseDesired,
  now: { readonly charset: string; readonly collation: string },
): string[] {
  const brings = collation === undefined ? ' and its collation' : ''
  return [
    ...(charset === undefined || charset === now.charset
      ? []
      : [`charset ${now.charset} -> ${charset}${brings}`]),
    ...(collation === undefined || collation === now.collation
      ? []
      : [`collation ${now.collation} -> ${collation}`]),
  ]
}

const patternsOf = (name: string): string[] => [...new Set([mariadbPattern(name), name])]

function question(resources: readonly Resource<MariadbDatabaseDesired>[]): string {
  const list = (names: readonly string[]): string =>
    names.map((each) => `BINARY ${mariadbText(each)}`).join(', ')
  const gone = resources.filter(({ absent }) => absent).map(({ name }) => name)
  const tables =
    gone.length === 0
      ? '0'
      : `IF(BINARY SCHEMA_NAME IN (${list(gone)}), (SELECT COUNT(*) FROM information_schema.TABLES t
  WHERE BINARY t.TABLE_SCHEMA = BINARY s.SCHEMA_NAME), 0)`
  return `SELECT JSON_OBJECT('name', SCHEMA_NAME, 'charset', DEFAULT_CHARACTER_SET_NAME,
  'collation', DEFAULT_COLLATION_NAME, 'tables', ${tables})
FROM information_schema.SCHEMATA s WHERE BINARY SCHEMA_NAME IN (${list(resources.map(({ name }) => name))});
SELECT JSON_OBJECT('grantee', GRANTEE, 'pattern', TABLE_SCHEMA, 'privilege', PRIVILEGE_TYPE,
  'grantable', IS_GRANTABLE)
FROM information_schema.SCHEMA_PRIVILEGES
WHERE BINARY TABLE_SCHEMA IN (${list(resources.flatMap(({ name }) => patternsOf(name)))});\n`
}

/** Those on this database; roles, which have no host, are left alone. */
function grantsIn(rows: readonly Row[], name: string): Grant[] {
  const patterns = patternsOf(name)
  const found = rows.filter(
    (row) =>
      patterns.includes(String(row['pattern'])) && /^'.*'@'.*'$/s.test(String(row['grantee'])),
  )
  const all = found.flatMap(({ grantee, pattern, privilege, grantable }) => [
    ...(privilege === 'USAGE' ? [] : [{ grantee, pattern, privilege }]),
    ...(grantable === 'YES' ? [{ grantee, pattern, privilege: 'GRANT OPTION' }] : []),
  ]) as Grant[]
  const keys = all.map(({ grantee, pattern, privilege }) =>
    [grantee, pattern, privilege].join('\0'),
  )
  return all.filter((_, i) => keys.indexOf(keys[i]!) === i)
}

const wordsOf = ({ access, charset, collation }: MariadbDatabaseDesired): string =>
  [
    charset,
    collation,
    ...Object.entries(access).map(([name, level]) => `${name}: ${level}`),
    'nobody else',
  ]
    .filter(Boolean)
    .join(', ')

interface Move {
  readonly verb: 'GRANT' | 'REVOKE'
  readonly words: string
  readonly statement: string
}

/** What is granted by hand with a name that stands for several databases is taken back. */
function movesOf(
  name: string,
  { access }: Pick<MariadbDatabaseDesired, 'access'>,
  grants: readonly Grant[],
): Move[] {
  const own = mariadbPattern(name)
  const wanted = new Map(
    Object.entries(access).map(([user, level]) => [granteeOf(user), levels[level]]),
  )
  const groups = new Map<string, { grantee: string; pattern: string; held: string[] }>()
  for (const grantee of wanted.keys())
    groups.set(`${grantee}\0${own}`, { grantee, pattern: own, held: [] })
  for (const { grantee, pattern, privilege } of grants) {
    const key = `${grantee}\0${pattern}`
    const group = groups.get(key) ?? { grantee, pattern, held: [] }
    group.held.push(privilege)
    groups.set(key, group)
  }
  // What is taken back comes first: one grantee may have both.
  return [...groups.values()]
    .flatMap(({ grantee, pattern, held }) => {
      const right = pattern === own ? (wanted.get(grantee) ?? []) : []
      const add = right.filter((each) => !held.includes(each))
      const take = held.filter((each) => !right.includes(each))
      return [
        ...(take.length > 0 ? [move('REVOKE', take, grantee, pattern, name)] : []),
        ...(add.length > 0 ? [move('GRANT', add, grantee, pattern, name)] : []),
      ]
    })
    .sort((a, b) => b.verb.localeCompare(a.verb))
}

function move(
  verb: 'GRANT' | 'REVOKE',
  privileges: readonly string[],
  grantee: string,
  pattern: string,
  name: string,
): Move {
  const [, user = '', host = ''] = /^'(.*)'@'(.*)'$/s.exec(grantee) ?? []
  const all = privileges.length === levels.all.length
  const shown = all ? 'all' : privileges.join(' and ').toLowerCase()
  const wide = pattern === mariadbPattern(name) ? '' : ` on all that is like ${pattern}`
  const statement = `${verb} ${privileges.join(', ')} ON ${mariadbName(pattern)}.* ${verb === 'GRANT' ? 'TO' : 'FROM'} ${mariadbText(user)}@${mariadbText(host)};`
  return {
    verb,
    words: `${host === 'localhost' ? user : `${user}@${host}`} ${verb === 'GRANT' ? '+' : '-'}${shown}${wide}`,
    statement: verb === 'GRANT' ? `${statement}\n` : ifThere(statement),
  }
}

function applyDatabase({
  resource,
  state,
}: Change<MariadbDatabaseDesired, MariadbDatabaseState>): Step {
  const { name, desired, absent } = resource
  const { database, grants } = state
  const { charset, collation } = desired
  const settings = [
    charset === undefined ? '' : ` CHARACTER SET ${charset}`,
    collation === undefined ? '' : ` COLLATE ${collation}`,
  ].join('')
  const moves = movesOf(name, absent ? { access: {} } : desired, grants)
  const rightly = database !== undefined && settingsMoved(desired, database).length === 0
  const verb = database ? 'ALTER' : 'CREATE'
  const isNone = state.server === 'up' && !database
  const own = (absent ? isNone : rightly)
    ? ''
    : absent
      ? `DROP DATABASE IF EXISTS ${mariadbName(name)};\n`
      : `${verb} DATABASE ${mariadbName(name)}${settings};\n`
  return runMariadb([own, ...moves.map(({ statement }) => statement)].join(''))
}

/** A user who was dropped since the database was read has nothing any more that could be taken back. */
const ifThere = (revoke: string): string =>
  `DELIMITER //
BEGIN NOT ATOMIC DECLARE CONTINUE HANDLER FOR 1141 BEGIN END;
${revoke}
END//
DELIMITER ;
`
