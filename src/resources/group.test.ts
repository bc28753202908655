import { describe, expect } from 'vitest'
import { converges, failure, planned } from '../../test/lab/converges.ts'
import { bootForFile, labAvailable, test } from '../../test/lab/fixture.ts'
import type { Context } from '../model/kind.ts'
import { absent } from '../model/resource.ts'
import { type GroupOptions, group, groupKind } from './group.ts'

const nothing: Context = { earlier: new Map(), opaque: [] }
const afterPackage: Context = { earlier: new Map(), opaque: ['package:nginx'] }

function difference(output: string, options: GroupOptions | 'absent', context = nothing) {
  const described = group('www', options === 'absent' ? {} : options)
  const resource = (options === 'absent' ? absent(described) : described) as never
  const found = groupKind.diff(
    resource,
    groupKind.parse(Buffer.from(output), [resource])[0],
    context,
  )
  return found && `${found.verb}: ${found.summary}`
}

describe('what differs', () => {
  const there = 'www:x:33:ann,bob\n'
  test.each([
    ['', {}, 'create: group'],
    ['', { gid: 33, system: true, members: ['ann'] }, 'create: gid 33, system, members ann'],
    ['', { members: [] }, 'create: group'],
    ['', 'absent', undefined],
    [there, 'absent', 'remove: gid 33'],
    [there, {}, undefined],
    [there, { gid: 33, members: ['bob', 'ann'], system: true }, undefined],
    [there, { gid: 34 }, 'change: gid 33 -> 34'],
    [there, { members: ['ann', 'eve', 'eve'] }, 'change: +member eve, -member bob'],
    [there, { members: [] }, 'change: -member ann, -member bob'],
    ['www:x:33:\n', { members: [] }, undefined],
    ['wwwx:x:33:\nww:x:1:\n', {}, 'create: group'],
    ['\xff\0garbage\nwww\nwww:x\n:::\n', {}, 'create: group'],
  ] satisfies [string, GroupOptions | 'absent', string | undefined][])(
    '%j wanted %j: %s',
    (output, options, expected) => {
      expect(difference(output, options)).toBe(expected)
    },
  )

  test('a package may bring the group', () => {
    expect(difference('', { gid: 33 }, afterPackage)).toBe(
      'unknown: gid 33, unless package:nginx brings it',
    )
    expect(difference(there, { gid: 34 }, afterPackage)).toBe('change: gid 33 -> 34')
  })

  test.each(['-r', 'a b', '$(id)', '', 'a:b', 'a\n'])('no group is called %j', (name) => {
    expect(() => group(name)).toThrow(/its name/)
  })
})

describe.skipIf(!labAvailable)('groups on a host', () => {
  const hosts = bootForFile()

  test('are made, put right again and removed', async () => {
    const [web1] = hosts()
    const wanted = [group('ops', { gid: 4000, members: ['sshd', 'nobody'] }), group('sysops')]
    expect(await converges(web1!, wanted)).toEqual([
      'create group:ops: gid 4000, members sshd, nobody',
      'create group:sysops: group',
    ])
    await web1!.exec('groupmod -g 4100 ops; gpasswd -d nobody ops; gpasswd -a root ops')
    expect(await converges(web1!, wanted)).toEqual([
      'change group:ops: gid 4100 -> 4000, +member nobody, -member root',
    ])
    expect(await converges(web1!, [group('ops', { members: [] })])).toEqual([
      'change group:ops: -member sshd, -member nobody',
    ])
    expect(await converges(web1!, [group('daemons', { system: true })])).toHaveLength(1)
    const made = await web1!.exec('getent group daemons | cut -d: -f3')
    expect(Number(made.output)).toBeLessThan(1000)
    expect(await converges(web1!, absent(wanted))).toEqual([
      'remove group:ops: gid 4000',
      expect.stringContaining('remove group:sysops'),
    ])
  })

  test('what cannot be done is said in the words of the host', async () => {
    const [web1] = hosts()
    expect(await failure(web1!, [group('dup', { gid: 0 })])).toContain("GID '0' already exists")
    expect(await failure(web1!, [absent(group('root'))])).toContain('primary group')
    expect(await failure(web1!, [group('of', { members: ['nosuch'] })])).toContain('nosuch')
    expect(await planned(web1!, [group('of', { members: ['nosuch'] })])).toEqual([
      'change group:of: +member nosuch',
    ])
  })

  test('two may not decide on the groups of one user', async () => {
    const { user } = await import('./user.ts')
    const [web1] = hosts()
    expect(
      await failure(web1!, [
        group('ops', { members: ['sshd'] }),
        group('dev', { members: ['sshd'] }),
        user('sshd', { groups: ['ops'] }),
      ]),
    ).toContain('groups of sshd')
  })
})
