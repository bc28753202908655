import { Shell, lines, sh } from '../base/shell.ts'
import type { Launched, Launcher, Runtime } from './runtime.ts'

const marks = ['Containerfile', 'Dockerfile']

/** An image that podman builds of a Dockerfile or pulls, and its containers; why so: docs/design/14-containers.md. */
export const container: Runtime = {
  name: 'container',
  recognises: ({ paths }) => marks.some((each) => paths.includes(each)),
  packages: () => ['podman', 'crun', 'catatonit'],
  build: () => undefined,
  // What its image runs by itself.
  processes: () => ({ web: '' }),
  env: () => ({}),
  enclosure: {
    isThere: (app, tree) => sh`${podman} image exists ${imageOf(app, tree)}`,
    make({ name, image }, { paths }, tree) {
      const made = imageOf(name, tree)
      if (image !== undefined) return pull(image, made)
      return build(marks.find((each) => paths.includes(each)) ?? 'Dockerfile', made)
    },
    identity: ({ name, image }, tree) =>
      image === undefined
        ? undefined
        : sh`${podman} image inspect --format '{{.Id}}' ${imageOf(name, tree)}`,
    prune: (app, trees) => sh`! command -v podman >/dev/null ||
for tag in $(${podman} images --format '{{.Tag}}' --filter reference=${repositoryOf(app)} 2>/dev/null); do
  [ -d ${trees}/"$tag" ] || ${podman} rmi --force ${repositoryOf(app)}:"$tag" >/dev/null 2>&1
done`,
    launch,
  },
}

const repositoryOf = (app: string): string => `localhost/fettle/${app}`
const imageOf = (app: string, tree: string): string => `${repositoryOf(app)}:${tree}`

/** Its own events would stand between the lines of the app in the log. */
const podman = sh`/usr/bin/podman --events-backend=none`

/**
 * Layers that are kept for the next build nobody would ever remove. The containers of a build are not in
 * the cgroup of its unit, so they are told themselves what they may take.
 */
function build(file: string, made: string): Shell {
  return sh`memory=$(sed -n 's/^MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo)
exec ${podman} build --layers=false --pull=missing --network=host --memory="$((memory / 10 * 8))k" --file ${file} --tag ${made} .`
}

/** Only the name of the release is left of what was pulled for it: then it goes with the release. */
function pull(image: string, made: string): Shell {
  return lines(
    sh`! ${podman} image exists ${image} || exec ${podman} tag ${image} ${made}`,
    sh`${podman} pull ${image} && ${podman} tag ${image} ${made} || exit 1`,
    sh`${podman} untag ${image} ${image} 2>/dev/null; :`,
  )
}

/** What an instance is told by its unit. */
const told = [
  'HOST',
  'PORT',
  'FETTLE_APP',
  'FETTLE_RELEASE',
  'FETTLE_PROCESS',
  'FETTLE_INSTANCE',
] as const
const nameOfInstance = ['APP', 'PROCESS', 'RELEASE', 'INSTANCE']
  .map((each) => `\${FETTLE_${each}}`)
  .join('.')

function launch(release: Launched): Launcher {
  const stop = Math.ceil(release.stop)
  const named = Shell.literal(`"${nameOfInstance}"`)
  const instance = sh`--detach --sdnotify=conmon --log-driver=passthrough --replace --name=${named}`
  const once = sh`--log-driver=none`
  const words = (command: string): Shell | undefined =>
    command === '' ? undefined : sh`-c ${command}`
  return {
    starts: [],
    sandbox: [],
    instance: () => [
      // The process that systemd watches is conmon, of 2 MiB; podman itself takes 40 and only starts it.
      'Type=notify',
      'NotifyAccess=all',
      `ExecStop=/bin/sh -c '${podman.text} stop --ignore --time=${stop} ${nameOfInstance} >/dev/null'`,
      `ExecStopPost=-/bin/sh -c '${podman.text} rm --force --ignore --time=0 ${nameOfInstance} >/dev/null'`,
      'KillMode=mixed',
      `TimeoutStopSec=${stop + 20}`,
      // Ended by SIGTERM.
      'SuccessExitStatus=143',
    ],
    script: (command, runs) => run(release, runs === 'on' ? instance : once, words(command)),
    shell: run(release, once, Shell.literal('"$@"')),
  }
}

/** It has no cgroup of its own but that of its unit: what limits that limits it. */
function run(release: Launched, how: Shell, words: Shell | undefined): string {
  const { app, user, tree, data, names } = release
  const options = [
    '--rm',
    '--pull=never',
    '--cgroups=disabled',
    '--network=host',
    '--ulimit=host',
    '--init',
    '--init-path=/usr/bin/catatonit',
    '--read-only',
    '--cap-drop=all',
    '--security-opt=no-new-privileges',
    `--volume=${data}:${data}`,
    ...(names.includes('HOME') ? [] : [`--env=HOME=${data}`]),
    // Podman takes the values from what systemd gives it: its own files know no new line.
    ...[...told, ...names].map((each) => `--env=${each}`),
  ]
  const who = sh`--user="$(id -u ${user}):$(id -g ${user})"`
  const what =
    words === undefined
      ? sh`${imageOf(app, tree)}`
      : sh`--entrypoint=/bin/sh ${imageOf(app, tree)} ${words}`
  return sh`exec ${podman} --runtime=/usr/bin/crun run ${how} ${options} ${who} ${what}`.text
}
