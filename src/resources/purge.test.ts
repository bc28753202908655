import { describe, expect, test } from 'vitest'
import { converges, failure, planned } from '../../test/lab/converges.ts'
import { publish } from '../../test/lab/debian.ts'
import { bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { plan, settle } from '../../test/lab/settle.ts'
import { type Context, type Difference, nothingPlanned } from '../model/kind.ts'
import { type Resource, absent } from '../model/resource.ts'
import { archive } from './archive.ts'
import { aptRepository } from './apt-repository.ts'
import { authorizedKeys } from './authorized-keys.ts'
import { cron } from './cron.ts'
import { type DirectoryOptions, directory, directoryKind } from './directory.ts'
import { file } from './file.ts'
import { line } from './line.ts'
import { packages } from './package.ts'

const afterPackage: Context = { ...nothingPlanned, opaque: ['package:nginx'] }

function difference(
  extra: readonly string[],
  options: DirectoryOptions,
  context = nothingPlanned,
  type = 'd',
): Difference | undefined {
  const resource = directory('/etc/x', { purge: true, ...options }) as never
  const stat = type && `/etc/x\0${type}\x00755\0root\0root\x004096\0\0`
  const answer = `${stat}end\0${extra.map((each) => `${each}\0`).join('')}`
  const [state] = directoryKind.parse(Buffer.from(answer), [resource])
  return directoryKind.diff(resource, state!, context)
}

describe('what is purged', () => {
  test.each<[string[], DirectoryOptions, string | undefined]>([
    [[], {}, undefined],
    [['f /etc/x/a', 'd /etc/x/b c'], {}, 'change: removes a, b c/'],
    [['f /etc/x/a\nb', 'l /etc/x/é'], {}, 'change: removes "a\\nb", é'],
    [['f /etc/x/a'], { mode: '700' }, 'change: mode 0755 -> 0700, removes a'],
  ])('%j with %j', (extra, options, expected) => {
    const found = difference(extra, options)
    expect(found && `${found.verb}: ${found.summary}`).toBe(expected)
    expect(found?.text).toBe(undefined)
  })

  test('many are all named, in a text that becomes empty', () => {
    const extra = Array.from({ length: 10 }, (_, i) => `f /etc/x/${i}`)
    expect(difference(extra, {})).toEqual({
      verb: 'change',
      summary: 'removes 0, 1, 2, 3, 4, 5, 6, 7, ... (10 in all)',
      text: { before: '0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n', after: '' },
    })
  })

  test('what a package may put there is not known yet', () => {
    const later = 'removes what is not described, known after package:nginx'
    expect(difference(['f /etc/x/a'], { mode: '700' }, afterPackage)).toEqual({
      verb: 'unknown',
      summary: `mode 0755 -> 0700, ${later}`,
    })
    expect(difference([], {}, afterPackage)?.summary).toBe(later)
    expect(difference([], {}, afterPackage, '')?.summary).toBe(`directory, ${later}`)
    expect(difference([], {}, nothingPlanned, '')?.verb).toBe('create')
    expect(difference([], { purge: false }, afterPackage, '')?.verb).toBe('create')
  })

  test.each(['/', '/etc', '/home'])('not %s', (path) =>
    expect(() => directory(path, { purge: true })).toThrow(`directory:${path}: purge`),
  )
})

describe.skipIf(!labAvailable)('purging on a host', () => {
  const hosts = bootForFile()
  const run = async (script: string): Promise<string> => (await hosts()[0]!.exec(script)).output

  test('what is described stays, whatever the kind, and all else goes', async () => {
    const [web1] = hosts()
    await run(`mkdir -p /srv/d/deep/er /srv/d/old/er /srv/d/own/x '/srv/d/-rf *'; cd /srv/d
touch -- line gone deep/extra deep/er/extra old/er/x own/x/y '*' 'a?' "it's" "$(printf 'new\\nline')" "$(printf '\\377')" -rf .hidden
ln -s /etc link; mkdir /srv/else; touch /srv/else/x; ln -s /srv/else via`)
    const wanted = [
      directory('/srv/d', { purge: true }),
      file('/srv/d/new', { content: 'x' }),
      file('/srv/d/deep/er/kept', { content: 'x' }),
      file('/srv/d/a*', { content: 'x' }),
      line('/srv/d/line', { line: 'x' }),
      directory('/srv/d/own'),
      file('/srv/d/via/through', { content: 'x' }),
      absent(file('/srv/d/gone')),
    ]
    const [first] = await converges(web1!, wanted)
    const prefix = 'change directory:/srv/d: removes '
    expect(first!.startsWith(prefix)).toBe(true)
    expect(first).toContain('(12 in all)')
    expect(await run('cd /srv/d; find . | LC_ALL=C sort')).toBe(
      [
        '.',
        './a*',
        './deep',
        './deep/er',
        './deep/er/kept',
        './line',
        './new',
        './own',
        './own/x',
        './own/x/y',
        './via',
        '',
      ].join('\n'),
    )
    expect(await run('ls /etc/passwd')).toBe('/etc/passwd\n')
    await run('touch /srv/d/again; chmod 700 /srv/d')
    const nested = [
      ...wanted.filter((each) => each.name !== '/srv/d/own'),
      directory('/srv/d/own', { purge: true }),
    ]
    expect(await converges(web1!, nested)).toEqual([
      `${prefix}again`,
      'change directory:/srv/d/own: removes x/',
    ])
  })

  test('as the plan of a host without the rest of the description would', async () => {
    const [web1] = hosts()
    await run('mkdir -p /srv/other; touch /srv/other/a')
    const found = await plan(web1!, [directory('/srv/other', { purge: true })])
    expect(found[0]!.difference.summary).toBe('removes a')
    await settle(web1!, [directory('/srv/other', { purge: true })])
    expect(await run('ls -A /srv/other')).toBe('')
    await run('touch /srv/other/a')
    await converges(web1!, [absent(directory('/srv/other', { purge: true, recursive: true }))])
  })

  test('files that kinds keep elsewhere are known, and keys stay', async () => {
    const [web1] = hosts()
    await run(`useradd -m -d /srv/homes/deploy deploy; touch /etc/cron.d/old /etc/apt/sources.list.d/old.list
mkdir -p /srv/homes/deploy/.ssh; touch /srv/homes/deploy/.ssh/old; chown -R deploy: /srv/homes/deploy`)
    const key = `ssh-ed25519 ${Buffer.from('\0\0\0\x0bssh-ed25519\0\0\0 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'latin1').toString('base64')}`
    const wanted: Resource[] = [
      cron('job', { schedule: '@daily', command: 'true' }),
      directory('/etc/cron.d', { purge: true }),
      directory('/srv/homes/deploy', { purge: true }),
      authorizedKeys('deploy', { keys: [key] } as never),
    ]
    await settle(web1!, wanted)
    expect(await planned(web1!, wanted)).toEqual([])
    expect(await run('ls -A /etc/cron.d /srv/homes/deploy/.ssh')).toBe(
      '/etc/cron.d:\njob\n\n/srv/homes/deploy/.ssh:\nauthorized_keys\n',
    )
  })

  test('what a package brought is seen when it is there', async () => {
    const [web1] = hosts()
    await publish(web1!, '/srv/repo', [
      { name: 'tiny', version: '1.0', postinst: 'mkdir -p /srv/sites; touch /srv/sites/default' },
    ])
    const wanted = [
      aptRepository('tiny', { uris: 'copy:/srv/repo', suites: './', options: { Trusted: 'yes' } }),
      ...packages('tiny'),
      directory('/srv/sites', { purge: true }),
      file('/srv/sites/shop', { content: 'x' }),
    ]
    expect((await converges(web1!, wanted))[2]).toBe(
      'unknown directory:/srv/sites: directory, removes what is not described, known after package:tiny',
    )
    expect(await run('ls -A /srv/sites')).toBe('shop\n')
  })

  test('what is mounted in it is an error and stays', async () => {
    const [web1] = hosts()
    await run(
      'mkdir -p /srv/m/data /srv/m/deep/data; mount -t tmpfs x /srv/m/data; touch /srv/m/data/x',
    )
    const wanted = [directory('/srv/m', { purge: true })]
    expect(await failure(web1!, wanted)).toContain('/srv/m/data')
    await run(
      'umount /srv/m/data; mkdir -p /srv/m/deep/data; mount -t tmpfs x /srv/m/deep/data; touch /srv/m/deep/data/x',
    )
    expect(await failure(web1!, wanted)).toContain('/srv/m/deep/data')
    expect(await run('ls /srv/m/deep/data; umount /srv/m/deep/data')).toBe('x\n')
    await converges(web1!, wanted)
  })

  test('nothing can be described inside an archive', async () => {
    const [web1] = hosts()
    const url = 'https://example.org/x.tar'
    const wanted = [
      archive('/opt/x', { url, sha256: '1'.repeat(64) }),
      file('/opt/x/conf', { content: '' }),
    ]
    await expect(planned(web1!, wanted)).rejects.toThrow('and /opt/x/conf is described in it')
    expect(await planned(web1!, [...absent([wanted[0]!]), wanted[1]!])).toHaveLength(1)
  })
})
