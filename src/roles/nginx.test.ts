import { describe, expect, test } from 'vitest'
import { planned } from '../../test/lab/converges.ts'
import { type TestHost, bootForFile, labAvailable, labSuite } from '../../test/lab/fixture.ts'
import { settle } from '../../test/lab/settle.ts'
import { web, serve } from '../../test/lab/web.ts'
import { asFettleError } from '../base/errors.ts'
import { Secret } from '../base/secret.ts'
import { type Resource, absent, idOf } from '../model/resource.ts'
import { certificate } from '../resources/certificate.ts'
import { packages } from '../resources/package.ts'
import { reload } from '../resources/service.ts'
import { type NginxOptions, nginx } from './nginx.ts'
import { type NginxSiteOptions, nginxSite } from './nginx-site.ts'

const machine = (codename = 'bookworm') => ({
  facts: {
    hostname: 'web1',
    os: { id: 'debian', version: '12', codename },
    architecture: 'x86_64',
    kernel: '6.1',
    cpus: 2,
    memory: 1.9 * 1024 ** 3,
    addresses: [],
  },
})

const contentOf = (path: string, codename: string, options: NginxOptions = {}): string => {
  const all = nginx(machine(codename), options)
  return (all.find((each) => idOf(each) === `file:${path}`)!.desired as { content: string }).content
}

const siteText = (options: NginxSiteOptions): string =>
  (nginxSite('a', options).desired as { content: string }).content

describe('per distribution', () => {
  test.each([
    ['jammy', 'ssl http2 default_server', 'snakeoil', false],
    ['bookworm', 'ssl http2 default_server', 'ssl_reject_handshake', false],
    ['noble', 'ssl http2 default_server', 'ssl_reject_handshake', false],
    ['trixie', 'ssl default_server', 'ssl_reject_handshake', true],
  ])('%s', (codename, listen, reject, directive) => {
    const refusing = contentOf('/etc/nginx/conf.d/default.conf', codename)
    expect(refusing).toContain(listen)
    expect(refusing).toContain(reject)
    expect(contentOf('/etc/nginx/nginx.conf', codename).includes('http2 on;')).toBe(directive)
    const ids = nginx(machine(codename)).map(idOf)
    expect(ids.includes('package:ssl-cert')).toBe(codename === 'jammy')
  })

  test('what the user says comes over what is usual', () => {
    const text = contentOf('/etc/nginx/nginx.conf', 'bookworm', { settings: { gzip: 'off' } })
    expect(text).toContain('gzip off;')
    expect(text).not.toContain('gzip on;')
  })
})

test.each<[string, NginxSiteOptions, RegExp]>([
  ['no answer', { domains: 'a.example' }, /root .*there are 0/],
  [
    'two answers',
    { domains: 'a.example', root: '/srv', proxy: 'http://127.0.0.1:1' },
    /there are 2/,
  ],
  ['a domain with more', { domains: 'a.example; return 200', root: '/srv' }, /domains cannot be/],
  ['no domain', { domains: [], root: '/srv' }, /domains is empty/],
  ['a path with a variable', { domains: 'a', root: '/srv/$host' }, /root cannot be/],
  ['a proxy with more', { domains: 'a', proxy: 'http://x;}' }, /proxy cannot be/],
  ['php without a folder', { domains: 'a', php: '/run/php/a.sock' }, /root is missing/],
  [
    'a place with a brace',
    { domains: 'a', root: '/srv', locations: { '/x {': { root: '/' } } },
    /locations cannot be/,
  ],
])('refused: %s', (_, options, words) => expect(() => siteText(options)).toThrow(words))

describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile()

  /** Status and body, asked with nothing but what Debian has; curl is there by then. */
  const get = async (host: TestHost, words: string): Promise<string> =>
    (await host.exec(`curl -sS -m 10 -w '\\n%{http_code}' ${words} 2>&1`)).output.trim()
  const local = (name: string, port = 80): string => `--resolve '${name}:${port}:127.0.0.1'`
  const all = nginx(machine(labSuite), {
    sites: {
      files: {
        domains: ['files.example', '*.files.example'],
        root: `/srv/a "folder" of 'files'`,
        headers: { 'X-Frame-Options': '', 'X-Team': 'a "b" \\ c' },
        locations: {
          '/old/': { redirect: 'https://elsewhere.example/' },
          '/app/': { proxy: web },
          '= /robots.txt': { root: '/srv/robots' },
        },
      },
      app: { domains: 'app.example', proxy: [web.replace('8000', '8999'), web] },
      safe: {
        domains: 'safe.example',
        proxy: web,
        certificate: { certificate: '/etc/ssl/safe.pem', key: '/etc/ssl/safe.key' },
      },
    },
  })

  test('from nothing to sites that answer', async () => {
    const [host] = hosts()
    await serve(host!)
    await host!.exec(`apt-get -qq update && apt-get -qq install -y curl openssl >/dev/null 2>&1
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=safe.example -keyout /etc/ssl/safe.key -out /etc/ssl/safe.pem 2>/dev/null
mkdir -p "/srv/a \\"folder\\" of 'files'/.git" && cd "/srv/a \\"folder\\" of 'files'" && echo files >index.html && echo secret >.git/config
mkdir -p /var/www/acme/.well-known/acme-challenge && echo proof >/var/www/acme/.well-known/acme-challenge/x
mkdir -p /srv/robots && echo nobody >/srv/robots/robots.txt; mkdir -p /srv/www/app && echo dotted >/srv/www/app/.x; echo the program >/srv/www/index.html`)
    await settle(host!, all)
    expect(await planned(host!, all)).toEqual([])
    expect(await get(host!, `${local('files.example')} http://files.example/`)).toBe('files\n\n200')
    expect(await get(host!, `${local('x.files.example')} http://x.files.example/`)).toMatch(/200$/)
    expect(await get(host!, `${local('files.example')} http://files.example/.git/config`)).toMatch(
      /404$/,
    )
    expect(await get(host!, `${local('files.example')} http://files.example/none`)).toMatch(/404$/)
    const elsewhere = async (path: string): Promise<string> =>
      get(host!, `${local('files.example')} http://files.example${path}`)
    expect(await elsewhere('/robots.txt')).toBe('nobody\n\n200')
    // What a program behind nginx has there is its own business.
    expect(await elsewhere('/app/.x')).toBe('dotted\n\n200')
    const head = await get(host!, `-I ${local('files.example')} http://files.example/`)
    expect(head).toMatch(/^X-Content-Type-Options: nosniff\r$/m)
    expect(head).toMatch(/^X-Team: a "b" \\ c\r$/m)
    expect(head).toMatch(/^Server: nginx\r$/m)
    expect(head).not.toMatch(/X-Frame|Strict/)
    expect(
      await get(
        host!,
        `-o /dev/null -w '%{redirect_url} ' ${local('files.example')} http://files.example/old/x?y=1`,
      ),
    ).toBe('https://elsewhere.example/old/x?y=1')
    // One of the two programs is down.
    for (let i = 0; i < 4; i++)
      expect(await get(host!, `${local('app.example')} http://app.example/`)).toBe(
        'the program\n\n200',
      )
  }, 300_000)

  test('https, and plain http sent there, but for proofs', async () => {
    const [host] = hosts()
    const name = local('safe.example')
    const secure = local('safe.example', 443)
    expect(
      await get(host!, `-o /dev/null -w '%{redirect_url}' ${name} http://safe.example/a?b`),
    ).toMatch(/^https:\/\/safe.example\/a\?b/)
    expect(await get(host!, `${name} http://safe.example/.well-known/acme-challenge/x`)).toBe(
      'proof\n\n200',
    )
    const page = await get(host!, `-i --cacert /etc/ssl/safe.pem ${secure} https://safe.example/`)
    expect(page).toMatch(/^HTTP\/2 200/)
    expect(page).toMatch(/strict-transport-security: max-age=15768000/)
    expect(page).toMatch(/the program\n\n200$/)
    expect(await get(host!, `-k --tls-max 1.1 ${secure} https://safe.example/`)).toMatch(/000$/)
  }, 60_000)

  test('a certificate that is described', async () => {
    const [host] = hosts()
    const pem = async (path: string): Promise<string> => (await host!.exec(`cat ${path}`)).output
    const made = certificate('safe', {
      certificate: await pem('/etc/ssl/safe.pem'),
      key: new Secret('key', await pem('/etc/ssl/safe.key')),
      notify: reload('nginx'),
    })
    const options = { domains: 'safe.example', proxy: web, certificate: made, http: 'off' } as const
    const described = [nginxSite('safe', options), made, all.at(-1)!]
    expect((await settle(host!, described)).made).toEqual([
      'certificate:safe',
      'file:/etc/nginx/conf.d/site-safe.conf',
      'reload service:nginx',
    ])
    expect(await planned(host!, described)).toEqual([])
    const secure = local('safe.example', 443)
    expect(await get(host!, `--cacert /etc/ssl/safe.pem ${secure} https://safe.example/`)).toMatch(
      /200$/,
    )
    expect(await get(host!, `${local('safe.example')} http://safe.example/`)).toMatch(/000$/)
    await settle(host!, all)
    expect(() => nginxSite('safe', { ...options, certificate: all[0]! })).toThrow(
      /certificate cannot be package:nginx/,
    )
  }, 60_000)

  test('unknown names get nothing', async () => {
    const [host] = hosts()
    expect(await get(host!, 'http://127.0.0.1/')).toMatch(/Empty reply.*\n*000$/s)
    expect(await get(host!, `-k ${local('evil.example', 443)} https://evil.example/`)).toMatch(
      /000$/,
    )
  }, 60_000)

  test('what was changed by hand is put right; broken files do not take their place', async () => {
    const [host] = hosts()
    const before = await pids(host!)
    await host!
      .exec(`cd /etc/nginx; echo '}' >>conf.d/site-app.conf; echo nonsense >>nginx.conf; rm conf.d/default.conf
ln -sf ../sites-available/default sites-enabled/default`)
    expect((await settle(host!, all)).made).toEqual([
      'file:/etc/nginx/sites-enabled/default',
      'file:/etc/nginx/nginx.conf',
      'file:/etc/nginx/conf.d/default.conf',
      'file:/etc/nginx/conf.d/site-app.conf',
      'reload service:nginx',
    ])
    expect(await planned(host!, all)).toEqual([])
    expect(await get(host!, `${local('app.example')} http://app.example/`)).toMatch(/200$/)
    // The same master: a reload, no restart.
    expect(await pids(host!)).toBe(before)

    const wrong = nginxSite('files', {
      domains: 'files.example',
      root: '/srv',
      settings: { nonsense: 1 },
    })
    const service = all.at(-1)!
    expect(await failure(host!, [wrong, service])).toMatch(
      /unknown directive "nonsense" in \/etc\/nginx\/conf.d\/site-files.conf/,
    )
    const noKey = nginxSite('files', {
      domains: 'files.example',
      root: '/srv',
      certificate: { certificate: '/etc/ssl/none.pem', key: '/etc/ssl/none.key' },
    })
    expect(await failure(host!, [noKey, service])).toMatch(/none.pem/)
    expect(await planned(host!, all)).toEqual([])
    expect((await host!.exec('ls /tmp; ls -A /etc/nginx/conf.d')).output).not.toMatch(
      /tmp\.|fettle\./,
    )
  }, 120_000)

  test('nginx is not reloaded on a file of others that is broken', async () => {
    const [host] = hosts()
    const before = await pids(host!)
    await host!.exec('echo nonsense >/etc/nginx/conf.d/zz-other.conf')
    const changed = nginxSite('app', { domains: 'app2.example', proxy: web })
    expect(await failure(host!, [changed, all.at(-1)!])).toMatch(/reload/)
    expect(await pids(host!)).toBe(before)
    expect(await get(host!, `${local('app.example')} http://app.example/`)).toMatch(/200$/)
    await host!.exec('rm /etc/nginx/conf.d/zz-other.conf')
    await settle(host!, all)
    expect(await planned(host!, all)).toEqual([])
  }, 120_000)

  test('a site goes, and all of it', async () => {
    const [host] = hosts()
    const site = absent(nginxSite('app', { domains: 'app.example', proxy: web }))
    const without = nginx(machine(labSuite), { sites: {} })
    const rest = [site, ...without]
    expect((await settle(host!, rest)).made).toEqual([
      'file:/etc/nginx/conf.d/site-app.conf',
      'reload service:nginx',
    ])
    expect(await planned(host!, rest)).toEqual([])
    expect(await get(host!, `${local('app.example')} http://app.example/`)).toMatch(/000$/)
    await settle(host!, absent(packages(['nginx', 'nginx-common'], { purge: true })))
    expect((await host!.exec('command -v nginx')).output).toBe('')
  }, 120_000)

  /** All that the host said of it. */
  const failure = (host: TestHost, resources: readonly Resource[]): Promise<string> =>
    settle(host, resources).then(
      () => 'it did not fail',
      (error: unknown) => `${asFettleError(error).message} ${asFettleError(error).log}`,
    )
  const pids = async (host: TestHost): Promise<string> =>
    (await host.exec('cat /run/nginx.pid')).output.trim()
})
