import { isIP } from 'node:net'
import { adminSocket } from '../balancer/description.ts'
import { Secret } from '../base/secret.ts'
import type { Host } from '../model/role.ts'
import type { Resource } from '../model/resource.ts'
import { file } from '../resources/file.ts'
import { packages } from '../resources/package.ts'
import { refuse } from '../resources/refusal.ts'
import { restart, service } from '../resources/service.ts'

/**
 * Two balancers that share an address by VRRP (keepalived). When the host that has it, or its HAProxy,
 * fails, the other one takes it within a few seconds; it keeps it then, as each move cuts connections.
 */
export interface PairOptions {
  /** The address that the domains lead to, with its prefix: `'10.0.0.100/24'`. */
  readonly address: string
  /** Where it is put. Default: `eth0`. */
  readonly interface?: string
  /** From 1 to 255: the same on both, and no other pair's in the network. Default: 51. */
  readonly router?: number
  /** From 1 to 254: when both start, the higher one has the address. Default: higher for the first of the role's hosts. */
  readonly priority?: number
  /** Up to 8 letters, digits and signs; the same on both. */
  readonly password: Secret | string
}

const checkFile = '/etc/keepalived/check-haproxy'

export function pair(host: Host<any>, options: PairOptions): Resource[] {
  checkPair(options)
  const running = service('keepalived')
  const notify = restart(running)
  const owned = { owner: 'root', group: 'root', user: 'root', notify }
  return [
    ...packages('keepalived'),
    file(checkFile, { content: checkText, mode: '0755', ...owned }),
    file('/etc/keepalived/keepalived.conf', {
      content: configuration(host, options),
      mode: '0600',
      ...owned,
    }),
    running,
  ]
}

/** It answers, not merely that it is there. */
const checkText = `#!/bin/sh
# Kept by Fettle: whether HAProxy answers.
echo 'show info' | socat -t 2 - UNIX-CONNECT:${adminSocket} 2>/dev/null | grep -q '^Uptime_sec'
`

function configuration(host: Host<any>, options: PairOptions): string {
  const { address, interface: at = 'eth0', router = 51, password } = options
  const hosts = partners(host)
  const place = hosts.findIndex(({ name }) => name === host.name)
  const priority = options.priority ?? 150 - 10 * Math.max(place, 0)
  // Many networks carry no multicast; whoever it is, is then told by address.
  const known = hosts.length > 1 && hosts.every((each) => isIP(each.address))
  const others = hosts.filter(({ name }) => name !== host.name)
  const unicast = known
    ? `  unicast_src_ip ${host.address}
  unicast_peer {
${others.map((each) => `    ${each.address}\n`).join('')}  }
`
    : ''
  return `# Kept by Fettle.
global_defs {
  enable_script_security
  script_user root
}
vrrp_script haproxy {
  script ${checkFile}
  interval 1
  timeout 3
  fall 2
  rise 2
}
vrrp_instance fettle {
  state BACKUP
  nopreempt
  interface ${at}
  virtual_router_id ${router}
  priority ${priority}
  advert_int 1
${unicast}  authentication {
    auth_type PASS
    auth_pass ${String(password)}
  }
  virtual_ipaddress {
    ${address} dev ${at}
  }
  track_script {
    haproxy
  }
}
`
}

/** The hosts of the smallest role of this host that has several. */
function partners(host: Host<any>): readonly { readonly name: string; readonly address: string }[] {
  const lists = host.roles.map((role) => host.peers(role)).filter(({ length }) => length > 1)
  return lists.sort((a, b) => a.length - b.length)[0] ?? [host]
}

function checkPair({
  address,
  router = 51,
  priority = 1,
  password,
  interface: at = 'eth0',
}: PairOptions): void {
  const fail = (field: string, problem: string, suggestion: string): never =>
    refuse('balancer', `pair.${field}`, { problem, suggestion })
  const [ip = '', prefix = ''] = address.split('/')
  if (!isIP(ip) || !/^\d{1,3}$/.test(prefix))
    fail(
      'address',
      `cannot be ${JSON.stringify(address)}`,
      "an address with its prefix, such as '10.0.0.100/24'",
    )
  const between = (value: number, most: number): boolean =>
    Number.isInteger(value) && value > 0 && value <= most
  if (!between(router, 255)) fail('router', `cannot be ${router}`, 'a number from 1 to 255')
  if (!between(priority, 254)) fail('priority', `cannot be ${priority}`, 'a number from 1 to 254')
  if (!/^[\w.:@-]{1,15}$/.test(at))
    fail('interface', `cannot be ${JSON.stringify(at)}`, "a name such as 'eth0'")
  const plain = password instanceof Secret ? password.reveal() : password
  if (typeof plain !== 'string' || !/^[\w.,:;+*/=-]{1,8}$/.test(plain))
    fail('password', 'cannot be used', 'up to 8 letters, digits and signs (VRRP takes no more)')
}
