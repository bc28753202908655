import { Secret, reveal } from '../base/secret.ts'
import type { Change, Context, Difference, Kind, Step } from '../model/kind.ts'
import { unknownAfter } from '../model/kind.ts'
import { type Common, type Resource, describe, given } from '../model/resource.ts'
import { check, flag, listOf, optional } from '../model/schema.ts'
import { type DatabaseServer, sincePlanned } from './database-server.ts'
import {
  askPostgres,
  inDatabase,
  nameCheck,
  parseAnswer,
  runPostgres,
  withoutServer,
} from './postgres-session.ts'
import { isVerifierOf, scramVerifier } from './scram.ts'
import { postgresName, postgresText } from './sql.ts'

/**
 * A user (role) of the host's PostgreSQL. `absent(postgresUser(...))` takes its privileges in all
 * databases away and drops it, and refuses to while it owns anything.
 */
export interface PostgresUserOptions extends Common {
  /**
   * Only what the server keeps of it (SCRAM-SHA-256) goes to the host. Left out: not looked at; a new
   * user has none and comes in only where the server does not ask for one, as over the local socket.
   */
  readonly password?: Secret | string
  /** Default: true. False: a group, for others to be members of. */
  readonly login?: boolean
  /** Default: false. */
  readonly superuser?: boolean
  /** Whether it may create databases. Default: false. */
  readonly createDatabases?: boolean
  /** Whether it may create other users. Default: false. */
  readonly createUsers?: boolean
  /** Whether it may stream the server's log, as replicas and backups do. Default: false. */
  readonly replication?: boolean
  /** The groups that it is in, and no others: `['pg_monitor']`. Left out: not looked at. */
  readonly memberOf?: readonly string[]
}

/** Whether it has each of these; the words are those of CREATE ROLE. */
const attributes = {
  login: 'LOGIN',
  superuser: 'SUPERUSER',
  createDatabases: 'CREATEDB',
  createUsers: 'CREATEROLE',
  replication: 'REPLICATION',
} as const

type Attribute = keyof typeof attributes
const names = Object.keys(attributes) as Attribute[]

interface PostgresUserDesired extends Readonly<Record<Attribute, boolean>> {
  readonly password?: string
  readonly memberOf?: readonly string[]
}

interface Role extends Readonly<Record<Attribute, boolean>> {
  /** What the server keeps of its password. */
  readonly verifier: string | null
  readonly memberOf: readonly string[]
  /** Databases that are its own or hold something that is. */
  readonly owns: readonly string[]
  /** Databases in which it has been granted something. */
  readonly granted: readonly string[]
}

interface PostgresUserState {
  readonly server: DatabaseServer
  /** Why the server does not answer. */
  readonly reason: string
  readonly role: Role | undefined
}

/** Describes a user: `postgresUser('shop', { password: Secret.env('SHOP_DB_PASSWORD') })`. */
export function postgresUser(name: string, options: PostgresUserOptions = {}): Resource {
  const {
    password,
    memberOf,
    login = true,
    superuser = false,
    createDatabases = false,
    createUsers = false,
    replication = false,
    ...common
  } = options
  const desired = {
    login,
    superuser,
    createDatabases,
    createUsers,
    replication,
    ...given({
      password: password === undefined ? undefined : String(password),
      memberOf: memberOf && [...memberOf].sort(),
    }),
  }
  return describe(postgresUserKind, name, desired, common)
}

const userName = nameCheck('shop', /^pg_|^(public|none|postgres)$/)

export const postgresUserKind: Kind<PostgresUserDesired, PostgresUserState> = {
  name: 'postgres-user',
  remembers: () => ({
    login: false,
    superuser: false,
    createDatabases: false,
    createUsers: false,
    replication: false,
  }),
  leavesBefore: ['postgres-server', 'service', 'unit', 'package'],
  named: userName,
  user: 'root',
  fields: {
    login: flag,
    superuser: flag,
    createDatabases: flag,
    createUsers: flag,
    replication: flag,
    password: optional(
      check(
        'a Secret or a text that is not empty',
        (value) => typeof value === 'string' && reveal(value) !== '' && !value.includes('\0'),
      ),
    ),
    memberOf: optional(listOf(nameCheck('pg_monitor', /^$/))),
  },

  read: (resources) => askPostgres(question(resources.map(({ name }) => name))),

  parse(output, resources) {
    const { server, reason, rows } = parseAnswer(output)
    return resources.map(({ name }) => ({
      server,
      reason,
      role: rows.find((row) => row['name'] === name) as Role | undefined,
    }))
  },

  diff(resource, state, context) {
    const { desired, absent } = resource
    if (state.server !== 'up') return withoutServer(state, absent, wordsOf(desired), context)
    if (absent) return state.role && removal(state.role, context)
    if (!state.role)
      return context.opaque.length > 0
        ? unknownAfter(context, wordsOf(desired))
        : { verb: 'create', summary: wordsOf(desired) }
    const changes = changesOf(desired, state.role)
    return changes.length === 0 ? undefined : { verb: 'change', summary: changes.join(', ') }
  },

  apply: ([change]) => applyUser(change!),

  asPlanned: sincePlanned,
}

function question(users: readonly string[]): string {
  const columns = {
    login: 'rolcanlogin',
    superuser: 'rolsuper',
    createDatabases: 'rolcreatedb',
    createUsers: 'rolcreaterole',
    replication: 'rolreplication',
  } as const satisfies Record<Attribute, string>
  // What an object of a database depends on, and databases themselves, by the database's name.
  const databases = (condition: string): string => `ARRAY(SELECT DISTINCT datname::text
    FROM pg_shdepend s JOIN pg_database d
      ON d.oid = s.dbid OR (s.dbid = 0 AND s.classid = 'pg_database'::regclass AND d.oid = s.objid)
    WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = r.oid AND ${condition} ORDER BY 1)`
  return `SELECT json_build_object('name', rolname, ${names
    .map((name) => `'${name}', ${columns[name]}`)
    .join(', ')}, 'verifier', rolpassword,
  'memberOf', ARRAY(SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
    WHERE m.member = r.oid ORDER BY g.rolname::text COLLATE "C"),
  'owns', ${databases(`s.deptype = 'o' AND s.classid <> 'pg_default_acl'::regclass`)},
  'granted', ${databases(`(s.deptype = 'a' OR s.classid = 'pg_default_acl'::regclass)`)})
FROM pg_authid r WHERE rolname IN (${users.map(postgresText).join(', ')});\n`
}

function wordsOf(desired: PostgresUserDesired): string {
  const words = [
    ...names.filter((name) => desired[name]).map((name) => attributes[name].toLowerCase()),
    ...(desired.password === undefined ? [] : ['password']),
    ...(desired.memberOf?.length ? [`member of ${desired.memberOf.join(', ')}`] : []),
  ]
  return words.join(', ') || 'no login'
}

function changesOf(desired: PostgresUserDesired, role: Role): string[] {
  const changes = names
    .filter((name) => desired[name] !== role[name])
    .map((name) => `${desired[name] ? '' : 'no'}${attributes[name].toLowerCase()}`)
  if (!hasPassword(desired, role)) changes.push('password')
  const { join, leave } = moves(desired, role)
  return [
    ...changes,
    ...join.map((group) => `joins ${group}`),
    ...leave.map((group) => `leaves ${group}`),
  ]
}

const hasPassword = ({ password }: PostgresUserDesired, { verifier }: Role): boolean =>
  password === undefined || (verifier !== null && isVerifierOf(verifier, reveal(password)))

function moves(
  { memberOf }: PostgresUserDesired,
  role: Pick<Role, 'memberOf'>,
): { join: string[]; leave: string[] } {
  return {
    join: memberOf?.filter((group) => !role.memberOf.includes(group)) ?? [],
    leave: memberOf ? role.memberOf.filter((group) => !memberOf.includes(group)) : [],
  }
}

function removal({ owns, granted }: Role, { earlier, opaque }: Context): Difference {
  const goes = (name: string): boolean =>
    earlier.get(`postgres-database:${name}`)?.verb === 'remove'
  const mayChange = (name: string): boolean =>
    earlier.has(`postgres-database:${name}`) || opaque.some((each) => each.startsWith('command:'))
  const kept = owns.filter((name) => !goes(name))
  const left = granted.filter((name) => !goes(name))
  if (kept.length > 0 && kept.every(mayChange))
    return {
      verb: 'unknown',
      summary: `the user, if it no longer owns anything in ${kept.join(', ')}`,
    }
  if (kept.length > 0)
    return {
      verb: 'remove',
      summary: `it owns objects in ${kept.join(', ')}, which have to go to somebody else first`,
      waits: true,
    }
  const privileges = left.length === 0 ? '' : `, with its privileges in ${left.join(', ')}`
  return { verb: 'remove', summary: `the user${privileges}` }
}

function applyUser({ resource, state }: Change<PostgresUserDesired, PostgresUserState>): Step {
  const { name, desired, absent } = resource
  return runPostgres(absent ? dropUser(name, state.role) : makeUser(name, desired, state.role))
}

function makeUser(name: string, desired: PostgresUserDesired, role: Role | undefined): string {
  const user = postgresName(name)
  const words = names.map((each) => `${desired[each] ? '' : 'NO'}${attributes[each]}`)
  const { join, leave } = moves(desired, role ?? { memberOf: [] })
  const password =
    desired.password === undefined || (role && hasPassword(desired, role))
      ? []
      : [`PASSWORD ${postgresText(kept(name, desired.password))}`]
  return [
    'BEGIN;',
    // A text of this form is taken for what a server keeps, so the server never sees the password.
    `${role ? 'ALTER' : 'CREATE'} ROLE ${user} ${[...words, ...password].join(' ')};`,
    ...leave.map((group) => `REVOKE ${postgresName(group)} FROM ${user};`),
    ...join.map((group) => `GRANT ${postgresName(group)} TO ${user};`),
    'COMMIT;\n',
  ].join('\n')
}

const kept = (name: string, password: string): string =>
  String(new Secret(`verifier-of-${name}`, scramVerifier(reveal(password))))

/** DROP OWNED would drop objects too, so it comes only after a look that there are none. */
function dropUser(name: string, role: Role | undefined): string {
  const user = postgresName(name)
  const databases = [...new Set([...(role?.granted ?? []), 'postgres'])]
  const look = `DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_shdepend s JOIN pg_authid r ON r.oid = s.refobjid
    WHERE s.refclassid = 'pg_authid'::regclass AND s.deptype = 'o'
      AND s.classid <> 'pg_default_acl'::regclass AND r.rolname = current_setting('fettle.who'))
  THEN RAISE EXCEPTION 'the user owns objects: they have to go to somebody else first'; END IF;
END $$;`
  return [
    `SET fettle.who = ${postgresText(name)};`,
    look,
    ...databases.map((database) => inDatabase(database, `DROP OWNED BY ${user};`)),
    `DROP ROLE ${user};\n`,
  ].join('\n')
}
