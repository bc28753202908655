import { describe, expect, test } from 'vitest'
import { failure, planned } from '../../test/lab/converges.ts'
import { type TestHost, bootForFile, labAvailable, labSuite } from '../../test/lab/fixture.ts'
import { settle } from '../../test/lab/settle.ts'
import { Secret } from '../base/secret.ts'
import { absent, idOf } from '../model/resource.ts'
import { packages } from '../resources/package.ts'
import { nginx } from './nginx.ts'
import { type PhpOptions, php, phpSocket } from './php.ts'

const machine = (codename = 'bookworm', id = 'debian') => ({
  facts: {
    hostname: 'web1',
    os: { id, version: '12', codename },
    architecture: 'x86_64',
    kernel: '6.1',
    cpus: 2,
    memory: 1.9 * 1024 ** 3,
    addresses: [],
  },
})

describe('versions', () => {
  test.each([
    ['bookworm', 'package:php8.2-fpm', 'service:php8.2-fpm'],
    ['trixie', 'package:php8.4-fpm', 'service:php8.4-fpm'],
    ['jammy', 'package:php8.1-fpm', 'service:php8.1-fpm'],
    ['noble', 'package:php8.3-fpm', 'service:php8.3-fpm'],
  ])('of %s', (codename, ...expected) => {
    const ids = php(machine(codename), { pools: { shop: {} } }).map(idOf)
    expect(ids).toEqual(expect.arrayContaining(expected))
    expect(ids.some((id) => id.startsWith('apt-repository'))).toBe(false)
  })

  test('another one comes from upstream, with a key', () => {
    expect(words(() => php(machine(), { version: '8.4' }))).toMatch(
      /version is 8.4, and debian 12 has 8.2.*keySource: 'php.asc'.*packages.sury.org\/php\/apt.gpg/,
    )
    const [source, first] = php(machine(), { version: '8.4', upstream: { key: armored } })
    expect(source).toMatchObject({
      kind: 'apt-repository',
      desired: { uris: ['https://packages.sury.org/php/'], suites: ['bookworm'] },
    })
    expect(idOf(first!)).toBe('package:php8.4-fpm')
    const [ubuntu] = php(machine('noble', 'ubuntu'), { version: '8.4', upstream: { key: armored } })
    expect(ubuntu).toMatchObject({ desired: { suites: ['noble'] } })
    expect(() => php(machine('potato'))).toThrow(/version is missing/)
  })
})

const armored = '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n'

/** What happened and what to do next. */
function words(describe: () => unknown): string {
  try {
    return JSON.stringify(describe())
  } catch (error) {
    return JSON.stringify(error)
  }
}

test.each<[PhpOptions, RegExp]>([
  [{ pools: { www: {} } }, /its name cannot be "www"/],
  [{ pools: { 'a]b': {} } }, /its name cannot be/],
  [{ pools: { shop: { processes: 0 } } }, /processes cannot be 0/],
  [{ pools: { shop: { environment: { 'A]': 'x' } } } }, /environment cannot be/],
  [{ pools: { shop: { environment: { A: '' } } } }, /environment A is empty/],
])('refused: %j', (options, words) => expect(() => php(machine(), options)).toThrow(words))

describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile()
  const version = labSuite === 'bookworm' ? '8.2' : '8.4'
  const password = new Secret('shop', `it's "\\ \${HOME} $x ; # On ö`)
  const options = {
    extensions: ['mbstring'],
    settings: { memory_limit: '200M' },
    pools: {
      shop: {
        processes: 3,
        environment: { PASSWORD: password, MODE: 'On' },
        settings: { upload_max_filesize: '5M', error_reporting: 'E_ALL & ~E_NOTICE' },
      },
    },
  } satisfies PhpOptions
  const all = php(machine(labSuite), options)
  const page = async (host: TestHost): Promise<string> =>
    (await host.exec(`curl -sS -m 10 http://127.0.0.1/show.php`)).output

  test('from nothing to a page that nginx gives', async () => {
    const [host] = hosts()
    await host!.exec(`mkdir -p /srv/shop && cat >/srv/shop/show.php`, show)
    const site = nginx(machine(labSuite), {
      refuseUnknown: false,
      sites: { shop: { domains: 'shop.example', root: '/srv/shop', php: phpSocket('shop') } },
    })
    await host!.exec('apt-get -qq update && apt-get -qq install -y curl >/dev/null')
    await settle(host!, [...all, ...site])
    expect(await planned(host!, [...all, ...site])).toEqual([])
    expect(JSON.parse(await page(host!))).toEqual({
      version,
      user: 'shop',
      password: password.reveal(),
      mode: 'On',
      memory: '200M',
      upload: '5M',
      // PHP 8.4 has no E_STRICT any more.
      reporting: version === '8.2' ? 32759 : 30711,
      mbstring: true,
      path: null,
    })
    // A path without a file goes to index.php; a file that is none of PHP's is not run.
    await host!.exec(
      `cd /srv/shop && echo '<?php echo "front ", $_SERVER["REQUEST_URI"], " ", $_GET["a"] ?? "";' >index.php && echo '<?php echo 1;' >x.txt`,
    )
    const get = async (path: string): Promise<string> =>
      (await host!.exec(`curl -sS 'http://127.0.0.1${path}'`)).output
    expect(await get('/some/where?a=b')).toBe('front /some/where?a=b b')
    expect(await get('/x.txt')).toBe('<?php echo 1;\n')
    expect(await get('/x.txt/y.php')).not.toMatch(/^1/)
    expect((await host!.exec(`stat -c %a /etc/php/${version}/fpm/pool.d/shop.conf`)).output).toBe(
      '600\n',
    )
    const seen = await host!.exec(
      'ps axww; cat /var/log/php* /var/log/nginx/*; journalctl --no-pager -o cat',
    )
    expect(seen.output).not.toContain(password.reveal())
  }, 300_000)

  test('what was changed by hand is put right with a reload; what PHP does not take changes nothing', async () => {
    const [host] = hosts()
    const main = `systemctl show -P MainPID php${version}-fpm`
    const before = (await host!.exec(main)).output
    await host!
      .exec(`sed -i 's/^pm = .*/pm = static/' /etc/php/${version}/fpm/pool.d/shop.conf; echo '[www]' >/etc/php/${version}/fpm/pool.d/www.conf
rm /etc/php/${version}/fpm/conf.d/90-fettle.ini`)
    expect((await settle(host!, all)).made).toEqual([
      `file:/etc/php/${version}/fpm/conf.d/90-fettle.ini`,
      `file:/etc/php/${version}/fpm/pool.d/www.conf`,
      `file:/etc/php/${version}/fpm/pool.d/shop.conf`,
      `reload service:php${version}-fpm`,
    ])
    expect(await planned(host!, all)).toEqual([])
    expect((await host!.exec(main)).output).toBe(before)
    expect(JSON.parse(await page(host!)).memory).toBe('200M')

    const wrong = php(machine(labSuite), { ...options, pools: { shop: { user: 'nobody-such' } } })
    expect(await failure(host!, wrong)).toMatch(/pool.d\/shop.conf/)
    expect((await planned(host!, all)).length).toBe(0)
    // Another file that is broken: the reload fails, and php-fpm goes on.
    await host!.exec(`echo nonsense >/etc/php/${version}/fpm/pool.d/zz.conf`)
    const more = php(machine(labSuite), { ...options, settings: { memory_limit: '201M' } })
    expect(await failure(host!, more)).toMatch(/reload/)
    expect(JSON.parse(await page(host!)).memory).toBe('200M')
    await host!.exec(`rm /etc/php/${version}/fpm/pool.d/zz.conf; systemctl stop php${version}-fpm`)
    await settle(host!, all)
    expect(JSON.parse(await page(host!)).memory).toBe('200M')
  }, 120_000)

  test('gone', async () => {
    const [host] = hosts()
    const gone = absent(
      packages([`php${version}-fpm`, `php${version}-cli`, `php${version}-common`], { purge: true }),
    )
    await settle(host!, gone)
    expect(await planned(host!, gone)).toEqual([])
  }, 120_000)
})

const show = `<?php echo json_encode([
  'version' => PHP_MAJOR_VERSION . '.' . PHP_MINOR_VERSION,
  'user' => posix_getpwuid(posix_geteuid())['name'],
  'password' => getenv('PASSWORD'),
  'mode' => getenv('MODE'),
  'memory' => ini_get('memory_limit'),
  'upload' => ini_get('upload_max_filesize'),
  'reporting' => (int) ini_get('error_reporting'),
  'mbstring' => extension_loaded('mbstring'),
  'path' => getenv('PATH') ?: null,
]);
`
