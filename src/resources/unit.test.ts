import { describe, expect, test } from 'vitest'
import { bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { plan, settle } from '../../test/lab/settle.ts'
import { Secret } from '../base/secret.ts'
import { absent } from '../model/resource.ts'
import { service } from './service.ts'
import { isStale, staleUnits } from './unit-files.ts'
import { render, unit } from './unit.ts'

const sleeper = '[Service]\nExecStart=/bin/sleep infinity\n'

describe('describing', () => {
  test('sections become the text of the file', () => {
    const text = render({
      Unit: { Description: 'a "b" $c', After: ['a.service', 'b.service'] },
      Service: { ExecStart: '/bin/x', RemainAfterExit: true, TimeoutSec: 5 },
    })
    expect(text).toBe(
      '[Unit]\nDescription=a "b" $c\nAfter=a.service\nAfter=b.service\n\n' +
        '[Service]\nExecStart=/bin/x\nRemainAfterExit=yes\nTimeoutSec=5\n',
    )
  })

  test.each([
    { Service: { ExecStart: '/bin/x\nUser=root' } },
    { Service: { 'Exec Start': 'x' } },
    { 'Ser]vice': { ExecStart: 'x' } },
    { Service: { ExecStart: undefined } },
  ])('%j is refused', (sections) => {
    expect(() => unit('x.service', { sections: sections as never })).toThrow(/sections/)
  })

  test('either content or sections', () => {
    expect(() => unit('x.service', {} as never)).toThrow(/content is missing/)
    expect(() => unit('x.service', { content: 'a', sections: {} } as never)).toThrow(/content/)
  })

  test.each(['x', 'x.conf', '../x.service', 'a/b/c.service', '.service', 'a b.service'])(
    'the name %j is refused',
    (name) => {
      expect(() => unit(name, { content: sleeper })).toThrow(/name/)
    },
  )

  test('a drop-in is another resource than its unit', () => {
    expect(unit('x.service', { content: sleeper, dropIn: 'limits.conf' }).name).toBe(
      'x.service/limits',
    )
    expect(() => unit('x.service', { content: sleeper, dropIn: '../x' })).toThrow(/name/)
  })
})

test('stale units by any of their names, templates by any instance', () => {
  const stale = staleUnits(
    'Names=a.service b.service\nNeedDaemonReload=yes\n\nNames=c.service\nNeedDaemonReload=no\n\n' +
      'Names=t@1.service\nNeedDaemonReload=yes\n\nNames="x\\\\x2dy.mount"\nNeedDaemonReload=yes\n',
  )
  expect(stale).toEqual(['a.service', 'b.service', 't@1.service', 'x\\x2dy.mount'])
  expect(isStale(stale, 'b.service')).toBe(true)
  expect(isStale(stale, 'c.service')).toBe(false)
  expect(isStale(stale, 't@.service')).toBe(true)
  expect(isStale(stale, 'u@.service')).toBe(false)
})

describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile()
  const folder = '/etc/systemd/system'

  test('several units take one daemon-reload; drift is repaired; gone is gone', async () => {
    const [host] = hosts()
    const resources = [
      unit('a.service', { content: `# it's $HOME "x" \\ %H\n${sleeper}` }),
      unit('b.socket', { sections: { Socket: { ListenStream: '127.0.0.1:7777' } } }),
      unit('b.service', { content: sleeper }),
      unit('t@.service', { content: sleeper }),
      unit('a.service', { content: '[Service]\nNice=5\n', dropIn: 'nice' }),
    ]
    const since = (await host!.exec('date +%s.%N')).output.trim()
    const first = await settle(host!, resources)
    expect(first.made).toHaveLength(5)
    expect(first.planned).toEqual(first.made)
    const { output } = await host!.exec(
      `journalctl -q --since=@${since} -o cat _PID=1 | grep -Ec '^Reloading\\.+$'; systemctl show -p Nice a`,
    )
    expect(output).toBe('1\nNice=5\n')
    expect(await plan(host!, resources)).toEqual([])

    await host!.exec(
      `cd ${folder}; echo '#' >> a.service; chmod 600 b.socket; chown daemon b.service; rm a.service.d/nice.conf`,
    )
    const found = await plan(host!, resources)
    expect(found.map(({ id, difference }) => `${id} ${difference.summary}`)).toEqual([
      'unit:a.service content',
      'unit:b.socket mode 0600 -> 0644',
      'unit:b.service owner daemon -> root',
      'unit:a.service/nice 17 bytes, mode 0644, owner root, group root',
    ])
    expect(found[0]!.difference.text!.before).toContain('infinity\n#\n')
    await settle(host!, resources)
    expect(await plan(host!, resources)).toEqual([])

    const gone = absent(resources)
    expect((await settle(host!, gone)).made).toHaveLength(5)
    expect(await plan(host!, gone)).toEqual([])
    expect((await host!.exec(`ls ${folder} | grep -E '^(a|b|t@)[.]'`)).output).toBe('')
  })

  test('a daemon-reload that did not happen is made up for', async () => {
    const [host] = hosts()
    const resources = [
      unit('late.service', { content: sleeper }),
      service('late', { enabled: false }),
    ]
    await settle(host!, resources)
    await host!.exec(`cd ${folder}; cp late.service x; sleep 0.01; mv x late.service`)
    const found = await plan(host!, resources)
    expect(found.map(({ difference }) => difference.summary)).toEqual(['daemon-reload'])
    await settle(host!, resources)
    expect(await plan(host!, resources)).toEqual([])
    await settle(host!, [absent(service('late')), absent(resources[0]!)])
  })

  test.each([
    ['no such setting', '[Service]\nExecStart=/bin/true\nRestrat=always\n', 'Restrat'],
    ['no such value', '[Service]\nExecStart=/bin/true\nRestart=sometimes\n', 'sometimes'],
    ['nothing to run', '[Service]\nType=simple\n', 'ExecStart'],
    ['a broken section', '[Serv\nExecStart=/bin/true\n', 'section header'],
    ['no section', 'hello\n', 'Assignment outside of section'],
  ])('%s does not take its place', async (_, content, reason) => {
    const [host] = hosts()
    await settle(host!, [unit('sound.service', { content: sleeper })])
    for (const name of ['sound.service', 'sound@.service']) {
      const failure = await settle(host!, [unit(name, { content })]).catch((error: Error) => error)
      expect(failure).toMatchObject({ code: 'step-failed' })
      expect(String(failure)).toContain(`systemd does not accept ${name}`)
      expect(String(failure)).toContain(reason)
    }
    expect(await plan(host!, [unit('sound.service', { content: sleeper })])).toEqual([])
  })

  test('programs and units that come later, and verify: false, are accepted', async () => {
    const [host] = hosts()
    const resources = [
      unit('early.service', {
        content: '[Unit]\nRequires=zork.service\n[Service]\nUser=later\nExecStart=/srv/later/bin\n',
      }),
      unit('newer.service', { content: `${sleeper}FromTheFuture=yes\n`, verify: false }),
      unit('nowhere.service', { content: '[Service]\nNice=5\n', dropIn: 'early' }),
    ]
    expect((await settle(host!, resources)).made).toHaveLength(3)
    expect(await plan(host!, resources)).toEqual([])
    await settle(host!, absent(resources))
  })

  test('a broken drop-in does not take its place', async () => {
    const [host] = hosts()
    const bad = unit('ssh.service', { content: '[Service]\nNicee=5\n', dropIn: 'nice' })
    const failure = await settle(host!, [bad]).catch((error: Error) => error)
    expect(String(failure)).toContain('Nicee')
    expect((await plan(host!, [bad]))[0]!.difference.verb).toBe('create')
  })

  test('a unit with secrets is for root only', async () => {
    const [host] = hosts()
    const secret = new Secret('TOKEN', 'it\'s "$x" é')
    const resources = [
      unit('secret.service', {
        sections: { Unit: { Description: secret }, Service: { ExecStart: '/bin/sleep infinity' } },
      }),
    ]
    await settle(host!, resources)
    expect(await plan(host!, resources)).toEqual([])
    const path = `${folder}/secret.service`
    expect((await host!.exec(`stat -c %a ${path}; cat ${path}`)).output).toBe(
      `600\n[Unit]\nDescription=${secret.reveal()}\n\n[Service]\nExecStart=/bin/sleep infinity\n`,
    )
    await settle(host!, absent(resources))
  })
})
