import { readFileSync } from 'node:fs'
import { problem } from '../base/errors.ts'
import { ContainerEngine, run } from './container-engine.ts'

/** What a lab needs on Debian and Ubuntu: how to see that it is there, and its package. */
const needs: readonly (readonly [string, readonly string[], string])[] = [
  ['podman', ['podman', '--version'], 'podman'],
  ['runc', ['runc', '--version'], 'runc'],
  ['netavark', ['test', '-x', '/usr/lib/podman/netavark'], 'netavark'],
  ['iptables', ['iptables', '--version'], 'iptables'],
  ['mmdebstrap', ['mmdebstrap', '--version'], 'mmdebstrap'],
  [
    'Debian keys',
    ['test', '-e', '/usr/share/keyrings/debian-archive-keyring.gpg'],
    'debian-archive-keyring',
  ],
  ['ssh', ['ssh', '-V'], 'openssh-client'],
]

const byHand =
  'Install podman (4 or later, run as root) or docker, and the OpenSSH client. On Debian or ' +
  'Ubuntu: apt-get install --no-install-recommends'

/** An engine that works; on Debian and Ubuntu root gets what is missing installed. */
export async function ensurePrerequisites(
  report: (line: string) => void,
): Promise<ContainerEngine> {
  const found = await ContainerEngine.find()
  const ssh = await run('ssh', ['-V'])
  if (found instanceof ContainerEngine && ssh.code === 0) {
    if (found.command === 'docker' || (await missingPackages()).length === 0) return found
  }
  const packages = await missingPackages()
  const mayInstall = process.getuid?.() === 0 && isDebian()
  if (packages.length > 0 && mayInstall) {
    report(`Installing ${packages.join(', ')}`)
    await install(packages)
    const now = await ContainerEngine.find()
    if (now instanceof ContainerEngine) return now
    throw impossible(now, packages)
  }
  // Podman from elsewhere may lack a package by name and work all the same.
  if (found instanceof ContainerEngine && ssh.code === 0) return found
  throw impossible(typeof found === 'string' ? found : 'ssh is not installed', packages)
}

function impossible(missing: string, packages: readonly string[]): Error {
  const names = packages.length > 0 ? packages : needs.map(([, , name]) => name)
  return problem('lab-not-possible', { missing, remedy: `${byHand} ${names.join(' ')}.` })
}

/** Names of the Debian packages that a lab needs and this machine lacks. */
export async function missingPackages(): Promise<string[]> {
  const missing = await Promise.all(
    needs.map(async ([, [command = '', ...args], name]) =>
      (await run(command, args)).code === 0 ? [] : [name],
    ),
  )
  return missing.flat()
}

function isDebian(): boolean {
  try {
    return /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync('/etc/os-release', 'utf8'))
  } catch {
    return false
  }
}

const quietInstall =
  'DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends'.split(' ')

async function install(packages: readonly string[]): Promise<void> {
  // An unrelated source that is broken makes the update fail in part; the install is what counts.
  const update = await run('apt-get', ['update'])
  const { code, output } = await run('env', [...quietInstall, ...packages])
  if (code === 0) return
  throw problem(
    'lab-not-possible',
    {
      missing: `${packages.join(', ')} could not be installed`,
      remedy: `Run: apt-get update && apt-get install --no-install-recommends ${packages.join(' ')}`,
    },
    { log: update.output + output },
  )
}
