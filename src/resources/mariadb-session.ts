import { createHash } from 'node:crypto'
import { Shell, lines, sh } from '../base/shell.ts'
import type { Context, Difference, Step } from '../model/kind.ts'
import { unknownAfter } from '../model/kind.ts'
import { type Check, check } from '../model/schema.ts'
import type { DatabaseServer } from './database-server.ts'

const socket = '/run/mysqld/mysqld.sock'

/**
 * Runs the client as root over the local socket; binary mode, so that nothing in a text is a command
 * of its own. The mode is set so that quotes mean what we think.
 */
const functions: Shell = Shell.literal(
  `sql_() {
  LC_ALL=C mysql --no-defaults --user=root --socket=${socket} --connect-timeout=10 \\
    --default-character-set=utf8mb4 --batch --raw --skip-column-names --binary-mode
}`,
)
const mode = "SET SESSION sql_mode = '';\n"

export type Row = Readonly<Record<string, unknown>>

/** What a server printed: rows of JSON, or why there are none. */
export interface Answer {
  readonly server: DatabaseServer
  readonly reason: string
  readonly rows: readonly Row[]
}

/** The SQL prints one JSON object a line. */
export function askMariadb(sql: string): Shell {
  return lines(
    functions,
    // Its program outlives the package that runs it.
    sh`if { [ -x /usr/sbin/mariadbd ] || [ -x /usr/sbin/mysqld ]; } &&
  { [ -S ${socket} ] || [ -e /lib/systemd/system/mariadb.service ] || [ -e /etc/systemd/system/mariadb.service ]; }; then
  printf '%s' ${mode + sql} | sql_ 2>&1; echo "ended $?"
else echo missing; fi`,
  )
}

export function parseAnswer(output: Buffer): Answer {
  const text = output.toString('utf8').trim().split('\n')
  if (text.at(-1) === 'missing') return { server: 'missing', reason: '', rows: [] }
  const rows = text.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Row)
  if (text.at(-1) === 'ended 0') return { server: 'up', reason: '', rows }
  const reason = text.filter((line) => !/^(\{|ended )/.test(line)).join(' ')
  if (/^ERROR (2002|2013|1040)\b/.test(reason)) return { server: 'down', reason, rows: [] }
  throw new Error(`MariaDB does not say: ${reason}`)
}

/** Runs SQL that is its input; the script fails with the server's words. */
export function runMariadb(sql: string): Step {
  return {
    script: lines(
      functions,
      sh`said=$(sql_ 2>&1 >/dev/null) || { printf 'MariaDB: %s\n' "$said" | tail -n 1; exit 1; }`,
    ),
    input: mode + sql,
  }
}

/** What to say when no server answers; undefined: what is wanted gone is not there either. */
export function withoutServer(
  { server, reason }: Pick<Answer, 'server' | 'reason'>,
  absent: boolean,
  wanted: string,
  context: Context,
): Difference | undefined {
  if (context.opaque.length > 0) return unknownAfter(context, wanted)
  if (absent && (server === 'missing' || server === 'gone')) return undefined
  const starts = [...context.earlier.keys()].findLast((id) => id.startsWith('service:'))
  if (starts !== undefined)
    return { verb: 'unknown', summary: `${wanted}, once ${starts} has been made` }
  const why =
    server === 'missing' ? 'there is no MariaDB on this host' : `MariaDB does not answer: ${reason}`
  return { verb: absent ? 'remove' : 'change', summary: why }
}

/** What the server keeps of a password (mysql_native_password), so that it never has to go there itself. */
export function nativeVerifier(password: string): string {
  const once = createHash('sha1').update(password).digest()
  return `*${createHash('sha1').update(once).digest('hex').toUpperCase()}`
}

/** Names in the server's own tables have no characters beyond the first plane. */
const isName = (name: unknown, most: number): name is string =>
  typeof name === 'string' &&
  name.trim() === name &&
  name !== '' &&
  [...name].length <= most &&
  !/[\p{Cc}\p{Surrogate}\p{Noncharacter_Code_Point}]|[\u{10000}-\u{10ffff}]/u.test(name)

export const databaseName: Check = check(
  "a database's name such as 'shop', at most 64 characters",
  (name) =>
    isName(name, 64) &&
    !/^(mysql|sys|information_schema|performance_schema)$/i.test(name) &&
    // In the names of files.
    !/[./\\]/.test(name),
)

/** `shop` is a user of this machine, `shop@10.0.0.%` one of others. */
export const accountName: Check = check(
  "a user's name such as 'shop' or, from other machines, 'shop@10.0.0.%'",
  (name) => {
    if (typeof name !== 'string') return false
    const { user, host } = accountOf(name)
    return (
      isName(user, 80) &&
      !/^(root|mysql|mariadb\.sys|public)$/i.test(user) &&
      /^[\w.:%/-]{1,60}$/.test(host)
    )
  },
)

export function accountOf(name: string): { user: string; host: string } {
  const at = name.lastIndexOf('@')
  return at < 0
    ? { user: name, host: 'localhost' }
    : { user: name.slice(0, at), host: name.slice(at + 1) }
}

/** As information_schema shows it. */
export function granteeOf(name: string): string {
  const { user, host } = accountOf(name)
  return `'${user}'@'${host}'`
}
