import { describe, expect, test } from 'vitest'
import { converges, planned } from '../../test/lab/converges.ts'
import { bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { plan } from '../../test/lab/settle.ts'
import { nothingPlanned } from '../model/kind.ts'
import { type Resource, absent } from '../model/resource.ts'
import { file } from './file.ts'
import { hostEntry, hostEntryKind } from './host-entry.ts'
import { line } from './line.ts'

const db = hostEntry('10.0.0.5', ['db.internal', 'db'])

function differ(content: string | undefined, resource: Resource = db) {
  const row = content === undefined ? '' : `0 file ${Buffer.from(content).toString('base64')}\n`
  const [state] = hostEntryKind.parse(Buffer.from(row), [resource as never])
  return hostEntryKind.diff(resource as never, state!, nothingPlanned)
}

const before = '127.0.0.1\tlocalhost\n'
const after = '10.0.0.5\tdb.internal db\n'

/** What the file holds, what is planned, and what it is to hold then. */
const contents: [string, string | undefined, string?][] = [
  [before, 'create: at the end', `${before}${after}`],
  ['', 'create: at the end', after],
  ['127.0.0.1 localhost', 'create: at the end', `127.0.0.1 localhost\n${after}`],
  [`${before}${after}`, undefined],
  [' 10.0.0.5   db.internal\t db  # the primary', undefined],
  ['10.0.0.5 db\na', 'change: in place of 10.0.0.5 db', `${after}a`],
  ['10.0.0.5 db db.internal\n', 'change: in place of 10.0.0.5 db db.internal', after],
  ['10.0.0.5 db.internal db x\n', 'change: in place of 10.0.0.5 db.internal db x', after],
  ['10.0.0.5\n', 'change: in place of 10.0.0.5', after],
  ['10.0.0.5#\n', 'change: in place of 10.0.0.5#', after],
  [
    '\t10.0.0.5 db\n10.0.0.50 x\n10.0.0.5 db.internal db\n',
    'change: in place of 2 lines',
    `${after}10.0.0.50 x\n`,
  ],
  ['#10.0.0.5 db\n10x0x0x5 db\n', 'create: at the end', `#10.0.0.5 db\n10x0x0x5 db\n${after}`],
  ['10.0.0.50 db.internal db\n', 'create: at the end', `10.0.0.50 db.internal db\n${after}`],
]

describe('what differs', () => {
  test.each(contents)('%j', (content, expected, wanted) => {
    const found = differ(content)
    expect(found && `${found.verb}: ${found.summary}`).toBe(expected)
    expect(found?.text?.after).toBe(wanted)
  })

  test.each([
    [`${before}${after}a`, 'remove: 1 line', `${before}a`],
    ['10.0.0.5 other # x\n10.0.0.5 b\n', 'remove: 2 lines', ''],
    [before, undefined, undefined],
  ])('absent: %j', (content, expected, wanted) => {
    const found = differ(content, absent(db))
    expect(found && `${found.verb}: ${found.summary}`).toBe(expected)
    expect(found?.text?.after).toBe(wanted)
  })

  test('no file', () => {
    expect(differ(undefined)?.verb).toBe('create')
    expect(differ(undefined, absent(db))).toBeUndefined()
  })
})

describe('describing', () => {
  test.each([
    ['::1', 'localhost'],
    ['fe80::1%eth0', ['a']],
    ['10.0.0.5', ['_db', 'db-1.internal', '1']],
  ])('%j %j', (address, names) => {
    expect(hostEntry(address, names).name).toBe(address)
  })

  test.each([
    ['10.0.0', ['db']],
    ['db', ['10.0.0.5']],
    ['10.0.0.5 ', ['db']],
    ['10.0.0.5', []],
    ['10.0.0.5', ['']],
    ['10.0.0.5', ['a b']],
    ['10.0.0.5', ['a#']],
    ['10.0.0.5', ['a\nb']],
    ['10.0.0.5', ['-a']],
    ['10.0.0.5', ['a..b']],
    ['10.0.0.5', undefined],
    [undefined, ['a']],
  ])('%j %j is refused', (address, names) => {
    expect(() => hostEntry(address as never, names as never)).toThrow(/host-entry:/)
  })
})

describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile()

  test('plan and host make the same of it', async () => {
    const [host] = hosts()
    for (const resource of [db, absent(db)])
      for (const [content] of contents) {
        await host!.exec(`echo ${Buffer.from(content).toString('base64')} | base64 -d > /etc/hosts`)
        const found = (await plan(host!, [resource]))[0]?.difference.text?.after
        await converges(host!, [resource])
        expect((await host!.exec('cat /etc/hosts')).output).toBe(found ?? content)
      }
  })

  test('several, beside lines of others', async () => {
    const [host] = hosts()
    await host!.exec('printf "127.0.0.1 localhost\\n10.0.0.6 x\\n" > /etc/hosts')
    const cache = hostEntry('10.0.0.6', 'cache')
    const v6 = hostEntry('fd00::5', 'db6')
    const others = line('/etc/hosts', { line: '10.0.0.7 mail', user: 'root' })
    expect(await converges(host!, [db, cache, v6, others])).toEqual([
      'create host-entry:10.0.0.5: at the end',
      'change host-entry:10.0.0.6: in place of 10.0.0.6 x',
      'create host-entry:fd00::5: at the end',
      'create line:/etc/hosts#10.0.0.7 mail: at the end',
    ])
    expect((await host!.exec('cat /etc/hosts; stat -c %a /etc/hosts')).output).toBe(
      `127.0.0.1 localhost\n10.0.0.6\tcache\n${after}fd00::5\tdb6\n10.0.0.7 mail\n644\n`,
    )
    expect((await host!.exec('getent hosts db; getent ahosts db6 | head -n 1')).output).toMatch(
      /^10\.0\.0\.5 +db\.internal db\nfd00::5 /,
    )
    await converges(host!, absent([db, cache, v6]))
    expect((await host!.exec('cat /etc/hosts')).output).toBe('127.0.0.1 localhost\n10.0.0.7 mail\n')
  })

  test('a file that is mounted over, as in containers, is written in place', async () => {
    const [host] = hosts()
    await host!.exec('echo "127.0.0.1 localhost" > /srv/hosts; mount --bind /srv/hosts /etc/hosts')
    await converges(host!, [db])
    expect((await host!.exec('cat /srv/hosts; ls -A /etc | grep fettle')).output).toBe(
      `127.0.0.1 localhost\n${after}`,
    )
    await converges(host!, [absent(db)])
    expect((await host!.exec('umount /etc/hosts; cat /srv/hosts')).output).toBe(
      '127.0.0.1 localhost\n',
    )
  })

  test('an address has one entry, and the file no other owner', async () => {
    const [host] = hosts()
    const again = hostEntry('10.0.0.5', 'other')
    await expect(planned(host!, [db, again])).rejects.toThrow(
      'host-entry:10.0.0.5 on web1 is claimed twice',
    )
    const whole = file('/etc/hosts', { content: 'x', user: 'root' })
    await expect(planned(host!, [db, whole])).rejects.toThrow(
      'path /etc/hosts on web1 is claimed twice',
    )
  })
})
