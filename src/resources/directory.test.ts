import { describe, expect, test } from 'vitest'
import { bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { plan, settle } from '../../test/lab/settle.ts'
import type { Context } from '../model/kind.ts'
import { absent } from '../model/resource.ts'
import { type DirectoryOptions, directory, directoryKind } from './directory.ts'

const nothing: Context = { earlier: new Map(), opaque: [] }

describe('what differs', () => {
  const full = { owner: 'a', group: 'b', mode: '2750' }
  test.each<[string, DirectoryOptions | 'absent', string | undefined]>([
    ['', {}, 'create: directory'],
    ['', full, 'create: mode 2750, owner a, group b'],
    ['', 'absent', undefined],
    ['d 755 root root', {}, undefined],
    ['d 2750 a b', full, undefined],
    ['d 755 root root', full, 'change: owner root -> a, group root -> b, mode 0755 -> 2750'],
    ['d 755 root root', { mode: '755' }, undefined],
    ['d 755 root root', 'absent', 'remove: directory'],
    ['f 644 root root', {}, 'change: to be a directory, but there is a file in its place'],
    ['l 777 root root', full, 'change: to be a directory, but there is a link in its place'],
    ['f 644 root root', 'absent', 'remove: there is a file in its place'],
  ])('%j with %j', (there, options, expected) => {
    const described = directory('/x', options === 'absent' ? {} : options)
    const resource = (options === 'absent' ? absent(described) : described) as never
    const stat = there && `/x\0${there.replaceAll(' ', '\0')}\x004096\0\0`
    const [state] = directoryKind.parse(Buffer.from(`${stat}end\0`), [resource])
    const found = directoryKind.diff(resource, state!, nothing)
    expect(found && `${found.verb}: ${found.summary}`).toBe(expected)
  })
})

test.each([
  ['x', {}],
  ['/x/', {}],
  ['/x', { mode: '8' }],
  ['/x', { owner: 'a b' }],
  ['/x', { recursive: 'yes' }],
])('%j %j is refused', (path, options) => {
  expect(() => directory(path, options as never)).toThrow(/directory:/)
})

describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile()

  test('comes with its parents, is repaired and goes', async () => {
    const [host] = hosts()
    const hostile = `/srv/a b/it's "$HOME" \\n\n-é*`
    const resources = [
      directory(hostile, { owner: 'daemon', group: 'games', mode: '2750' }),
      directory('/srv/-rf'),
    ]
    const first = await settle(host!, resources)
    expect(first.made).toHaveLength(2)
    expect(first.planned).toEqual(first.made)
    expect(await plan(host!, resources)).toEqual([])
    expect((await host!.exec('cd "/srv/a b"; stat -c "%U %G %a" . *')).output).toBe(
      'root root 755\ndaemon games 2750\n',
    )
    await host!.exec('cd "/srv/a b"; chown root:root *; chmod 0700 *; rmdir /srv/-rf')
    expect((await plan(host!, resources)).map(({ difference }) => difference.summary)).toEqual([
      'owner root -> daemon, group root -> games, mode 2700 -> 2750',
      'directory',
    ])
    await settle(host!, resources)
    expect(await plan(host!, resources)).toEqual([])
    await settle(host!, absent(resources))
    expect(await plan(host!, absent(resources))).toEqual([])
    expect((await host!.exec('ls -A /srv')).output).toBe('a b\n')
  })

  test('what is inside is removed only when that is asked for', async () => {
    const [host] = hosts()
    await host!.exec('mkdir -p /srv/full/deep; touch /srv/full/file')
    const failure = await settle(host!, [absent(directory('/srv/full'))]).catch((e: Error) => e)
    expect(String(failure)).toContain('not empty')
    await settle(host!, [absent(directory('/srv/full', { recursive: true }))])
    expect((await host!.exec('ls -A /srv | grep full')).output).toBe('')
  })

  test.each(['file', 'link', 'dangling'])(
    'a %s in its place is an error, and stays',
    async (name) => {
      const [host] = hosts()
      await host!.exec(
        'cd /srv; echo x > file; mkdir -p target; ln -sfn target link; ln -sfn nowhere dangling',
      )
      const state = 'cd /srv; stat -c "%n %F %a" *'
      const before = (await host!.exec(state)).output
      const resource = directory(`/srv/${name}`, { mode: '0700' })
      expect(await plan(host!, [resource])).toHaveLength(1)
      const failure = await settle(host!, [resource]).catch((error: Error) => error)
      expect(String(failure)).toContain('something else is in its place')
      expect((await host!.exec(state)).output).toBe(before)
    },
  )

  test('no such owner is an error', async () => {
    const [host] = hosts()
    const resource = directory('/srv/owned', { owner: 'nosuch' })
    const failure = await settle(host!, [resource]).catch((error: Error) => error)
    expect(String(failure)).toContain('nosuch')
  })
})
