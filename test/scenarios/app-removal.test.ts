import { beforeAll, describe, expect, test } from 'vitest'
import { liveSlots } from '../../src/balancer/slots.ts'
import { made, run } from '../contracts/run.ts'
import { bootForFile, labAvailable, labMissing } from '../lab/fixture.ts'
import type { Ended } from './cli.ts'
import { Shop, port } from './shop.ts'
import { Visitor } from './visitor.ts'

const options = `build: { command: 'sh ./build' }, health: { path: '/health', timeout: 2, every: 0.5 },
  rollout: { settle: 0.5, drain: 5, stop: 2 }, jobs: { tick: { run: 'sleep 600', at: 'daily' } }`
const versions = { processes: "worker: perl -e 'sleep 9 while 1'\n" }

/** Everything of an app that a host may have; nothing when it has nothing. */
const remains = `systemctl list-units --all --no-legend --plain 'shop.*' | while read -r unit rest; do echo "$unit"; done
systemctl list-unit-files --no-legend 'shop.*'
ls -d /etc/systemd/system/shop.* /etc/systemd/system/*.wants/shop.* /srv/shop /var/lib/fettle/apps/shop /var/lib/systemd/timers/stamp-shop.* /run/fettle/backoff/shop.* 2>/dev/null
getent passwd shop shop-build; getent group shop shop-build; grep -h shop /var/lib/fettle/managed
:`

describe.skipIf(!labAvailable)(`an app that leaves ${labMissing}`, () => {
  const hosts = bootForFile(3)
  let shop: Shop

  /** The last host has the balancer, and may have the app as well. */
  const describeOn = (...names: readonly string[]): void => {
    const placed = `app('shop', { source: './app', domains: 'shop.test', port: ${port}, ${options} })`
    shop.folder.write(
      'fleet.ts',
      `import { app, balancer, fleet, role } from 'fettle'
export default fleet({
  hosts: { web1: {}, web2: {}, web3: {} },
  roles: [role('balancer', (host) => balancer(host)).on('web3')],
  apps: [${names.length === 0 ? '' : `${placed}.on(${names.map((name) => `'${name}'`).join(', ')})`}],
})
`,
    )
  }
  const ok = async (...words: readonly string[]): Promise<Ended> => {
    const ended = await shop.fettle(...words)
    expect(ended.code, `${words.join(' ')}\n${ended.stdout}\n${ended.stderr}`).toBe(0)
    return ended
  }
  const remainsOn = async (...names: readonly string[]): Promise<string> => {
    const chosen = hosts().filter(({ name }) => names.includes(name))
    const all = await Promise.all(chosen.map((host) => host.exec(remains)))
    return all.map(({ output }) => output.trim()).join('')
  }
  const live = async (): Promise<Record<string, readonly number[]> | undefined> => {
    const { output } = await shop.balancer.exec('cat /etc/haproxy/haproxy.cfg')
    const slots = liveSlots(output).get('shop')
    return slots && Object.fromEntries(slots)
  }
  const visits = async (work: () => Promise<unknown>): Promise<string[]> => {
    const visitor = new Visitor(shop.balancer, 20)
    await work()
    await visitor.end()
    const all = await visitor.visits()
    return [...new Set(all.map(({ status, label }) => `${status} ${label}`.trim()))]
  }

  beforeAll(async () => {
    if (!labAvailable) return
    shop = new Shop(hosts(), options)
    describeOn('web1', 'web2', 'web3')
    shop.commit({ label: 'first', ...versions })
    await ok('up', '--yes')
    await ok('deploy', 'shop')
    for (const host of hosts()) await host.exec('echo precious >/srv/shop/data/orders')
  }, 400_000)

  test('from some of its hosts: it is listed and runs on, until its removal is asked for', async () => {
    describeOn('web1')
    const { stdout } = await ok('plan')
    expect(stdout).toContain(
      'o app:shop  its 3 instances, WHICH STILL RUN, 1 release, ALL ITS DATA',
    )
    const before = await remainsOn('web2')
    expect(await visits(() => ok('up', '--yes', '--host', 'web2'))).toEqual(['200 first'])
    expect(await remainsOn('web2')).toBe(before)
    expect(await live()).toEqual({ web1: [0, 1], web2: [0, 1], web3: [0, 1] })

    // No request is lost, though all hosts are changed at once, the balancer's own among them.
    expect(await visits(() => ok('up', '--yes', '--orphans', 'remove'))).toEqual(['200 first'])
    expect(await remainsOn('web2', 'web3')).toBe('')
    expect(await live()).toEqual({ web1: [0, 1] })
    expect((await ok('plan')).stdout).toContain('Nothing to change on 3 hosts.')
    expect((await ok('plan')).stdout).not.toContain('no longer described')
  }, 200_000)

  test('while a deploy of it goes on: refused, and it serves on', async () => {
    shop.commit({ label: 'second', build: 'sleep 600', ...versions })
    const deploy = shop.start('deploy', 'shop')
    await deploy.until('upload')
    describeOn()
    expect((await ok('plan')).stdout).toContain('o app:shop  NOT NOW, as a deploy of it goes on')
    const seen = await visits(async () => {
      const { code, stderr } = await shop.fettle('up', '--yes', '--orphans', 'remove')
      expect(stderr).toContain('error app-being-deployed')
      expect(code).toBe(2)
      // One that begins after that was asked is seen by the step itself.
      const late = await run([shop.web[0]!.target], () => [], { orphans: 'remove' })
      expect(String(late.results[0]!.error)).toContain('a deploy of it goes on')
      expect(made(late)).toEqual([])
    })
    expect(seen).toEqual(['200 first'])
    expect(await live()).toEqual({ web1: [0, 1] })
    await shop.web[0]!.exec('systemctl stop fettle-build-shop.service')
    expect((await deploy.ended).stderr).toContain('error build-failed')
  }, 200_000)

  test('from the description: nothing of it stays, and removing again changes nothing', async () => {
    await shop.web[0]!.exec('systemctl start --no-block shop.job.tick.service')
    const { stdout } = await ok('up', '--yes', '--orphans', 'remove')
    expect(stdout).toContain('app:shop')
    expect(await remainsOn('web1', 'web2', 'web3')).toBe('')
    expect(await live()).toBe(undefined)
    const again = await ok('up', '--yes', '--orphans', 'remove')
    expect(again.stdout).toContain('Nothing to change on 3 hosts.')
  }, 200_000)

  test('and comes back', async () => {
    describeOn('web1', 'web2')
    shop.commit({ label: 'third', ...versions })
    await ok('up', '--yes')
    await ok('deploy', 'shop')
    expect(await visits(() => ok('plan'))).toEqual(['200 third'])
    expect(await live()).toEqual({ web1: [0, 1], web2: [0, 1] })
    expect(await remainsOn('web2')).not.toContain('precious')
  }, 200_000)

  test('a host that forgets it leaves it alone', async () => {
    describeOn('web1')
    await ok('up', '--yes', '--orphans', 'keep')
    expect((await ok('plan')).stdout).not.toContain('no longer described')
    expect(await remainsOn('web2')).toContain('shop.web.')
  }, 200_000)
})
