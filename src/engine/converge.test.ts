import { describe, expect, test } from 'vitest'
import { made, planned, read, run } from '../../test/contracts/run.ts'
import { type TestHost, bootForFile, labAvailable, labMissing } from '../../test/lab/fixture.ts'
import { Secret } from '../base/secret.ts'
import { as } from '../model/resource.ts'
import type { Resources } from '../model/role.ts'
import { command, trigger } from '../resources/command.ts'
import { directory } from '../resources/directory.ts'
import { file } from '../resources/file.ts'
import { link } from '../resources/link.ts'
import { reload, restart, service } from '../resources/service.ts'
import { unit } from '../resources/unit.ts'
import { user } from '../resources/user.ts'

describe.skipIf(!labAvailable)(`a run on a host ${labMissing}`, () => {
  const hosts = bootForFile(1)
  const host = (): TestHost => hosts()[0]!
  const up = (...described: Resources[]): ReturnType<typeof run> =>
    run([host().target], () => described)
  const exec = async (script: string): Promise<string> => (await host().exec(script)).output

  /** A service that writes down what is done to it, and cannot reload while /tmp/broken is there. */
  const watched = unit('watched.service', {
    sections: {
      Service: {
        ExecStart: "/bin/sh -c 'echo started >> /tmp/watched; exec sleep infinity'",
        ExecReload: "/bin/sh -c 'test ! -e /tmp/broken && echo reloaded >> /tmp/watched'",
      },
      Install: { WantedBy: 'multi-user.target' },
    },
  })
  const daemon = service('watched', { after: watched })
  const done = async (): Promise<string[]> =>
    (await exec('cat /tmp/watched; : > /tmp/watched')).trim().split('\n').filter(Boolean)

  test('makes what was planned, and a second one finds nothing to change', async () => {
    const described = [directory('/srv/a'), file('/srv/a/x', { content: 'x\n' }), watched, daemon]
    const first = await up(described)
    expect(made(first)).toEqual(planned(first))
    expect(made(first)).toEqual([
      'create directory:/srv/a',
      'create file:/srv/a/x',
      'create unit:watched.service',
      'change service:watched',
    ])
    expect(await done()).toEqual(['started'])
    expect(planned(await up(described))).toEqual([])
  })

  describe('actions', () => {
    const conf = (content: string): Resources => [
      watched,
      daemon,
      file('/srv/conf', { content, notify: reload(daemon) }),
      file('/srv/more.conf', { content, notify: reload(daemon) }),
    ]

    test('are done once for many causes, at the end', async () => {
      const first = await up(conf('one\n'), file('/srv/last', { content: 'x' }))
      expect(made(first)).toEqual([
        'create file:/srv/conf',
        'create file:/srv/more.conf',
        'create file:/srv/last',
        'reload for file:/srv/conf, file:/srv/more.conf: service:watched',
      ])
      expect(await done()).toEqual(['reloaded'])
    })

    test('are a restart alone where a reload was asked for too', async () => {
      const harder = file('/srv/binary', { content: 'new', notify: restart(daemon) })
      const second = await up(conf('two\n'), harder)
      expect(made(second).at(-1)).toBe(
        'restart for file:/srv/conf, file:/srv/more.conf, file:/srv/binary: service:watched',
      )
      expect(await done()).toEqual(['started'])
    })

    test('that fail stay noted, and the next run does what is owed', async () => {
      await exec(': > /tmp/broken')
      const failed = await up(conf('three\n'))
      expect(failed.results[0]).toMatchObject({
        status: 'failed',
        left: ['reload service:watched'],
        error: {
          code: 'action-failed',
          state:
            'What asked for it is done; the reload service:watched stays noted on web1 and the next run does it.',
        },
      })
      expect(planned(await read([host().target], () => conf('three\n')))).toEqual([
        'owed reload service:watched',
      ])
      await exec('rm /tmp/broken')
      const next = await up(conf('three\n'))
      expect([planned(next), made(next)]).toEqual([
        ['owed reload service:watched'],
        ['reload for file:/srv/conf: service:watched'],
      ])
      expect(await done()).toEqual(['reloaded'])
      expect(planned(await up(conf('three\n')))).toEqual([])
    })

    test('that a run owed when it lost its connection are done by the next one', async () => {
      const slow = command('slow', { run: 'sleep 600', creates: '/srv/never' })
      const lost = await run([host().target], () => [conf('four\n'), slow], {
        onEvent: (event) => {
          const reached = event.type === 'step-begun' && event.ids.includes('command:slow')
          if (reached) void exec("pkill -KILL -f '^sshd(-session)?: root@'")
        },
      })
      expect(lost.results[0]).toMatchObject({
        status: 'failed',
        left: ['command:slow', 'reload service:watched'],
        error: { code: 'connection-lost' },
      })
      const next = await up(conf('four\n'))
      expect(made(next)).toEqual(['reload for file:/srv/conf: service:watched'])
      expect(await done()).toEqual(['reloaded'])
    })

    test('that a host owed when it lost its power are done after it is back', async () => {
      const slow = command('slow', { run: 'sleep 600', creates: '/srv/never' })
      await run([host().target], () => [conf('five\n'), slow], {
        timeoutSeconds: 8,
        onEvent: (event) => {
          const reached = event.type === 'step-begun' && event.ids.includes('command:slow')
          if (reached) void host().stop()
        },
      })
      await host().start()
      expect(made(await up(conf('five\n')))).toEqual(['reload for file:/srv/conf: service:watched'])
      expect(await done()).toEqual(['started', 'reloaded'])
    })

    test('belong to those who were chosen, even on what was not', async () => {
      const only = await run([host().target], () => conf('six\n'), { only: ['file:/srv/conf'] })
      expect(made(only)).toEqual([
        'change file:/srv/conf',
        'reload for file:/srv/conf: service:watched',
      ])
      await up(conf('six\n'))
    })

    test('of a command are run as its user, and struck out all the same', async () => {
      const job = command('job', { run: 'id -un > /tmp/job', when: 'notified', user: 'nobody' })
      const described = [job, file('/srv/job.conf', { content: '1', notify: trigger(job) })]
      expect(made(await up(described))).toEqual([
        'create file:/srv/job.conf',
        'run for file:/srv/job.conf: command:job',
      ])
      expect(await exec('cat /tmp/job')).toBe('nobody\n')
      expect(planned(await up(described))).toEqual([])
    })
  })

  describe('what is unknown until a step has run', () => {
    const unitText =
      '[Service]\\nExecStart=/bin/sleep infinity\\n[Install]\\nWantedBy=multi-user.target'
    const brings = (name: string, then = ''): Resources => [
      command(`install ${name}`, {
        run: `printf '${unitText}\\n' > /etc/systemd/system/${name}.service; systemctl daemon-reload; ${then}`,
        creates: `/etc/systemd/system/${name}.service`,
      }),
      service(name, { after: `command:install ${name}` }),
    ]

    test('is read then, and made where it differs', async () => {
      const first = await up(brings('brought'))
      expect(planned(first)).toEqual(['run command:install brought', 'unknown service:brought'])
      expect(made(first)).toEqual(['run command:install brought', 'change service:brought'])
      expect(planned(await up(brings('brought')))).toEqual([])
    })

    test('is read then, and left where it is as described already', async () => {
      const first = await up(brings('started', 'systemctl enable --now started'))
      expect(planned(first)).toEqual(['run command:install started', 'unknown service:started'])
      expect(made(first)).toEqual(['run command:install started'])
      expect(first.events.filter(({ type }) => type === 'needless')).toEqual([
        { type: 'needless', host: 'web1', id: 'service:started' },
      ])
      expect(first.results[0]!.left).toEqual([])
    })

    test('is what a user makes who comes with the same run', async () => {
      const described = [
        user('deploy'),
        as('deploy', [directory('/home/deploy/app'), file('/home/deploy/app/x')]),
      ]
      const first = await up(described)
      expect(planned(first)).toEqual([
        'create user:deploy',
        'unknown directory:/home/deploy/app',
        'unknown file:/home/deploy/app/x',
      ])
      expect(made(first)).toEqual([
        'create user:deploy',
        'create directory:/home/deploy/app',
        'create file:/home/deploy/app/x',
      ])
      expect(await exec('stat -c %U /home/deploy/app/x')).toBe('deploy\n')
      expect(planned(await up(described))).toEqual([])
    })

    test('is an error where nothing brings the user', async () => {
      const described = [file('/srv/a/y'), file('/tmp/z', { user: 'nosuchuser' })]
      const first = await up(described)
      expect(first.results[0]).toMatchObject({
        status: 'failed',
        left: ['file:/tmp/z'],
        error: { code: 'no-such-user' },
      })
      const second = await read([host().target], () => described)
      expect(second.surveyed[0]).toMatchObject({ error: { code: 'no-such-user' } })
    })
  })

  describe('an end before the end', () => {
    // Not two of a kind next to each other: these would be one step.
    const four = ['a', 'c'].flatMap((name, i) => [
      file(`/srv/stop-${name}`, { content: 'x', notify: reload(daemon) }),
      link(`/srv/stop-${'bd'[i]}`, { to: '/', notify: reload(daemon) }),
    ])

    test('by Ctrl-C finishes the step in hand and says what is left', async () => {
      const described = [watched, daemon, ...four]
      const stopped = await run([host().target], () => described, {
        onEvent: (event, stop) => {
          if (event.type === 'step-begun' && event.ids.includes('link:/srv/stop-b')) stop()
        },
      })
      expect(made(stopped)).toEqual(['create file:/srv/stop-a', 'create link:/srv/stop-b'])
      expect(stopped.results).toEqual([
        {
          host: 'web1',
          status: 'stopped',
          made: expect.anything(),
          left: ['file:/srv/stop-c', 'link:/srv/stop-d', 'reload service:watched'],
          seconds: expect.any(Number),
        },
      ])
      const next = await up(described)
      expect(made(next)).toEqual([
        'create file:/srv/stop-c',
        'create link:/srv/stop-d',
        'reload for file:/srv/stop-a, file:/srv/stop-c, link:/srv/stop-d: service:watched',
      ])
    })

    test('in the midst of files that are one step leaves those after it', async () => {
      const described = (third: string): Resources => [
        file('/srv/one-a', { content: 'a\n' }),
        file('/srv/one-b', { content: '' }),
        file('/srv/one-c', { content: 'c\n', validate: `grep -q ${third} %s && cat` }),
        file('/srv/one-d', { content: new Uint8Array([0, 255, 10]) }),
      ]
      const failed = await up(described('never'))
      expect(failed.events.filter(({ type }) => type === 'step-begun')).toMatchObject([
        { ids: ['a', 'b', 'c', 'd'].map((name) => `file:/srv/one-${name}`) },
      ])
      expect(made(failed)).toEqual(['create file:/srv/one-a', 'create file:/srv/one-b'])
      expect(failed.results[0]).toMatchObject({
        status: 'failed',
        left: ['file:/srv/one-c', 'file:/srv/one-d'],
        error: { code: 'step-failed', message: expect.stringContaining('file:/srv/one-c failed') },
      })
      expect(await exec('ls -A /srv | grep -e one -e fettle')).toBe('one-a\none-b\n')
      const next = await up(described('c'))
      expect(made(next)).toEqual(['create file:/srv/one-c', 'create file:/srv/one-d'])
      expect(await exec('od -An -tx1 /srv/one-d')).toBe(' 00 ff 0a\n')
      expect(planned(await up(described('c')))).toEqual([])
    })

    test('by a step that fails leaves what comes after it, and says how things are', async () => {
      const secret = new Secret('token', 'abracadabra')
      const failed = await up(
        file('/srv/before', { content: 'x' }),
        command('breaks', {
          run: `echo "login with ${secret} refused"; exit 9`,
          creates: '/srv/never',
        }),
        file('/srv/after', { content: 'x' }),
      )
      expect(failed.results[0]!.error?.toJSON()).toEqual({
        code: 'step-failed',
        what: 'web1: command:breaks failed with exit code 9: login with «secret token» refused',
        state:
          '1 change was made before that and read back; left: command:breaks, file:/srv/after.',
        next: 'Correct the cause (its output is above; `fettle ssh web1` takes you there), then run again.',
        at: undefined,
        log: 'login with «secret token» refused',
      })
      expect(await exec('ls /srv/before /srv/after 2>/dev/null')).toBe('/srv/before\n')
    })

    test('by a step that takes too long says which', async () => {
      const slow = command('slow', { run: 'sleep 600', creates: '/srv/never' })
      const late = await run([host().target], () => [slow], { timeoutSeconds: 1 })
      expect(late.results[0]).toMatchObject({
        status: 'failed',
        left: ['command:slow'],
        error: { code: 'step-timeout', message: 'web1: command:slow did not finish within 1 s.' },
      })
    })
  })

  describe('a change that does not take', () => {
    test('is an error where something changes it at once', async () => {
      const undone = file('/srv/undone', { content: 'mine', validate: 'echo theirs > %s' })
      expect((await up(undone)).results[0]!.error?.toJSON()).toMatchObject({
        code: 'change-did-not-take',
        what: 'web1: file:/srv/undone was changed without an error, but reads back as: change content.',
        state: 'Nothing was changed before that; left: file:/srv/undone.',
      })
    })

    test('is an error where a command is needed as before', async () => {
      const idle = command('idle', { run: 'true', unless: 'false' })
      expect((await up(idle)).results[0]!.error).toMatchObject({ code: 'change-did-not-take' })
    })

    test('is an error where a later step undoes it', async () => {
      const result = await up(
        file('/srv/kept', { content: 'mine' }),
        command('careless', { run: 'rm /srv/kept; : > /srv/done', creates: '/srv/done' }),
      )
      expect(result.results[0]!.error).toMatchObject({
        code: 'change-did-not-take',
        message:
          'web1: file:/srv/kept was changed without an error, but reads back as: create 4 bytes.',
      })
    })
  })
})
