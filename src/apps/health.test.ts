import { beforeAll, describe, expect, test } from 'vitest'
import { bootForFile, labAvailable, labMissing } from '../../test/lab/fixture.ts'
import { settle } from '../../test/lab/settle.ts'
import { app } from '../roles/app.ts'
import { packages } from '../resources/package.ts'
import { awaitHealth, lastLog } from './instances.ts'

/** Answers each port of its own way: with a status, or that many times 503 before it is well. */
const server = `use IO::Socket::IP; $SIG{CHLD} = 'IGNORE';
my ($address, $port, $status, $ill) = @ARGV;
my $listening = IO::Socket::IP->new(LocalHost => $address, LocalPort => $port, Listen => 9, ReuseAddr => 1) or die;
while (my $client = $listening->accept) {
  while (<$client>) { last if /^\\r?\\n$/ }
  my $code = $ill-- > 0 ? 503 : $status;
  print $client "HTTP/1.1 $code x\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n"; close $client;
}
`

describe.skipIf(!labAvailable)(`health ${labMissing}`, () => {
  const hosts = bootForFile(1)
  const run = (script: string): Promise<{ code: number; output: string }> =>
    hosts()[0]!.exec(script)
  const well = (address: string, ...slots: number[]): Promise<{ code: number; output: string }> => {
    const health = { path: '/up?[1-3]', within: 2, healthy: 3, timeout: 1 }
    const shop = app('shop', { source: '.', port: 12_000, health })
    const release = '3f2a1b9c4d5e.a1b2c3'
    return run(awaitHealth(shop, { release, slots }, address).text)
  }

  beforeAll(async () => {
    if (!labAvailable) return
    await settle(hosts()[0]!, packages('curl'))
    await run(`cat >/server.pl <<'END'\n${server}END
serve() { systemd-run --quiet --unit="serve-$2" perl /server.pl "$@"; }
serve 0.0.0.0 12000 200; serve 0.0.0.0 12001 204 4; serve 0.0.0.0 12002 404; serve ::1 12003 200
systemd-run --quiet --unit='shop.web.3f2a1b9c4d5e.a1b2c3@12005.service' -p Restart=always -p RestartSec=0 -p StartLimitIntervalSec=0 false
sleep 0.5`)
  })

  test('is answering well so many times in a row, on every slot', async () => {
    expect(await well('127.0.0.1', 0, 1)).toEqual({ code: 0, output: '' })
  })

  test('says what the first that is not well answered', async () => {
    const { code, output } = await well('127.0.0.1', 0, 2, 4)
    expect([code, output]).toEqual([
      1,
      'its instance on port 12002 was not well within 2 s; asked for /up?[1-3], it answered: status 404\n',
    ])
  })

  test('says why there was no answer', async () => {
    const { code, output } = await well('127.0.0.1', 0, 4, 2)
    expect(code).toBe(1)
    expect(output).toMatch(
      /^its instance on port 12004 was not well within 2 s; asked for \S+, it answered: curl: \(7\) Failed to connect to 127.0.0.1 port 12004[^\n]*\n$/,
    )
  })

  test('does not wait for one that ends again and again', async () => {
    expect(await well('127.0.0.1', 5)).toEqual({
      code: 1,
      output: 'its instance on port 12005 ends again and again\n',
    })
  })

  test('has a log that says why, and not that systemd tries again', async () => {
    const { output } = await run(lastLog(['shop.web.3f2a1b9c4d5e.a1b2c3@12005.service'], 6).text)
    expect(output).toContain('Main process exited, code=exited, status=1/FAILURE')
    expect(output).not.toMatch(/Start(ing|ed)|Scheduled|Stopp/)
  })

  test('is asked for over IPv6 too', async () => {
    expect(await well('::1', 3)).toEqual({ code: 0, output: '' })
  })
})
