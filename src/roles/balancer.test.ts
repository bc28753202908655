import { describe, expect, test } from 'vitest'
import { ask, balancing } from '../../test/lab/balancer.ts'
import { failure, planned } from '../../test/lab/converges.ts'
import { type TestHost, bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { runInstances } from '../../test/lab/instances.ts'
import { settle } from '../../test/lab/settle.ts'
import { type SlotChange, liveSlots, readConfig, setSlots } from '../balancer/slots.ts'
import { type SlotStats, parseStats, readStats } from '../balancer/socket.ts'
import { Secret } from '../base/secret.ts'
import type { AppOptions } from '../model/app-options.ts'
import type { Resource } from '../model/resource.ts'
import { certificate } from '../resources/certificate.ts'
import { packages } from '../resources/package.ts'
import { type BalancerOptions, balancer } from './balancer.ts'

const apps: Record<string, Partial<AppOptions>> = {
  shop: {
    domains: ['shop.example.com', '*.example.com'],
    port: 10_000,
    health: { path: '/health', every: 0.3, healthy: 2 },
  },
  blog: { domains: '*.eu.example.com', port: 10_100, balance: { sticky: true, by: 'roundrobin' } },
}

describe.skipIf(!labAvailable)('on a host', { timeout: 240_000 }, () => {
  const hosts = bootForFile()
  const all = (options: BalancerOptions = {}, given = apps) => [
    ...balancer(balancing(given), options),
    ...packages('curl', 'socat'),
  ]
  /** As planned, and then nothing is left; HAProxy is told besides. */
  const becomes = async (lb: TestHost, described: readonly Resource[]): Promise<string[]> => {
    const before = await planned(lb, described)
    await settle(lb, described)
    expect(await planned(lb, described)).toEqual([])
    return before
  }
  const run = (script: string) => hosts()[0]!.exec(script)
  const set = async (states: Readonly<Record<string, SlotChange['state']>>) =>
    run(
      setSlots(
        Object.entries(states).map(([id, state]) => {
          const [app, slot] = id.split('-')
          return { app: app!, host: 'web1', slot: Number(slot), state }
        }),
      ).text,
    )
  const live = async () => {
    const found = liveSlots((await run(readConfig.text)).output)
    return Object.fromEntries([...found].map(([app, on]) => [app, on.get('web1') ?? []]))
  }
  const stats = async (app: string, slot: number): Promise<SlotStats> =>
    parseStats((await run(readStats(app).text)).output).find((each) => each.slot === slot)!
  const good = { code: 0, output: '' }

  test('from nothing: no app has a slot, and strangers get a 404', async () => {
    const [lb] = hosts()
    await becomes(lb!, all())
    await runInstances(lb!, 10_000, 10_001, 10_100, 10_101)
    expect(await live()).toEqual({ shop: [], blog: [] })
    expect(await ask(lb!, 'shop.example.com')).toMatch(
      /^HTTP\/1.1 503 [^]*retry-after: 30[^]*Back soon/i,
    )
    expect(await ask(lb!, 'other.org')).toMatch(/^HTTP\/1.1 404 [^]*Nothing here/)
  })

  test('a slot that is made ready serves without a reload, by exact name and by the longest suffix', async () => {
    const [lb] = hosts()
    const before = await run(
      'systemctl show -p ExecReload,MainPID haproxy; pgrep -x haproxy | sort',
    )
    expect(await set({ 'shop-0': 'ready', 'blog-1': 'ready' })).toEqual(good)
    expect(await ask(lb!, 'shop.example.com')).toContain('port 10000')
    expect(await ask(lb!, 'SHOP.example.com.', '/')).toContain('port 10000')
    expect(await ask(lb!, 'any.thing.example.com')).toContain('port 10000')
    expect(await ask(lb!, 'x.eu.example.com')).toContain('port 10101')
    expect(await ask(lb!, 'example.com')).toMatch(/ 404 /)
    expect(await ask(lb!, 'shop.example.com', '/', '-H "Host: shop.example.com:8080"')).toContain(
      'port 10000',
    )
    expect(
      (await run('systemctl show -p ExecReload,MainPID haproxy; pgrep -x haproxy | sort')).output,
    ).toBe(before.output)
    // Told twice, nothing is different; and the plan is still empty.
    expect(await set({ 'shop-0': 'ready', 'blog-1': 'ready' })).toEqual(good)
    expect(await planned(lb!, all())).toEqual([])
    expect(
      (await run('stat -c "%U:%G %a" /etc/haproxy/haproxy.cfg; ls -A /etc/haproxy')).output,
    ).toBe('root:root 644\ncertificates\nerrors\nhaproxy.cfg\n')
  })

  test('after a reload and a restart the same slots are live', async () => {
    const [lb] = hosts()
    for (const verb of ['reload', 'restart']) {
      await run(`systemctl ${verb} haproxy; sleep 1`)
      expect(await ask(lb!, 'shop.example.com')).toContain('port 10000')
      expect(await ask(lb!, 'x.eu.example.com')).toContain('port 10101')
      expect((await stats('shop', 0)).status).toMatch(/^UP/)
      expect((await stats('shop', 1)).status).toBe('MAINT')
    }
  })

  test('a changed description keeps them too, even those that became live after it was read', async () => {
    const [lb] = hosts()
    const other = { ...apps, shop: { ...apps['shop']!, balance: { connections: 50 } } }
    expect(await becomes(lb!, all({}, other))).toEqual(['change balancer:haproxy: content'])
    expect(await live()).toEqual({ shop: [0], blog: [1] })
    const { shop } = other
    expect(await becomes(lb!, all({}, { shop }))).toEqual([
      'change balancer:haproxy: -blog, no more traffic to blog on web1',
    ])
    expect(await becomes(lb!, all())).toEqual(['change balancer:haproxy: +blog'])
    expect(await live()).toEqual({ shop: [0], blog: [] })
    expect(await set({ 'blog-1': 'ready' })).toEqual(good)
    expect(await ask(lb!, 'shop.example.com')).toContain('port 10000')
    expect(await ask(lb!, 'x.eu.example.com')).toContain('port 10101')
  })

  test('a draining slot still serves the clients that are bound to it, one in maintenance nobody', async () => {
    const [lb] = hosts()
    expect(await set({ 'blog-0': 'ready' })).toEqual(good)
    const first = await ask(lb!, 'x.eu.example.com')
    const cookie = /set-cookie: (fettle-slot=[^;]+)/i.exec(first)![1]!
    const bound = /port (\d+)/.exec(first)![1]!
    const slot = Number(bound) - 10_100
    const again = async (): Promise<string> =>
      ask(lb!, 'x.eu.example.com', '/', `-H 'Cookie: ${cookie}'`)
    for (let i = 0; i < 4; i++) expect(await again()).toContain(`port ${bound}`)
    expect(await set({ [`blog-${slot}`]: 'drain' })).toEqual(good)
    expect((await stats('blog', slot)).status).toBe('DRAIN')
    expect(await again()).toContain(`port ${bound}`)
    for (let i = 0; i < 3; i++)
      expect(await ask(lb!, 'x.eu.example.com')).not.toContain(`port ${bound}`)
    expect(await set({ [`blog-${slot}`]: 'maint' })).toEqual(good)
    expect((await stats('blog', slot)).status).toBe('MAINT')
    expect(await again()).toMatch(/ 200 /)
    expect(await again()).not.toContain(`port ${bound}`)
    expect(await live()).toEqual({ shop: [0], blog: [1 - slot] })
  })

  test('what cannot be set changes nothing', async () => {
    const before = (await run(readConfig.text)).output
    const unknown = await set({ 'shop-0': 'maint', 'shop-77': 'ready', 'nope-1': 'ready' })
    expect(unknown.code).not.toBe(0)
    expect(unknown.output).toMatch(
      /not in \/etc\/haproxy\/haproxy.cfg: app-nope\/web1-1 app-shop\/web1-77 \(/,
    )
    await run("sed -i 's/^  mode http/  mode nonsense/' /etc/haproxy/haproxy.cfg")
    const broken = await set({ 'shop-1': 'ready' })
    expect(broken.code).not.toBe(0)
    expect(broken.output).toMatch(/haproxy.cfg:\d+[^]*the old one is untouched/)
    await run("sed -i 's/^  mode nonsense/  mode http/' /etc/haproxy/haproxy.cfg")
    expect((await run(readConfig.text)).output).toBe(before)
    expect((await run('ls -A /etc/haproxy | grep fettle')).output).toBe('')
  })

  test('several at once, of different apps', async () => {
    await Promise.all([
      ...[1, 2, 3, 4].map((slot) => set({ [`shop-${slot}`]: 'ready' })),
      ...[2, 3, 4, 5].map((slot) => set({ [`blog-${slot}`]: 'ready' })),
    ])
    expect((await live())['shop']).toEqual([0, 1, 2, 3, 4])
    expect((await live())['blog']!.slice(-4)).toEqual([2, 3, 4, 5])
    expect(await set({ 'shop-2': 'maint', 'shop-3': 'maint', 'shop-4': 'maint' })).toEqual(good)
    expect(
      await set({ 'blog-2': 'maint', 'blog-3': 'maint', 'blog-4': 'maint', 'blog-5': 'maint' }),
    ).toEqual(good)
  })

  test('a HAProxy that is down, or knows a slot not yet, is told by its file', async () => {
    const [lb] = hosts()
    await run('systemctl stop haproxy')
    const down = await set({ 'shop-0': 'maint', 'shop-1': 'ready' })
    expect(down.output).toMatch(/by a reload instead/)
    expect(down.code).toBe(0)
    expect(await ask(lb!, 'shop.example.com')).toContain('port 10001')
    await run('systemctl stop haproxy; systemctl mask --runtime haproxy')
    const masked = await set({ 'shop-0': 'ready' })
    await run('systemctl unmask --runtime haproxy; systemctl start haproxy')
    expect(masked.code).not.toBe(0)
    expect(masked.output).toMatch(/its file is right/)
    expect(await live()).toMatchObject({ shop: [0, 1] })
  })

  test('an instance that is sick gets nothing, and one that is gone costs nobody a request', async () => {
    const [lb] = hosts()
    const becomes = async (state: object): Promise<void> =>
      expect.poll(() => stats('shop', 0), { timeout: 20_000, interval: 200 }).toMatchObject(state)
    await run('touch /run/sick-10000')
    await becomes({ status: expect.stringMatching(/^DOWN/), checkStatus: 'L7STS' })
    for (let i = 0; i < 4; i++) expect(await ask(lb!, 'shop.example.com')).toContain('port 10001')
    await run('rm /run/sick-10000')
    await becomes({ status: 'UP' })
    await run('systemctl stop instance-10000')
    for (let i = 0; i < 6; i++)
      expect(await ask(lb!, 'shop.example.com', '/', '-d x=1')).toContain('port 10001')
  })

  test('what an instance is told of its client, and nothing that the client says', async () => {
    const answer = await ask(
      hosts()[0]!,
      'shop.example.com',
      '/a?b=c',
      `-H 'X-Forwarded-For: 6.6.6.6' -H 'x-forwarded-host: evil' -H 'Forwarded: for=6.6.6.6' -H 'X-Real-IP: 6.6.6.6' -H 'X-FORWARDED-PROTO: https' -H 'Proxy: evil'`,
    )
    expect(answer).toMatch(/^x-forwarded-for: 127.0.0.1\r$/im)
    expect(answer).toMatch(/^x-forwarded-proto: http\r$/im)
    expect(answer).toMatch(/^x-forwarded-port: 80\r$/im)
    expect(answer).toMatch(/^host: shop.example.com\r$/im)
    expect(answer).not.toMatch(/6\.6\.6\.6|evil/)
  })

  test('what is in front of it says who the client is, by the PROXY protocol or in headers', async () => {
    const [lb] = hosts()
    const told = (answer: string): Record<string, string> =>
      Object.fromEntries(
        [...answer.matchAll(/^x-forwarded-(\w+): (.*?)\r?$/gim)].map(([, name, value]) => [
          name!.toLowerCase(),
          value!,
        ]),
      )
    const said = `-H 'X-Forwarded-For: 1.1.1.1, 198.51.100.7' -H 'X-Forwarded-Proto: HTTPS'`
    const from = (address: string, more: string): Promise<string> =>
      ask(lb!, 'shop.example.com', '/in-front', `--interface ${address} ${more}`)
    // One speaks the protocol, one adds headers, and the third is any client.
    await becomes(
      lb!,
      all({ proxyProtocol: '127.0.0.2', trustedProxies: ['127.0.0.3/32', '203.0.113.0/24'] }),
    )
    const proxied = await run(
      `{ printf 'PROXY TCP4 192.0.2.9 192.0.2.1 1234 8080\\r\\nGET /in-front HTTP/1.1\\r\\nHost: shop.example.com\\r\\nConnection: close\\r\\nX-Forwarded-For: 6.6.6.6\\r\\n\\r\\n'; sleep 1; } | socat - TCP:127.0.0.1:80,bind=127.0.0.2`,
    )
    expect(told(proxied.output)).toEqual({ for: '192.0.2.9', proto: 'http', port: '8080' })
    expect(told(await from('127.0.0.3', said))).toEqual({
      for: '198.51.100.7',
      proto: 'https',
      port: '443',
    })
    expect(told(await from('127.0.0.3', ''))).toEqual({
      for: '127.0.0.3',
      proto: 'http',
      port: '80',
    })
    expect(told(await from('127.0.0.4', said))).toEqual({
      for: '127.0.0.4',
      proto: 'http',
      port: '80',
    })
    // Who should speak it and does not is no client; who should not and does, neither.
    expect(await from('127.0.0.2', '')).not.toContain('port 1000')
    expect(await from('127.0.0.4', '--haproxy-protocol')).toMatch(/^HTTP\/1.[01] 400/)
    const { output } = await run('sleep 0.5; journalctl -u haproxy -o cat | grep /in-front')
    const clients = output
      .trim()
      .split('\n')
      .map((row) => JSON.parse(row).client)
    expect(clients).toEqual(['192.0.2.9', '198.51.100.7', '127.0.0.3', '127.0.0.4'])
    await becomes(lb!, all())
  })

  test('text is compressed, and a WebSocket passes', async () => {
    const [lb] = hosts()
    expect(
      await ask(lb!, 'shop.example.com', '/long', '-H "Accept-Encoding: gzip" -o /dev/null -D -'),
    ).toMatch(/content-encoding: gzip/i)
    const { output } = await run(
      `{ printf 'GET /ws HTTP/1.1\\r\\nHost: shop.example.com\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\nSec-WebSocket-Version: 13\\r\\n\\r\\n'; sleep 0.5; printf hello; sleep 0.5; } | socat -t 2 - TCP:127.0.0.1:80`,
    )
    expect(output).toMatch(/^HTTP\/1.1 101 [^]*echo hello$/)
  })

  test('a keep-alive client and a slow request live through a reload', async () => {
    const { output } = await run(
      `curl -s -m 20 -w '%{http_code}\\n' -o /dev/null --resolve shop.example.com:80:127.0.0.1 http://shop.example.com/slow/2 & sleep 0.5
systemctl reload haproxy; wait; echo done`,
    )
    expect(output).toBe('200\ndone\n')
  })

  test('a line of JSON for each request, and metrics', async () => {
    const [lb] = hosts()
    await ask(lb!, 'shop.example.com', `/logged/%22x?secret=1`, '-H "Host: a\\"b.example.com"')
    await ask(lb!, 'nowhere.org', '/logged/404')
    await run(`printf 'nonsense\\r\\n\\r\\n' | socat -t 1 - TCP:127.0.0.1:80`)
    const { output } = await run('sleep 0.5; journalctl -u haproxy -o cat | grep ^{')
    const rows = output
      .trim()
      .split('\n')
      .map((row) => JSON.parse(row))
    const found = rows.filter(({ path }) => String(path).startsWith('/logged'))
    expect(found[0]).toMatchObject({
      app: 'shop',
      host: 'a"b.example.com',
      path: '/logged/%22x',
      status: 200,
      method: 'GET',
      client: '127.0.0.1',
      https: 0,
      termination: '--',
    })
    expect(found[0].slot).toMatch(/^web1-[01]$/)
    expect(found[0].totalMs).toBeGreaterThanOrEqual(0)
    expect(found[1]).toMatchObject({ app: '-', status: 404, slot: expect.any(String) })
    expect(rows.some(({ status }) => status === 400)).toBe(true)
    expect(output).not.toContain('secret')
    const metrics = await run(
      'curl -s http://127.0.0.1:8405/metrics; curl -s http://127.0.0.1:8405/',
    )
    expect(metrics.output).toMatch(
      /haproxy_server_http_responses_total\{proxy="app-shop",server="web1-0",code="2xx"\} \d/,
    )
    expect(metrics.output).toContain('Statistics Report')
  })

  test('options: a page, addresses, no statistics', async () => {
    const [lb] = hosts()
    const options = {
      maintenance: '<h1>wait\n</h1>',
      address: ['127.0.0.1', '127.0.0.2'],
      stats: false as const,
    }
    await becomes(lb!, all(options))
    await set({ 'shop-0': 'maint', 'shop-1': 'maint' })
    expect(await ask(lb!, 'shop.example.com')).toMatch(/ 503 [^]*<h1>wait\n<\/h1>/)
    expect((await run('curl -s http://127.0.0.1:8405/metrics')).code).not.toBe(0)
    expect((await run('ss -Hltn "sport = :80" | wc -l')).output.trim()).not.toBe('0')
    await becomes(lb!, all())
  })

  test('HTTPS with a certificate from files, and whoever comes without is sent there', async () => {
    const [lb] = hosts()
    await run('apt-get -qq install -y openssl >/dev/null 2>&1')
    const made = await run(
      `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=x -addext 'subjectAltName=DNS:shop.example.com,DNS:*.example.com' -keyout /root/k -out /root/c 2>/dev/null; cat /root/k /root/c`,
    )
    const key = new Secret('shop', made.output)
    const shop = certificate('shop', {
      certificate: made.output.replace(/[^]*END PRIVATE KEY-----/, ''),
      key,
    })
    const before = (await run(readConfig.text)).output
    const inFront = { proxyProtocol: '127.0.0.2', trustedProxies: '127.0.0.3' }
    const planned = await becomes(lb!, all({ certificates: shop, ...inFront }))
    expect(planned[0]).toMatch(/^create certificate:shop: for shop.example.com, \*.example.com/)
    await set({ 'shop-1': 'ready', 'blog-0': 'ready' })
    expect(await ask(lb!, 'shop.example.com', '/a?b=c')).toMatch(
      /^HTTP\/1.1 308 [^]*location: https:\/\/shop.example.com\/a\?b=c\r/i,
    )
    // Who came to a proxy by HTTPS is where it is to be.
    const byProxy = `--interface 127.0.0.3 -H 'X-Forwarded-Proto: https'`
    expect(await ask(lb!, 'shop.example.com', '/', byProxy)).toMatch(/^HTTP\/1.1 200/)
    const secure = await ask(
      lb!,
      'shop.example.com',
      'https://shop.example.com/',
      '--cacert /root/c',
    )
    expect(secure).toMatch(/^HTTP\/2 200[^]*x-forwarded-proto: https\r[^]*/im)
    expect(secure).toMatch(/^x-forwarded-port: 443\r/im)
    // The PROXY protocol comes before TLS.
    const balanced = '--cacert /root/c --interface 127.0.0.2 --haproxy-protocol'
    expect(await ask(lb!, 'shop.example.com', 'https://shop.example.com/', balanced)).toMatch(
      /^HTTP\/2 200[^]*x-forwarded-for: 127.0.0.2\r[^]*/im,
    )
    // Two levels below is not covered, so it is not sent where no certificate fits.
    expect(await ask(lb!, 'x.eu.example.com')).toMatch(/^HTTP\/1.1 200/)
    expect(
      (await run('stat -c %a /etc/haproxy/certificates /etc/haproxy/certificates/*')).output,
    ).toBe('700\n600\n')
    await run('rm /etc/haproxy/certificates/shop.pem')
    await becomes(lb!, all())
    await set({ 'shop-1': 'maint', 'blog-0': 'ready' })
    expect(before).not.toContain(':443')
  })

  test('what HAProxy does not take is not put in place', async () => {
    const [lb] = hosts()
    const before = (await run(readConfig.text)).output
    expect(await failure(lb!, all({ address: 'no-such-host.example' }))).toMatch(
      /HAProxy does not take|balancer:haproxy/,
    )
    expect((await run(readConfig.text)).output).toBe(before)
    await settle(lb!, all())
  })
})
