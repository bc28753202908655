import { holdsSecret, reveal } from '../base/secret.ts'
import { Shell, lines, sh } from '../base/shell.ts'
import type { Change, Context, Difference, Kind, Step } from '../model/kind.ts'
import { type Common, type Resource, describe, given } from '../model/resource.ts'
import { check, filled, optional } from '../model/schema.ts'
import { file, fileKind, writeAtomically } from './file.ts'
import {
  type PostgresAccessRule,
  accessFile,
  complaintAboutRules,
} from './postgres-access-rules.ts'
import { type Setting, isSetTo, shownValue } from './postgres-settings.ts'
import { refuse } from './refusal.ts'
import { transform } from './secret-text.ts'
import { postgresName, postgresText } from './sql.ts'
import {
  type SystemFile,
  type SystemFileState,
  parseWithFiles,
  readWithFiles,
} from './system-file.ts'

/**
 * A cluster of PostgreSQL as Debian's packages make it: it runs, on these settings and access rules.
 * They take effect in the same step, by a restart where a setting needs one and by a reload
 * otherwise; the plan says which. Settings that the server would not start with do not take their
 * place, and when it does not come up the old ones are put back. `absent(...)` takes the settings
 * away and leaves the cluster, its data and its access rules.
 */
export interface PostgresServerOptions extends Common {
  /** By name; they are kept in `conf.d/fettle.conf` and come over those of postgresql.conf. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>
  /** Who may connect from where: all of pg_hba.conf, after what Debian has for this machine itself. Left out: not looked at. */
  readonly access?: readonly PostgresAccessRule[]
}

interface PostgresServerDesired {
  readonly settings: Readonly<Record<string, string>>
  readonly access?: string
}

interface PostgresServerState {
  readonly cluster: boolean
  readonly files: readonly SystemFileState[]
  /** By name: those described, and those that our file sets. Undefined when it does not run. */
  readonly settings: Readonly<Record<string, Setting>> | undefined
  /** The files are newer than what the server has read. */
  readonly stale: boolean
}

/** Describes a cluster: `postgresServer('15/main', { settings: { work_mem: '16MB' } })`. */
export function postgresServer(name: string, options: PostgresServerOptions = {}): Resource {
  const { settings = {}, access, ...common } = options
  const wrong = access && complaintAboutRules(access)
  if (wrong) refuse(`postgres-server:${name}`, 'access', wrong)
  const words = Object.entries(settings).map(([key, value]) => [
    key,
    value === true ? 'on' : value === false ? 'off' : String(value),
  ])
  const rules = access && accessFile(access)
  const desired = { settings: Object.fromEntries(words), ...given({ access: rules }) }
  return describe(postgresServerKind, name, desired, common)
}

export const postgresServerKind: Kind<PostgresServerDesired, PostgresServerState> = {
  name: 'postgres-server',
  remembers: () => ({ settings: {} }),
  leavesBefore: ['service', 'unit', 'package'],
  named: check(
    "the version and the name of a cluster, such as '15/main'",
    (name) => typeof name === 'string' && /^\d{2}\/[A-Za-z0-9][\w-]{0,40}$/.test(name),
  ),
  user: 'root',
  fields: {
    settings: check(
      "settings by name, their values on one line: { work_mem: '16MB' }",
      (value) =>
        typeof value === 'object' &&
        value !== null &&
        Object.entries(value).every(
          ([name, each]) =>
            /^[a-z_]\w*(\.[a-z_]\w*)?$/i.test(name) &&
            typeof each === 'string' &&
            !/[\n\r\0]/.test(reveal(each)),
        ),
    ),
    access: optional(filled),
  },

  claims: (resource) => filesOf(resource).map(({ name }) => ({ what: `path ${name}` })),

  read: (resources) => readWithFiles(lines(...resources.map(look)), resources.flatMap(filesOf)),

  parse(output, resources) {
    const { own, files } = parseWithFiles(output, resources.flatMap(filesOf))
    const sections = own.split('== cluster\n').slice(1)
    let at = 0
    return resources.map((resource, i) => {
      const count = filesOf(resource).length
      return stateOf(sections[i] ?? '', files.slice(at, (at += count)))
    })
  },

  diff(resource, state, context) {
    if (!state.cluster) return missing(resource, context)
    const changes = changesOf(resource, state)
    return changes.words.length === 0
      ? undefined
      : { verb: 'change', summary: changes.words.join(', '), ...textOf(resource, state) }
  },

  apply: ([change]) => applyServer(change!),
}

const folderOf = (name: string): string => `/etc/postgresql/${name}`
const unitOf = (name: string): string => `postgresql@${name.replace('/', '-')}.service`
const versionOf = (name: string): string => name.slice(0, name.indexOf('/'))
const settingsOf = (name: string): string => `${folderOf(name)}/conf.d/fettle.conf`

/** The settings and, where they are described, the access rules. */
function filesOf({ name, desired, absent }: Resource<PostgresServerDesired>): SystemFile[] {
  const rows = Object.entries(desired.settings).map(
    ([key, value]) => `${key} = ${configText(value)}\n`,
  )
  const own = (path: string, content: string): SystemFile =>
    file(path, {
      content: `# Kept by Fettle.\n${content}`,
      owner: 'postgres',
      group: 'postgres',
      mode: '0640',
      user: 'root',
    }) as SystemFile
  const settings = { ...own(settingsOf(name), rows.join('')), absent }
  return desired.access === undefined || absent
    ? [settings]
    : [settings, own(`${folderOf(name)}/pg_hba.conf`, desired.access)]
}

const configText = (value: string): string =>
  transform(value, (text) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`)

/** Runs psql against this cluster; the socket is the one whose server has read its files. */
const ask = (name: string): Shell =>
  sh`ask() { cd / && LC_ALL=C PGCLIENTENCODING=UTF8 PGCONNECT_TIMEOUT=10 runuser -u postgres -- ${`/usr/lib/postgresql/${versionOf(name)}/bin/psql`} -X -q -A -t -v ON_ERROR_STOP=1 -h /var/run/postgresql -p "$port" -d postgres -f -; }
data=$(sed -n "s/^data_directory = '\\(.*\\)'.*/\\1/p" ${`${folderOf(name)}/postgresql.conf`})
port=$(sed -n 4p "$data/postmaster.pid" 2>/dev/null)`

function look(resource: Resource<PostgresServerDesired>): Shell {
  const { name, desired } = resource
  const paths = filesOf(resource).map(({ name }) => name)
  const names = ['data_directory', ...Object.keys(desired.settings)]
  const sql = `SELECT json_build_object('loaded', extract(epoch FROM pg_conf_load_time()), 'settings',
  (SELECT json_object_agg(name, json_build_object('value', setting, 'unit', unit, 'context', context,
    'type', vartype, 'file', sourcefile, 'pending', pending_restart)) FROM pg_settings
   WHERE lower(name) IN (${names.map((each) => postgresText(each.toLowerCase())).join(', ')}) OR sourcefile = ${postgresText(paths[0]!)}));`
  return lines(
    sh`echo '== cluster'
if [ -e ${`${folderOf(name)}/postgresql.conf`} ]; then`,
    ask(name),
    sh`  echo there
  stat -c 'written %.6Y' ${paths} 2>/dev/null
  [ -z "$port" ] || printf '%s' ${sql} | ask 2>/dev/null
fi`,
  )
}

function stateOf(section: string, files: readonly SystemFileState[]): PostgresServerState {
  const rows = section.split('\n')
  const json = rows.find((row) => row.startsWith('{'))
  const written = rows
    .filter((row) => row.startsWith('written '))
    .map((row) => Number(row.slice('written '.length)))
  const { loaded, settings } = (json === undefined ? {} : JSON.parse(json)) as {
    loaded?: number
    settings?: Record<string, Setting>
  }
  return {
    cluster: rows.includes('there'),
    files,
    settings,
    stale: loaded !== undefined && written.some((time) => time > loaded),
  }
}

function missing({ name, absent }: Resource, { opaque }: Context): Difference | undefined {
  if (opaque.length > 0)
    return { verb: 'unknown', summary: `its settings, once ${opaque.at(-1)} has brought it` }
  if (absent) return undefined
  return { verb: 'change', summary: `there is no cluster ${name} on this host` }
}

interface Changes {
  readonly words: readonly string[]
  /** What makes the server use them. */
  readonly move: 'start' | 'restart' | 'reload' | undefined
  /** Settings that ALTER SYSTEM has put before ours. */
  readonly overridden: readonly string[]
}

function changesOf(resource: Resource<PostgresServerDesired>, state: PostgresServerState): Changes {
  const { desired, absent, name } = resource
  const ours = settingsOf(name)
  const files = filesOf(resource)
  const written = files.filter((each, i) => differs(each, state.files[i]!))
  const what = written.map((each) => (each.name === ours ? 'settings' : 'access rules'))
  if (!state.settings)
    return absent
      ? { words: what, move: undefined, overridden: [] }
      : { words: [...what, 'stopped -> running'], move: 'start', overridden: [] }
  const rewritten = written.some((each) => each.name === ours)
  const found = new Map(
    Object.entries(state.settings).map(([key, each]) => [key.toLowerCase(), each]),
  )
  const wanted = absent ? [] : Object.entries(desired.settings)
  const moves = wanted.flatMap(([key, value]) => {
    const now = found.get(key.toLowerCase())
    return now && !now.pending && isSetTo(now, reveal(value)) ? [] : [{ key, now, value }]
  })
  // What leaves our file goes back to something that is not known before.
  const leaving = [...found].filter(
    ([key, { file }]) => file === ours && !wanted.some(([each]) => each.toLowerCase() === key),
  )
  const overridden = wanted
    .map(([key]) => key)
    .filter((key) => found.get(key.toLowerCase())?.file?.endsWith('/postgresql.auto.conf'))
  const late = moves.filter(
    ({ now }) =>
      now?.context === 'postmaster' && (rewritten || now.pending || overridden.length > 0),
  )
  const needsRestart =
    late.length > 0 || leaving.some(([, { context }]) => context === 'postmaster')
  const words = [
    ...what,
    ...(rewritten || late.length > 0
      ? moves.map(({ key, now, value }) =>
          holdsSecret(value) ? key : `${key} ${now ? `${shownValue(now)} -> ` : ''}${value}`,
        )
      : []),
    ...leaving.map(([key]) => `no ${key}`),
    ...elsewhere(wanted, found, ours).filter(() => !rewritten && !state.stale),
  ]
  if (words.length === 0 && !state.stale) return { words, move: undefined, overridden }
  const move = needsRestart ? 'restart' : 'reload'
  return { words: [...words, move], move, overridden }
}

/** Settings that something else than our file decides, as far as they are read. */
const elsewhere = (
  wanted: readonly (readonly [string, string])[],
  found: ReadonlyMap<string, Setting>,
  ours: string,
): string[] =>
  wanted.flatMap(([key]) => {
    const now = found.get(key.toLowerCase())
    const { file } = now ?? { file: ours }
    return now?.pending || file === ours
      ? []
      : [`${key} is set by ${file ?? 'nothing that is read'}`]
  })

const differs = (each: SystemFile, state: SystemFileState): boolean =>
  fileKind.diff(each, state, { earlier: new Map(), opaque: [] }) !== undefined

function textOf(
  resource: Resource<PostgresServerDesired>,
  { files }: PostgresServerState,
): Pick<Difference, 'text'> {
  const texts = filesOf(resource).flatMap((each, i) => {
    const found = fileKind.diff(each, files[i]!, { earlier: new Map(), opaque: [] })?.text
    return found ? [found] : []
  })
  if (texts.length === 0) return {}
  const join = (side: 'before' | 'after'): string => texts.map((each) => each[side]).join('')
  return { text: { before: join('before'), after: join('after') } }
}

/**
 * Old files are kept aside until the server runs on the new ones. What is asked for first is what
 * can be refused: the server's own program reads the settings as if it were to start on them.
 */
function applyServer({
  resource,
  state,
}: Change<PostgresServerDesired, PostgresServerState>): Step {
  const { name, absent } = resource
  const { move, overridden } = changesOf(resource, state)
  const files = filesOf(resource)
  const written = files.filter((each, i) => differs(each, state.files[i]!))
  const paths = files.map((each) => each.name)
  const server = `/usr/lib/postgresql/${versionOf(name)}/bin/postgres`
  return {
    script: lines(
      sh`[ -e ${`${folderOf(name)}/postgresql.conf`} ] || { echo ${`there is no cluster ${name} on this host: is its package installed?`}; exit 1; }
old=$(mktemp -d) || exit 1
trap 'rm -rf -- "$old"' EXIT
install -d -o postgres -g postgres ${`${folderOf(name)}/conf.d`} || exit 1
n=0; for path in ${paths}; do n=$((n + 1)); [ ! -e "$path" ] || cp -a -- "$path" "$old/$n" || exit 1; done`,
      sh`restore() { n=0; for path in ${paths}; do n=$((n + 1)); if [ -e "$old/$n" ]; then cp -a -- "$old/$n" "$path"; else rm -f -- "$path"; fi; done; }
refuse() { restore; echo "$1"; exit 1; }`,
      ask(name),
      ...written.map((each) =>
        absent
          ? sh`rm -f -- ${each.name} || exit 1`
          : sh`printf '%s' ${each.desired.content as string} | ( ${writeAtomically(each.name, each.desired)}
) || { restore; exit 1; }`,
      ),
      sh`said=$(cd / && runuser -u postgres -- ${server} -D ${folderOf(name)} -C data_directory 2>&1 >/dev/null) || refuse "PostgreSQL does not take these settings, the old ones are untouched: $(printf '%s' "$said" | sed 's/^.*\\(LOG\\|FATAL\\): *//' | head -n 1)"`,
      state.settings && resource.desired.access !== undefined && !absent && rulesAreValid,
      overridden.length > 0 &&
        sh`printf '%s' ${overridden.map((key) => `ALTER SYSTEM RESET ${postgresName(key)};\n`).join('')} | ask || refuse 'ALTER SYSTEM could not be taken back'`,
      move && (move === 'reload' ? reload(name) : restart(name, move)),
    ),
  }
}

/** The server reads the file that is there now when it is asked this. */
const rulesAreValid: Shell = Shell.literal(
  `said=$(echo "SELECT 'line ' || line_number || ': ' || error FROM pg_hba_file_rules WHERE error IS NOT NULL LIMIT 1" | ask) || refuse "PostgreSQL does not answer: $said"
[ -z "$said" ] || refuse "PostgreSQL does not take these access rules, the old ones are untouched: $said"`,
)

/** A reload is over when a new connection sees that it has been. */
const reload = (name: string): Shell => sh`since=$(date +%s.%6N)
systemctl reload ${unitOf(name)} || refuse 'the reload failed'
for try in 1 2 3 4 5 6 7 8 9 10; do
  seen=$(echo "SELECT pg_conf_load_time() > to_timestamp($since)" | ask)
  [ "$seen" != t ] || exit 0
  sleep 0.2
done
echo 'PostgreSQL has not read its files again'; exit 1`

const restart = (name: string, move: string): Shell => sh`systemctl ${move} ${unitOf(name)} || {
  log=$(tail -n 3 ${`/var/log/postgresql/postgresql-${name.replace('/', '-')}.log`})
  restore
  systemctl ${move} ${unitOf(name)} && state='runs on the old settings again' || state='does not run'
  printf '%s\n' "$log"
  echo "PostgreSQL did not come up on these settings and $state: $(printf '%s\n' "$log" | sed -n 's/^.*FATAL: *//p' | tail -n 1)"
  exit 1
}`
