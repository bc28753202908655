import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { type TestHost, bootForFile, labAvailable, labMissing } from '../lab/fixture.ts'
import { trustOwnRegistry, serveImage } from '../lab/podman.ts'
import { type Ended } from './cli.ts'
import { Shop, type Version, port } from './shop.ts'
import { Visitor } from './visitor.ts'

const options = `build: {}, instances: 1, env: { WORDS: 'a "b" $c\\nd' }, limits: { memory: 200, cpu: 1 },
      jobs: { note: { run: 'cat mode >>$HOME/job', at: 'daily' } },
      health: { path: '/health', within: 6, timeout: 1, every: 0.5 },
      rollout: { settle: 1, drain: 1, stop: 2, keep: 2 },`

/** Perl and a shell, from the host itself: hosts of the lab reach no registry. */
const base = `set -e
mkdir -p /t/root/bin /t/root/tmp /t/root/srv/shop/data; cd /t
cp /bin/busybox root/bin/
for name in sh sleep env cat echo id true ls; do ln -sf busybox root/bin/$name; done
for file in $(dpkg -L perl-base | grep -v /doc/) $(ldd /usr/bin/perl | grep -o '/[^ ]*'); do
  [ ! -f "$file" ] || cp -L --parents "$file" root/
done
tar -C root -c . | podman import - localhost/base:1 >/dev/null`

const dockerfile = `FROM localhost/base:1
WORKDIR /app
COPY server.pl mode build ./
RUN sh ./build
`

const processes = `release: echo "migrated $WORDS" >$HOME/migrated
worker: echo "worker of $FETTLE_RELEASE" && sleep 1000
`

describe.skipIf(!labAvailable)(`an app in containers ${labMissing}`, () => {
  const hosts = bootForFile(3)
  let shop: Shop
  let visitor: Visitor

  const ok = async (...words: readonly string[]): Promise<Ended> => {
    const ended = await shop.fettle(...words)
    expect(ended.code, `${words.join(' ')}\n${ended.stdout}\n${ended.stderr}`).toBe(0)
    return ended
  }
  const on = async (host: TestHost, script: string): Promise<string> => {
    const { code, output } = await host.exec(`export PODMAN_IGNORE_CGROUPSV1_WARNING=1\n${script}`)
    if (code !== 0) throw new Error(`${code}: ${output}`)
    return output.trim()
  }
  const commit = (version: Version): string => shop.commit({ processes, ...version }).slice(0, 12)
  const deploy = async (version: Version): Promise<string> => {
    const made = commit(version)
    await ok('deploy', 'shop')
    return made
  }
  const images = async (host: TestHost): Promise<string[]> =>
    (await on(host, `podman images --format '{{.Tag}}' --filter reference=localhost/fettle/shop`))
      .split('\n')
      .filter(Boolean)
      .sort()
  const failsWith = async (version: Version): Promise<Record<string, string>> => {
    const before = await shop.standing()
    const had = await Promise.all(shop.web.map(images))
    commit(version)
    const { code, stdout } = await shop.fettle('deploy', 'shop', '--json')
    expect(code, stdout).toBe(1)
    expect(await shop.standing()).toEqual(before)
    expect(await Promise.all(shop.web.map(images))).toEqual(had)
    return (JSON.parse(stdout) as { error: Record<string, string> }).error
  }

  beforeAll(async () => {
    if (!labAvailable) return
    const tiny = `app('tiny', { image: 'localhost:5000/a/tiny:1', domains: 'tiny.test', port: ${port + 100}, instances: 1,
      health: '/health', rollout: { settle: 0.5, drain: 0, stop: 2 } }).on('web1'),
    app('odd', { image: 'localhost/base:1', port: ${port + 200}, processes: { web: 'sleep 1000' } }).on(WEB)`
    shop = new Shop(hosts(), options, tiny)
    shop.folder.write('app/Dockerfile', dockerfile)
    commit({ label: 'one' })
    await ok('up', '--yes')
    for (const host of shop.web) {
      await on(host, `${trustOwnRegistry} apt-get install -qy busybox-static python3 >/dev/null`)
      await on(host, base)
    }
    return () => visitor?.end()
  }, 400_000)

  test('is built on its hosts and served', async () => {
    await ok('deploy', 'shop')
    visitor = new Visitor(shop.balancer)
    const [visit] = await visited()
    expect(visit).toMatchObject({ status: 200, label: 'one' })
    const [web1] = shop.web
    expect(await on(web1!, 'cat /srv/shop/data/migrated')).toBe('migrated a "b" $c\nd')
  }, 200_000)

  const visited = async (): ReturnType<Visitor['visits']> => {
    await new Promise((resolve) => setTimeout(resolve, 400))
    return visitor.visits()
  }

  test('runs as its user in the cgroup of its unit, which limits and logs it', async () => {
    const [web1] = shop.web
    const { units } = (await shop.standing()).hosts[0]!
    const unit = units.find((each) => each.startsWith('shop.web'))!.split(' ')[0]!
    const pid = await on(web1!, `pgrep -f '^perl server.pl' | head -1`)
    expect(await on(web1!, `ps -o user= -p ${pid}`)).toBe('shop')
    expect(await on(web1!, `cat /proc/${pid}/cgroup`)).toContain(unit)
    expect(await on(web1!, `grep -e CapBnd -e NoNewPrivs /proc/${pid}/status`)).toMatch(
      /CapBnd:\t0+\nNoNewPrivs:\t1/,
    )
    expect(await on(web1!, `systemctl show -p MemoryMax,CPUQuotaPerSecUSec ${unit}`)).toBe(
      'CPUQuotaPerSecUSec=1s\nMemoryMax=209715200',
    )
    const { stdout } = await ok('logs', 'shop', '--process', 'worker')
    expect(stdout).toMatch(/worker of [0-9a-f]{12}\.[0-9a-f]{6}$/m)
    expect(stdout).not.toContain('container ')
    const all = await ok('ps', 'shop')
    expect(all.stdout).toMatch(/web@12\d+ +active/)
    expect(all.stdout).toMatch(/worker@1 +active/)
  }, 60_000)

  test('its commands and jobs run in it', async () => {
    const { stdout } = await ok(
      'exec',
      'shop',
      '--',
      'cat mode; echo "$WORDS"; touch /x 2>&1; id -u',
    )
    const [web1] = shop.web
    const user = await on(web1!, 'id -u shop')
    expect(stdout).toMatch(
      new RegExp(`^one good\\na "b" \\$c\\nd\\n.*Read-only file system\\n${user}\\n$`),
    )
    await on(web1!, 'systemctl start shop.job.note.service')
    expect(await on(web1!, 'cat /srv/shop/data/job; podman ps -aq | wc -l')).toBe('one good\n2')
  }, 60_000)

  test('a release takes the place of another one, and no request fails', async () => {
    await visitor.visits()
    await deploy({ label: 'two' })
    const visits = await visited()
    expect(visits.filter(({ status }) => status !== 200)).toEqual([])
    expect(new Set(visits.map(({ label }) => label))).toEqual(new Set(['one', 'two']))
    const { hosts } = await shop.standing()
    for (const { units } of hosts) expect(units.length).toBe(2)
    for (const host of shop.web) expect(await on(host, 'podman ps -aq | wc -l')).toBe('2')
  }, 120_000)

  test('bad ones go back', async () => {
    const failing = await failsWith({ label: 'fails', mode: 'fails' })
    expect(failing['what']).toMatch(/answers failed/)
    const deaf = await failsWith({ label: 'late', mode: 'late 60' })
    expect(deaf['what']).toMatch(/was not well within 6 s/)
    const dead = await failsWith({ label: 'dead', mode: 'no-start' })
    expect(dead['log']).toContain('there is no configuration')
    expect((await visited()).at(-1)).toMatchObject({ status: 200, label: 'two' })
  }, 200_000)

  test('a build that fails shows its log and leaves nothing', async () => {
    // The lab's podman builds in a chroot, and may lose what a step says at the moment that it ends.
    const build = 'echo no compiler; sleep 1; exit 5'
    const error = await failsWith({ label: 'unbuilt', build })
    expect(error).toMatchObject({ code: 'build-failed' })
    expect(error['log']).toContain('no compiler')
    for (const host of shop.web)
      expect(
        await on(host, 'podman images -aq --filter dangling=true; podman ps -aq --external'),
      ).not.toMatch(/sha256/)
  }, 120_000)

  test('goes back to the release before, scales, and starts anew', async () => {
    await ok('rollback', 'shop')
    expect((await visited()).at(-1)).toMatchObject({ status: 200, label: 'one' })
    await ok('scale', 'shop', 'web=2')
    await ok('restart', 'shop')
    const { hosts } = await shop.standing()
    for (const { units } of hosts) expect(units.length).toBe(3)
    await ok('scale', 'shop', 'web=1')
    expect((await visitor.visits()).filter(({ status }) => status >= 500)).toEqual([])
  }, 120_000)

  test('images of releases that went are removed, and one that was removed by hand is made anew', async () => {
    await deploy({ label: 'three' })
    const last = await deploy({ label: 'four' })
    const { hosts } = await shop.standing()
    for (const [i, host] of shop.web.entries()) {
      const kept = hosts[i]!.releases.map((each) => each.split('.')[0]!)
      expect(kept.length).toBe(2)
      expect(await images(host)).toEqual(kept.sort())
    }
    await ok('rollback', 'shop')
    await on(shop.web[0]!, `podman rmi localhost/fettle/shop:${last}`)
    await ok('deploy', 'shop')
    expect((await visited()).at(-1)).toMatchObject({ status: 200, label: 'four' })
  }, 200_000)

  test('an image is pulled, and what it runs by itself is served', async () => {
    const [web1] = shop.web
    await on(
      web1!,
      `set -e; mkdir /t/tiny; cd /t/tiny; echo 'tiny good' >mode
for each in /srv/shop/trees/*.source; do cp "$each/server.pl" .; done
printf 'FROM localhost/base:1\\nCOPY server.pl mode ./\\nCMD ["perl", "server.pl"]\\n' >Dockerfile
BUILDAH_ISOLATION=chroot podman build -q --layers=false -t localhost/tiny:1 .`,
    )
    await serveImage(web1!, 'localhost/tiny:1')
    await ok('deploy', 'tiny')
    const { address } = shop.balancer.target
    expect(await on(web1!, `curl -s -H 'Host: tiny.test' http://${address}/`)).toBe('tiny')
    expect(await on(web1!, `podman images --format '{{.Repository}}'`)).not.toContain(':5000')
  }, 120_000)

  test('an image that is not the same on all hosts is refused', async () => {
    const { code, stdout } = await shop.fettle('deploy', 'odd', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'image-differs' } })
    expect(code).toBe(2)
    for (const host of shop.web)
      expect(await on(host, `ls /srv/odd/trees; podman images localhost/fettle/odd -q`)).toBe('')
  }, 60_000)

  test('an instance is started anew after a crash and after a power cut', async () => {
    const [web1] = shop.web
    const answers = `for i in $(seq 100); do curl -sf -o /dev/null http://$(hostname -i):$1/health && break; sleep 0.2; done
podman ps -q | wc -l`
    const port = (await shop.standing()).hosts[0]!.ports[0]!
    const unit = `$(systemctl list-units --plain --no-legend 'shop.web.*' | cut -d' ' -f1)`
    await on(web1!, `kill -9 $(systemctl show -P MainPID ${unit}); sleep 3`)
    expect(await on(web1!, answers.replace('$1', String(port)))).toBe('3')
    expect(await on(web1!, `systemctl show -P NRestarts ${unit}`)).toBe('1')
    await web1!.stop()
    await web1!.start()
    expect(await on(web1!, answers.replace('$1', String(port)))).toBe('3')
    expect((await shop.standing()).hosts[0]!.units.length).toBe(2)
  }, 120_000)

  test('an app that leaves takes its image along', async () => {
    const [web1] = shop.web
    const made = `podman images --format '{{.Repository}}' | grep -c fettle/tiny; :`
    expect(await on(web1!, made)).toBe('1')
    const file = join(shop.folder.path, 'fleet.ts')
    const without = readFileSync(file, 'utf8').replace(/app\('tiny'.*\n.*\.on\('web1'\),/, '')
    shop.folder.write('fleet.ts', without)
    await ok('up', '--yes', '--orphans', 'remove')
    expect(await on(web1!, made)).toBe('0')
    expect((await ok('plan')).stdout).toContain('Nothing to change')
  }, 120_000)
})
