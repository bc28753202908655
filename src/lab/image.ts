import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { problem } from '../base/errors.ts'
import { type ContainerEngine, run } from './container-engine.ts'
import { locked } from './lock.ts'
import { shortHash } from './network.ts'

/** Debian's release that hosts run where nothing else is said; FETTLE_LAB_SUITE=trixie is the next one. */
export const usualSuite: string = process.env['FETTLE_LAB_SUITE'] ?? 'bookworm'

/** The second line: what an installed Debian has and `minbase` leaves out. */
const packages = words(`
  systemd systemd-sysv dbus openssh-server ca-certificates iproute2
  procps cron adduser sudo netbase
`)

/** What a container has no use for; each costs time at boot or memory later. */
const masked = words(`
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer e2scrub_all.timer
  e2scrub_reap.service systemd-timesyncd.service getty.target getty@.service
  console-getty.service systemd-udevd.service systemd-udev-trigger.service
  systemd-modules-load.service systemd-udevd-control.socket systemd-udevd-kernel.socket
  kmod-static-nodes.service systemd-remount-fs.service systemd-firstboot.service
  systemd-machine-id-commit.service systemd-pstore.service systemd-repart.service
  systemd-binfmt.service proc-sys-fs-binfmt_misc.automount systemd-update-utmp.service
  systemd-update-utmp-runlevel.service dev-hugepages.mount sys-kernel-config.mount
  sys-fs-fuse-connections.mount sys-kernel-debug.mount sys-kernel-tracing.mount
`)

/** Documentation and translations: nobody reads them there. */
const left = words(`/usr/share/doc/* /usr/share/man/* /usr/share/locale/* /usr/share/info/*`)

/** Run with the root of the new system as $1 (empty inside a container build). */
const customize = `set -e
root=$1
# Each host has an identity of its own, given at its first boot.
rm -f $root/etc/ssh/ssh_host_* $root/etc/machine-id $root/var/lib/dbus/machine-id
: > $root/etc/machine-id
mkdir -p $root/etc/ssh/sshd_config.d
cat > $root/etc/ssh/sshd_config.d/lab.conf <<'END'
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
PasswordAuthentication no
UseDNS no
MaxStartups 100
MaxSessions 100
END
# No daemon starts at the end of a Debian container's usual policy: here they do, as on a server.
rm -f $root/usr/sbin/policy-rc.d $root/etc/apt/apt.conf.d/docker-clean
# Podman there has no overlay file system and no cgroups of its own to give, and may not raise limits: it
# keeps whole copies, and what a build runs is in the cgroup of its unit.
mkdir -p $root/etc/containers $root/etc/systemd/system.conf.d
cat > $root/etc/containers/storage.conf <<'END'
[storage]
driver = "vfs"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"
END
cat > $root/etc/containers/containers.conf <<'END'
[engine]
runtime = "crun"
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
END
cat > $root/etc/systemd/system.conf.d/lab.conf <<'END'
[Manager]
DefaultEnvironment=BUILDAH_ISOLATION=chroot PODMAN_IGNORE_CGROUPSV1_WARNING=1
END
for unit in ${masked.join(' ')}; do
  ln -sf /dev/null $root/etc/systemd/system/$unit
done
ln -sf /lib/systemd/system/multi-user.target $root/etc/systemd/system/default.target
`

const bootstrap = (suite: string): string[] => [
  '--quiet',
  '--variant=minbase',
  `--include=${packages.join(',')}`,
  ...left.map((path) => `--dpkgopt=path-exclude=${path}`),
  '--aptopt=Acquire::Languages "none"',
  `--customize-hook=sh -c '${customize.replaceAll("'", `'\\''`)}' sh "$1"`,
  suite,
  '-',
]

const containerfile = (suite: string): string => `FROM debian:${suite}-slim
RUN apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')} \\
 && apt-get clean && rm -rf /var/lib/apt/lists/*
RUN echo ${Buffer.from(customize).toString('base64')} | base64 -d | sh -s ""
CMD ["/sbin/init"]
`

/** The name holds a hash of the recipe, so that a new recipe makes a new image. */
function imageOf(suite: string): string {
  const recipe = JSON.stringify([bootstrap(suite), containerfile(suite)])
  return `localhost/fettle-lab:${suite}-${shortHash(recipe)}`
}

/** The image of a bare host: the cached one, or a new one. Two processes build it once. */
export async function ensureImage(
  engine: ContainerEngine,
  report: (line: string) => void,
  suite: string = usualSuite,
): Promise<string> {
  const name = imageOf(suite)
  if (await isThere(engine, name)) return name
  await locked(join(tmpdir(), `${name.replace(/\W/g, '-')}-${process.getuid?.()}`), async () => {
    if (await isThere(engine, name)) return
    report(`Building the image of a bare Debian host (${suite}), once: about half a minute`)
    await build(engine, suite)
    await removeOldImages(engine, suite)
  })
  return name
}

async function isThere(engine: ContainerEngine, name: string): Promise<boolean> {
  return (await engine.try(['image', 'inspect', name])).code === 0
}

async function build(engine: ContainerEngine, suite: string): Promise<void> {
  if ((await run('mmdebstrap', ['--version'])).code === 0) return importBootstrap(engine, suite)
  // Needs a registry, and is untested where this was written: there was none at hand.
  const words = ['build', '-t', imageOf(suite), '-']
  await engine.call('build its image', words, Buffer.from(containerfile(suite)))
}

/** Pipes a new Debian straight into the engine; half a Debian never becomes an image. */
async function importBootstrap(engine: ContainerEngine, suite: string): Promise<void> {
  const debian = spawn('mmdebstrap', bootstrap(suite), { stdio: ['ignore', 'pipe', 'pipe'] })
  const log: Buffer[] = []
  debian.stderr.on('data', (chunk: Buffer) => log.push(chunk))
  // The import sees the end of its input only after mmdebstrap has said that all went well.
  const through = new PassThrough()
  debian.stdout.pipe(through, { end: false })
  const words = ['import', '--change', 'CMD ["/sbin/init"]', '-', imageOf(suite)]
  const imported = engine.try(words, through)
  const [code] = (await once(debian, 'close')) as [number | null]
  if (code === 0) through.end()
  else through.destroy(new Error('mmdebstrap failed'))
  const { code: importCode, output } = await imported
  if (code === 0 && importCode === 0) return
  const all = code === 0 ? output : Buffer.concat(log).toString()
  throw problem(
    'lab-command-failed',
    {
      doing: 'build its image',
      reason: all.trim().split('\n').at(-1) ?? '',
      state: 'No host was started.',
    },
    { log: all },
  )
}

/** Images of earlier recipes; one that a host still uses is refused by the engine and stays. */
async function removeOldImages(engine: ContainerEngine, suite: string): Promise<void> {
  const listed = await engine.try(['images', '--format', '{{.Repository}}:{{.Tag}}'])
  const old = listed.output
    .split('\n')
    .filter((name) => name.includes(`/fettle-lab:${suite}-`) && name !== imageOf(suite))
  if (old.length > 0) await engine.try(['rmi', ...old])
}

function words(text: string): string[] {
  return text.trim().split(/\s+/)
}
