import { createHash } from 'node:crypto'
import { describe, expect } from 'vitest'
import { converges, failure, planned } from '../../test/lab/converges.ts'
import { bootForFile, labAvailable, labSuite, test } from '../../test/lab/fixture.ts'
import { plan } from '../../test/lab/settle.ts'
import { Secret } from '../base/secret.ts'
import type { Context } from '../model/kind.ts'
import { absent } from '../model/resource.ts'
import { group } from './group.ts'
import { type UserOptions, user, userKind } from './user.ts'

const nothing: Context = { earlier: new Map(), opaque: [] }
const afterPackage: Context = { earlier: new Map(), opaque: ['package:nginx'] }
const hash = '$6$saltsalt$Qw1'
const hashed = createHash('sha256').update(hash).digest('hex')

const answer = {
  there:
    'user:there:ann:x:1000:1000:Ann A:/home/ann:/bin/sh\ngroup:ann:x:1000:\ngroup:ops:x:5:bob,ann\n',
  homeless: 'user:missing:ann:x:1000:1000::/home/ann:/bin/sh\ngroup:ann:x:1000:\n',
  system: 'user:missing:ann:x:33:33::/var/www:/bin/sh\ngroup:www:x:33:\n',
  none: 'group:ann:x:1000:\n',
  noise: '\xff\0user:there:annx:x:1:1::/:/bin/sh\nuser:there\nuser:missing:an:x:1:1::/:/\n',
}

function difference(output: string, options: UserOptions | 'absent', context = nothing) {
  const described = user('ann', options === 'absent' ? {} : options)
  const resource = (options === 'absent' ? absent(described) : described) as never
  const [state] = userKind.parse(Buffer.from(output, 'latin1'), [resource])
  const found = userKind.diff(resource, state, context)
  return found && `${found.verb}: ${found.summary}`
}

describe('what differs', () => {
  const { there, homeless, system, none, noise } = answer
  test.each([
    [none, {}, 'create: user'],
    [noise, {}, 'create: user'],
    [none, 'absent', undefined],
    [none, { system: true }, 'create: system, no home directory made'],
    [
      none,
      { uid: 7, group: 'g', groups: ['a', 'b'], home: '/h', shell: '/s', comment: 'c' },
      'create: uid 7, group g, groups a, b, home /h, shell /s, comment c',
    ],
    [none, { password: hash, locked: true }, 'create: password, locked'],
    [there, 'absent', 'remove: uid 1000, its home /home/ann stays'],
    [there, {}, undefined],
    [
      there,
      { uid: 1000, group: 'ann', groups: ['ops'], comment: 'Ann A', home: '/home/ann' },
      undefined,
    ],
    [there, { uid: 1 }, 'change: uid 1000 -> 1'],
    [there, { group: 'ops' }, 'change: group ann -> ops'],
    [there, { groups: [] }, 'change: -group ops'],
    [there, { groups: ['dev'] }, 'change: +group dev, -group ops'],
    [there, { groups: ['dev'], keepGroups: true }, 'change: +group dev'],
    [there, { groups: [], keepGroups: true }, undefined],
    [there, { home: '/srv' }, 'change: home /home/ann -> /srv'],
    [there, { shell: '/bin/bash' }, 'change: shell /bin/sh -> /bin/bash'],
    [there, { comment: '' }, 'change: comment Ann A -> '],
    [homeless, {}, 'change: home directory /home/ann missing'],
    [homeless, { createHome: false }, undefined],
    [homeless, { home: '/srv' }, 'change: home /home/ann -> /srv, home directory /srv missing'],
    [system, {}, undefined],
    [system, { createHome: true }, 'change: home directory /var/www missing'],
  ] satisfies [string, UserOptions | 'absent', string | undefined][])(
    '%j wanted %j: %s',
    (output, options, expected) => expect(difference(output, options)).toBe(expected),
  )

  const shadow = (lock: string, end: string, sum = hashed): string =>
    `${there}shadow:ann:${lock}:${end}:${sum}\n`
  const password = hash
  test.each([
    [shadow('open', 'valid'), { password }, undefined],
    [shadow('open', 'valid', '0000'), { password }, 'change: password'],
    [shadow('none', 'valid', ''), { password }, 'change: password'],
    [shadow('locked', 'valid'), { password }, 'change: password'],
    [shadow('locked', 'ended'), { password, locked: true }, undefined],
    [shadow('locked', 'valid'), { password, locked: true }, 'change: locked'],
    [shadow('locked', 'valid'), { password, locked: false }, 'change: unlocked'],
    [shadow('open', 'valid'), { locked: true }, 'change: locked'],
    [shadow('none', 'ended'), { locked: true }, undefined],
    [shadow('none', 'valid'), { locked: true }, 'change: locked'],
    [shadow('none', 'valid'), { locked: false }, undefined],
    [shadow('open', 'ended'), { locked: false }, 'change: unlocked'],
    [shadow('open', 'ended'), {}, undefined],
  ] satisfies [string, UserOptions, string | undefined][])(
    'password and lock: %j wanted %j: %s',
    (output, options, expected) => expect(difference(output, options)).toBe(expected),
  )

  test('a package may bring the user', () => {
    expect(difference(none, { uid: 7 }, afterPackage)).toBe(
      'unknown: uid 7, unless package:nginx brings it',
    )
    expect(difference(there, { uid: 7 }, afterPackage)).toBe('change: uid 1000 -> 7')
  })

  test.each([
    [{ password: 'hunter2hunter2' }, 'password'],
    [{ password: `${hash}\nroot:x` }, 'password'],
    [{ comment: 'a:b' }, 'comment'],
    [{ comment: 'a\nb' }, 'comment'],
    [{ home: '/a:b' }, 'home'],
    [{ home: 'srv' }, 'home'],
    [{ shell: '/bin/sh\n' }, 'shell'],
    [{ groups: ['a,b'] }, 'groups'],
    [{ uid: -1 }, 'uid'],
  ] satisfies [UserOptions, string][])('refuses %j, and shows no password', (options, field) => {
    expect(() => user('ann', options)).toThrow(field)
    expect(() => user('ann', options)).not.toThrow(/hunter2/)
  })

  test('the password is in no script and no text', () => {
    const resource = user('ann', { password: new Secret('pw', hash) })
    expect(JSON.stringify(resource)).not.toContain(hash)
    expect(userKind.read!([resource as never])!.text).not.toContain(hash)
    const change = { resource, state: undefined, difference: { verb: 'create', summary: '' } }
    expect(userKind.apply([change as never]).script.text).not.toContain(hash)
  })
})

describe.skipIf(!labAvailable)('users on a host', () => {
  const hosts = bootForFile()

  test('are made with everything, put right again and removed', async () => {
    const [web1] = hosts()
    const wanted = [
      group('ops'),
      user('ann', {
        uid: 2000,
        group: 'users',
        groups: ['ops', 'audio'],
        shell: '/bin/bash',
        home: '/srv/it is $HOME',
        comment: `O'Ann "$(id)" & co`,
        password: hash,
      }),
    ]
    expect(await converges(web1!, wanted)).toHaveLength(2)
    const shown = await web1!.exec('getent passwd ann; getent shadow ann; ls -d /srv/*')
    expect(shown.output).toContain(`ann:x:2000:100:O'Ann "$(id)" & co:/srv/it is $HOME:/bin/bash`)
    expect(shown.output).toContain(`ann:${hash}:`)
    await web1!.exec(
      `usermod -u 2001 -g staff -G video -s /bin/sh -c x ann; echo 'ann:$6$x$y' | chpasswd -e; rm -r '/srv/it is $HOME'`,
    )
    expect(await converges(web1!, wanted)).toEqual([
      `change user:ann: uid 2001 -> 2000, group staff -> users, +group ops, +group audio, -group video, home directory /srv/it is $HOME missing, shell /bin/sh -> /bin/bash, comment x -> O'Ann "$(id)" & co, password`,
    ])
    // As useradd makes one there: Debian 13 closes homes to others.
    const mode = labSuite === 'bookworm' ? '755' : '700'
    expect((await web1!.exec("stat -c '%U %a' '/srv/it is $HOME'")).output).toBe(`ann ${mode}\n`)
    await web1!.exec(`touch '/srv/it is $HOME/kept'`)
    expect(await converges(web1!, [user('ann', { home: '/srv/ann' })])).toEqual([
      'change user:ann: home /srv/it is $HOME -> /srv/ann',
    ])
    expect((await web1!.exec('ls /srv/ann')).output).toContain('kept')
    expect(await converges(web1!, [absent(user('ann', { removeHome: true }))])).toEqual([
      'remove user:ann: uid 2000, with its home /srv/ann',
    ])
    expect((await web1!.exec('ls /srv')).output.trim()).toBe('')
  })

  test('are locked and unlocked, password and keys alike', async () => {
    const [web1] = hosts()
    const state = async (): Promise<string> =>
      (await web1!.exec('getent shadow eve | cut -d: -f2,8')).output.trim()
    await converges(web1!, [user('eve', { password: hash, locked: true })])
    expect(await state()).toBe(`!${hash}:1`)
    expect(await converges(web1!, [user('eve', { locked: false })])).toEqual([
      'change user:eve: unlocked',
    ])
    expect(await state()).toBe(`${hash}:`)
    expect(await converges(web1!, [user('eve', { locked: true })])).toHaveLength(1)
    expect(await converges(web1!, [user('eve', { password: hash, locked: false })])).toEqual([
      'change user:eve: unlocked',
    ])
    await web1!.exec('usermod -L eve')
    expect(await converges(web1!, [user('eve', { password: hash })])).toEqual([
      'change user:eve: password',
    ])
    await converges(web1!, [user('nopass', { locked: false })])
    await converges(web1!, [user('nopass', { locked: true })])
    await converges(web1!, [user('nopass', { locked: false })])
  })

  test('take what is there: a group of their name, a system range, a home of another', async () => {
    const [web1] = hosts()
    await converges(web1!, [group('deploy', { gid: 3000 }), user('deploy')])
    expect((await web1!.exec('id -g deploy')).output.trim()).toBe('3000')
    await converges(web1!, [user('daemon2', { system: true })])
    expect((await web1!.exec('ls -d ~daemon2')).output).toContain('No such file')
    await converges(web1!, [absent(user('daemon2'))])
    await converges(web1!, [user('with', { system: true, createHome: true, home: '/opt/a/b' })])
    expect((await web1!.exec('stat -c %U /opt/a/b')).output.trim()).toBe('with')
    await converges(web1!, absent([user('deploy'), user('with')]))
    expect((await web1!.exec('ls -d /home/deploy')).code).toBe(0)
  })

  test('show a change of password without any trace of it', async () => {
    const [web1] = hosts()
    await converges(web1!, [user('quiet', { password: '$6$old$oldoldold' })])
    const changes = await plan(web1!, [user('quiet', { password: hash })])
    expect(changes).toEqual([
      { id: 'user:quiet', difference: { verb: 'change', summary: 'password' } },
    ])
  })

  test('what cannot be done is said in the words of the host', async () => {
    const [web1] = hosts()
    expect(await failure(web1!, [user('bad', { group: 'nosuch' })])).toContain('nosuch')
    expect(await failure(web1!, [user('bad', { uid: 0 })])).toContain('UID 0 is not unique')
    await web1!.exec('useradd -m busy; setpriv --reuid busy sleep 300 </dev/null >/dev/null 2>&1 &')
    expect(await failure(web1!, [absent(user('busy'))])).toContain('currently used by process')
    expect(await planned(web1!, [user('busy')])).toEqual([])
  })
})
