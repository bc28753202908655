import { type FettleError, problem } from '../base/errors.ts'
import { type Shell, lines, sh } from '../base/shell.ts'
import { type AppDescription, builderOf } from '../model/app.ts'
import type { Enclosure, Runtime } from '../runtimes/runtime.ts'
import type { Answer } from '../transport/machine.ts'
import { buildHomeOf, treesOf } from './paths.ts'
import { failWhenStopped } from './script.ts'
import type { Snapshot } from './snapshot.ts'

type Built = Pick<AppDescription, 'name' | 'build' | 'image'>

/** The line that builds a snapshot; undefined when there is nothing to be built. */
export function buildLineOf(
  { build }: Built,
  runtime: Runtime | undefined,
  { files, prebuilt }: Snapshot,
): string | undefined {
  if (prebuilt) return undefined
  return build.command === undefined ? runtime?.build(files) : build.command || undefined
}

/**
 * Makes the tree of a source that `uploadStep` has brought, as root; what it prints is the log of the
 * build. When it fails nothing of it is left on the host. A tree that is there already is not touched.
 */
export function buildStep(app: Built, runtime: Runtime | undefined, snapshot: Snapshot): Shell {
  const { id } = snapshot
  const line = buildLineOf(app, runtime, snapshot)
  const output = snapshot.prebuilt ? undefined : app.build.output
  return lines(
    sh`umask 022; cd ${treesOf(app.name)} || exit 1`,
    sh`give_up() { rm -rf -- .new ${`${id}.source`} ${`${id}.files`}; exit "$1"; }`,
    runtime?.enclosure && enclosed(app, runtime.enclosure, snapshot),
    sh`[ ! -d ${id} ] || exit 0`,
    line === undefined
      ? sh`cp -al -T ${`${id}.source`} .new || give_up 1`
      : built(app, runtime, id, line),
    output !== undefined && onlyOutput(output),
    // Of root, so that no later build can change it; and whatever modes a build left, apps can read it.
    line !== undefined && sh`chown -Rh root:root .new && chmod -R a+rX,go-w,ug-s .new || give_up 1`,
    sh`sync -f . && mv -T .new ${id} || give_up 1`,
  )
}

export function buildProblem(
  { name, build }: Built,
  host: string,
  { code, output }: Answer,
): FettleError {
  const log = output.toString('utf8').trim().split('\n').slice(-30).join('\n')
  const reasons: Record<number, string> = {
    [timedOut]: `it did not finish within ${build.timeout} s`,
    137: 'it was killed, as a build is that takes more than 80 % of the memory',
  }
  const reason = reasons[code] ?? `exit code ${code}`
  return problem('build-failed', { app: name, host, reason }, { log })
}

/** What `timeout` ends with. */
const timedOut = 124

/**
 * The build user works on a copy. It sees the copy under the name that the tree will have, as programs
 * of a venv hold their own path, and no other tree. The unit has a name: what a build that lost its
 * session still runs is ended first.
 */
function built(app: Built, runtime: Runtime | undefined, id: string, line: string): Shell {
  const [trees, builder, home] = [treesOf(app.name), builderOf(app.name), buildHomeOf(app.name)]
  const tree = `${trees}/${id}`
  const properties = [
    `User=${builder}`,
    `TemporaryFileSystem=${trees}`,
    `BindPaths=${trees}/.new:${tree}`,
    `WorkingDirectory=${tree}`,
    'PrivateTmp=yes',
    'NoNewPrivileges=yes',
    'ProtectSystem=full',
  ]
  const env = { ...runtime?.env(tree), HOME: home, FETTLE_CACHE: `${home}/.cache` }
  return lines(
    sh`${ended(app)}; rm -rf .new`,
    sh`cp -dR --preserve=mode,timestamps -T ${`${id}.source`} .new && chown -Rh ${builder}: .new || give_up 1`,
    sh`${inUnit(app, properties, env, line)} || give_up $?`,
  )
}

/** What the programs of a tree run in is made of its source, by root. */
function enclosed(app: Built, enclosure: Enclosure, { id, files }: Snapshot): Shell {
  const properties = [`WorkingDirectory=${treesOf(app.name)}/${id}.source`]
  const env = {
    HOME: '/root',
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  }
  const line = enclosure.make(app, files, id).text
  return sh`${enclosure.isThere(app.name, id)} || { ${ended(app)}; ${inUnit(app, properties, env, line)}; } || give_up $?`
}

const unitOf = ({ name }: Built): string => `fettle-build-${name}`

const ended = (app: Built): Shell => sh`systemctl stop ${`${unitOf(app)}.service`} 2>/dev/null`

/** Runs a line for a shell in the unit of the app's build. */
function inUnit(
  app: Built,
  own: readonly string[],
  env: Readonly<Record<string, string>>,
  line: string,
): Shell {
  const properties = [
    ...own,
    `RuntimeMaxSec=${app.build.timeout + 30}`,
    'Nice=10',
    'MemoryMax=80%',
    'TasksMax=4096',
    'UMask=0022',
  ].map((each) => `--property=${each}`)
  const variables = Object.entries({
    PATH: '/usr/local/bin:/usr/bin:/bin',
    LANG: 'C.UTF-8',
    ...env,
    CI: 'true',
    FETTLE_BUILD: line,
  }).map(([name, value]) => `--setenv=${name}=${value}`)
  return sh`systemd-run --quiet --wait --pipe --collect --unit=${unitOf(app)} ${properties} ${variables} -- sh -c ${failWhenStopped} sh timeout -k 10 ${app.build.timeout} sh -c ${evaluate} </dev/null 2>&1`
}

/** systemd fills in `${name}` in the words of a command by itself; in the environment it does not. */
const evaluate = 'line=$FETTLE_BUILD; unset FETTLE_BUILD; eval "$line"'

/** A build could have put a link there that leads out of its tree. */
function onlyOutput(output: string): Shell {
  return sh`output=$PWD/.new/${output.replace(/\/+$/, '').replace(/^(\.\/)+/, '')}
[ -d "$output" ] && [ "$(realpath -- "$output")" = "$output" ] || { echo ${`the build made no folder ${output}`}; give_up 1; }
rm -rf .output && mv -T -- "$output" .output && rm -rf .new && mv -T .output .new || give_up 1`
}
