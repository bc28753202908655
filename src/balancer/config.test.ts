import { expect, test } from 'vitest'
import { describeApp } from '../model/app.ts'
import type { AppOptions } from '../model/app-options.ts'
import { render } from './config.ts'
import { type BalancerSettings, type LiveSlots, balancedApp } from './description.ts'
import { liveSlots } from './slots.ts'

const plain: BalancerSettings = {
  addresses: ['*'],
  proxyProtocol: [],
  trustedProxies: [],
  https: false,
  acme: false,
}
const hosts = [
  { name: 'web1', address: '10.0.0.1' },
  { name: 'web2.example', address: 'fd00::2' },
]
const none: LiveSlots = new Map()

function cfg(
  apps: Readonly<Record<string, Partial<AppOptions>>>,
  settings: Partial<BalancerSettings> = {},
  live = none,
): string {
  const all = Object.entries(apps).map(([name, options]) => {
    const app = describeApp(name, {
      source: '.',
      port: 10_000,
      domains: `${name}.example`,
      ...options,
    })
    return balancedApp({ app: app as never, hosts }, settings.https === true)
  })
  return render({ ...plain, ...settings }, all, live)
}

const rowsWith = (text: string, cfg: string): string[] =>
  cfg.split('\n').flatMap((row) => (row.includes(text) ? [row.trim()] : []))

test('the later rule wins: short suffixes, long ones, exact names', () =>
  expect(
    rowsWith(
      'set-var(txn.app)',
      cfg({
        shop: { domains: ['a.eu.example.com', '*.example.com'] },
        blog: { domains: ['*.eu.example.com', 'blog.example.com'] },
      }),
    ),
  ).toEqual([
    'http-request set-var(txn.app) str(shop) if { var(txn.host) -m end .example.com }',
    'http-request set-var(txn.app) str(blog) if { var(txn.host) -m end .eu.example.com }',
    'http-request set-var(txn.app) str(shop) if { var(txn.host) -m str a.eu.example.com }',
    'http-request set-var(txn.app) str(blog) if { var(txn.host) -m str blog.example.com }',
  ]))

test('a line of HAProxy has at most 64 words', () => {
  const domains = Array.from({ length: 150 }, (_, i) => `n${i}.example`)
  const many = Object.fromEntries(
    Array.from({ length: 90 }, (_, i) => [`app${i}`, { port: 10_000 + 100 * i }]),
  )
  const text = cfg({ shop: { domains }, ...many }, { https: true })
  for (const row of text.split('\n'))
    if (!row.includes("'")) expect(row.split(' ').length).toBeLessThan(64)
  expect(text.match(/n\d+\.example/g)).toHaveLength(151)
})

test('each host has a server for each slot, and those that are not live are disabled', () => {
  const live = new Map([['shop', new Map([['web2.example', [3, 15]]])]])
  const servers = rowsWith('server ', cfg({ shop: {} }, {}, live)).filter((row) =>
    row.startsWith('server'),
  )
  expect(servers).toHaveLength(32)
  expect(servers[0]).toBe('server web1-0 10.0.0.1:10000 disabled')
  expect(servers.filter((row) => !row.endsWith(' disabled'))).toEqual([
    'server web2.example-3 [fd00::2]:10003',
    'server web2.example-15 [fd00::2]:10015',
  ])
})

test.each<[Partial<AppOptions>, string]>([
  [{}, 'balance leastconn'],
  [{ balance: { by: 'roundrobin' } }, 'balance roundrobin'],
  [{ balance: { connections: 7 } }, 'maxconn 7 '],
  [
    { balance: { queue: 0.5, timeout: 5, tunnel: 60 } },
    'timeout queue 500ms\n  timeout server 5000ms\n  timeout tunnel 60000ms',
  ],
  [{ balance: { timeout: 600 } }, 'timeout client 600000ms'],
  [{ balance: { tunnel: 7200 } }, 'hard-stop-after 7200000ms'],
  [
    { balance: { sticky: true } },
    'cookie fettle-slot insert indirect nocache httponly attr SameSite=Lax',
  ],
  [
    { health: { path: `/it's?"x" #1`.replace(' ', ''), status: [200, 204] } },
    String.raw`uri '/it'\''s?"x"#1' ver HTTP/1.1 hdr Host shop.example`,
  ],
  [
    { health: { status: [200, 204], every: 5, healthy: 3, timeout: 1 } },
    'http-check expect status 200-204\n  timeout check 1000ms',
  ],
  [{ health: { every: 5, healthy: 3 } }, 'check inter 5000ms fastinter 1000ms fall 3 rise 3'],
  [{ domains: '*.shop.example' }, 'hdr Host www.shop.example'],
])('%j', (options, expected) => expect(cfg({ shop: options })).toContain(expected))

test('to HTTPS go those that are to, but not the questions of an authority', () => {
  const apps = { shop: {}, blog: { port: 11_000, balance: { https: false } } }
  expect(rowsWith('redirect scheme', cfg(apps))).toEqual([])
  expect(rowsWith('redirect scheme', cfg(apps, { https: true, acme: true }))).toEqual([
    'http-request redirect scheme https code 308 if { var(txn.scheme) -m str http } { var(txn.app) -m str shop } !{ path_beg /.well-known/acme-challenge/ }',
  ])
})

test('who is in front of it, and only they, may say who the client is', () => {
  const without = cfg({ shop: {} })
  expect(without).not.toMatch(/expect-proxy|set-src|trusted/)
  const many = Array.from({ length: 50 }, (_, i) => `10.0.0.${i}`)
  const text = cfg(
    { shop: {} },
    { proxyProtocol: ['10.0.0.0/8', 'fd00::/8'], trustedProxies: many },
  )
  expect(rowsWith('expect-proxy', text)).toEqual([
    'tcp-request connection expect-proxy layer4 if { src 10.0.0.0/8 fd00::/8 }',
  ])
  expect(rowsWith('bool(true)', text)).toHaveLength(2)
  const rows = text.split('\n').map((row) => row.trim())
  const place = (start: string): number => rows.findIndex((row) => row.startsWith(start))
  expect(place('http-request set-src')).toBeGreaterThan(place('http-request set-var(txn.trusted)'))
  expect(place('http-request del-header x-forwarded-')).toBeGreaterThan(
    place('http-request set-src'),
  )
})

test('addresses, and what is left out', () => {
  expect(rowsWith('bind ', cfg({}, { addresses: ['10.0.0.5', '::'], https: true }))).toEqual([
    'bind 10.0.0.5:80',
    'bind 10.0.0.5:443 ssl crt /etc/haproxy/certificates strict-sni alpn h2,http/1.1',
    'bind [::]:80 v6only',
    'bind [::]:443 v6only ssl crt /etc/haproxy/certificates strict-sni alpn h2,http/1.1',
  ])
  const quiet = cfg({ shop: { balance: { gzip: false } } })
  expect(quiet).not.toContain('compression')
  expect(quiet).not.toContain('prometheus')
  expect(cfg({}, { stats: '10.0.0.5:9000' })).toContain('frontend stats\n  bind 10.0.0.5:9000')
  expect(cfg({}, { maintenance: '/etc/x.html' })).toContain("file '/etc/x.html' hdr Retry-After 30")
})

test('what is read of a file is what it was made from', () => {
  const live = new Map([
    ['blog', new Map()],
    [
      'shop',
      new Map([
        ['web1', [0, 1]],
        ['web2.example', [2]],
      ]),
    ],
  ])
  const text = cfg(
    { blog: { port: 11_000 }, shop: { balance: { sticky: true } } },
    { acme: true },
    live,
  )
  expect(liveSlots(text)).toEqual(live)
  expect(liveSlots('')).toEqual(new Map())
  expect(liveSlots('backend other\n  server web1-0 1.2.3.4:1\n')).toEqual(new Map())
})
