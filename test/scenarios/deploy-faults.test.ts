import { setTimeout as sleep } from 'node:timers/promises'
import * as fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { bootForFile, labAvailable, labMissing } from '../lab/fixture.ts'
import type { Started } from './cli.ts'
import { Shop } from './shop.ts'
import { Visitor } from './visitor.ts'

// As in faults.test.ts: FETTLE_SEED=random looks for new trouble, a seed stands for the whole series.
// The first four of this one are of four kinds.
const wanted = process.env['FETTLE_SEED'] ?? '1597'
const seed = wanted === 'random' ? Date.now() % 2 ** 31 : Number(wanted)
const number = Number(process.env['FETTLE_FAULTS'] ?? 4)

const faults = ['kill Fettle', 'stop a host', 'kill HAProxy', 'kill an instance'] as const
const series = fc.sample(
  // When: in thousandths of what a rollout without a fault takes. Where: which of the web hosts.
  fc.record({ fault: fc.constantFrom(...faults), when: fc.nat(1100), where: fc.nat(1) }),
  { seed, numRuns: number },
)

/** On the balancer, all along: writes down when no slot that takes traffic has an instance that answers. */
const guard = `cat >/usr/local/bin/guard <<'END'
use strict;
use IO::Socket::INET;
sub well {
  my ($address, $port) = @_;
  my $socket = IO::Socket::INET->new(PeerAddr => $address, PeerPort => $port, Timeout => 1) or return 0;
  local $SIG{ALRM} = sub { close $socket };
  alarm 2;
  print $socket "GET /health HTTP/1.0\\r\\n\\r\\n";
  my $row = <$socket> // '';
  alarm 0;
  return $row =~ /^HTTP\\S* 200/;
}
sub some {
  my ($in, @live) = (0);
  open my $cfg, '<', '/etc/haproxy/haproxy.cfg' or return (1);
  while (<$cfg>) {
    $in = /^backend app-shop\\b/ if /^[a-z]/;
    push @live, [$1, $2] if $in && /^\\s+server \\S+ (\\S+):(\\d+)/ && !/disabled\\s*$/;
  }
  for (@live) { return (1) if well(@$_) }
  return (0, join ' ', map { "$_->[0]:$_->[1]" } @live);
}
$| = 1;
open my $log, '>>', '/var/guard.log';
open my $count, '>>', '/var/guard.count';
$_->autoflush for $log, $count;
while (1) {
  my ($ok) = some();
  # The file may have changed since it was read.
  ($ok, my $live) = some() unless $ok;
  print $log time, " none of: $live\\n" unless $ok;
  print $count 'x';
  select undef, undef, undef, 0.05;
}
END
systemd-run --quiet --unit=guard perl /usr/local/bin/guard; systemctl is-active guard`

describe.skipIf(!labAvailable)(`faults during a rollout ${labMissing}`, () => {
  const hosts = bootForFile(3)
  let shop: Shop
  let visitor: Visitor

  beforeAll(async () => {
    if (!labAvailable) return
    shop = new Shop(
      hosts(),
      `instances: 1, health: { path: '/health', within: 10, timeout: 2, every: 0.5 },
      balance: { timeout: 10 }, rollout: { settle: 1, drain: 1, stop: 4 },`,
    )
    // What an app is made of decides what `up` installs.
    shop.commit({ label: 'first' })
    expect(await shop.fettle('up', '--yes')).toMatchObject({ code: 0 })
    expect(await shop.fettle('deploy', 'shop')).toMatchObject({ code: 0 })
    visitor = new Visitor(shop.balancer)
    expect((await shop.balancer.exec(guard)).output).toBe('active\n')
    return () => visitor.end()
  }, 400_000)

  async function strike(
    fault: (typeof faults)[number],
    where: number,
    run: Started,
  ): Promise<void> {
    const host = shop.web[where]!
    if (fault === 'kill Fettle') run.child.kill('SIGKILL')
    if (fault === 'kill HAProxy') await shop.balancer.exec('pkill -KILL -x haproxy; true')
    if (fault === 'kill an instance')
      await host.exec(`set -- $(systemctl show -P MainPID 'shop.*@*.service' | grep -v '^0$' | shuf)
[ -z "$1" ] || kill -KILL "$1"`)
    if (fault === 'stop a host') {
      await host.stop()
      await run.ended
      await host.start()
    }
    await run.ended
  }

  /** All of it is whole again, on the release of that commit. */
  async function expectWhole(commit: string, told: string): Promise<void> {
    const { hosts, live } = await shop.standing()
    expect(Object.keys(live), told).toEqual(['web1', 'web2'])
    for (const [i, host] of hosts.entries()) {
      expect(host.serves, told).toMatch(new RegExp(`^${commit.slice(0, 12)}\\.`))
      expect(host.notes, told).not.toContain('lease')
      expect(host.notes, told).not.toContain('next')
      expect(host.units, told).toHaveLength(1)
      expect(host.units[0], told).toContain(`${host.serves}@`)
      expect(host.units[0], told).toMatch(/ active$/)
      expect(host.links, told).toEqual([host.units[0]!.split(' ')[0]])
      const [, slot] = /@(\d+)\./.exec(host.units[0]!)!
      expect(host.ports, told).toEqual([Number(slot)])
      expect(
        live[shop.web[i]!.name]!.map((each) => 12_000 + each),
        told,
      ).toEqual(host.ports)
    }
  }

  test(
    `leave nothing that the next command does not finish or put back (seed ${seed}, ${number} faults)`,
    async () => {
      const begun = Date.now()
      expect(await shop.deploy({ label: 'usual' })).toMatchObject({ code: 0 })
      const usual = Date.now() - begun
      const seen = { passed: 0, 'put back': 0, interrupted: 0, 'finished later': 0 }
      const lost: Record<string, number> = {}
      for (const [i, { fault, when, where }] of series.entries()) {
        await visitor.visits()
        const commit = shop.commit({ label: `version-${i}` })
        const run = shop.start('deploy', 'shop')
        await Promise.race([sleep((usual * when) / 1000), run.ended])
        await strike(fault, where, run)
        const first = await run.ended
        const told = `fault ${i + 1} of FETTLE_SEED=${seed} FETTLE_FAULTS=${i + 1}: ${fault} (${shop.web[where]!.name}) at ${when}/1000 of ${usual} ms
${first.stdout}\n${first.stderr}\n`
        if (first.code !== 0 && fault !== 'kill Fettle')
          expect(first.stderr, told).toMatch(/error (?!internal)[a-z-]+\n/)
        const ps = await shop.fettle('ps', 'shop')
        expect(ps.code, `${told}${ps.stdout}${ps.stderr}`).toBe(0)
        const next = await shop.fettle('deploy', 'shop')
        const both = `${told}${ps.stdout}\n${next.stdout}\n${next.stderr}`
        expect(next.code, both).toBe(0)
        if (/goes on, or was interrupted/.test(ps.stdout))
          expect(next.stderr, both).toContain('An earlier rollout was interrupted')
        seen.passed += first.code === 0 ? 1 : 0
        seen['put back'] += first.stderr.includes('error rollout-put-back') ? 1 : 0
        seen.interrupted += next.stderr.includes('it is put back now') ? 1 : 0
        seen['finished later'] += next.stderr.includes('is finished now') ? 1 : 0
        await expectWhole(commit, both)
        const guarded = (await shop.balancer.exec('cat /var/guard.log')).output
        expect(guarded, both).toBe('')
        const visits = await visitor.visits()
        const failed = visits.filter(({ status }) => status !== 200)
        lost[fault] = (lost[fault] ?? 0) + failed.length
        if (fault === 'kill Fettle') expect(failed, both).toEqual([])
        expect(visits.at(-1)?.label, both).toBe(`version-${i}`)
      }
      const { output } = await shop.balancer.exec('wc -c </var/guard.count')
      expect(Number(output)).toBeGreaterThan(50)
      process.stderr.write(
        `${number} faults (seed ${seed}): ${JSON.stringify(seen)}, requests lost: ${JSON.stringify(lost)}, ${Number(output)} looks at the domain\n`,
      )
    },
    120_000 + number * 120_000,
  )

  test('cut off while it finishes: the next command finishes it', async () => {
    // It keeps whoever stops it busy.
    expect(await shop.deploy({ label: 'deaf', mode: 'deaf' })).toMatchObject({ code: 0 })
    const commit = shop.commit({ label: 'after' })
    const run = shop.start('deploy', 'shop')
    const [, web2] = shop.web
    const { code } = await web2!.exec(`cd /var/lib/fettle/apps/shop
for try in $(seq 1000); do grep -q ${commit.slice(0, 12)} current && break; sleep 0.05; done
set -- $(cat lease) && pkill -KILL -g "$4"`)
    expect(code).toBe(0)
    const first = await run.ended
    expect(first.stderr).toContain('error rollout-unfinished')
    expect(first.code).toBe(1)
    const next = await shop.fettle('deploy', 'shop')
    expect(next.stderr).toContain('it had passed everywhere and is finished now')
    expect(next.code, next.stderr).toBe(0)
    await expectWhole(commit, next.stderr)
    expect((await shop.balancer.exec('cat /var/guard.log')).output).toBe('')
  }, 120_000)

  test('a host that is dead from the beginning: nothing changes until it is back', async () => {
    const [, web2] = shop.web
    const before = await shop.standing()
    await web2!.stop()
    const dead = await shop.deploy({ label: 'dead' })
    expect(dead.code).not.toBe(0)
    expect(dead.stderr).toMatch(/error (host-unreachable|connection-lost)\n[^]*web2/)
    await web2!.start()
    expect((await shop.standing()).hosts[0]).toEqual(before.hosts[0])
    const next = await shop.fettle('deploy', 'shop')
    expect(next.code, next.stderr).toBe(0)
    await expectWhole(shop.git('rev-parse', 'HEAD').trim(), next.stderr)
  }, 180_000)
})
