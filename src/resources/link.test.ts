import { describe, expect, test } from 'vitest'
import { bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { plan, settle } from '../../test/lab/settle.ts'
import type { Context } from '../model/kind.ts'
import { absent } from '../model/resource.ts'
import { link, linkKind } from './link.ts'

const nothing: Context = { earlier: new Map(), opaque: [] }

describe('what differs', () => {
  test.each([
    ['', false, 'create: to a'],
    ['', true, undefined],
    ['l a', false, undefined],
    ['l b', false, 'change: to b -> a'],
    ['l b', true, 'remove: link to b'],
    ['f', false, 'change: file -> link to a'],
    ['d', false, 'change: to a, but there is a directory in its place'],
    ['f', true, 'remove: file'],
  ])('%j, absent: %j', (there, gone, expected) => {
    const described = link('/x', { to: 'a' })
    const resource = (gone ? absent(described) : described) as never
    const [type, target = ''] = there.split(' ')
    const stat = there && `/x\0${type}\x00777\0root\0root\x001\0${target}\0`
    const [state] = linkKind.parse(Buffer.from(`${stat}end\0`), [resource])
    const found = linkKind.diff(resource, state!, nothing)
    expect(found && `${found.verb}: ${found.summary}`).toBe(expected)
  })
})

test.each([
  ['x', 'a'],
  ['/x/', 'a'],
  ['/x', ''],
  ['/x', 'a\0'],
])('%j to %j is refused', (path, to) => {
  expect(() => link(path, { to })).toThrow(/link:/)
})

describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile()

  test('comes, is repaired and goes; what it points to is not touched', async () => {
    const [host] = hosts()
    const hostile = `it's "$HOME" \\n\n-é*`
    await host!.exec('cd /srv; mkdir target; touch target/inside')
    const resources = [
      link(`/srv/${hostile}`, { to: `../${hostile}` }),
      link('/srv/-n', { to: '-t' }),
      link('/srv/link', { to: 'target' }),
    ]
    const first = await settle(host!, resources)
    expect(first.made).toHaveLength(3)
    expect(first.planned).toEqual(first.made)
    expect(await plan(host!, resources)).toEqual([])
    expect((await host!.exec('cd /srv; readlink it*; readlink -- -n')).output).toBe(
      `../${hostile}\n-t\n`,
    )
    await host!.exec('cd /srv; ln -sfn other link; rm -- -n; echo x > -n')
    expect((await plan(host!, resources)).map(({ difference }) => difference.summary)).toEqual([
      'file -> link to -t',
      'to other -> target',
    ])
    await settle(host!, resources)
    expect(await plan(host!, resources)).toEqual([])
    await settle(host!, absent(resources))
    expect(await plan(host!, absent(resources))).toEqual([])
    expect((await host!.exec('cd /srv; find . | sort')).output).toBe(
      '.\n./target\n./target/inside\n',
    )
  })

  test('a link to a folder is replaced, not followed', async () => {
    const [host] = hosts()
    await host!.exec('cd /srv; mkdir -p one two; ln -sfn one current')
    await settle(host!, [link('/srv/current', { to: 'two' })])
    expect((await host!.exec('cd /srv; readlink current; ls -A one two')).output).toBe(
      'two\none:\n\ntwo:\n',
    )
  })

  test('a folder in its place is an error, and stays', async () => {
    const [host] = hosts()
    await host!.exec('mkdir -p /srv/folder/inside')
    const resource = link('/srv/folder', { to: 'x' })
    for (const each of [resource, absent(resource)]) {
      const failure = await settle(host!, [each]).catch((error: Error) => error)
      expect(String(failure)).toContain('there is a directory in its place')
    }
    expect((await host!.exec('ls -A /srv/folder')).output).toBe('inside\n')
  })
})
