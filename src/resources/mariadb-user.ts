import { Secret, reveal } from '../base/secret.ts'
import type { Change, Kind, Step } from '../model/kind.ts'
import { unknownAfter } from '../model/kind.ts'
import { type Common, type Resource, describe, given } from '../model/resource.ts'
import { check, listOf, optional } from '../model/schema.ts'
import { type DatabaseServer, sincePlanned } from './database-server.ts'
import {
  accountName,
  accountOf,
  askMariadb,
  granteeOf,
  nativeVerifier,
  parseAnswer,
  runMariadb,
  withoutServer,
} from './mariadb-session.ts'
import { mariadbText } from './sql.ts'

/**
 * A user of the host's MariaDB: `'shop'` from this machine, `'shop@10.0.0.%'` from others. What it
 * may do in a database stands there. `absent(mariadbUser(...))` drops it with all its privileges.
 */
export interface MariadbUserOptions extends Common {
  /**
   * Only what the server keeps of it goes to the host. Left out: the system's user of the same name
   * comes in over the local socket, and nobody else.
   */
  readonly password?: Secret | string
  /** What it may do everywhere, and no more: `['PROCESS', 'REPLICATION CLIENT']`. Default: nothing. */
  readonly privileges?: readonly string[]
}

interface MariadbUserDesired {
  readonly password?: string
  readonly privileges: readonly string[]
}

interface Account {
  readonly plugin: string
  readonly verifier: string
  /** There is another way in beside the plugin. */
  readonly other: boolean
  readonly locked: boolean
  readonly privileges: readonly string[]
}

interface MariadbUserState {
  readonly server: DatabaseServer
  /** Why the server does not answer. */
  readonly reason: string
  readonly account: Account | undefined
}

/** Describes a user: `mariadbUser('shop', { password: Secret.env('SHOP_DB_PASSWORD') })`. */
export function mariadbUser(name: string, options: MariadbUserOptions = {}): Resource {
  const { password, privileges = [], ...common } = options
  const desired = {
    privileges: privileges.map((each) => each.toUpperCase()).sort(),
    ...given({ password: password === undefined ? undefined : String(password) }),
  }
  return describe(mariadbUserKind, name, desired, common)
}

export const mariadbUserKind: Kind<MariadbUserDesired, MariadbUserState> = {
  name: 'mariadb-user',
  remembers: () => ({ privileges: [] }),
  leavesBefore: ['service', 'unit', 'package'],
  named: accountName,
  user: 'root',
  fields: {
    password: optional(
      check(
        'a Secret or a text that is not empty',
        (value) => typeof value === 'string' && reveal(value) !== '' && !value.includes('\0'),
      ),
    ),
    privileges: listOf(
      check(
        "a privilege such as 'PROCESS'",
        (value) => typeof value === 'string' && /^[A-Z]+( [A-Z]+){0,3}$/.test(value),
      ),
    ),
  },

  // 'shop' and 'shop@localhost' are the same.
  claims: ({ name }) => [{ what: `MariaDB user ${granteeOf(name)}` }],

  read: (resources) => askMariadb(question(resources.map(({ name }) => name))),

  parse(output, resources) {
    const { server, reason, rows } = parseAnswer(output)
    return resources.map(({ name }) => ({ server, reason, account: accountIn(rows, name) }))
  },

  diff({ desired, absent }, state, context) {
    const wanted = wordsOf(desired)
    const { account } = state
    if (state.server !== 'up') return withoutServer(state, absent, wanted, context)
    if (absent) return account && { verb: 'remove', summary: 'the user and its privileges' }
    if (!account)
      return context.opaque.length > 0
        ? unknownAfter(context, wanted)
        : { verb: 'create', summary: wanted }
    const { add, take } = moves(desired, account)
    const changes = [
      ...(comesIn(desired, account)
        ? []
        : [desired.password === undefined ? 'by the local socket' : 'password']),
      ...add.map((each) => `+${each.toLowerCase()}`),
      ...take.map((each) => `-${each.toLowerCase()}`),
    ]
    return changes.length === 0 ? undefined : { verb: 'change', summary: changes.join(', ') }
  },

  apply: ([change]) => applyUser(change!),

  asPlanned: sincePlanned,
}

function question(names: readonly string[]): string {
  const accounts = names.map(accountOf)
  const pairs = accounts.map(
    ({ user, host }) => `(BINARY ${mariadbText(user)}, BINARY ${mariadbText(host)})`,
  )
  const grantees = names.map((name) => `BINARY ${mariadbText(granteeOf(name))}`)
  return `SELECT JSON_OBJECT('grantee', CONCAT('\\'', User, '\\'@\\'', Host, '\\''),
  'plugin', JSON_VALUE(Priv, '$.plugin'), 'verifier', JSON_VALUE(Priv, '$.authentication_string'),
  'other', JSON_EXISTS(Priv, '$.auth_or'), 'locked', JSON_VALUE(Priv, '$.account_locked'))
FROM mysql.global_priv WHERE (BINARY User, BINARY Host) IN (${pairs.join(', ')});
SELECT JSON_OBJECT('holder', GRANTEE, 'privilege', PRIVILEGE_TYPE, 'grantable', IS_GRANTABLE)
FROM information_schema.USER_PRIVILEGES WHERE BINARY GRANTEE IN (${grantees.join(', ')});\n`
}

function accountIn(
  rows: ReturnType<typeof parseAnswer>['rows'],
  name: string,
): Account | undefined {
  const row = rows.find((each) => each['grantee'] === granteeOf(name))
  if (!row) return undefined
  const held = rows.filter((each) => each['holder'] === granteeOf(name))
  const privileges = held
    .map((each) => String(each['privilege']))
    .filter((each) => each !== 'USAGE')
  if (held.some((each) => each['grantable'] === 'YES')) privileges.push('GRANT OPTION')
  return {
    plugin: String(row['plugin']),
    verifier: String(row['verifier'] ?? ''),
    other: Boolean(row['other']),
    locked: row['locked'] === '1' || row['locked'] === 'true',
    privileges,
  }
}

const wordsOf = ({ password, privileges }: MariadbUserDesired): string =>
  [
    password === undefined ? 'by the local socket' : 'password',
    ...privileges.map((each) => each.toLowerCase()),
  ].join(', ')

function comesIn({ password }: MariadbUserDesired, account: Account): boolean {
  if (account.other || account.locked) return false
  if (password === undefined) return account.plugin === 'unix_socket'
  return (
    account.plugin === 'mysql_native_password' &&
    account.verifier === nativeVerifier(reveal(password))
  )
}

function moves(
  { privileges }: MariadbUserDesired,
  account: Pick<Account, 'privileges'> | undefined,
): { add: string[]; take: string[] } {
  const held = account?.privileges ?? []
  return {
    add: privileges.filter((each) => !held.includes(each)),
    take: held.filter((each) => !privileges.includes(each)),
  }
}

function applyUser({ resource, state }: Change<MariadbUserDesired, MariadbUserState>): Step {
  const { name, desired, absent } = resource
  const { account } = state
  const { user, host } = accountOf(name)
  const who = `${mariadbText(user)}@${mariadbText(host)}`
  if (absent) return runMariadb(`DROP USER ${who};\n`)
  const { add, take } = moves(desired, account)
  const verifier =
    desired.password === undefined
      ? undefined
      : new Secret(`verifier-of-${name}`, nativeVerifier(reveal(desired.password)))
  const way =
    verifier === undefined
      ? 'unix_socket'
      : `mysql_native_password USING ${mariadbText(String(verifier))}`
  const identity = `${account ? 'ALTER' : 'CREATE'} USER ${who} IDENTIFIED VIA ${way} ACCOUNT UNLOCK;\n`
  return runMariadb(
    [
      account && comesIn(desired, account) ? '' : identity,
      take.length > 0 ? `REVOKE ${take.join(', ')} ON *.* FROM ${who};\n` : '',
      add.length > 0 ? `GRANT ${add.join(', ')} ON *.* TO ${who};\n` : '',
    ].join(''),
  )
}
