import { createHash } from 'node:crypto'
import { reveal } from '../base/secret.ts'
import { Shell, lines, sh } from '../base/shell.ts'
import type { App } from '../model/app.ts'
import type { Enclosure, Runtime } from '../runtimes/runtime.ts'
import { bytesOf } from '../resources/in-order.ts'
import { releaseFolderOf, releasesOf, treesOf } from './paths.ts'
import { backoff } from './backoff.ts'
import { stageJobs } from './jobs.ts'
import { launcherOf } from './launch.ts'
import { failWhenStopped } from './script.ts'
import { processUnit, unitOf } from './units.ts'

/** One tree with one configuration: what an instance of it runs never changes. */
export interface Release {
  /** The tree's id, a dot, and a few digits of a hash over the configuration. */
  readonly name: string
  readonly tree: string
  readonly commit?: string
  /** Commands of the processes that run; without `release`. */
  readonly processes: Readonly<Record<string, string>>
  /** What runs once before traffic moves. */
  readonly command: string | undefined
  /** The text of its environment file, with secret marks. */
  readonly environment: string
  /** What its programs run in, where that is not the host itself. */
  readonly enclosure: Enclosure | undefined
}

/** Names a release after all that it is. */
export function releaseOf(
  app: App,
  tree: { readonly id: string; readonly commit?: string },
  { release: command, ...processes }: Readonly<Record<string, string>>,
  environment: string,
  runtime?: Runtime,
): Release {
  const { limits, rollout, build, jobs } = app
  const enclosure = runtime?.enclosure
  const within = enclosure ? [runtime.name] : []
  const parts = [command, processes, reveal(environment), limits, rollout.stop, build, jobs]
  const hash = createHash('sha256')
    .update(JSON.stringify([...parts, ...within]))
    .digest('hex')
    .slice(0, 6)
  const { id, commit } = tree
  return {
    name: `${id}.${hash}`,
    tree: id,
    ...(commit === undefined ? {} : { commit }),
    processes,
    command,
    environment,
    enclosure,
  }
}

/**
 * Makes a release of a tree that is there: its folder and the units of its processes. Whole or not at
 * all, and the same when it is done twice. Runs as root; the environment is its input.
 */
export function stage(
  app: App,
  release: Release,
  address: string,
): { script: Shell; input: string } {
  const final = releaseFolderOf(app.name, release.name)
  const fresh = `${final}.new`
  const size = bytesOf(release.environment).length
  const commands = Object.entries(release.processes)
  const launcher = launcherOf(app, release)
  const scripts = [
    ...commands.map(([process, command]) => [process, launcher.script(command, 'on')] as const),
    ...(release.command ? [['release', launcher.script(release.command, 'once')] as const] : []),
    ['.backoff', backoff] as const,
    ['.shell', launcher.shell] as const,
    [
      '.exec',
      sh`exec ${transient(app, release, address, `${final}/.shell`)} ${Shell.literal('"$@"')}`.text,
    ] as const,
  ]
  const script = lines(
    sh`[ -d ${treesOf(app.name)}/${release.tree} ] || { echo ${`there is no tree ${release.tree}`}; exit 1; }`,
    sh`rm -rf -- ${fresh} && mkdir -m 0755 -- ${fresh} && cd ${fresh} || exit 1`,
    sh`ln -s ${`../../trees/${release.tree}`} tree && umask 077 && head -c ${size} >env && umask 022 || exit 1`,
    sh`[ "$(wc -c <env)" = ${size} ] || { echo 'the environment did not arrive whole'; exit 1; }`,
    ...scripts.map(([file, text]) => sh`printf '%s\n' ${text} >${file} || exit 1`),
    stageJobs(app, release),
    sh`changed=
[ -e ${final} ] && rm -rf ${fresh} || mv -T -- ${fresh} ${final} || exit 1`,
    ...commands.map(([process]) => {
      const unit = `/etc/systemd/system/${unitOf(app.name, process, release.name, '')}`
      const text = processUnit(app, release, process, address)
      return sh`printf '%s' ${text} >${unit}.new || exit 1
[ ! -e ${unit} ] || cmp -s ${unit}.new ${unit} || changed=1
mv -f -- ${unit}.new ${unit} || exit 1`
    }),
    // What systemd has never seen it reads when it is started; reading all units anew takes long.
    sh`[ -z "$changed" ] || systemctl daemon-reload`,
  )
  return { script, input: release.environment }
}

/** Runs the release command once, and never beside one that a lost session left. Runs as root. */
export function runReleaseCommand(app: App, release: Release, address: string): Shell {
  const script = `${releaseFolderOf(app.name, release.name)}/release`
  const unit = `fettle-release-${app.name}`
  return lines(
    sh`systemctl stop ${`${unit}.service`} 2>/dev/null`,
    sh`${transient(app, release, address, script, [`--unit=${unit}`])} </dev/null`,
  )
}

/**
 * Runs a command as the app's user in a release that is there, with what its processes find: the release
 * knows how. Runs as root.
 */
export function runInRelease(app: string, release: string, command: string): Shell {
  return sh`/bin/sh ${releaseFolderOf(app, release)}/.exec -c ${command} </dev/null`
}

/** Runs a script of a release to its end. */
function transient(
  app: App,
  release: Release,
  address: string,
  script: string,
  options: readonly string[] = [],
): Shell {
  const { name } = app
  const settings = [
    ...launcherOf(app, release).starts,
    `EnvironmentFile=${releaseFolderOf(name, release.name)}/env`,
    `Environment=HOST=${address} FETTLE_APP=${name} FETTLE_RELEASE=${release.name}`,
    'RuntimeMaxSec=1800',
  ]
  return sh`systemd-run --quiet --wait --pipe --collect ${options} ${settings.map((each) => `--property=${each}`)} /bin/sh -c ${failWhenStopped} sh /bin/sh ${script}`
}

/** Removes releases with their units, but for those that are named and any that runs. Runs as root. */
export function pruneReleases(app: App, names: readonly string[]): Shell {
  return lines(
    sh`cd ${releasesOf(app.name)} || exit 1`,
    sh`for each in *; do
  [ -d "$each" ] || continue
  case " "${names.join(' ')}" " in *" $each "*) continue ;; esac`,
    sh`  [ -z "$(systemctl list-units --no-legend --plain --state=active,activating,deactivating ${app.name}'.*.'"$each"'@*' 2>/dev/null)" ] || continue`,
    sh`  rm -f -- /etc/systemd/system/${app.name}.*."$each"@.service && rm -rf -- "$each"
done`,
  )
}
