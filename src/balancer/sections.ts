import { type BalancedApp, type BalancerSettings, adminSocket } from './description.ts'
import { page, pageOf } from './page.ts'
import { milliseconds, section, word } from './section.ts'

/** What comes before any app: `global` and `defaults`. */
export function beginning(settings: BalancerSettings, apps: readonly BalancedApp[]): string[] {
  return [global(apps), defaults(settings, apps)]
}

const ciphers =
  'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305'

function global(apps: readonly BalancedApp[]): string {
  // A process that a reload replaced may finish what it has begun: requests, and WebSockets.
  const longest = Math.max(
    60,
    ...apps.map(({ balance }) => Math.max(balance.tunnel, balance.timeout)),
  )
  return section('global', [
    'log /dev/log len 8192 local0',
    'chroot /var/lib/haproxy',
    'user haproxy',
    'group haproxy',
    `stats socket ${adminSocket} mode 660 level admin expose-fd listeners`,
    'stats timeout 30s',
    `hard-stop-after ${milliseconds(longest)}`,
    `ssl-default-bind-ciphers ${ciphers}`,
    'ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets',
    'tune.ssl.default-dh-param 2048',
    // HAProxy never asks others over TLS for itself, but would read all authorities of the system for that,
    // whenever it starts and whenever a file is checked: four fifths of the time that this takes.
    'httpclient.ssl.verify none',
  ])
}

/**
 * Each request has a connection to its instance of its own (`http-server-close`), and is tried again only
 * when that could not be made. So no request can meet a kept connection that the instance closes just
 * then, which it would be lost with, and none is ever sent twice: what an instance has been sent it may
 * have done, and what killed one instance would go on to kill the next.
 */
function defaults({ maintenance }: BalancerSettings, apps: readonly BalancedApp[]): string {
  const patience = Math.max(60, ...apps.map(({ balance }) => balance.timeout))
  const slow = page('This takes too long', 'Please try again in a moment.')
  const broken = page('Something went wrong', 'Please try again in a moment.')
  const down =
    maintenance === undefined
      ? page('Back soon', 'This site is down for maintenance. Please try again in a few minutes.')
      : pageOf(maintenance)
  return section('defaults', [
    'mode http',
    'log global',
    'option dontlognull',
    'option http-server-close',
    // A client that is idle during a reload is told to close with its next answer, not cut off.
    'option idle-close-on-response',
    'option redispatch 1',
    'retries 3',
    'retry-on conn-failure',
    'timeout connect 3s',
    'timeout http-request 10s',
    'timeout http-keep-alive 30s',
    `timeout client ${milliseconds(patience)}`,
    'timeout client-fin 30s',
    `timeout server ${milliseconds(patience)}`,
    `http-error status 502 ${broken}`,
    `http-error status 503 ${down} hdr Retry-After 30 hdr Cache-Control no-store`,
    `http-error status 504 ${slow}`,
  ])
}

/** For the eyes and the collectors of those who run it; never for the world. */
export function statsFrontend(address: string): string {
  return section('frontend stats', [
    `bind ${address}`,
    'no log',
    'http-request use-service prometheus-exporter if { path /metrics }',
    'stats enable',
    'stats uri /',
    'stats refresh 10s',
    'stats hide-version',
  ])
}

const json = (sample: string): string => `%[${sample},json(utf8s)]`

/** What is not known, as of a request that was none, is "-"; times are in milliseconds. */
const fields: Readonly<Record<string, string>> = {
  time: '%Ts.%ms',
  client: '"%ci"',
  app: `"${json('var(txn.app)')}"`,
  slot: '"%s"',
  method: '"%HM"',
  host: `"${json('var(txn.host)')}"`,
  path: `"${json('var(txn.path)')}"`,
  https: '%[ssl_fc]',
  status: '%ST',
  termination: '"%ts"',
  bytesIn: '%U',
  bytesOut: '%B',
  // To read the request, in the queue, to connect, until the answer began, all of it.
  readMs: '%TR',
  queueMs: '%Tw',
  connectMs: '%Tc',
  responseMs: '%Tr',
  totalMs: '%Ta',
  // "+1": and it went to another slot.
  retries: '"%rc"',
  active: '%ac',
}

const asJson = (fields: Readonly<Record<string, string>>): string =>
  word(
    `{${Object.entries(fields)
      .map(([name, value]) => `"${name}":${value}`)
      .join(',')}}`,
  )

/** One line of JSON for each request; and for each connection that came to none. */
export const logFormat: string = asJson(fields)
export const errorLogFormat: string = asJson({
  time: '%Ts.%ms',
  client: '"%ci"',
  status: '%ST',
  termination: '"%ts"',
  error: `"${json('fc_err_str')}"`,
})
