import { describe, expect, test } from 'vitest'
import { bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { plan, settle } from '../../test/lab/settle.ts'
import type { Context, Difference } from '../model/kind.ts'
import { absent } from '../model/resource.ts'
import { command } from './command.ts'
import { file } from './file.ts'
import { type ServiceOptions, reload, restart, service, serviceKind } from './service.ts'
import { unit } from './unit.ts'

const nothing: Context = { earlier: new Map(), opaque: [] }

function answer(load: string, active: string, sub: string, file: string): string {
  return `Id=x.service\nLoadState=${load}\nActiveState=${active}\nSubState=${sub}\nUnitFileState=${file}\n`
}

const answers = {
  up: answer('loaded', 'active', 'running', 'enabled'),
  down: answer('loaded', 'inactive', 'dead', 'disabled'),
  failed: answer('loaded', 'failed', 'failed', 'enabled'),
  looping: answer('loaded', 'activating', 'auto-restart', 'enabled'),
  static: answer('loaded', 'active', 'running', 'static'),
  runtime: answer('loaded', 'active', 'running', 'enabled-runtime'),
  masked: answer('masked', 'inactive', 'dead', 'masked'),
  missing: answer('not-found', 'inactive', 'dead', ''),
  orphan: answer('not-found', 'active', 'running', ''),
}

function summary(
  state: keyof typeof answers,
  options: ServiceOptions | 'absent',
  context = nothing,
): Difference | string | undefined {
  const described = service('x', options === 'absent' ? {} : options)
  const resource = (options === 'absent' ? absent(described) : described) as never
  const [parsed] = serviceKind.parse(Buffer.from(answers[state]), [resource])
  const found = serviceKind.diff(resource, parsed!, context)
  return found && `${found.verb}: ${found.summary}`
}

describe('what differs', () => {
  const down = { running: false, enabled: false }
  test.each([
    ['up', {}, undefined],
    ['up', down, 'change: enabled -> disabled, active -> stopped'],
    ['up', { masked: true }, 'change: enabled -> disabled, active -> stopped, mask'],
    ['up', 'absent', 'change: enabled -> disabled, active -> stopped'],
    ['down', {}, 'change: disabled -> enabled, inactive -> running'],
    ['down', down, undefined],
    ['down', { enabled: false }, 'change: inactive -> running'],
    ['down', { running: false }, 'change: disabled -> enabled'],
    ['down', { masked: true }, 'change: mask'],
    ['down', 'absent', undefined],
    ['failed', {}, 'change: failed -> running'],
    ['failed', down, 'change: enabled -> disabled'],
    ['looping', {}, 'change: auto-restart -> running'],
    ['looping', 'absent', 'change: enabled -> disabled, auto-restart -> stopped'],
    ['static', {}, undefined],
    ['static', down, 'change: active -> stopped'],
    ['runtime', {}, 'change: enabled-runtime -> enabled'],
    ['masked', {}, 'change: unmask, enable, inactive -> running'],
    ['masked', down, undefined],
    ['masked', { masked: true }, undefined],
    ['masked', 'absent', undefined],
    ['missing', {}, 'change: there is no unit x.service here'],
    ['missing', down, undefined],
    ['missing', 'absent', undefined],
    ['missing', { masked: true }, 'change: mask'],
    ['orphan', 'absent', 'change: active -> stopped'],
  ] as const)('%s, wanted %j', (state, options, expected) => {
    expect(summary(state, options)).toBe(expected)
  })

  test('a unit that an earlier step writes is certain to be there', () => {
    const create = (after: string): Context => ({
      earlier: new Map([
        ['unit:x.service', { verb: 'create', summary: '', text: { before: '', after } }],
      ]),
      opaque: ['package:y'],
    })
    expect(summary('missing', {}, create('[Service]\n[Install]\n'))).toBe(
      'change: -> enabled, running',
    )
    expect(summary('missing', {}, create('[Service]\n'))).toBe('change: -> running')
    expect(summary('missing', { running: false }, create('[Service]\n'))).toBeUndefined()
    const removed = new Map([['unit:x.service', { verb: 'remove', summary: '' } as const]])
    expect(summary('missing', {}, { earlier: removed, opaque: [] })).toContain('there is no unit')
    const instance = service('x@1') as never
    const [state] = serviceKind.parse(Buffer.from(answers.missing), [instance])
    for (const id of ['unit:x@.service', 'file:/etc/systemd/system/x@.service'])
      expect(
        serviceKind.diff(instance, state!, {
          earlier: new Map([[id, { verb: 'create', summary: '' }]]),
          opaque: [],
        }),
      ).toMatchObject({ verb: 'change', summary: '-> enabled, running' })
  })

  test('a unit that an earlier step may bring is unknown', () => {
    const context = { earlier: new Map(), opaque: ['package:nginx'] }
    expect(summary('missing', {}, context)).toBe(
      'unknown: enabled, running, once package:nginx has brought it',
    )
    expect(summary('missing', 'absent', context)).toContain('unknown: ')
    expect(summary('up', {}, context)).toBeUndefined()
  })

  test('a host without systemd says so', () => {
    const resources = [service('a'), service('b')] as never[]
    const answer = Buffer.from('sh: 1: systemctl: not found\n')
    expect(() => serviceKind.parse(answer, resources)).toThrow('systemd does not answer')
  })
})

describe('names', () => {
  test('.service may be left out', () => {
    expect(service('nginx.service')).toMatchObject({ kind: 'service', name: 'nginx' })
    expect(service('docker.socket')).toMatchObject({ name: 'docker.socket' })
    expect(restart('nginx.service')).toEqual({ target: 'service:nginx', action: 'restart' })
    expect(reload(service('nginx'))).toEqual({ target: 'service:nginx', action: 'reload' })
  })

  test.each(['', 'a b', 'getty@', 'getty@.service', 'a/b', 'ü', 3])('%j is refused', (name) => {
    expect(() => service(name as string)).toThrow(/name/)
  })

  test('masked and running exclude each other', () => {
    expect(() => service('x', { masked: true, running: true })).toThrow(/masked/)
  })
})

describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile()
  const worker = (run: string, more = {}): ReturnType<typeof unit> =>
    unit('worker.service', {
      sections: {
        Service: { ExecStart: run, ...more },
        Install: { WantedBy: 'multi-user.target' },
      },
    })

  test('starts and enables, repairs drift, stops and disables', async () => {
    const [host] = hosts()
    const resources = [worker('/bin/sleep infinity'), service('worker')]
    const first = await settle(host!, resources)
    expect(first.made).toEqual(['unit:worker.service', 'service:worker'])
    expect(first.planned).toEqual(first.made)
    expect(await plan(host!, resources)).toEqual([])

    await host!.exec('systemctl disable --now worker')
    expect((await plan(host!, resources))[0]!.difference.summary).toBe(
      'disabled -> enabled, inactive -> running',
    )
    await settle(host!, resources)

    await host!.exec('systemctl kill -s KILL worker; sleep 0.2')
    expect((await plan(host!, resources))[0]!.difference.summary).toBe('failed -> running')
    await settle(host!, resources)

    await host!.exec('systemctl mask --now worker --runtime')
    const masked = await settle(host!, [service('worker')]).catch((error: Error) => error)
    expect(masked).toMatchObject({ made: ['service:worker'] })

    const gone = [absent(service('worker')), absent(resources[0]!)]
    expect((await settle(host!, gone)).made).toEqual(['service:worker', 'unit:worker.service'])
    expect(await plan(host!, gone)).toEqual([])
  })

  test('instances of a template, and a unit that is written as a file', async () => {
    const [host] = hosts()
    const resources = [
      unit('copy@.service', {
        sections: {
          Service: { ExecStart: '/bin/sleep %i' },
          Install: { WantedBy: 'multi-user.target' },
        },
      }),
      service('copy@1001'),
      service('copy@1002', { enabled: false }),
      file('/etc/systemd/system/plain.service', {
        content: '[Service]\nExecStart=/bin/sleep infinity\n',
        user: 'root',
      }),
      service('plain'),
    ]
    expect((await plan(host!, resources)).map(({ difference }) => difference.summary)).toEqual([
      expect.any(String),
      '-> enabled, running',
      '-> running',
      expect.any(String),
      '-> running',
    ])
    const { planned, made } = await settle(host!, resources)
    expect(made).toEqual(planned)
    expect(await plan(host!, resources)).toEqual([])
    const services = resources.filter(({ kind }) => kind === 'service')
    expect((await settle(host!, absent(services))).made).toHaveLength(3)
    expect(await plan(host!, absent(services))).toEqual([])
  })

  test('masks and unmasks', async () => {
    const [host] = hosts()
    const text = '[Service]\nExecStart=/bin/sleep 9999\n[Install]\nWantedBy=multi-user.target\n'
    await host!.exec('cat > /lib/systemd/system/tea.service; systemctl daemon-reload', text)
    const masked = service('tea', { masked: true })
    await settle(host!, [service('tea')])
    expect((await settle(host!, [masked])).made).toEqual(['service:tea'])
    expect(await plan(host!, [masked])).toEqual([])
    expect(await plan(host!, [absent(masked)])).toEqual([])
    const back = service('tea', { running: false })
    expect((await settle(host!, [back])).made).toEqual(['service:tea'])
    expect(await plan(host!, [back])).toEqual([])
  })

  test('a notified restart takes the new unit, and happens once', async () => {
    const [host] = hosts()
    const described = (seconds: number): Parameters<typeof settle>[1] => [
      file('/etc/worker.conf', { content: `${seconds}`, user: 'root', notify: reload('notified') }),
      unit('notified.service', {
        sections: {
          Service: { ExecStart: `/bin/sleep ${seconds}` },
          Install: { WantedBy: 'multi-user.target' },
        },
        notify: restart('notified'),
      }),
      service('notified'),
    ]
    await settle(host!, described(1000))
    expect((await settle(host!, described(2000))).made).toEqual([
      'file:/etc/worker.conf',
      'unit:notified.service',
      'restart service:notified',
    ])
    expect((await host!.exec('pgrep -fc "^/bin/sleep 2000"')).output.trim()).toBe('1')
    await settle(host!, [absent(service('notified'))])
  })

  test('what dies at once is an error with its log', async () => {
    const [host] = hosts()
    // Not back within the test: it is up for a moment each time systemd tries.
    const restarts = { Restart: 'always', RestartSec: 60 }
    const dying = worker("/bin/sh -c 'echo no database; exit 3'", restarts)
    const failure = await settle(host!, [dying, service('worker')]).catch((error: Error) => error)
    expect(failure).toMatchObject({
      code: 'step-failed',
      log: expect.stringContaining('no database'),
    })
    expect(String(failure)).toMatch(/worker.service ended as soon as it was started/)
    // It stays an error as long as it does: nothing pretends that it runs.
    expect(await plan(host!, [dying, service('worker')])).toHaveLength(1)
    await settle(host!, [absent(service('worker')), absent(dying)])
  })

  test('what ends by design says how to describe it', async () => {
    const [host] = hosts()
    const job = worker('/bin/true', { Type: 'oneshot' })
    const failure = await settle(host!, [job, service('worker')]).catch((error: Error) => error)
    expect(String(failure)).toContain('Describe it with running: false')
    await settle(host!, [job, service('worker', { running: false })])
    await settle(host!, [absent(service('worker')), absent(job)])
  })

  test('a unit that is not there fails by name; one that a command brings is found', async () => {
    const [host] = hosts()
    const failure = await settle(host!, [service('nosuch')]).catch((error: Error) => error)
    expect(String(failure)).toContain('there is no unit nosuch.service on this host')
    const bring = command('bring', {
      run: String.raw`printf '[Service]\nExecStart=/bin/sleep infinity\n' > /etc/systemd/system/nosuch.service; systemctl daemon-reload`,
      creates: '/etc/systemd/system/nosuch.service',
      user: 'root',
    })
    const resources = [bring, service('nosuch')]
    expect((await plan(host!, resources)).map(({ difference }) => difference.verb)).toEqual([
      'run',
      'unknown',
    ])
    expect((await settle(host!, resources)).made).toEqual(['command:bring', 'service:nosuch'])
    expect(await plan(host!, resources)).toEqual([])
  })
})
