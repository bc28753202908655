import { networkOf } from '../base/network.ts'
import type { AppDescription, PlacedApp } from '../model/app.ts'
import type { Host } from '../model/role.ts'
import { type Resource, given } from '../model/resource.ts'
import { balancedApp, certificatesFolder } from '../balancer/description.ts'
import { balancerConfig } from '../resources/balancer.ts'
import { directory } from '../resources/directory.ts'
import { file } from '../resources/file.ts'
import { packages } from '../resources/package.ts'
import { refuse } from '../resources/refusal.ts'
import { reload, service } from '../resources/service.ts'
import { unit } from '../resources/unit.ts'
import { type AcmeOptions, acmeCertificates, acmeHook, isExact } from './balancer-acme.ts'
import { type PairOptions, pair } from './balancer-pair.ts'

/** HAProxy, which sends the requests for the domains of the fleet's apps to their instances. */
export interface BalancerOptions {
  /** Where it listens, on ports 80 and 443. Default: all addresses of the host. */
  readonly address?: string | readonly string[]
  /**
   * Balancers in front of it that begin each connection with the PROXY protocol, which says who the client
   * is: addresses and networks. From others it is no request.
   */
  readonly proxyProtocol?: string | readonly string[]
  /**
   * Proxies in front of it, such as those of a content delivery network, whose word on the client counts, in
   * X-Forwarded-For and X-Forwarded-Proto: addresses and networks. What others say there is dropped.
   */
  readonly trustedProxies?: string | readonly string[]
  /** What it answers HTTPS with: `certificate(...)`, each for one or several domains. */
  readonly certificates?: Resource | readonly Resource[]
  /** Has certificates issued and renewed for the domains that no described certificate covers. */
  readonly acme?: AcmeOptions
  /** Where its statistics (`/`) and metrics (`/metrics`) are; false: nowhere. Default: `127.0.0.1:8405`. */
  readonly stats?: string | false
  /** A page in HTML for an app of which no instance takes requests, under 15,000 bytes. Default: a plain one. */
  readonly maintenance?: string
  /** This host and another one share an address, which is always at one that works. */
  readonly pair?: PairOptions
}

const maintenanceFile = '/etc/haproxy/maintenance.html'

/**
 * Describes a balancer for all apps that have domains:
 *
 *     role('balancer', (host) => balancer(host, { acme: { email: 'ops@example.com' } })).on('lb1')
 */
export function balancer(host: Host<any>, options: BalancerOptions = {}): Resource[] {
  const { address, acme, stats = '127.0.0.1:8405', maintenance, pair: shared } = options
  const running = service('haproxy')
  const notify = reload(running)
  const certificates = [options.certificates ?? []].flat()
  const placed = host.apps.filter(({ app }) => app.domains.length > 0)
  check(options, certificates, placed)
  const apps = placed.map((each) =>
    balancedApp(each, each.app.domains.every(covered(certificates, acme !== undefined))),
  )
  const settings = {
    addresses: address === undefined ? everywhere(host) : [address].flat(),
    proxyProtocol: [options.proxyProtocol ?? []].flat(),
    trustedProxies: [options.trustedProxies ?? []].flat(),
    https: certificates.length > 0 || acme !== undefined,
    acme: acme !== undefined,
    ...given({ stats: stats === false ? undefined : stats }),
    ...(maintenance === undefined ? {} : { maintenance: maintenanceFile }),
  }
  return [
    // Before the package starts it: the journal takes no more than 10,000 lines in 30 s of a service otherwise.
    unit('haproxy.service', {
      dropIn: 'fettle',
      sections: { Service: { LogRateLimitIntervalSec: 0 } },
      verify: false,
    }),
    ...packages('haproxy', 'socat', ...(acme ? ['certbot', 'openssl'] : [])),
    directory(certificatesFolder, { owner: 'root', group: 'root', mode: '0700', user: 'root' }),
    ...certificates.map((each) => inFolder(each, notify)),
    ...(maintenance === undefined
      ? []
      : [file(maintenanceFile, { content: maintenance, user: 'root', notify })]),
    ...(acme ? [acmeHook()] : []),
    balancerConfig({ settings, apps, notify }),
    running,
    ...(shared ? pair(host, shared) : []),
    ...(acme ? acmeCertificates(acme, placed, covered(certificates, false)) : []),
  ]
}

/** A kernel may have no IPv6, so it is listened on only where there is such an address. */
const everywhere = ({ facts }: Host<any>): string[] =>
  facts.addresses.some((each) => each.includes(':')) ? ['*', '::'] : ['*']

/** What is in the folder is taken by HAProxy. */
function inFolder(certificate: Resource, notify: Resource['notify'][number]): Resource {
  const desired = {
    ...(certificate.desired as object),
    combined: `${certificatesFolder}/${certificate.name}.pem`,
  }
  return { ...certificate, desired, notify: [...certificate.notify, notify] }
}

/** Whether there is a certificate for a domain. */
const covered =
  (certificates: readonly Resource[], acme: boolean) =>
  (domain: string): boolean =>
    (acme && isExact(domain)) ||
    certificates.some(({ desired, absent }) =>
      (desired as { hosts: readonly string[] }).hosts.some(
        (each) =>
          !absent &&
          (each.toLowerCase() === domain ||
            (each.startsWith('*.') &&
              each.slice(1).toLowerCase() === domain.replace(/^[^.]*/, ''))),
      ),
    )

const size = (text: string): number => Buffer.byteLength(text)

function check(
  { acme, pair, maintenance, address, stats, ...others }: BalancerOptions,
  certificates: readonly Resource[],
  placed: readonly PlacedApp[],
): void {
  const fail = (field: string, problem: string, suggestion: string): never =>
    refuse('balancer', field, { problem, suggestion })
  for (const each of certificates)
    if (each.kind !== 'certificate')
      fail('certificates', `cannot be ${each.kind}:${each.name}`, "certificate('shop', {...})")
  for (const each of [address ?? []].flat())
    if (!/^(\*|[\w.:[\]-]+)$/.test(each))
      fail('address', `cannot be ${JSON.stringify(each)}`, "an address such as '10.0.0.5'")
  for (const field of ['proxyProtocol', 'trustedProxies'] as const)
    for (const each of [others[field] ?? []].flat())
      if (!networkOf(each))
        fail(field, `cannot be ${JSON.stringify(each)}`, "'10.0.0.5', or a network: '10.0.0.0/24'")
  if (stats && !/^[\w.:*[\]-]+:\d{1,5}$/.test(stats))
    fail('stats', `cannot be ${JSON.stringify(stats)}`, "an address and a port: '10.0.0.5:8405'")
  // HAProxy answers with it out of one buffer, which headers must fit in too.
  if (maintenance !== undefined && size(maintenance) > 15_000)
    fail('maintenance', 'is too long', 'a page of less than 15,000 bytes')
  if (acme && pair)
    fail(
      'acme',
      'cannot go with pair: each of the two would be asked for the proof of the other',
      'certificates',
    )
  const bare = placed
    .map(({ app }) => app)
    .find((app) => app.balance.https && !acme && certificates.length === 0)
  if (bare) failHttps(bare)
}

function failHttps({ name, balance }: AppDescription): never {
  return refuse('balancer', 'certificates', {
    problem: `is missing, and app ${name} has balance.https: ${balance.https}`,
    suggestion: "certificates: certificate('shop', {...}), or acme: { email: 'ops@example.com' }",
  })
}
