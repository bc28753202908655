import { execFileSync } from 'node:child_process'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect } from 'vitest'
import { setSlots } from '../../src/balancer/slots.ts'
import { countOldWorkers } from '../../src/balancer/socket.ts'
import { type TestHost, labAvailable, labMissing, test } from '../lab/fixture.ts'
import { Load } from '../load/load.ts'
import type { Report } from '../load/tally.ts'
import { Folder } from './cli.ts'

const deploys = Number(process.env['FETTLE_DEPLOYS'] ?? 3)
const requests = Number(process.env['FETTLE_REQUESTS'] ?? 0)
/** In each second. */
const rate = Number(process.env['FETTLE_RATE'] ?? 300)
/** Seconds. */
const atRest = requests > 0 ? 60 : 4
/**
 * The long run rolls out as is the default. In the short one a drain is shorter than a slow answer: those and
 * WebSockets end with their instance.
 */
const rollout =
  process.env['FETTLE_ROLLOUT'] ?? (requests > 0 ? 'stop: 15' : 'settle: 1, drain: 1, stop: 15')

describe.skipIf(!labAvailable)(`no request is lost ${labMissing}`, () => {
  test(
    `through ${deploys} deploys, a scale up and down, reloads, and a host that is taken out`,
    { timeout: 300_000 + deploys * 60_000 },
    async ({ boot }) => {
      const hosts = await boot(3)
      const shop = new Shop(hosts)
      await shop.run('up', '--yes')
      for (let i = 0; i <= deploys; i++) shop.commit(`r${i}`)
      await shop.run('deploy', 'shop', 'r0')
      const load = new Load({
        address: hosts[0]!.target.address,
        host: 'shop.example.com',
        releases: 'r0',
        rate,
        seconds: 120 + deploys * 60,
      })
      try {
        const report = await through(shop, load)
        process.stdout.write(`${table(report)}\n`)
        expect(report.failures).toEqual([])
        expect(report.failed).toBe(0)
        expect(report.requests).toBeGreaterThan(Math.max(1000, requests))
      } finally {
        load.tell({ stop: true })
      }
    },
  )
})

/** Everything that may happen, one after the other. */
async function through(shop: Shop, load: Load): Promise<Report> {
  // Until all clients are under way.
  load.tell({ phase: 'warm-up' })
  await sleep(2000)
  load.tell({ phase: 'rest' })
  await sleep(atRest * 1000)
  for (let i = 1; i <= deploys; i++) {
    const [old, fresh] = [`r${i - 1}`, `r${i}`]
    load.tell({ phase: 'deploys', releases: [old, fresh] })
    await shop.run('deploy', 'shop', fresh)
    load.tell({ releases: [fresh] })
  }
  load.tell({ phase: 'scale' })
  await shop.run('scale', 'shop', 'web=4')
  await shop.run('scale', 'shop', 'web=2')
  load.tell({ phase: 'reload' })
  for (let i = 0; i < 3; i++) {
    await shop.on(0, 'systemctl reload haproxy')
    await sleep(700)
  }
  load.tell({ phase: 'host out' })
  await shop.takeOut(2)
  load.tell({ phase: 'rest' })
  const until = performance.now() + 600_000
  do await sleep(atRest * 1000)
  while (load.requests <= requests && performance.now() < until)
  return load.stop()
}

/** A fleet with a balancer and two hosts of an app, whose source is a repository here. */
class Shop {
  readonly #hosts: readonly TestHost[]
  readonly #folder: Folder

  constructor(hosts: readonly TestHost[]) {
    this.#hosts = hosts
    this.#folder = new Folder(hosts).write('fleet.ts', description)
    const app = new URL('../load/app', import.meta.url).pathname
    cpSync(app, join(this.#folder.path, 'shop'), { recursive: true })
    this.#git('init', '-q')
  }

  commit(release: string): void {
    this.#folder.write('shop/release', `${release}\n`)
    this.#git('add', '.')
    this.#git('commit', '-qm', release)
    this.#git('tag', release)
  }

  async run(...words: string[]): Promise<void> {
    const ended = await this.#folder.fettle([...words, '--lab'], { elsewhere: true })
    if (ended.code !== 0) throw new Error(`${words.join(' ')}: ${ended.stderr}${ended.stdout}`)
  }

  async on(host: number, script: string): Promise<string> {
    const { code, output } = await this.#hosts[host]!.exec(script)
    if (code !== 0) throw new Error(output)
    return output
  }

  /** Its instances get nothing more, are stopped, started, and get requests again. */
  async takeOut(host: number): Promise<void> {
    const live = /"slots":\[([\d,]+)\]/.exec(
      await this.on(host, 'cat /var/lib/fettle/apps/shop/current'),
    )![1]!
    const set = (state: 'ready' | 'drain' | 'maint'): Promise<string> => {
      const { name } = this.#hosts[host]!
      const slots = live.split(',').map(Number)
      const changes = slots.map((slot) => ({ app: 'shop', host: name, slot, state }))
      return this.on(0, setSlots(changes).text)
    }
    await set('drain')
    // As a rollout waits: what a reload has replaced does not hear of slots any more. WebSockets keep it.
    for (let waited = 0; waited < 8; waited++) {
      await sleep(1000)
      if ((await this.on(0, countOldWorkers.text)).trim() === '0') break
    }
    await set('maint')
    await this.on(host, "systemctl stop 'shop.web.*'")
    const units = '/etc/systemd/system/multi-user.target.wants/shop.web.*'
    await this.on(
      host,
      `for each in ${units}; do
  systemctl start "\${each##*/}"; port=\${each#*@}; port=\${port%.service}
  until curl -fs -o /dev/null "http://$(hostname -I | cut -d' ' -f1):$port/health"; do sleep 0.1; done
done`,
    )
    await set('ready')
  }

  #git(...words: string[]): void {
    const who = ['-c', 'user.name=shop', '-c', 'user.email=shop@example.com']
    execFileSync('git', [...who, ...words], { cwd: join(this.#folder.path, 'shop') })
  }
}

const description = `import { app, balancer, fleet, packages, role } from 'fettle'
const shop = app('shop', {
  source: './shop',
  domains: 'shop.example.com',
  build: { command: '' },
  health: { path: '/health', timeout: 5, within: 60 },
  balance: { sticky: true },
  rollout: { ${rollout} },
})
export default fleet({
  hosts: { web1: {}, web2: {}, web3: {} },
  roles: [
    role('python', () => packages('python3')).on('web2', 'web3'),
    role('balancer', (host) => balancer(host)).on('web1'),
  ],
  apps: [shop.on('web2', 'web3')],
})
`

function table({ phases, busy, requests, failed, seconds }: Report): string {
  const rows = Object.entries({ ...phases, busy }).flatMap(([phase, kinds]) =>
    Object.entries(kinds).map(([kind, { requests, connections, troubles, p50, p99 }]) =>
      [
        phase.padEnd(9),
        kind.padEnd(7),
        String(requests).padStart(8),
        String(connections).padStart(8),
        p50.toFixed(1).padStart(9),
        p99.toFixed(1).padStart(9),
        JSON.stringify(troubles),
      ].join(' '),
    ),
  )
  const head = 'phase     kind    requests  connects    p50 ms    p99 ms troubles'
  const end = `${requests} requests, ${failed} failed, ${Math.round(requests / seconds)} in a second`
  return [head, ...rows, end].join('\n')
}
