import { Shell, lines, sh } from '../base/shell.ts'
import { type Context, type Difference, type Step, unknownAfter } from '../model/kind.ts'
import { type Check, check } from '../model/schema.ts'
import type { DatabaseServer } from './database-server.ts'
import { postgresText } from './sql.ts'

/**
 * Runs psql as the superuser postgres over the local socket, without the wrapper of Debian, which
 * takes longer than the question. The search path keeps what users have made in a database out of
 * what is asked about it.
 */
const functions: Shell = Shell.literal(
  `psql_() {
  for program in /usr/lib/postgresql/*/bin/psql; do :; done
  port=5432
  [ -S "/var/run/postgresql/.s.PGSQL.$port" ] || for socket in /var/run/postgresql/.s.PGSQL.*[0-9]; do
    [ ! -S "$socket" ] || port=\${socket##*.}
  done
  cd / && LC_ALL=C PGCLIENTENCODING=UTF8 PGCONNECT_TIMEOUT=10 PGOPTIONS='-c search_path=pg_catalog' \\
    runuser -u postgres -- "$program" -X -q -A -t -v ON_ERROR_STOP=1 -h /var/run/postgresql -p "\${1:-$port}" -d postgres -f -
}`,
)

/** What a server printed: rows of JSON, or why there are none. */
export interface Answer {
  readonly server: DatabaseServer
  readonly reason: string
  readonly rows: readonly Row[]
}

export type Row = Readonly<Record<string, unknown>>

/** The SQL prints one JSON object a line; nothing runs where there is no cluster. */
export function askPostgres(sql: string): Shell {
  return lines(
    functions,
    // The settings of a cluster outlive its package.
    sh`set -- /usr/lib/postgresql/*/bin/postgres; program=$1
set -- /etc/postgresql/*/*/postgresql.conf
if [ -e "$1" ] && [ -x "$program" ]; then printf '%s' ${`SELECT '{"up": true}';\n${sql}`} | psql_ 2>&1; echo "ended $?"; else echo missing; fi`,
  )
}

export function parseAnswer(output: Buffer): Answer {
  const text = output.toString('utf8').trim().split('\n')
  const nothing = { reason: '', rows: [] }
  if (text.at(-1) === 'missing') return { server: 'missing', ...nothing }
  const rows = text.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Row)
  if (text.at(-1) === 'ended 0') return { server: 'up', reason: '', rows: rows.slice(1) }
  const words = text.filter((line) => !/^(\{|ended )/.test(line)).join(' ')
  const reason = words
    .replace(/^psql: error: |^psql:<stdin>:\d+: /, '')
    .replace(/\s+/g, ' ')
    .trim()
  if (rows.length > 0) throw new Error(`PostgreSQL does not say: ${reason}`)
  return { server: 'down', reason: reason || 'it printed nothing', rows: [] }
}

/** Runs SQL that is its input; the script fails with the server's words. */
export function runPostgres(sql: string): Step {
  return {
    script: lines(
      functions,
      Shell.literal(
        `said=$(psql_ 2>&1 >/dev/null) || {
  printf '%s\\n' "$said"
  printf '%s\\n' "$said" | sed -n 's/^psql:<stdin>:[0-9]*: \\(ERROR:\\|error:\\|\\\\connect:\\) */PostgreSQL: /p; s/^psql: error: /PostgreSQL: /p' | tail -n 1
  exit 1
}`,
      ),
    ),
    input: sql,
  }
}

/** SQL that runs in this database, if it is there. What follows runs there too. */
export function inDatabase(database: string, sql: string): string {
  const value = database.replaceAll('\\', '\\\\').replaceAll("'", "\\'")
  // psql takes double quotes away even from within single ones.
  const word = `dbname='${value}'`
    .replaceAll('\\', '\\\\')
    .replaceAll("'", "''")
    .replaceAll('"', '""""')
  return `SELECT EXISTS (SELECT FROM pg_database WHERE datallowconn AND datname = ${postgresText(database)}) AS there \\gset
\\if :there
\\connect -reuse-previous=on '${word}'
${sql}
\\endif
`
}

/** What to say when no server answers; undefined: what is wanted gone is not there either. */
export function withoutServer(
  { server, reason }: Pick<Answer, 'server' | 'reason'>,
  absent: boolean,
  wanted: string,
  context: Context,
): Difference | undefined {
  const starts = [...context.earlier.keys()].findLast((id) =>
    /^(postgres-server|service):.*/.test(id),
  )
  if (context.opaque.length > 0) return unknownAfter(context, wanted)
  if (absent && (server === 'missing' || server === 'gone')) return undefined
  if (starts !== undefined)
    return { verb: 'unknown', summary: `${wanted}, once ${starts} has been made` }
  const why =
    server === 'missing'
      ? 'there is no PostgreSQL on this host'
      : `PostgreSQL does not answer: ${reason}`
  return { verb: absent ? 'remove' : 'change', summary: why }
}

/** Names are cut short by the server after 63 bytes, tools stumble over line breaks, and psql leaves out what is no character. */
export const nameCheck = (example: string, refused: RegExp): Check =>
  check(
    `a name such as '${example}', at most 63 bytes on one line`,
    (name) =>
      typeof name === 'string' &&
      name !== '' &&
      Buffer.byteLength(name) <= 63 &&
      !/[\0\r\n\p{Surrogate}\p{Noncharacter_Code_Point}]/u.test(name) &&
      !refused.test(name),
  )
