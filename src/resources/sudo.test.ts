import { describe, expect, test } from 'vitest'
import { converges, failure, planned } from '../../test/lab/converges.ts'
import { bootForFile, labAvailable, labMissing } from '../../test/lab/fixture.ts'
import { rescue } from '../../test/lab/rescue.ts'
import { settle } from '../../test/lab/settle.ts'
import { type Context, nothingPlanned } from '../model/kind.ts'
import { absent } from '../model/resource.ts'
import { command } from './command.ts'
import { line } from './line.ts'
import { sudo, sudoKind } from './sudo.ts'

describe('describing', () => {
  test('whom a rule is for', () => {
    const who = (name: string, options: object): unknown => {
      const { users, groups, runAs } = sudo(name, { commands: 'ALL', ...options }).desired as never
      return [users, groups, runAs]
    }
    expect(who('deploy', {})).toEqual([['deploy'], [], ['root']])
    expect(who('deploy', { groups: ['ops'] })).toEqual([[], ['ops'], ['root']])
    expect(who('x', { users: ['a'], groups: ['b'], runAs: 'ALL' })).toEqual([['a'], ['b'], 'ALL'])
  })

  test.each([
    { commands: [] },
    { commands: ['ls'] },
    { commands: ['/bin/ls\nann ALL=(ALL) ALL'] },
    { commands: ['/bin/ls\\, /bin/sh'] },
    { commands: ['/bin/ls '] },
    { commands: undefined },
    { commands: 'ALL', users: ['%ops'] },
    { commands: 'ALL', users: ['#0'] },
    { commands: 'ALL', groups: ['a b'] },
    { commands: 'ALL', runAs: [] },
    { commands: 'ALL', noPassword: 'yes' },
  ])('%j is refused', (options) => {
    expect(() => sudo('x', options as never)).toThrow(/commands|users|groups|runAs|noPassword/)
  })

  test.each(['../x', 'a~', 'a b', '.x', ''])('the name %j is refused', (name) => {
    expect(() => sudo(name, { commands: 'ALL' })).toThrow(/name/)
  })
})

test('what differs', () => {
  const summary = (
    { file = '', words = 'there\nincluded\n', mode = '440' },
    context: Context = nothingPlanned,
    gone = false,
  ): string | undefined => {
    const described = sudo('a.b', { commands: ['/bin/x'], users: ['a'], noPassword: true })
    const resource = (gone ? absent(described) : described) as never
    const hash = /wanted="\$wanted "\d+:(\w+)/.exec(sudoKind.read!([resource])!.text)?.[1]
    const row = file === 'same' ? hash : `${'f'.repeat(64)} eA==`
    const found = `/etc/sudoers.d/a_b\0f\0${mode}\0root\0root\x001\0\0end\x000 ${row}\n`
    const output = `${words}\0${file === '' ? 'end\0' : found}`
    const [state] = sudoKind.parse(Buffer.from(output), [resource])
    const difference = sudoKind.diff(resource, state!, context)
    return difference && `${difference.verb} ${difference.summary}`
  }
  const rule = 'a: /bin/x as root, without a password'
  expect(summary({ file: 'same' })).toBeUndefined()
  expect(summary({})).toBe(`create ${rule}`)
  expect(summary({ file: 'other' })).toBe(`change ${rule}`)
  expect(summary({ file: 'same', mode: '644' })).toBe('change mode 0644 -> 0440')
  expect(summary({ words: '' })).toBe('change there is no visudo here (package sudo)')
  const brings = { earlier: new Map(), opaque: ['package:sudo'] }
  expect(summary({ words: '' }, brings)).toBe(`unknown ${rule}, once package:sudo has brought sudo`)
  const unread = ', but /etc/sudoers does not include /etc/sudoers.d'
  expect(summary({ words: 'there\n' })).toBe(`create ${rule}${unread}`)
  expect(summary({ words: 'there\n', file: 'same' })).toBe(`change ${rule}${unread}`)
  const earlier = new Map([['line:/etc/sudoers#x', { verb: 'create', summary: '' } as const]])
  expect(summary({ words: 'there\n' }, { earlier, opaque: [] })).toBe(`create ${rule}`)
  expect(summary({ file: 'other' }, nothingPlanned, true)).toBe(`remove ${rule}`)
  expect(summary({}, nothingPlanned, true)).toBeUndefined()
})

describe.skipIf(!labAvailable)(`on a host ${labMissing}`, () => {
  const hosts = bootForFile()
  const may = 'LC_ALL=C sudo -l -U ann | sed -n "s/^    (/(/p"'

  test('a rule is what sudo goes by; drift is put right', async () => {
    const [host] = hosts()
    await host!.exec('useradd ann; useradd ALL; groupadd ops; usermod -aG ops ann')
    const resources = [
      sudo('ann.lee', {
        users: ['ann'],
        commands: ['/bin/echo a, b:c=d #e "f\'$HOME', '/usr/bin/id ""', '/bin/ls /tmp/*'],
        noPassword: true,
      }),
      sudo('ops', { groups: ['ops'], commands: ['/usr/bin/whoami'], runAs: ['ann', 'root'] }),
      sudo('capitals', { users: ['ALL'], commands: ['/usr/bin/true'] }),
    ]
    expect(await converges(host!, resources)).toEqual([
      'create sudo:ann.lee: ann: /bin/echo a, b:c=d #e "f\'$HOME, /usr/bin/id "", /bin/ls /tmp/* as root, without a password',
      'create sudo:ops: %ops: /usr/bin/whoami as ann, root',
      'create sudo:capitals: ALL: /usr/bin/true as root',
    ])
    expect((await host!.exec(may)).output).toBe(
      '(root) NOPASSWD: /bin/echo a\\, b\\:c\\=d \\#e "f\'$HOME, /usr/bin/id "", /bin/ls /tmp/*\n' +
        '(ann, root) /usr/bin/whoami\n',
    )
    const run = (script: string): Promise<{ code: number; output: string }> =>
      host!.exec(`runuser -u ann -- ${script} 2>&1`)
    expect(await run(`sudo -n /bin/echo a, b:c=d '#e' '"f'"'"'$HOME'`)).toMatchObject({
      code: 0,
      output: `a, b:c=d #e "f'$HOME\n`,
    })
    expect((await run('sudo -n /bin/echo b')).code).not.toBe(0)
    expect((await run('sudo -n id')).output).toContain('uid=0(root)')
    expect((await run('sudo -n id -u')).code).not.toBe(0)
    // Somebody called ALL is not everybody.
    expect((await run('sudo -n true')).code).not.toBe(0)
    expect((await host!.exec('stat -c "%a %U %G" /etc/sudoers.d/ann_lee')).output).toBe(
      '440 root root\n',
    )
    await host!.exec('cd /etc/sudoers.d; chmod 644 ann_lee; echo "# x" >> ops; rm capitals')
    expect(await converges(host!, resources)).toEqual([
      'change sudo:ann.lee: mode 0644 -> 0440',
      'change sudo:ops: %ops: /usr/bin/whoami as ann, root',
      'create sudo:capitals: ALL: /usr/bin/true as root',
    ])
    expect(await converges(host!, absent(resources))).toHaveLength(3)
    expect((await host!.exec(`${may}; ls /etc/sudoers.d`)).output).toBe('README\n')
  })

  test('what visudo does not accept does not take its place', async () => {
    const [host] = hosts()
    const rule = sudo('ann', { commands: ['/bin/true'] })
    await settle(host!, [rule])
    const look = 'ls -A /etc/sudoers.d; cat /etc/sudoers.d/ann; visudo -c'
    const before = (await host!.exec(look)).output
    // What begins with ^ is a regular expression to sudo, and has to end with $.
    const broken = sudo('ann', { commands: ['/bin/true ^a'] })
    expect(await failure(host!, [broken])).toContain('was not valid')
    expect((await host!.exec(look)).output).toBe(before)
    await settle(host!, [absent(rule)])
  })

  test('a file that sudo does not read is said to be so', async () => {
    const [host] = hosts()
    const rule = sudo('ann', { commands: ['/bin/true'] })
    await host!.exec('cp -a /etc/sudoers /root/sudoers; sed -i /includedir/d /etc/sudoers')
    expect((await planned(host!, [rule])).join()).toContain('but /etc/sudoers does not include')
    expect(await failure(host!, [rule])).toContain('does not include')
    expect(await failure(host!, [rule])).toContain('add the line @includedir /etc/sudoers.d to it')
    const include = line('/etc/sudoers', { line: '@includedir /etc/sudoers.d', user: 'root' })
    expect(await converges(host!, [include, absent(rule)])).toHaveLength(2)
    await host!.exec('mv /root/sudoers /etc/sudoers')
  })

  test('a package that brings sudo', async () => {
    const [host] = hosts()
    await host!.exec('mv /usr/sbin/visudo /usr/sbin/visudo.away')
    const rule = sudo('ann', { commands: 'ALL' })
    expect(await planned(host!, [rule])).toEqual([
      'change sudo:ann: there is no visudo here (package sudo)',
    ])
    expect(await failure(host!, [rule])).toContain('there is no visudo here (package sudo)')
    const brings = command('brings', {
      run: 'mv /usr/sbin/visudo.away /usr/sbin/visudo',
      creates: '/usr/sbin/visudo',
    })
    expect((await settle(host!, [brings, rule])).made).toEqual(['command:brings', 'sudo:ann'])
    expect(await planned(host!, [brings, rule])).toEqual([])
    await converges(host!, [absent(rule)])
  })

  test('the host gets the rule back that one became root with', async () => {
    const [host] = hosts()
    const rule = sudo('ann', { commands: 'ALL', noPassword: true })
    await settle(host!, [rule])
    const before = (await host!.exec(may)).output
    expect(before).toBe('(root) NOPASSWD: ALL\n')
    const guard = sudoKind.lockOut!(rule as never, 'ann')!
    await rescue(host!, guard, 'rm /etc/sudoers.d/ann')
    expect((await host!.exec(may)).output).toBe(before)
    await converges(host!, [absent(rule)])
    await rescue(host!, guard, 'echo "ann ALL=(ALL) !ALL" > /etc/sudoers.d/ann')
    expect((await host!.exec('ls /etc/sudoers.d')).output).toBe('README\n')
  })
})
