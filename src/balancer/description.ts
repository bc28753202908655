import { type AppDescription, type AppHost, type PlacedApp, slotsOf } from '../model/app.ts'

export const configFile: string = '/etc/haproxy/haproxy.cfg'
export const adminSocket: string = '/run/haproxy/admin.sock'
/** Of the process that keeps the others, old ones too: Debian's unit asks for it. */
export const masterSocket: string = '/run/haproxy-master.sock'
/** Each file in it is a certificate with its key. */
export const certificatesFolder: string = '/etc/haproxy/certificates'

/** What HAProxy is told beside its apps. Plain data. */
export interface BalancerSettings {
  /** Where it listens: `*` and `::` are all addresses. */
  readonly addresses: readonly string[]
  /** Who begins each connection with the PROXY protocol: addresses and networks. */
  readonly proxyProtocol: readonly string[]
  /** Whose X-Forwarded-For and -Proto are believed: addresses and networks. */
  readonly trustedProxies: readonly string[]
  /** It answers HTTPS with what is in the folder of certificates. */
  readonly https: boolean
  /** Proofs for a certificate authority are asked of certbot. */
  readonly acme: boolean
  /** Address and port of the page of statistics and of the exporter; undefined: there is none. */
  readonly stats?: string
  /** A file with the page of an app that has no live slot; undefined: a plain one. */
  readonly maintenance?: string
}

/** As much of an app as is in HAProxy's file. Plain data. */
export interface BalancedApp extends Pick<AppDescription, 'name' | 'domains' | 'port' | 'health'> {
  readonly hosts: readonly AppHost[]
  /** Of each host. */
  readonly slots: number
  readonly balance: Required<AppDescription['balance']> & { readonly https: boolean }
}

/** Which slots take traffic: of each app, of each of its hosts. */
export type LiveSlots = ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>

export function balancedApp({ app, hosts }: PlacedApp, https: boolean): BalancedApp {
  const { name, domains, port, health, balance } = app
  return {
    name,
    domains,
    port,
    health,
    hosts: hosts.map(({ name, address }) => ({ name, address })),
    slots: slotsOf(app),
    balance: { ...balance, https: balance.https ?? https },
  }
}
