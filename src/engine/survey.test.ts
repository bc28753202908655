import { describe, expect, test } from 'vitest'
import { made, planned, read, run } from '../../test/contracts/run.ts'
import {
  bootForFile,
  labAvailable,
  labMissing,
  labSuite,
  labVersion,
} from '../../test/lab/fixture.ts'
import type { Facts } from '../model/facts.ts'
import type { Host, Resources } from '../model/role.ts'
import { command } from '../resources/command.ts'
import { directory } from '../resources/directory.ts'
import { file } from '../resources/file.ts'
import { link } from '../resources/link.ts'
import { packages } from '../resources/package.ts'
import { service } from '../resources/service.ts'
import { user } from '../resources/user.ts'

describe.skipIf(!labAvailable)(`several hosts ${labMissing}`, () => {
  const hosts = bootForFile(3)
  const targets = (): ReturnType<typeof hosts>[number]['target'][] =>
    hosts().map(({ target }) => target)
  /** How often each host was waited for. */
  const trips = ({ surveyed }: Awaited<ReturnType<typeof read>>): unknown[] =>
    surveyed.map((each) => ('session' in each ? each.session.roundTrips : each.error.code))

  const many = (): Resources => [
    Array.from({ length: 300 }, (_, i) => file(`/srv/many/${i}`, { content: `${i}` })),
    Array.from({ length: 50 }, (_, i) => file(`/srv/root/${i}`, { user: 'root' })),
    directory('/srv/theirs', { user: 'nobody' }),
    user('deploy'),
    packages('cron', 'sudo', 'nginx-light'),
    service('cron'),
    command('guarded', { run: 'false', creates: '/' }),
  ]

  describe('reading', () => {
    test('takes one round trip for any number of resources of any kind and user', async () => {
      const result = await read(targets(), many)
      expect(trips(result)).toEqual([1, 1, 1])
      expect(planned(result).slice(350)).toEqual([
        'create directory:/srv/theirs',
        'create user:deploy',
        'create package:nginx-light',
        'unknown command:guarded',
      ])
    })

    test('takes a second one where a role needs facts that were never read', async () => {
      const result = await read(targets(), ({ facts }) => file(`/srv/${facts.hostname}`))
      expect(trips(result)).toEqual([2, 2, 2])
      expect(planned(result)).toEqual(['create file:/srv/web1'])
    })

    test('takes one where the facts are as they were, and sees it when they are not', async () => {
      const describeBy = ({ facts }: Host): Resources => file(`/srv/${facts.os.codename}`)
      const first = await read(targets(), describeBy)
      const knownFacts = new Map<string, Facts>(
        first.surveyed.flatMap((each) => ('facts' in each ? [[each.host.name, each.facts]] : [])),
      )
      expect(trips(await read(targets(), describeBy, { knownFacts }))).toEqual([1, 1, 1])

      const old = {
        ...knownFacts.get('web2')!,
        os: { id: 'debian', version: '9', codename: 'old' },
      }
      const moved = await read(targets(), describeBy, { knownFacts: knownFacts.set('web2', old) })
      expect(trips(moved)).toEqual([1, 2, 1])
      expect(
        new Set(
          moved.surveyed
            .flatMap((each) => ('plan' in each ? each.plan.resources : []))
            .map(({ name }) => name),
        ),
      ).toEqual(new Set([`/srv/${labSuite}`]))
    })

    test('gives the facts of a host', async () => {
      const { surveyed } = await read(targets(), () => [])
      const [first] = surveyed
      const { output: kernel } = await hosts()[0]!.exec('uname -r')
      const { output: memory } = await hosts()[0]!.exec("awk '/MemTotal/ {print $2}' /proc/meminfo")
      expect(first && 'facts' in first && first.facts).toEqual({
        hostname: 'web1',
        os: { id: 'debian', version: labVersion, codename: labSuite },
        architecture: expect.stringMatching(/^(x86_64|aarch64)$/),
        kernel: kernel.trim(),
        cpus: expect.any(Number),
        memory: Number(memory) * 1024,
        addresses: [targets()[0]!.address],
      })
    })

    test('goes on with the others where a host cannot be reached, and says why', async () => {
      const [one, two, three] = targets()
      const bad = { ...two!, port: 1 }
      const result = await read([one!, bad, three!], () => file('/srv/x'))
      expect(trips(result)).toEqual([1, 'host-unreachable', 1])
    })

    test('goes on with the others where sudo asks for a password', async () => {
      await hosts()[1]!.exec(`useradd -m -s /bin/bash asking
        install -d -o asking -m 700 ~asking/.ssh
        install -o asking -m 600 ~root/.ssh/authorized_keys ~asking/.ssh/
        echo 'asking ALL=(ALL) ALL' > /etc/sudoers.d/asking`)
      const [one, two, three] = targets()
      const asked = { ...two!, login: 'asking' }
      const result = await read([one!, asked, three!], () => service('cron'))
      expect(trips(result)).toEqual([1, 'sudo-needs-password', 1])
      expect(trips(await read([one!, asked, three!], () => file('/srv/x')))).toEqual([1, 1, 1])
    })

    test('gives up on a host that does not answer, and goes on with the others', async () => {
      await hosts()[1]!.pause()
      const result = await read(targets(), () => file('/srv/x'), { timeoutSeconds: 6 })
      await hosts()[1]!.resume()
      expect(trips(result)).toEqual([1, 'host-timeout', 1])
      expect(result.surveyed[1]).toMatchObject({
        error: {
          message: 'web2 did not answer within 6 s.',
          state: 'Nothing was changed on web2.',
        },
      })
    })
  })

  describe('changing', () => {
    const breaking = ({ name }: Host): Resources => [
      file('/srv/first', { content: 'x' }),
      name === 'web2' && command('breaks', { run: 'exit 3', creates: '/srv/never' }),
      file('/srv/last', { content: 'x' }),
    ]
    const statuses = ({ results }: Awaited<ReturnType<typeof run>>): string[] =>
      results.map(({ host, status, left }) => `${host} ${status}, left: ${left.join(' ')}`)

    test('goes on with the other hosts where one fails', async () => {
      expect(statuses(await run(targets(), breaking))).toEqual([
        'web1 done, left: ',
        'web2 failed, left: command:breaks file:/srv/last',
        'web3 done, left: ',
      ])
    })

    test('leaves later batches untouched after one in which a host failed', async () => {
      for (const { exec } of hosts()) await exec('rm -f /srv/first /srv/last')
      const result = await run(targets(), breaking, { maxUnavailable: 1 })
      expect(statuses(result)).toEqual([
        'web1 done, left: ',
        'web2 failed, left: command:breaks file:/srv/last',
        'web3 untouched, left: file:/srv/first file:/srv/last',
      ])
      expect((await hosts()[2]!.exec('ls /srv/first')).code).not.toBe(0)
      expect(
        result.events.flatMap((each) => (each.type === 'host-ended' ? [each.host] : [])),
      ).toEqual(['web1', 'web2', 'web3'])
    })

    test('leaves later batches untouched after Ctrl-C', async () => {
      for (const { exec } of hosts()) await exec('rm -f /srv/first /srv/last')
      const both = (): Resources => [file('/srv/first'), link('/srv/last', { to: '/' })]
      const result = await run(targets(), both, {
        maxUnavailable: 2,
        onEvent: (event, stop) => {
          if (event.type === 'step-begun' && event.host === 'web1') stop()
        },
      })
      // How far the other one of the first batch was then is a matter of chance.
      expect(statuses(result).filter((each) => !each.startsWith('web2'))).toEqual([
        'web1 stopped, left: link:/srv/last',
        'web3 untouched, left: file:/srv/first link:/srv/last',
      ])
      const rest = await run(targets(), both)
      expect(made(rest)).toEqual(['create link:/srv/last'])
      expect(statuses(rest).every((each) => each.endsWith('done, left: '))).toBe(true)
    })

    test('limited to some resources touches no other', async () => {
      const some = (): Resources => [file('/srv/chosen'), file('/srv/other'), directory('/srv/dir')]
      const result = await run(targets(), some, { only: ['file:/srv/ch*', 'directory'] })
      expect(made(result)).toEqual(['create file:/srv/chosen', 'create directory:/srv/dir'])
      expect((await hosts()[0]!.exec('ls /srv/other')).code).not.toBe(0)
    })
  })
})
