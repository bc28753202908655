import { describe, expect, test } from 'vitest'
import { file } from '../../src/resources/file.ts'
import { planned, read } from '../contracts/run.ts'
import { bootForFile, labAvailable, labMissing } from '../lab/fixture.ts'
import { Folder } from './cli.ts'

describe.skipIf(!labAvailable)(`many hosts, and many resources ${labMissing}`, () => {
  const hosts = bootForFile(8)

  test('2,000 files take one round trip, whether they are missing, right or wrong', async () => {
    const [host] = hosts()
    // Together longer than a command line may be.
    const folder = `/srv${`/${'long-'.repeat(50)}`.repeat(4)}`
    const all = Array.from({ length: 2000 }, (_, i) => `${folder}/${i}`)
    const look = async (content: string): Promise<{ trips: unknown; planned: string[] }> => {
      const result = await read([host!.target], () => all.map((path) => file(path, { content })))
      const [surveyed] = result.surveyed
      const trips = 'session' in surveyed! ? surveyed.session.roundTrips : surveyed!.error
      return { trips, planned: planned(result) }
    }
    expect(await look('old\n')).toEqual({
      trips: 1,
      planned: all.map((path) => `create file:${path}`),
    })
    const script = `mkdir -p ${folder} && cd ${folder} && for i in $(seq 0 1999); do echo old >$i; done`
    expect(await host!.exec(script)).toEqual({ code: 0, output: '' })
    expect(await look('old\n')).toEqual({ trips: 1, planned: [] })
    expect(await look('new\n')).toEqual({
      trips: 1,
      planned: all.map((path) => `change file:${path}`),
    })
  })

  test('`up` changes all others while one host is dead and one hangs, and names both', async () => {
    const [, dead, hanging, ...others] = hosts()
    await hanging!.exec(`printf '#!/bin/sh\\nexec sleep 600\\n' >/usr/local/bin/hang
      chmod 755 /usr/local/bin/hang; usermod -s /usr/local/bin/hang root`)
    await dead!.pause()
    const folder = new Folder(hosts()).describe(hosts(), "return file('/srv/up', { content: 'x' })")
    const up = folder.start(['up', '--lab', '--yes', '--timeout', '25', '--parallel', '2'])
    await up.until('web8  done: 1 change')
    // Both have not been given up by then: whoever waited for them would wait for the second one.
    const { code, stdout, stderr } = await up.ended
    await dead!.resume()

    expect(code).toBe(1)
    const gaveUp = stdout.indexOf('web3 did not answer within 25 s.')
    for (const { name } of others)
      expect(stdout.indexOf(`${name}  done: 1 change`), name).toBeLessThan(gaveUp)
    for (const { exec } of others) expect((await exec('cat /srv/up')).output).toBe('x')
    expect(stderr).toMatch(/^Waiting for (web2, )?web3\.$/m)
    expect(stdout).toMatch(/^web2\n {2}error /m)
    expect(stdout).toMatch(/^web3\n {2}error host-timeout$/m)
    const recorded = folder.ledger().filter(({ type }) => (type as string) === 'run')
    const ends = recorded.flatMap((each) => each.hosts.map(({ host, result }) => [host, result]))
    expect(Object.fromEntries(ends)).toMatchObject({
      web1: 'done',
      web2: 'unreachable',
      web3: 'unreachable',
      web8: 'done',
    })
  })

  test('`plan` shows the others at once, says whom it waits for, and shows those when they are through', async () => {
    const folder = new Folder(hosts()).describe(
      hosts(),
      "return file('/srv/up', { content: host.name })",
    )
    const plan = folder.start(['plan', '--lab', '--timeout', '20'])
    await plan.until('web8')
    await plan.until('Waiting for web3.')
    const { code, stdout, stderr } = await plan.ended
    expect(code).toBe(1)
    expect(stderr).toBe('Waiting for web3.\n')
    const [first, last] = stdout.split('web3 did not answer within 20 s.')
    for (const { name } of hosts())
      if (name !== 'web3') expect(first).toMatch(new RegExp(`^${name}\n  [+~] file:/srv/up`, 'm'))
    const hash = /changes on 7 hosts, 1 host not read\. Plan (\w+)/.exec(last!)?.[1]
    const whole = await folder.fettle(['plan', '--lab', '--json', '--timeout', '5'])
    expect(hash).toBe(JSON.parse(whole.stdout).hash)
  })

  test('a login that hangs is given up long before a read, wherever it hangs', async () => {
    const [one, two] = hosts()
    // A listening socket that never speaks, and an sshd that was stopped in the middle of everything.
    const folder = new Folder(hosts()).describe([one!, two!, hosts()[2]!], "return file('/srv/x')")
    await two!.exec('pkill -STOP -x sshd; pkill -KILL -f "^sshd: root"; true')
    const { code, stdout } = await folder.fettle(['plan', '--lab'])
    await two!.exec('pkill -CONT -x sshd')
    expect(code).toBe(1)
    expect(stdout).toMatch(/^web2\n {2}error host-unreachable\n.*timed out/m)
    expect(stdout).toMatch(
      /^web3\n {2}error login-timeout\n.*did not finish the login within 30 s/m,
    )
    // As it was given up first, it was shown first.
    expect(stdout.indexOf('web1')).toBeLessThan(stdout.indexOf('error host-unreachable'))
    expect(stdout.indexOf('error host-unreachable')).toBeLessThan(
      stdout.indexOf('error login-timeout'),
    )
  })
})
