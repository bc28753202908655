import { lines } from '../base/shell.ts'
import type { LockOut } from '../model/kind.ts'
import { lockOutOf, serviceLockOut } from './lock-out.ts'

/**
 * How a change of a package may lock this login out: those that one logs in, becomes root or is on
 * the network through. What the host puts back are their programs, settings and units; what dpkg
 * knows of them, and libraries that went along, are not.
 */
export function packageLockOut(name: string, login: string): LockOut | undefined {
  const found = guarded.find(({ packages }) => packages.includes(name))
  if (!found) return undefined
  const { paths, unit } = found
  const service = unit === undefined ? undefined : serviceLockOut(unit)
  // Of what has something to save, the service's own already holds it.
  const settings = paths.flatMap((path) => lockOutOf(path, login) ?? [])
  const again = settings.find(({ save, restore }) => !save && restore)?.restore
  const restores = [service?.restore, again].flatMap((each) => each ?? [])
  return {
    paths,
    ...(service?.save && { save: service.save }),
    ...(restores.length > 0 && { restore: lines(...restores) }),
  }
}

interface Guarded {
  readonly packages: readonly string[]
  readonly paths: readonly string[]
  readonly unit?: string
}

const units = '/usr/lib/systemd/system'

const guarded: readonly Guarded[] = [
  {
    packages: ['openssh-server', 'ssh'],
    paths: [
      '/etc/ssh',
      '/etc/pam.d/sshd',
      '/usr/sbin/sshd',
      '/usr/lib/openssh',
      `${units}/ssh.service`,
      `${units}/ssh.socket`,
      `${units}/ssh@.service`,
    ],
    unit: 'ssh',
  },
  {
    packages: ['sudo', 'sudo-ldap'],
    paths: [
      '/etc/sudoers',
      '/etc/sudoers.d',
      '/etc/pam.d/sudo',
      '/usr/bin/sudo',
      '/usr/lib/sudo',
      '/usr/libexec/sudo',
    ],
  },
  {
    packages: ['nftables'],
    paths: ['/etc/nftables.conf', '/usr/sbin/nft', `${units}/nftables.service`],
    unit: 'nftables',
  },
  {
    packages: ['iptables-persistent', 'netfilter-persistent'],
    paths: [
      '/etc/iptables',
      '/usr/sbin/netfilter-persistent',
      '/usr/share/netfilter-persistent',
      `${units}/netfilter-persistent.service`,
    ],
    unit: 'netfilter-persistent',
  },
  {
    packages: ['ufw'],
    paths: [
      '/etc/ufw',
      '/etc/default/ufw',
      '/usr/sbin/ufw',
      '/usr/lib/ufw',
      `${units}/ufw.service`,
    ],
    unit: 'ufw',
  },
  {
    packages: ['firewalld'],
    paths: ['/etc/firewalld', '/usr/sbin/firewalld', `${units}/firewalld.service`],
    unit: 'firewalld',
  },
  {
    packages: ['ifupdown'],
    paths: ['/etc/network', '/usr/sbin/ifup', `${units}/networking.service`],
    unit: 'networking',
  },
  {
    packages: ['network-manager'],
    paths: ['/etc/NetworkManager', '/usr/sbin/NetworkManager', `${units}/NetworkManager.service`],
    unit: 'NetworkManager',
  },
  { packages: ['netplan.io'], paths: ['/etc/netplan', '/usr/sbin/netplan', '/usr/share/netplan'] },
]
