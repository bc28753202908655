import { beforeAll, describe, expect, test } from 'vitest'
import { bootForFile, labAvailable, labMissing } from '../lab/fixture.ts'
import type { Ended } from './cli.ts'
import { Shop, port } from './shop.ts'
import { Visitor } from './visitor.ts'

const quick = `build: { command: 'sh ./build' }, health: { path: '/health', timeout: 2, every: 0.5 },
      rollout: { settle: 0.5, drain: 1, stop: 2 }`

/** Only one of these may run at a time, so a new one must find no other's mark. */
const worker = `worker: perl -e 'open F,">>","/srv/shop/data/log";F->autoflush;use IO::Handle;print F "begin $$\\n";$SIG{TERM}=sub{sleep 1;print F "end $$\\n";exit 0};$|=1;print "worker of $ENV{FETTLE_RELEASE}\\n";sleep 9 while 1'\n`

describe.skipIf(!labAvailable)(`deploy and its relatives ${labMissing}`, () => {
  const hosts = bootForFile(3)
  let shop: Shop

  const commit = (label: string): string => shop.commit({ label, processes: worker })
  const ok = async (...words: readonly string[]): Promise<Ended> => {
    const ended = await shop.fettle(...words)
    expect(ended.code, `${words.join(' ')}\n${ended.stdout}\n${ended.stderr}`).toBe(0)
    return ended
  }
  const deploy = async (label: string): Promise<string> => {
    const made = commit(label)
    await ok('deploy', 'shop')
    return made
  }
  const expectNothingToDo = async (): Promise<void> => {
    const { stdout } = await ok('plan')
    expect(stdout).toContain('Nothing to change on 3 hosts.')
  }
  const serving = async (): Promise<string> => {
    const { hosts } = await shop.standing()
    for (const { notes, serves } of hosts) {
      expect(notes).not.toContain('lease')
      expect(notes).not.toContain('next')
      expect(serves).toBe(hosts[0]!.serves)
    }
    return hosts[0]!.serves
  }
  const ask = async (): Promise<string> => {
    const visitor = new Visitor(shop.balancer, 50)
    await visitor.end()
    const [visit] = await visitor.visits()
    return `${visit!.status} ${visit!.label}`.trim()
  }

  beforeAll(async () => {
    if (!labAvailable) return
    const second = `app('blog', { source: './app', domains: 'blog.test', port: 12100, instances: 1, processes: { worker: 'sleep infinity' }, ${quick} }).on(WEB)`
    shop = new Shop(hosts(), `instances: 1, ${quick.slice(quick.indexOf('health'))}`, second)
    commit('first')
    await ok('facts')
    const early = await shop.fettle('deploy', 'shop')
    expect(early.stderr).toContain('error app-not-prepared')
    expect(early.code).toBe(2)
    await ok('up', '--yes')
    await ok('deploy', 'shop')
  }, 400_000)

  test('two deploys of one app: one after the other; those of another app do not wait', async () => {
    const [a, b] = [commit('second'), commit('third')]
    const one = shop.start('deploy', 'shop', a)
    await one.until('upload')
    const two = shop.start('deploy', 'shop', b)
    const other = shop.start('deploy', 'blog')
    await two.until('waiting for the deploy of')
    const [first, second, third] = await Promise.all([one.ended, two.ended, other.ended])
    for (const { code, stderr } of [first, second, third]) expect(code, stderr).toBe(0)
    expect(third.stderr).not.toContain('waiting')
    expect(await serving()).toMatch(new RegExp(`^${b.slice(0, 12)}`))
    expect(await ask()).toBe('200 third')
    await expectNothingToDo()
  }, 120_000)

  test('Ctrl-C puts back', async () => {
    const before = await shop.standing()
    const run = shop.start('deploy', 'shop', commit('unwanted'))
    await run.until('switch')
    run.child.kill('SIGINT')
    const { code, stderr } = await run.ended
    expect(stderr).toContain('error interrupted')
    expect(code).toBe(130)
    expect(await shop.standing()).toEqual(before)
  }, 90_000)

  test('up during a deploy leaves it alone', async () => {
    const made = commit('fourth')
    const run = shop.start('deploy', 'shop')
    await run.until('switch')
    await ok('up', '--yes')
    const { code, stderr } = await run.ended
    expect(code, stderr).toBe(0)
    expect(await serving()).toMatch(new RegExp(`^${made.slice(0, 12)}`))
    await expectNothingToDo()
    expect(await ask()).toBe('200 fourth')
  }, 90_000)

  test('rollback: to the one before, and to one that is named', async () => {
    const fourth = await serving()
    await ok('rollback', 'shop')
    expect(await ask()).toBe('200 third')
    await ok('rollback', 'shop', fourth)
    expect(await serving()).toBe(fourth)
    const unknown = await shop.fettle('rollback', 'shop', 'ffffffffffff')
    expect(unknown.stderr).toContain('error unknown-selection')
  }, 120_000)

  test('workers of two releases have never run at once', async () => {
    for (const host of shop.web) {
      const { output } = await host.exec('cat /srv/shop/data/log')
      let running = 0
      for (const row of output.trim().split('\n')) {
        running += row.startsWith('begin') ? 1 : -1
        expect(running, output).toBeLessThan(2)
      }
      expect(running, output).toBe(1)
      expect(output.split('begin').length, output).toBeGreaterThan(6)
    }
  })

  test('scale: up, down, to nothing, and what cannot be', async () => {
    await ok('scale', 'shop', 'web=3', 'worker=2')
    let { hosts, live } = await shop.standing()
    for (const { units } of hosts) expect(units).toHaveLength(5)
    expect(live['web1']).toHaveLength(3)
    await expectNothingToDo()
    await deploy('fifth')
    ;({ hosts } = await shop.standing())
    for (const { units } of hosts) expect(units).toHaveLength(5)
    await ok('scale', 'shop', 'web=0', 'worker=0')
    ;({ hosts, live } = await shop.standing())
    for (const { units, links } of hosts) expect([units, links]).toEqual([[], []])
    expect(live).toEqual({})
    expect(await ask()).toBe('503')
    await ok('scale', 'shop', 'web=1', 'worker=1')
    expect(await ask()).toBe('200 fifth')
    await expectNothingToDo()
    const unknown = await shop.fettle('scale', 'shop', 'wrker=1')
    expect(unknown.stderr).toContain('error unknown-selection')
    expect(unknown.stderr).toContain('worker')
  }, 120_000)

  test('restart: other instances of the same release', async () => {
    const [release, before] = [await serving(), await shop.standing()]
    await ok('restart', 'shop')
    const after = await shop.standing()
    expect(await serving()).toBe(release)
    expect(after.hosts[0]!.ports).not.toEqual(before.hosts[0]!.ports)
  }, 60_000)

  test('maintenance: its page, also over a deploy, until it is off', async () => {
    await ok('maintenance', 'shop', 'on')
    expect(await ask()).toBe('503')
    await expectNothingToDo()
    await ok('maintenance', 'shop', 'off')
    expect(await ask()).toBe('200 fifth')
    // As it is when closing it was interrupted halfway.
    for (const host of shop.web) await host.exec('touch /var/lib/fettle/apps/shop/maintenance')
    await deploy('sixth')
    expect((await shop.standing()).live).toEqual({})
    expect(await ask()).toBe('503')
    await ok('maintenance', 'shop', 'off')
    expect(await ask()).toBe('200 sixth')
    await expectNothingToDo()
  }, 120_000)

  test('ps, releases, logs and exec', async () => {
    const ps = JSON.parse((await ok('ps', 'shop', '--json')).stdout) as {
      apps: { hosts: { host: string; maintenance: boolean; instances: { process: string }[] }[] }[]
    }
    expect(ps.apps[0]!.hosts.map(({ host, instances }) => [host, instances.length])).toEqual([
      ['web1', 2],
      ['web2', 2],
    ])
    const { stdout } = await ok('releases', 'shop', '--json')
    const { releases } = JSON.parse(stdout) as { releases: { subject?: string }[] }
    expect(releases.at(-1)!.subject).toContain('sixth')
    const logs = await ok('logs', 'shop', '--process', 'worker')
    expect(logs.stdout).toContain(`worker of ${await serving()}`)
    const ran = await ok('exec', 'shop', '--host', 'web2', '--', 'id -un; cat mode; hostname')
    expect(ran.stdout).toBe('shop\nsixth good\nweb2\n')
    expect((await shop.fettle('exec', 'shop', '--', 'exit 7')).code).toBe(7)
  }, 60_000)

  test('others sit on all of its ports: nothing is begun', async () => {
    const before = await shop.standing()
    const [, web2] = shop.web
    await web2!.exec(
      `systemd-run --quiet --unit=squat perl -MIO::Socket::INET -e 'for (${port} .. ${port + 99}) { push @a, IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $_, Listen => 1) } sleep'; sleep 0.5`,
    )
    try {
      const made = commit('squatted')
      const { code, stderr } = await shop.fettle('deploy', 'shop', made)
      expect(stderr).toContain('error ports-taken')
      expect(stderr).toContain('web2')
      expect(code).toBe(2)
    } finally {
      await web2!.exec('systemctl stop squat')
    }
    expect(await shop.standing()).toEqual(before)
  }, 60_000)
})
