import { existsSync, readFileSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'
import { problem } from '../base/errors.ts'
import { ContainerEngine, run } from './container-engine.ts'

/** What a lab needs on Debian and Ubuntu: a program or file, and the package that brings it. */
const needs: readonly (readonly [string, string])[] = [
  ['podman', 'podman'],
  ['runc', 'runc'],
  ['/usr/lib/podman/netavark', 'netavark'],
  ['iptables', 'iptables'],
  ['mmdebstrap', 'mmdebstrap'],
  ['/usr/share/keyrings/debian-archive-keyring.gpg', 'debian-archive-keyring'],
  ['ssh', 'openssh-client'],
]

const byHand =
  'Install podman (4 or later, run as root) or docker, and the OpenSSH client. On Debian or ' +
  'Ubuntu: apt-get install --no-install-recommends'

/** An engine that works; on Debian and Ubuntu root gets what is missing installed. */
export async function ensurePrerequisites(
  report: (line: string) => void,
): Promise<ContainerEngine> {
  const packages = missingPackages()
  const found = await usable()
  if (typeof found !== 'string' && (packages.length === 0 || found.command === 'docker'))
    return found
  if (packages.length > 0 && process.getuid?.() === 0 && isDebian()) {
    report(`Installing ${packages.join(', ')}`)
    await install(packages)
    const now = await usable()
    if (typeof now !== 'string') return now
    throw impossible(now, [])
  }
  // Elsewhere podman's parts have other names and places: that it works is enough.
  if (typeof found !== 'string') return found
  throw impossible(found, packages)
}

/** Names of the Debian packages that a lab needs and this machine lacks. */
export function missingPackages(): string[] {
  return needs.flatMap(([what, name]) => (isThere(what) ? [] : [name]))
}

async function usable(): Promise<ContainerEngine | string> {
  return isThere('ssh') ? ContainerEngine.find() : 'ssh is not installed'
}

/** Looked up instead of run: this happens at the start of every command for the lab. */
function isThere(what: string): boolean {
  if (isAbsolute(what)) return existsSync(what)
  // Where administrators' programs are, even if a user's PATH leaves them out.
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin']
  return folders.some((folder) => existsSync(join(folder, what)))
}

function impossible(missing: string, packages: readonly string[]): Error {
  const names = packages.length > 0 ? packages : needs.map(([, name]) => name)
  return problem('lab-not-possible', { missing, remedy: `${byHand} ${names.join(' ')}.` })
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
