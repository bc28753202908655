import { type BalancedApp, type BalancerSettings, certificatesFolder } from './description.ts'
import { page } from './page.ts'
import { inRows, section } from './section.ts'
import { errorLogFormat, logFormat } from './sections.ts'

/** Where certbot answers while it asks for a certificate; nobody does otherwise. */
export const acmePort: number = 8406

const challenge = '{ path_beg /.well-known/acme-challenge/ }'

/** From a domain to an app, and the sections of what is no app. */
export function frontend(settings: BalancerSettings, apps: readonly BalancedApp[]): string {
  const { acme, proxyProtocol, trustedProxies } = settings
  const secure = settings.https ? apps.filter(({ balance }) => balance.https) : []
  const own = section('frontend web', [
    ...binds(settings),
    `log-format ${logFormat}`,
    `error-log-format ${errorLogFormat}`,
    ...inRows(proxyProtocol).map(
      (some) => `tcp-request connection expect-proxy layer4 if { src ${some.join(' ')} }`,
    ),
    'http-request set-var(txn.path) path',
    'http-request set-var(txn.host) req.hdr(host),field(1,:),rtrim(.),lower',
    ...domainRules(apps),
    'http-request set-var(txn.port) dst_port',
    'http-request set-var(txn.scheme) str(http)',
    'http-request set-var(txn.scheme) str(https) if { ssl_fc }',
    ...trust(trustedProxies),
    // What clients say of themselves is not to be believed.
    'http-request del-header x-forwarded- -m beg',
    'http-request del-header forwarded',
    'http-request del-header x-real-ip',
    // Some programs take it for the address of a proxy that they should use.
    'http-request del-header proxy',
    'http-request set-header X-Forwarded-For %[src]',
    'http-request set-header X-Forwarded-Proto %[var(txn.scheme)]',
    'http-request set-header X-Forwarded-Port %[var(txn.port)]',
    ...inRows(secure).map(
      (some) =>
        `http-request redirect scheme https code 308 if { var(txn.scheme) -m str http } { var(txn.app) -m str ${some.map(({ name }) => name).join(' ')} }${acme ? ` !${challenge}` : ''}`,
    ),
    acme && `use_backend acme if ${challenge}`,
    'use_backend app-%[var(txn.app)] if { var(txn.app) -m found }',
    'default_backend unknown',
  ])
  const unknown = section('backend unknown', [
    `http-request return status 404 ${page('Nothing here', 'There is no site of this name.')}`,
  ])
  const certbot = section('backend acme', [`server certbot 127.0.0.1:${acmePort}`])
  return [own, unknown, ...(acme ? [certbot] : [])].join('\n')
}

function binds({ addresses, https }: BalancerSettings): string[] {
  // Without a name, or with one that no certificate has, there is no answer; the folder may be empty.
  const tls = `ssl crt ${certificatesFolder} strict-sni alpn h2,http/1.1`
  return addresses.flatMap((address) => {
    const [where, only] = address.includes(':')
      ? [`[${address.replace(/^\[|\]$/g, '')}]`, ' v6only']
      : [address, '']
    return [`bind ${where}:80${only}`, ...(https ? [`bind ${where}:443${only} ${tls}`] : [])]
  })
}

/** What some proxies say of their clients is true: who they are, and whether they came by HTTPS. */
function trust(proxies: readonly string[]): string[] {
  if (proxies.length === 0) return []
  const [trusted, says] = [
    '{ var(txn.trusted) -m bool }',
    'req.hdr(x-forwarded-proto,-1) -m str -i',
  ]
  const schemes = Object.entries({ http: 80, https: 443 }).flatMap(([scheme, port]) => [
    `http-request set-var(txn.scheme) str(${scheme}) if ${trusted} { ${says} ${scheme} }`,
    `http-request set-var(txn.port) int(${port}) if ${trusted} { ${says} ${scheme} }`,
  ])
  return [
    ...inRows(proxies).map(
      (some) => `http-request set-var(txn.trusted) bool(true) if { src ${some.join(' ')} }`,
    ),
    ...schemes,
    // The last of them is from the proxy itself; those before it are what its client says.
    `http-request set-src req.hdr_ip(x-forwarded-for,-1) if ${trusted}`,
  ]
}

/** Later ones win: all below a domain, the longest last, and then the exact ones. */
function domainRules(apps: readonly BalancedApp[]): string[] {
  const suffixes = apps.flatMap(({ name, domains }) =>
    domains.flatMap((each) => (each.startsWith('*') ? [{ name, suffix: each.slice(1) }] : [])),
  )
  return [
    ...suffixes
      .sort((a, b) => a.suffix.length - b.suffix.length)
      .map(({ name, suffix }) => rule(name, 'end', [suffix])),
    ...apps.flatMap(({ name, domains }) =>
      inRows(domains.filter((each) => !each.startsWith('*'))).map((some) =>
        rule(name, 'str', some),
      ),
    ),
  ]
}

const rule = (app: string, match: 'str' | 'end', hosts: readonly string[]): string =>
  `http-request set-var(txn.app) str(${app}) if { var(txn.host) -m ${match} ${hosts.join(' ')} }`
