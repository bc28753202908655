import type { Resource } from '../model/resource.ts'
import { authorizedKeys } from '../resources/authorized-keys.ts'
import { type FirewallRule, allow } from '../resources/firewall-rules.ts'
import { firewall } from '../resources/firewall.ts'
import { locale } from '../resources/locale.ts'
import { ntp } from '../resources/ntp.ts'
import { packages } from '../resources/package.ts'
import { refuse } from '../resources/refusal.ts'
import type { SshdSettings } from '../resources/sshd-settings.ts'
import { sshd } from '../resources/sshd.ts'
import { sudo } from '../resources/sudo.ts'
import { sysctl } from '../resources/sysctl.ts'
import { timezone } from '../resources/timezone.ts'
import {
  type UnattendedUpgradesOptions,
  unattendedUpgrades,
} from '../resources/unattended-upgrades.ts'
import { user } from '../resources/user.ts'
import type { Machine } from './machine.ts'

/** What every server should have, whatever it is for. */
export interface BaseOptions {
  /** Who may log in, by name. `root` may be among them, for the keys that log in as root. */
  readonly users?: Readonly<Record<string, BaseUser>>
  /** What may come in beside ssh. False: nothing is filtered. Default: ssh alone. */
  readonly firewall?: BaseFirewall | false
  /** Further settings of the SSH server, over the usual ones. */
  readonly ssh?: SshdSettings
  /**
   * Whether root may log in by key. False needs a user with keys and sudo, whom Fettle then logs in as
   * (`login` of the host). Default: true.
   */
  readonly rootLogin?: boolean
  /** Default: `'UTC'`. */
  readonly timezone?: string
  /** The language of the system, such as `'da_DK.UTF-8'`. Default: as it is. */
  readonly locale?: string
  /** Servers that set the clock. False: something else does. Default: those of the distribution. */
  readonly ntp?: readonly string[] | false
  /** Upgrades that the host installs by itself. False: none. Default: those of the security team, without a reboot. */
  readonly updates?: UnattendedUpgradesOptions | false
  /** Settings of the kernel, over the usual ones. False: none at all. */
  readonly sysctl?: Readonly<Record<string, string | number>> | false
}

/** Somebody who logs in by key. */
export interface BaseUser {
  /** Lines of their `.pub` files. Others that are there are taken out. */
  readonly keys: readonly string[]
  /** Whether they may do everything, without a password, as they have none. Default: false. */
  readonly sudo?: boolean
  /** Further groups. Default: they stay as they are. */
  readonly groups?: readonly string[]
  /** Default: `'/bin/bash'`. */
  readonly shell?: string
}

export interface BaseFirewall {
  /** Ports that are open to everybody, and rules such as `allow({ port: 5432, from: '10.0.0.0/8' })`. */
  readonly allow?: readonly (number | FirewallRule)[]
  /** The networks that ssh is open to. Default: all. */
  readonly ssh?: readonly string[]
}

/**
 * Describes what every server should have:
 *
 *     base(host, {
 *       users: { ann: { keys: ['ssh-ed25519 AAAA... ann'], sudo: true } },
 *       firewall: { allow: [80, 443] },
 *     })
 */
export function base(host: Machine, options: BaseOptions = {}): Resource[] {
  const { users = {}, locale: language, updates = {}, ntp: servers = timeServers(host) } = options
  checkRootLogin(options)
  return [
    ...packages('tzdata'),
    ...Object.entries(users).flatMap(([name, each]) => person(name, each)),
    sshd({ ...hardened(options), ...options.ssh }),
    ...wall(options),
    ...kernel(host, options),
    timezone(options.timezone ?? 'UTC'),
    ...(language === undefined
      ? []
      : [...packages('locales'), locale(language, { default: true })]),
    ...(servers === false ? [] : [...packages('systemd-timesyncd'), ntp({ servers })]),
    ...(updates === false ? [] : unattendedUpgrades(updates)),
  ]
}

function person(name: string, { keys, sudo: all = false, groups, shell }: BaseUser): Resource[] {
  const named = authorizedKeys(name, { keys, exclusive: true })
  // Root is there, and may do everything.
  if (name === 'root') return [named]
  return [
    user(name, { shell: shell ?? '/bin/bash', ...(groups === undefined ? {} : { groups }) }),
    named,
    ...(all
      ? [...packages('sudo'), sudo(name, { commands: 'ALL', runAs: 'ALL', noPassword: true })]
      : []),
  ]
}

function checkRootLogin({ users = {}, rootLogin = true, ssh = {} }: BaseOptions): void {
  if (users['root']?.keys.length === 0 && rootLogin)
    refuse('base', 'users', {
      problem: 'leave root no key, who may log in by nothing else',
      suggestion: 'a key, or leave out root',
    })
  const mayNot = !rootLogin || ['no', false].includes(ssh.PermitRootLogin as string)
  const others = Object.entries(users).filter(
    ([name, { keys, sudo }]) => name !== 'root' && sudo && keys.length > 0,
  )
  if (mayNot && others.length === 0)
    refuse('base', 'rootLogin', {
      problem: 'cannot be false: there is no other user with keys who may become root',
      suggestion: "users: { ann: { keys: ['ssh-ed25519 AAAA... ann'], sudo: true } }",
    })
}

const hardened = ({ rootLogin = true }: BaseOptions): SshdSettings => ({
  PermitRootLogin: rootLogin ? 'prohibit-password' : 'no',
  PasswordAuthentication: 'no',
  KbdInteractiveAuthentication: 'no',
  PermitEmptyPasswords: 'no',
  PubkeyAuthentication: 'yes',
  X11Forwarding: 'no',
  LoginGraceTime: 30,
  // A session whose other end is gone does not stay.
  ClientAliveInterval: 60,
  ClientAliveCountMax: 3,
})

function wall({ firewall: given = {}, ssh = {} }: BaseOptions): Resource[] {
  if (given === false) return []
  const ports = [ssh.Port ?? 22].flat()
  const open = (given.allow ?? []).filter((each) => typeof each === 'number')
  const further = (given.allow ?? []).filter((each) => typeof each !== 'number')
  const rules = [
    allow({ port: ports, ...(given.ssh ? { from: given.ssh } : {}), comment: 'ssh' }),
    ...(open.length > 0 ? [allow({ port: open })] : []),
    ...further,
  ]
  return [...packages('nftables'), firewall({ rules })]
}

/** What a server that is no router has no use for, and what only root should see. */
const usual = {
  'kernel.dmesg_restrict': 1,
  'kernel.kptr_restrict': 1,
  'net.ipv4.tcp_syncookies': 1,
  'net.ipv4.icmp_echo_ignore_broadcasts': 1,
}
const perInterface = ['accept_redirects', 'accept_source_route']
const routing = (family: string, names: readonly string[]): [string, number][] =>
  ['all', 'default'].flatMap((each) =>
    names.map((name): [string, number] => [`net.${family}.conf.${each}.${name}`, 0]),
  )

function kernel({ facts }: Machine, { sysctl: given = {} }: BaseOptions): Resource[] {
  if (given === false) return []
  // A kernel without IPv6 has no such settings.
  const six = facts.addresses.some((each) => each.includes(':'))
  return sysctl({
    ...usual,
    ...Object.fromEntries([
      ...routing('ipv4', [...perInterface, 'secure_redirects', 'send_redirects']),
      ...(six ? routing('ipv6', perInterface) : []),
    ]),
    ...given,
  })
}

function timeServers({ facts: { os } }: Machine): readonly string[] {
  if (os.id === 'ubuntu') return ['ntp.ubuntu.com']
  return [0, 1, 2, 3].map((n) => `${n}.debian.pool.ntp.org`)
}
