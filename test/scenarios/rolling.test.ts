import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { bootForFile, labAvailable, labMissing } from '../lab/fixture.ts'
import type { Ended } from './cli.ts'
import { Shop } from './shop.ts'
import { Visitor, slotsOf } from './visitor.ts'

const options = `instances: 1, health: { path: '/health', every: 0.5 }, rollout: { settle: 0.5, drain: 3, stop: 2 },
      jobs: { note: { run: 'echo "$FETTLE_RELEASE" >> note; date >> note', at: 'hourly' } },`

describe.skipIf(!labAvailable)(`rolling runs and jobs ${labMissing}`, () => {
  const hosts = bootForFile(3)
  let shop: Shop

  const ok = async (...words: readonly string[]): Promise<Ended> => {
    const ended = await shop.fettle(...words)
    expect(ended.code, `${words.join(' ')}\n${ended.stdout}\n${ended.stderr}`).toBe(0)
    return ended
  }
  const exec = async (i: number, script: string): Promise<string> =>
    (await hosts()[i]!.exec(script)).output
  const timers = (i: number): Promise<string> =>
    exec(i, "systemctl list-timers --no-legend --plain 'shop.job.*' | grep -o 'shop[^ ]*timer'")
  const describeMore = (from: string, to: string): void => {
    const file = join(shop.folder.path, 'fleet.ts')
    const text = readFileSync(file, 'utf8')
    expect(text).toContain(from)
    writeFileSync(file, text.replace(from, to))
  }

  beforeAll(async () => {
    if (!labAvailable) return
    shop = new Shop(hosts(), options)
    shop.commit({ label: 'first' })
    await ok('facts')
    await ok('up', '--yes')
    await ok('deploy', 'shop')
  }, 400_000)

  test('a job is a timer on the first host, of the release that serves', async () => {
    expect([await timers(0), await timers(1)]).toEqual(['shop.job.note.timer\n', ''])
    await exec(0, 'cd /srv/shop/data; systemctl start shop.job.note.service')
    const failed = await exec(0, 'systemctl show -P Result,ExecMainStatus shop.job.note.service')
    // A tree cannot be written to: that is what the data are for.
    expect(failed).toContain('exit-code')
    describeMore('>> note; date >> note', '> /srv/shop/data/note')
    await ok('deploy', 'shop')
    await exec(0, 'systemctl start shop.job.note.service')
    const { hosts: standing } = await shop.standing()
    expect(await exec(0, 'cat /srv/shop/data/note')).toBe(`${standing[0]!.serves}\n`)
    describeMore("jobs: { note: { run: 'echo", "jobs: { other: { run: 'echo")
    await ok('deploy', 'shop')
    expect([await timers(0), await timers(1)]).toEqual(['shop.job.other.timer\n', ''])
    await ok('rollback', 'shop')
    expect(await timers(0)).toBe('shop.job.note.timer\n')
  }, 120_000)

  test('a host is changed while nobody is sent there', async () => {
    const slow = `role('slow', () => command('slow', { run: 'sleep 3; touch /srv/changed', creates: '/srv/changed' })).on('web1', 'web2')`
    describeMore('roles: [', `roles: [${slow}, `)
    describeMore('import { app,', 'import { app, command,')
    const visitor = new Visitor(shop.balancer, 50)
    const begun = Date.now()
    await ok('up', '--yes', '--rolling')
    await visitor.end()
    const visits = await visitor.visits()
    expect(visits.length).toBeGreaterThan(20)
    expect(visits.filter(({ status }) => status !== 200)).toEqual([])
    const changed = await Promise.all([0, 1].map((i) => exec(i, 'stat -c %Y /srv/changed')))
    const [first, second] = changed.map((text) => Number(text) * 1000) as [number, number]
    expect(first).toBeGreaterThanOrEqual(begun - 1000)
    expect(second - first).toBeGreaterThanOrEqual(2000)
    // In the second before each was changed, the other one answered.
    for (const [name, at] of [
      ['web1', first],
      ['web2', second],
    ] as const) {
      const meanwhile = visits.filter(({ began }) => began > at - 1000 && began < at)
      const slots = await slotsOf(
        shop.balancer,
        meanwhile.map(({ path }) => path),
      )
      expect(slots.filter((slot) => slot.startsWith(`${name}-`))).toEqual([])
    }
    const { live } = await shop.standing()
    expect(Object.keys(live).sort()).toEqual(['web1', 'web2'])
    expect((await ok('plan')).stdout).toContain('Nothing to change on 3 hosts.')
  }, 120_000)

  test('one that fails is left out, and a deploy takes it in again', async () => {
    const bad = `role('bad', () => command('bad', { run: 'exit 9', creates: '/srv/never' })).on('web1')`
    describeMore('roles: [', `roles: [${bad}, `)
    const failed = await shop.fettle('up', '--yes', '--rolling')
    expect(failed.code).toBe(1)
    expect(Object.keys((await shop.standing()).live)).toEqual(['web2'])
    describeMore(`${bad}, `, '')
    const { stderr } = await ok('restart', 'shop')
    expect(stderr).toContain('web1: had been left out of the balancing, and takes part again.')
    expect(Object.keys((await shop.standing()).live).sort()).toEqual(['web1', 'web2'])
  }, 120_000)

  test('Ctrl-C while its requests are finished: it is back, and nothing was changed', async () => {
    describeMore('drain: 3', 'drain: 60')
    expect(await shop.deploy({ label: 'hung', mode: 'hangs' })).toMatchObject({ code: 0 })
    const more = `role('more', () => file('/srv/more', { content: 'x' })).on('web1', 'web2')`
    describeMore('roles: [', `roles: [${more}, `)
    describeMore('import { app,', 'import { app, file,')
    // Hung requests to both hosts.
    await exec(
      2,
      `for i in 1 2 3 4; do
  { printf 'GET / HTTP/1.1\\r\\nHost: shop.test\\r\\n\\r\\n'; sleep 100; } | socat - TCP:127.0.0.1:80 >/dev/null 2>&1 &
done; sleep 1`,
    )
    const run = shop.start('up', '--yes', '--rolling')
    const stats = "echo 'show stat' | socat - /run/haproxy/admin.sock"
    const draining = (): Promise<string> => exec(2, `${stats} | grep -o 'web[12]-.*,DRAIN,'`)
    await expect.poll(draining, { timeout: 30_000, interval: 200 }).not.toBe('')
    run.child.kill('SIGINT')
    const ended = await run.ended
    expect(ended).toMatchObject({ code: 130 })
    expect(ended.stdout).toMatch(/web\d  stopped after 0 changes/)
    expect(await draining()).toBe('')
    expect(Object.keys((await shop.standing()).live).sort()).toEqual(['web1', 'web2'])
    expect((await exec(0, 'ls /srv/more 2>&1')) + (await exec(1, 'ls /srv/more 2>&1'))).toMatch(
      /^(ls: .*No such file.*\n){2}$/,
    )
  }, 120_000)
})
