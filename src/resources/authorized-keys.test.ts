import { describe, expect } from 'vitest'
import { converges, failure, planned } from '../../test/lab/converges.ts'
import { type TestHost, bootForFile, labAvailable, test } from '../../test/lab/fixture.ts'
import { plan } from '../../test/lab/settle.ts'
import type { Context, Difference } from '../model/kind.ts'
import { absent } from '../model/resource.ts'
import {
  type AuthorizedKeysOptions,
  authorizedKeys,
  authorizedKeysKind,
} from './authorized-keys.ts'
import { user } from './user.ts'

const blob = (letter: string): string => `AAAAC3NzaC1lZDI1NTE5AAAAI${letter.repeat(43)}`
const ann = `ssh-ed25519 ${blob('a')} ann@home`
const bob = `ssh-ed25519 ${blob('b')} bob`
const eve = `from="10.0.0.0/8,!10.1.1.1" ssh-ed25519 ${blob('e')}`

const nothing: Context = { earlier: new Map(), opaque: [] }

function row(content: string, folder = '700 1000', file = '600 1000'): string {
  return `deploy\t1000\t/home/deploy\t${folder}\t${file}\t${Buffer.from(content).toString('base64')}\n`
}

function difference(
  output: string,
  options: AuthorizedKeysOptions,
  { gone = false, context = nothing } = {},
): Difference | undefined {
  const described = authorizedKeys('deploy', options)
  const resource = (gone ? absent(described) : described) as never
  const [state] = authorizedKeysKind.parse(Buffer.from(output), [resource])
  return authorizedKeysKind.diff(resource, state!, context)
}

describe('what differs', () => {
  const bare = row('', '', '')
  const lines = (...keys: string[]): string => keys.map((each) => `${each}\n`).join('')
  test.each([
    [bare, { keys: [ann, eve] }, 'create: +ann@home, +...eeeeeeeeeeee', lines(ann, eve)],
    [bare, { keys: [] }, 'create: no keys', undefined],
    [row(''), { keys: [] }, undefined, undefined],
    [row(lines(ann)), { keys: [ann] }, undefined, undefined],
    [row(ann), { keys: [ann] }, undefined, undefined],
    [row(ann), { keys: [ann, bob] }, 'change: +bob', lines(ann, bob)],
    [row(lines(bob, '# mine', ann)), { keys: [ann] }, undefined, undefined],
    [
      row(lines('# kept', '', bob, ann, 'nonsense')),
      { keys: [ann], exclusive: true },
      'change: -bob',
      lines('# kept', '', ann),
    ],
    [
      row(lines(ann, 'nonsense')),
      { keys: [ann], exclusive: true },
      'change: other lines',
      lines(ann),
    ],
    [row(lines(`${ann}2`)), { keys: [ann] }, 'change: ~ann@home', lines(ann)],
    [row(lines(`from="1.1.1.1" ${ann}`)), { keys: [ann] }, 'change: ~ann@home', lines(ann)],
    [row(lines(ann, ann, bob)), { keys: [ann] }, 'change: other lines', lines(ann, bob)],
    [
      row(lines(ann), '755 1000', '644 0'),
      { keys: [ann] },
      expect.stringContaining('0755'),
      undefined,
    ],
    [row(lines(ann), '700 1000', 'link'), { keys: [ann] }, 'change: link -> file', undefined],
  ] satisfies [string, AuthorizedKeysOptions, unknown, string | undefined][])(
    '%j wanted %j: %s',
    (output, options, expected, after) => {
      const found = difference(output, options)
      expect(found && `${found.verb}: ${found.summary}`).toEqual(expected)
      expect(found?.text?.after).toBe(after)
    },
  )

  test('taken away are the listed keys alone', () => {
    const gone = true
    const found = difference(row(lines(ann, bob, '# x')), { keys: [ann] }, { gone })
    expect(found).toMatchObject({ verb: 'remove', summary: '-ann@home' })
    expect(found?.text?.after).toBe(lines(bob, '# x'))
    expect(difference(row(lines(bob), '755 0'), { keys: [ann] }, { gone })).toBeUndefined()
    expect(difference('', { keys: [ann] }, { gone })).toBeUndefined()
  })

  test('a user who is not there yet', () => {
    const make: Difference = { verb: 'create', summary: '' }
    const earlier = new Map([['user:deploy', make]])
    const unsure = new Map([['user:deploy', { ...make, verb: 'unknown' as const }]])
    const opaque = ['package:nginx']
    const words = (context: Context): string => {
      const { verb, summary } = difference('', { keys: [bob] }, { context })!
      return `${verb}: ${summary}`
    }
    expect(words({ earlier, opaque: [] })).toBe('create: +bob')
    expect(words({ earlier, opaque })).toBe('create: +bob')
    expect(words({ earlier: unsure, opaque })).toBe('unknown: +bob, unless package:nginx brings it')
    expect(words({ earlier: new Map(), opaque })).toMatch(/^unknown/)
    expect(words(nothing)).toBe('create: +bob, but there is no user deploy')
  })

  test('bytes that are no text stay as they are', () => {
    const odd = Buffer.from([...Buffer.from(bob), 0xff, 0xfe, 10])
    const resource = authorizedKeys('deploy', { keys: [`${ann} é`] }) as never
    const output = `deploy\t1000\t/h\t700 1000\t600 1000\t${odd.toString('base64')}\n`
    const [state] = authorizedKeysKind.parse(Buffer.from(output), [resource])
    const difference = authorizedKeysKind.diff(resource, state!, nothing)!
    const { input } = authorizedKeysKind.apply([{ resource, state: state!, difference }])
    expect(input).toEqual(Buffer.concat([odd, Buffer.from(`${ann} é\n`)]))
  })

  test.each([
    '',
    'ssh-ed25519',
    `${ann}\n${bob}`,
    `# ${ann}`,
    'command="ssh-rsa" x',
    '/root/id.pub',
  ])('%j is no key', (key) =>
    expect(() => authorizedKeys('deploy', { keys: [key] })).toThrow(/keys/),
  )
})

describe.skipIf(!labAvailable)('keys on a host', () => {
  const hosts = bootForFile()
  const look = async (host: TestHost, home: string): Promise<string> =>
    (await host.exec(`cd '${home}/.ssh' && stat -c '%U %a' . * && cat authorized_keys`)).output

  test('come with their user, are put right again and taken away', async () => {
    const [web1] = hosts()
    const wanted = [
      user('deploy', { home: '/srv/my home' }),
      authorizedKeys('deploy', { keys: [ann, eve], exclusive: true }),
    ]
    expect(await converges(web1!, wanted)).toHaveLength(2)
    const right = `deploy 700\ndeploy 600\n${ann}\n${eve}\n`
    expect(await look(web1!, '/srv/my home')).toBe(right)
    await web1!.exec(
      `cd '/srv/my home/.ssh'; chmod 755 .; chown root . authorized_keys; chmod 644 authorized_keys; echo '${bob}' >> authorized_keys`,
    )
    expect(await converges(web1!, wanted)).toEqual([
      'change authorized-keys:deploy: -bob, .ssh mode 0755 -> 0700, .ssh owner 0 -> 1000, authorized_keys mode 0644 -> 0600, authorized_keys owner 0 -> 1000',
    ])
    expect(await look(web1!, '/srv/my home')).toBe(right)
    expect(await converges(web1!, [absent(authorizedKeys('deploy', { keys: [ann] }))])).toEqual([
      'remove authorized-keys:deploy: -ann@home',
    ])
    expect(await look(web1!, '/srv/my home')).toBe(`deploy 700\ndeploy 600\n${eve}\n`)
    const gone = [user('deploy'), authorizedKeys('deploy', { keys: [eve] })].map((each) =>
      absent(each),
    )
    expect(await converges(web1!, gone)).toEqual([expect.stringMatching(/^remove user:deploy: /)])
  })

  test('of several users are read at once', async () => {
    const [web1] = hosts()
    const names = ['u1', 'u2', 'u3']
    await converges(
      web1!,
      names.map((name) => user(name)),
    )
    const wanted = [...names, 'root'].map((name) => authorizedKeys(name, { keys: [ann, bob] }))
    expect(await converges(web1!, wanted)).toHaveLength(4)
    // The key that the tests log in with is still there.
    expect(await planned(web1!, wanted)).toEqual([])
  })

  test('a user cannot make us read or write what is not theirs', async () => {
    const [web1] = hosts()
    await converges(web1!, [user('mal')])
    await web1!.exec(`mkdir -m 700 /root/secret; echo '${bob}' > /root/secret/authorized_keys
ln -s /root/secret /home/mal/.ssh`)
    const wanted = [authorizedKeys('mal', { keys: [ann] })]
    expect(await planned(web1!, wanted)).toEqual(['create authorized-keys:mal: +ann@home'])
    expect(await failure(web1!, wanted)).toContain('mkdir')
    await web1!.exec(`rm /home/mal/.ssh; install -d -o mal -m 700 /home/mal/.ssh
ln -s /root/secret/authorized_keys /home/mal/.ssh/authorized_keys`)
    const [change] = await plan(web1!, wanted)
    expect(change?.difference.text?.before).toBe('')
    await converges(web1!, wanted)
    expect(await look(web1!, '/home/mal')).toBe(`mal 700\nmal 600\n${ann}\n`)
    expect((await web1!.exec('cat /root/secret/authorized_keys')).output).toBe(`${bob}\n`)
    await web1!.exec('cd /home/mal/.ssh; rm *; mkfifo -m 600 authorized_keys; chown mal *')
    await converges(web1!, wanted)
    expect(await look(web1!, '/home/mal')).toBe(`mal 700\nmal 600\n${ann}\n`)
  })

  test('root makes the folder where the user may not', async () => {
    const [web1] = hosts()
    await converges(web1!, [user('sftp')])
    await web1!.exec('chown root:root /home/sftp; chmod 755 /home/sftp')
    await converges(web1!, [authorizedKeys('sftp', { keys: [ann] })])
    expect(await look(web1!, '/home/sftp')).toBe(`sftp 700\nsftp 600\n${ann}\n`)
  })

  test('without root a user keeps their own', async () => {
    const [web1] = hosts()
    await converges(web1!, [user('own')])
    await converges(web1!, [authorizedKeys('own', { keys: [ann], user: 'own' })])
    expect(await look(web1!, '/home/own')).toBe(`own 700\nown 600\n${ann}\n`)
  })

  test('what cannot be done is said', async () => {
    const [web1] = hosts()
    expect(await failure(web1!, [authorizedKeys('nosuch', { keys: [ann] })])).toContain(
      'there is no user nosuch',
    )
    await converges(web1!, [user('homeless', { createHome: false })])
    expect(await failure(web1!, [authorizedKeys('homeless', { keys: [ann] })])).toContain(
      'the home of homeless, /home/homeless, is not there',
    )
  })
})
