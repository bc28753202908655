import { describe, expect } from 'vitest'
import { asFettleError } from '../../src/base/errors.ts'
import { ContainerEngine } from '../../src/lab/container-engine.ts'
import { ensureImage } from '../../src/lab/image.ts'
import { type TestHost, labAvailable, labMissing, test } from '../lab/fixture.ts'
import { Folder } from './cli.ts'

/** Release, its number, the PHP that it has. */
const releases = [
  ['bookworm', '12', '8.2'],
  ['trixie', '13', '8.4'],
] as const

/** What differs per release is in here: PHP, nginx's HTTP/2, the locale's file, what sshd says of itself. */
const description = `return [
  fettle.base(host, {
    users: { ada: { keys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP6BEOqgdhqTaH2rkHn0GykWnNoq8HS2/dEbNr1VHEGr ada'], sudo: true } },
    sysctl: { 'net.core.somaxconn': 4096 },
    firewall: { allow: [80] },
    ntp: false,
    updates: false,
  }),
  fettle.locale('C.UTF-8', { default: true }),
  fettle.nginx(host),
  fettle.php(host, { extensions: ['mbstring'], pools: { shop: {} } }),
  fettle.nginxSite('shop', { domains: 'shop.example.test', root: '/srv/shop', php: fettle.phpSocket('shop') }),
  directory('/srv/shop', { owner: 'ada' }),
  file('/srv/shop/index.php', { content: '<?php echo PHP_VERSION;', owner: 'ada' }),
  fettle.cron('shop', { schedule: '@daily', command: 'true' }),
  fettle.timer('tick', { command: 'true', onCalendar: 'daily' }),
  packages('logrotate'),
  fettle.logrotate('shop', { files: '/var/log/shop/*.log', rotate: 7, when: 'daily' }),
]`

describe.skipIf(!labAvailable)(`releases of Debian ${labMissing}`, () => {
  test('side by side: one description is true of each after one run', async ({ boot, skip }) => {
    const missing = await imagesMissing()
    if (missing !== '') skip(missing)
    const hosts: TestHost[] = []
    for (const [suite] of releases) hosts.push(...(await boot(1, suite)))
    const folder = new Folder(hosts).describe(hosts, description)

    const first = await folder.fettle(['up', '--lab', '--yes'])
    expect(first.code, first.stdout + first.stderr).toBe(0)
    const second = await folder.fettle(['plan', '--lab', '--json'])
    const { hosts: planned } = JSON.parse(second.stdout) as { hosts: { changes: unknown[] }[] }
    expect(planned.map(({ changes }) => changes)).toEqual([[], []])

    const versionOf = async (i: number): Promise<string> =>
      (await hosts[i]!.exec('. /etc/os-release; printf %s "$VERSION_ID"')).output
    for (const [i, [suite, version, php]] of releases.entries()) {
      expect(await versionOf(i)).toBe(version)
      const { output: page } = await hosts[i]!.exec(askForShop)
      expect(page, suite).toMatch(new RegExp(String.raw`^HTTP/1.1 200 OK\r[^]*\n${php}\.\d+`))
    }
    await hosts[1]!.reset()
    expect(await versionOf(1)).toBe(releases[1][1])
    // The first run builds an image, too.
  }, 240_000)
})

/** Why a release cannot be had here, in a word for the skipped test; empty when all can. */
async function imagesMissing(): Promise<string> {
  const engine = await ContainerEngine.find()
  if (typeof engine === 'string') return engine
  for (const [suite] of releases)
    try {
      await ensureImage(engine, (line) => console.error(line), suite)
    } catch (thrown) {
      return `there is no image of ${suite} here: ${asFettleError(thrown).message}`
    }
  return ''
}

const askForShop = `perl -MIO::Socket::INET -e '
  my $s = IO::Socket::INET->new("127.0.0.1:80") or die;
  print $s "GET / HTTP/1.1\\r\\nHost: shop.example.test\\r\\nConnection: close\\r\\n\\r\\n"; print <$s>'`
