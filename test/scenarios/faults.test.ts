import { spawnSync } from 'node:child_process'
import * as fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { bootForFile, labAvailable, labMissing } from '../lab/fixture.ts'
import { Folder, type Started } from './cli.ts'

// FETTLE_SEED=random looks for new trouble; the seed of a failure, which is in its message,
// repeats it. A seed stands for the whole series, as each run begins with what the last one left.
const wanted = process.env['FETTLE_SEED'] ?? '1'
const seed = wanted === 'random' ? Date.now() % 2 ** 31 : Number(wanted)
const number = Number(process.env['FETTLE_FAULTS'] ?? 4)

const faults = ['kill Fettle', 'cut the connection', 'drop its packets', 'kill the shell', 'reboot']
const series = fc.sample(
  // When: in thousandths of what a run without a fault takes, from the login on.
  fc.record({ fault: fc.constantFrom(...faults), when: fc.nat(1100) }),
  { seed, numRuns: number },
)

/** Each file is as many lines of the same number: what is half old and half new shows. */
const lines = 400
const readers = ['/srv/app/one', '/srv/app/two', '/etc/shop.conf']

describe.skipIf(!labAvailable)(`faults at random moments ${labMissing}`, () => {
  const hosts = bootForFile(1)
  const exec = async (script: string): Promise<string> => (await hosts()[0]!.exec(script)).output

  /** The service copies its configuration when it starts: what it runs on can be compared. */
  const described = (version: number): Folder =>
    new Folder(hosts()).describe(
      hosts(),
      `const text = '${version}\\n'.repeat(${lines})
      const shop = service('shop')
      return [
        directory('/srv/app'),
        fettle.unit('shop.service', {
          sections: {
            Service: { ExecStart: '/bin/sh -c "cat /etc/shop.conf >/run/shop.running; exec sleep infinity"' },
            Install: { WantedBy: 'multi-user.target' },
          },
        }),
        file('/srv/app/one', { content: text }),
        command('step', { run: 'echo begin ${version} >>/srv/log; sleep 0.3; echo end ${version} >>/srv/log; echo ${version} >/srv/step', unless: 'grep -qx ${version} /srv/step' }),
        file('/etc/shop.conf', { content: text, notify: fettle.restart(shop) }),
        file('/srv/app/two', { content: text, mode: '0640' }),
        fettle.cron('job', { schedule: '@daily', command: 'true ${version}' }),
        shop,
        command('last', { run: 'sleep 0.2; echo ${version} >/srv/last', unless: 'grep -qx ${version} /srv/last' }),
      ]`,
    )

  /** Polls the files until it is told to stop, over a reboot too; says what was not whole. */
  const poll = `cat >/usr/local/bin/poll <<'END'
#!/bin/sh
while :; do
  for path in ${readers.join(' ')}; do
    [ -e "$path" ] || continue
    found=$(uniq -c <"$path") || continue
    set -- $found
    [ "$#" = 2 ] && [ "$1" = ${lines} ] || echo "$path: $found" >>/var/poll.log
    echo x >>/var/poll.count; sleep 0.01
  done
done
END
chmod 755 /usr/local/bin/poll
printf '[Service]\\nExecStart=/usr/local/bin/poll\\nNice=10\\n[Install]\\nWantedBy=multi-user.target\\n' >/etc/systemd/system/poll.service
systemctl daemon-reload; systemctl -q enable --now poll; systemctl is-active poll`

  const lookLikeOthers = async (): Promise<void> => {
    // As if Fettle had run on another machine: nobody knows that it is over.
    await exec(`cd /var/lib/fettle && [ -e lease ] && touch -d '58 seconds ago' beat`)
  }

  async function strike(fault: string, run: Started): Promise<void> {
    const host = hosts()[0]!
    if (fault === 'kill Fettle') run.child.kill('SIGKILL')
    if (fault === 'cut the connection')
      // The processes of sshd that serve a login, not the one that listens.
      await exec(`pkill -KILL -f '^sshd(-session)?: root'; true`)
    if (fault === 'kill the shell')
      await exec(`set -- $(cat /var/lib/fettle/lease); kill -KILL "$2"`)
    if (fault === 'drop its packets') {
      drop('-I', host.target.address)
      try {
        await Promise.race([run.ended, new Promise((resolve) => setTimeout(resolve, 40_000))])
      } finally {
        drop('-D', host.target.address)
      }
    }
    if (fault === 'reboot') {
      await host.stop()
      await run.ended
      await host.start()
    }
    await run.ended
  }

  beforeAll(async () => {
    if (!labAvailable) return
    expect(await exec(poll)).toBe('active\n')
  })

  test(
    `leave nothing that the next run does not finish (seed ${seed}, ${number} faults)`,
    async () => {
      const whole = await described(0).fettle(['up', '--lab', '--yes'])
      expect(whole.code, whole.stdout).toBe(0)
      const begun = Date.now()
      await described(1).fettle(['up', '--lab', '--yes'])
      const usual = Date.now() - begun
      const seen = { finished: 0, interrupted: 0 }
      for (const [i, { fault, when }] of series.entries()) {
        const version = i + 2
        const folder = described(version)
        const run = folder.start(['up', '--lab', '--yes'])
        await new Promise((resolve) => setTimeout(resolve, (usual * when) / 1000))
        await strike(fault, run)
        const first = await run.ended
        if (i % 5 === 4) await lookLikeOthers()
        const told = `fault ${i + 1} of FETTLE_SEED=${seed} FETTLE_FAULTS=${i + 1}: ${fault} at ${when}/1000 of ${usual} ms
${first.stdout}\n${first.stderr}\n`
        const next = await folder.fettle(['up', '--lab', '--yes'])
        expect(next.code, `${told}${next.stdout}\n${next.stderr}`).toBe(0)
        seen.finished += next.stdout.includes('Nothing to change') ? 0 : 1
        seen.interrupted += next.stderr.includes('was interrupted') ? 1 : 0
        const plan = await folder.fettle(['plan', '--lab'])
        expect(plan.stdout, told).toContain('Nothing to change on 1 host.')
        expect(
          await exec(`cmp /etc/shop.conf /run/shop.running; uniq -c /run/shop.running`),
          told,
        ).toBe(`    ${lines} ${version}\n`)
        expect(
          await exec(
            'ls -d /var/lib/fettle/lease /var/lib/fettle/guard* /var/lib/fettle/pending/* 2>/dev/null',
          ),
          told,
        ).not.toMatch(/lease|guard(\n|\.new|\.old)|pending/)
        expect(await exec('cat /var/poll.log 2>/dev/null'), told).toBe('')
        // A step of a run that was ended may be cut off, but never runs beside another.
        expect(interleaved(await exec('cat /srv/log')), told).toEqual([])
      }
      expect(Number(await exec('wc -l </var/poll.count'))).toBeGreaterThan(100)
      process.stderr.write(
        `${number} faults (seed ${seed}): ${seen.interrupted} interrupted, ${seen.finished} finished by the next run\n`,
      )
    },
    60_000 + number * 90_000,
  )

  test('two that begin at the same moment never change the host beside each other', async () => {
    await exec('rm -f /srv/log')
    const folders = [101, 102, 103].map((version) => ({ version, folder: described(version) }))
    const ends = await Promise.all(
      folders.map(async ({ version, folder }) => ({
        version,
        ...(await folder.fettle(['up', '--lab', '--yes'])),
      })),
    )
    const done = ends.filter(({ code }) => code === 0)
    expect(done.length).toBeGreaterThan(0)
    for (const { code, stdout, stderr } of ends)
      if (code !== 0) expect(`${stdout}${stderr}`).toMatch(/lease-held|host-moved/)
    expect(interleaved(await exec('cat /srv/log'))).toEqual([])
    expect(
      await exec('cmp /etc/shop.conf /run/shop.running; ls /var/lib/fettle/lease 2>/dev/null'),
    ).toBe('')
  }, 120_000)
})

/** Steps that ended while another was between its begin and its end. */
function interleaved(log: string): string[] {
  let open: string | undefined
  return log
    .trim()
    .split('\n')
    .filter((row) => {
      const [word, version] = row.split(' ')
      if (word === 'begin') open = version
      return word === 'end' && version !== open
    })
}

/** Loses all that goes to and comes from the address, as a broken network does. */
function drop(flag: '-I' | '-D', address: string): void {
  for (const [chain, side] of [
    ['OUTPUT', '-d'],
    ['INPUT', '-s'],
  ])
    spawnSync('iptables', [flag, chain!, side!, address, '-j', 'DROP'])
}
