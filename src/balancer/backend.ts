import { createHash } from 'node:crypto'
import type { BalancedApp } from './description.ts'
import { milliseconds, section, word } from './section.ts'

const texts =
  'text/html text/plain text/css text/xml text/javascript application/javascript application/json application/xml application/rss+xml application/atom+xml application/manifest+json application/wasm image/svg+xml'

/** One app: how its instances are asked and checked, and a server for each slot of each of its hosts. */
export function backendOf(app: BalancedApp, live: ReadonlyMap<string, readonly number[]>): string {
  const { name, hosts, slots, port, balance } = app
  const cookie = balance.sticky
  return section(`backend app-${name}`, [
    `balance ${balance.by}`,
    ...checks(app),
    `timeout queue ${milliseconds(balance.queue)}`,
    `timeout server ${milliseconds(balance.timeout)}`,
    `timeout tunnel ${milliseconds(balance.tunnel)}`,
    cookie &&
      `cookie fettle-slot insert indirect nocache httponly${balance.https ? ' secure' : ''} attr SameSite=Lax`,
    balance.gzip && 'compression algo gzip',
    balance.gzip && `compression type ${texts}`,
    serverDefaults(app),
    ...hosts.flatMap((host) =>
      Array.from({ length: slots }, (_, slot) =>
        [
          `server ${host.name}-${slot} ${inUrl(host.address)}:${port + slot}`,
          ...(cookie ? [`cookie ${cookieOf(`${name}/${host.name}-${slot}`)}`] : []),
          ...(live.get(host.name)?.includes(slot) ? [] : ['disabled']),
        ].join(' '),
      ),
    ),
  ])
}

function checks({ domains, health, balance }: BalancedApp): string[] {
  const host = domains.find((each) => !each.startsWith('*')) ?? domains[0]?.replace('*', 'www')
  const [low, high] = health.status
  const headers = [
    ...(host === undefined ? [] : [`hdr Host ${host}`]),
    'hdr User-Agent fettle',
    // So that nobody sends the check itself to HTTPS.
    ...(balance.https ? ['hdr X-Forwarded-Proto https'] : []),
  ]
  return [
    'option httpchk',
    `http-check send meth GET uri ${word(health.path)} ver HTTP/1.1 ${headers.join(' ')}`,
    `http-check expect status ${low}-${high}`,
    `timeout check ${milliseconds(health.timeout)}`,
  ]
}

/** A host whose name cannot be resolved must not keep all others from being served. */
function serverDefaults({ health, balance }: BalancedApp): string {
  const fast = Math.min(1, health.every)
  return `default-server check inter ${milliseconds(health.every)} fastinter ${milliseconds(fast)} fall 3 rise ${health.healthy} maxconn ${balance.connections} init-addr last,libc,none`
}

const inUrl = (address: string): string =>
  address.includes(':') && !address.startsWith('[') ? `[${address}]` : address

/** Nobody learns the names of hosts from it. */
const cookieOf = (slot: string): string =>
  createHash('sha256').update(slot).digest('hex').slice(0, 12)
