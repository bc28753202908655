import { createConnection } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { problem } from '../base/errors.ts'
import { sh } from '../base/shell.ts'
import { enoughInotify, inotifyInstances } from './scarcity.ts'
import type { ContainerEngine } from './container-engine.ts'
import type { KeyPair } from './keys.ts'

const go = '/run/fettle-lab-go'

/**
 * What a container runs first: it waits until it has been prepared from outside, then becomes
 * systemd. So keys are never on a command line, and sshd finds its host key at its first start.
 */
export const entry: readonly string[] = [
  'sh',
  '-c',
  `until [ -e ${go} ]; do sleep 0.02; done; rm -f ${go}; exec /sbin/init`,
]

/**
 * Prepares a started container and lets systemd take over. One where it has is left alone; true
 * when its boot is over.
 */
export async function prepare(
  engine: ContainerEngine,
  container: string,
  keys: { readonly login: KeyPair; readonly host: KeyPair; readonly hosts: string },
): Promise<boolean> {
  const script = sh`if [ "$(cat /proc/1/comm)" != sh ]; then
  case "$(timeout 10 systemctl is-system-running --wait 2>&1)" in running|degraded) echo up ;; esac
  exit 0
fi
set -e
# The engine mounts these over the container's own, where no program could replace them.
for file in hosts hostname resolv.conf; do
  cat /etc/$file > /run/lab-file.$$
  ! grep -q " /etc/$file " /proc/mounts || umount /etc/$file
  [ -e /etc/ssh/ssh_host_ed25519_key ] || { cat /run/lab-file.$$ > /etc/$file; chmod 644 /etc/$file; }
done
rm /run/lab-file.$$
if [ ! -e /etc/ssh/ssh_host_ed25519_key ]; then
  printf %s ${keys.hosts} > /etc/hosts
  umask 077
  mkdir -p /root/.ssh
  printf %s ${keys.login.open} > /root/.ssh/authorized_keys
  printf %s ${keys.host.open} > /etc/ssh/ssh_host_ed25519_key.pub
  chmod 644 /etc/ssh/ssh_host_ed25519_key.pub
  printf %s ${keys.host.secret} > /etc/ssh/ssh_host_ed25519_key.new
  mv /etc/ssh/ssh_host_ed25519_key.new /etc/ssh/ssh_host_ed25519_key
fi
# The network's settings belong to the container; those of the kernel stay read-only.
mount --bind /proc/sys/net /proc/sys/net && mount -o remount,bind,rw /proc/sys/net || :
# Docker gives the container's own cgroups read-only.
[ ! -e /sys/fs/cgroup/cgroup.controllers ] || mount -o remount,rw /sys/fs/cgroup || :
touch ${go}
`
  const words = ['exec', '--privileged', '--interactive', container, 'sh']
  return /^up$/m.test(await engine.call(`prepare ${container}`, words, script.text))
}

/** Waits until sshd answers and the boot is over, whether or not a unit of the user's failed. */
export async function untilUp(
  engine: ContainerEngine,
  host: {
    readonly name: string
    readonly container: string
    readonly address: string
    readonly booted: boolean
  },
  seconds = 30,
): Promise<void> {
  const start = performance.now()
  const waited = (): number => (performance.now() - start) / 1000
  for (let look = 3; !(await sshdAnswers(host.address)); await pause(20)) {
    if (waited() > seconds)
      throw await notUp(engine, host, `sshd did not answer within ${seconds} s.`)
    if (waited() < look) continue
    look += 3
    if (!(await runs(engine, host.container)))
      throw await notUp(engine, host, `its systemd gave up.${scarceNotes()}`)
  }
  if (host.booted) return
  const wait = ['timeout', '10', 'systemctl', 'is-system-running', '--wait']
  await engine.try(['exec', host.container, ...wait])
}

async function runs(engine: ContainerEngine, container: string): Promise<boolean> {
  return (await engine.try(['exec', container, 'true'])).code === 0
}

/** The limit of the machine that many hosts meet first. */
function scarceNotes(): string {
  const limit = inotifyInstances()
  if (limit === undefined || limit >= enoughInotify) return ''
  return ` Each host takes 7 of the ${limit} that fs.inotify.max_user_instances allows here.`
}

async function notUp(
  engine: ContainerEngine,
  host: { readonly name: string; readonly container: string },
  reason: string,
): Promise<Error> {
  const failed = ['systemctl', '--failed', '--plain', '--no-legend', '--no-pager']
  const units = await engine.try(['exec', host.container, ...failed])
  const logs = await engine.try(['logs', host.container])
  return problem(
    'lab-command-failed',
    {
      doing: `reach ${host.name} after its boot`,
      reason,
      state: `Its container is still there; \`fettle lab reset ${host.name}\` makes it anew.`,
    },
    { log: units.output + logs.output },
  )
}

/** True once the greeting of an SSH server has come, not merely a connection. */
function sshdAnswers(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: address, port: 22, timeout: 1000 })
    const done = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.on('data', (greeting) => done(greeting.toString().startsWith('SSH-')))
    socket.on('error', () => done(false))
    socket.on('timeout', () => done(false))
    socket.on('close', () => done(false))
  })
}
