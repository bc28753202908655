import { beforeAll, describe, expect } from 'vitest'
import { converges, failure, planned } from '../../test/lab/converges.ts'
import { type TinyPackage, publish } from '../../test/lab/debian.ts'
import { bootForFile, labAvailable, test } from '../../test/lab/fixture.ts'
import { settle } from '../../test/lab/settle.ts'
import type { Context } from '../model/kind.ts'
import { type Resource, absent } from '../model/resource.ts'
import { type PackageOptions, packageKind, packages } from './package.ts'

const nothing: Context = { earlier: new Map(), opaque: [] }

function differences(output: string, resources: readonly Resource[], context = nothing): string[] {
  const states = packageKind.parse(Buffer.from(output, 'latin1'), resources as never)
  return resources.map((each, i) => {
    const found = packageKind.diff(each as never, states[i]!, context)
    return found ? `${found.verb}: ${found.summary}` : 'right'
  })
}

describe('what differs', () => {
  const none = '\ndpkg:amd64\tinstalled\t1.21\n'
  const row = (status: string, version = '1.0'): string =>
    `${none}aa:amd64\t${status}\t${version}\n`
  const fresh = (...rows: string[]): string =>
    ['The following NEW packages will be installed:', ...rows].join('\n')
  const apt = (...lists: string[]): string =>
    `\n== apt\nReading package lists...\n${lists.join('\n')}\n0 upgraded, ...\n'http://x/y.deb' y 1\n`
  const later = 'version known after apt-get update'
  test.each([
    [none, {}, `create: install (${later})`],
    [none, { version: '1.0' }, 'create: install 1.0'],
    [none, { version: '1.*' }, `create: install 1.* (exact ${later})`],
    [none, 'absent', 'right'],
    [row('installed'), {}, 'right'],
    [row('installed', '1.22.1-9+b1'), { version: '1.22.*' }, 'right'],
    [row('installed', '1x22'), { version: '1.22' }, 'change: 1x22 -> 1.22'],
    [row('installed'), { version: '2.0' }, 'change: 1.0 -> 2.0'],
    [row('installed'), 'absent', 'remove: 1.0'],
    [row('installed'), 'purged', 'remove: 1.0 and its configuration'],
    [row('config-files'), {}, `create: install (${later})`],
    [row('config-files'), 'absent', 'right'],
    [row('config-files'), 'purged', 'remove: its configuration'],
    [row('half-configured'), {}, 'change: half-configured -> installed'],
    [row('unpacked'), 'absent', 'remove: 1.0'],
    [row('not-installed', ''), {}, `create: install (${later})`],
    [none + apt(fresh('   aa (1.2)')), {}, 'create: install 1.2'],
    [
      row('installed') + apt('The following packages will be upgraded:', '   aa (1.0 => 1.2)'),
      { version: '1.2' },
      'change: 1.0 -> 1.2',
    ],
    [
      row('installed', '1.10') +
        apt('The following packages will be DOWNGRADED:', '   aa (1.10 => 1.9)'),
      { version: '1.9' },
      'change: 1.10 -> 1.9 (downgrade)',
    ],
    [
      none +
        apt(
          'The following additional packages will be installed:',
          '   b (2)',
          'The following packages will be REMOVED:',
          '   x (1)',
          '   y',
          '   z* (1)',
          fresh('   aa (1)', '   b (2)', '   c:i386 (2)'),
          'The following packages will be upgraded:',
          '   u (1 => 1:0)',
        ),
      {},
      'create: install 1, with 3 more: b, c:i386, u 1 -> 1:0, which also removes x, y, z',
    ],
    [
      row('installed') + apt('The following packages will be REMOVED:', '   y (1)', '   aa* (1.0)'),
      'absent',
      'remove: 1.0, which also removes y',
    ],
    ['\xff\0\namd64\n\n\t\t\nE: nonsense', {}, `create: install (${later})`],
  ] satisfies [string, PackageOptions | 'absent' | 'purged', string][])(
    '%j wanted %j: %s',
    (output, options, expected) => {
      const wanted =
        options === 'absent' || options === 'purged'
          ? absent(packages(['aa'], { purge: options === 'purged' }))
          : packages(['aa'], options)
      expect(differences(output, wanted)).toEqual([expected])
    },
  )

  test('names of other architectures, and what comes along said once', () => {
    const wanted = packages('aa', 'bb:i386', 'cc:amd64', 'dd:amd64', 'ee:i386')
    const output = `${none}aa:i386\tinstalled\t1
bb:i386\tinstalled\t1
cc:all\tinstalled\t1
dd:i386\tinstalled\t1
ee:all\tinstalled\t1
${apt(fresh('   aa (2)', '   dd (3)', '   ee:i386 (4)', '   f (1)'))}`
    expect(differences(output, wanted)).toEqual([
      'create: install 2, with 1 more: f',
      'right',
      'right',
      'create: install 3',
      'create: install 4',
    ])
  })

  test('what is planned before it', () => {
    const output = none + apt(fresh('   aa (1.2)', '   b (1)'))
    const after = (id: string): string[] =>
      differences(output, packages('aa'), {
        earlier: new Map([[id, { verb: 'create', summary: '' }]]),
        opaque: [id],
      })
    expect(after('apt-repository:x')).toEqual([`create: install (${later})`])
    expect(after('package:x')).toEqual(['create: install 1.2, with 1 more: b'])
    expect(after('command:x')).toEqual(['unknown: installed, unless command:x brings it'])
  })

  test('each name once, with the options of all', () => {
    expect(packages('aa', 'bb', 'aa').map(({ name }) => name)).toEqual(['aa', 'bb'])
    expect(packages(['aa'], { version: '1', after: 'file:/x' })[0]).toMatchObject({
      desired: { version: '1' },
      after: ['file:/x'],
      user: 'root',
    })
  })

  test.each(['-y', 'A', 'a', 'a b', 'a=1', 'a/sid', '$(id)', 'a*', 'aa:', '', '?name'])(
    'no package is called %j',
    (name) => expect(() => packages(name)).toThrow(/its name/),
  )
  test.each(['-1', '1 2', '1;id', '$(id)', '', '*'])('no version is %j', (version) =>
    expect(() => packages(['aa'], { version })).toThrow(/version/),
  )
})

const repository: readonly TinyPackage[] = [
  { name: 'tiny', version: '1.0' },
  { name: 'needs', version: '1.0', fields: 'Depends: needed\nRecommends: nice' },
  { name: 'needed', version: '1.0' },
  { name: 'nice', version: '1.0' },
  { name: 'enemy', version: '1.0', fields: 'Conflicts: needs' },
  ...['1.0', '1.1', '2.0'].map((version) => ({ name: 'many', version })),
  { name: 'tiny++', version: '1.0' },
  { name: 'config', version: '1.0', conffile: 'x=1' },
  { name: 'broken', version: '1.0', postinst: '[ -e /srv/well ] || { echo no luck; exit 3; }' },
  { name: 'one', version: '1.0', fields: 'Provides: virtual, virtual1' },
  { name: 'two', version: '1.0', fields: 'Provides: virtual' },
]

describe.skipIf(!labAvailable)('packages on a host', () => {
  const hosts = bootForFile()
  const run = async (script: string): Promise<string> => (await hosts()[0]!.exec(script)).output
  // The lists look two days old; nothing else about them changes.
  const age = (): Promise<string> => run("touch -d '2 days ago' /var/lib/apt/lists/partial")

  beforeAll(async () => {
    if (!labAvailable) return
    await publish(hosts()[0]!, '/srv/repo', repository)
    await run("echo 'deb [trusted=yes] copy:/srv/repo ./' >/etc/apt/sources.list")
    // What a fresh host has: sources, and no lists.
    await run('rm -rf /var/lib/apt/lists/*')
  })

  test('come to a host without lists, and are removed', async () => {
    const [web1] = hosts()
    const wanted = packages('tiny', 'tiny++', 'libc6:amd64', 'adduser:amd64')
    const later = 'install (version known after apt-get update)'
    expect(await planned(web1!, wanted)).toEqual([
      `create package:tiny: ${later}`,
      `create package:tiny++: ${later}`,
    ])
    const { result } = await settle(web1!, wanted)
    expect(result.made.map(({ summary }) => summary)).toEqual(['install 1.0', 'install 1.0'])
    expect(await planned(web1!, wanted)).toEqual([])
    expect(await converges(web1!, absent(packages('tiny:amd64', 'tiny++')))).toEqual([
      'remove package:tiny:amd64: 1.0',
      'remove package:tiny++: 1.0',
    ])
  })

  test('bring others along as the plan said, in one transaction with removals', async () => {
    const [web1] = hosts()
    await converges(web1!, packages('tiny'))
    const wanted = [...packages('needs', 'many'), ...absent(packages('tiny'))]
    expect(await converges(web1!, wanted)).toEqual([
      'create package:needs: install 1.0, with 2 more: needed, nice',
      'create package:many: install 2.0',
      'remove package:tiny: 1.0',
    ])
    expect(await run("grep -c '^Commandline.*many tiny-' /var/log/apt/history.log")).toBe('1\n')
    expect(await converges(web1!, absent(packages('needed')))).toEqual([
      'remove package:needed: 1.0, which also removes needs',
    ])
    await converges(web1!, absent(packages('nice')))
    expect(await converges(web1!, packages(['needs'], { recommends: false }))).toEqual([
      'create package:needs: install 1.0, with 1 more: needed',
    ])
    expect(await converges(web1!, packages('enemy'))).toEqual([
      'create package:enemy: install 1.0, which also removes needs',
    ])
    await converges(web1!, absent(packages('enemy')))
  })

  test('come in the version that is asked for, up or down', async () => {
    const [web1] = hosts()
    const many = (version: string): Resource[] => packages(['many'], { version })
    await converges(web1!, absent(packages('many')))
    expect(await converges(web1!, many('1.*'))).toEqual(['create package:many: install 1.1'])
    expect(await converges(web1!, packages('many'))).toEqual([])
    expect(await converges(web1!, many('2.0'))).toEqual(['change package:many: 1.1 -> 2.0'])
    expect(await converges(web1!, many('1.0'))).toEqual([
      'change package:many: 2.0 -> 1.0 (downgrade)',
    ])
    expect(await failure(web1!, many('9.9'))).toContain("E: Version '9.9' for 'many' was not found")
    // A file that a shell would take the version's star for.
    await run('cd /root && touch many=1.xyz')
    expect(await converges(web1!, many('1.1*'))).toEqual(['change package:many: 1.0 -> 1.1'])
    await run('rm /root/many=*; apt-mark hold many')
    expect(await failure(web1!, many('2.0'))).toContain('Held packages were changed')
    await run('apt-mark unhold many')
  })

  test('keep their configuration, or are purged', async () => {
    const [web1] = hosts()
    await converges(web1!, packages('config'))
    await run('echo mine >/etc/config.conf')
    expect(await converges(web1!, absent(packages('config')))).toHaveLength(1)
    expect(await run('cat /etc/config.conf')).toBe('mine\n')
    const purged = absent(packages(['config'], { purge: true }))
    expect(await converges(web1!, purged)).toEqual(['remove package:config: its configuration'])
    expect(await run('ls /etc/config.conf')).toContain('No such file')
    await converges(web1!, packages('config'))
    expect(await converges(web1!, purged)).toEqual([
      'remove package:config: 1.0 and its configuration',
    ])
  })

  test('half configured ones are finished', async () => {
    const [web1] = hosts()
    expect(await failure(web1!, packages('broken', 'tiny'))).toContain(
      'dpkg: error processing package broken (--configure): installed broken package post-installation script subprocess returned error exit status 3',
    )
    expect(await planned(web1!, packages('broken'))).toEqual([
      'change package:broken: half-configured -> installed',
    ])
    await run('touch /srv/well')
    expect(await converges(web1!, packages('broken'))).toHaveLength(1)
    // As a run that was killed leaves them: one of ours, and one that nobody described.
    await run('dpkg --unpack /srv/repo/one_1.0.deb /srv/repo/two_1.0.deb')
    expect(await converges(web1!, packages('one'))).toEqual([
      'change package:one: unpacked -> installed',
    ])
    expect(await run("dpkg-query -W -f '${db:Status-Status}' two")).toBe('installed')
    await converges(web1!, absent(packages('one', 'two')))
  })

  test('nothing goes that the plan did not show', async () => {
    const [web1] = hosts()
    await converges(web1!, packages('needs'))
    await age()
    expect(await planned(web1!, packages('enemy'))).toEqual([
      'create package:enemy: install (version known after apt-get update)',
    ])
    expect(await failure(web1!, packages('enemy'))).toContain('this would also remove needs')
    expect(await planned(web1!, packages('enemy'))).toEqual([
      'create package:enemy: install 1.0, which also removes needs',
    ])
    await age()
    expect(await converges(web1!, absent(packages('needed')))).toEqual([
      'remove package:needed: 1.0, which also removes needs',
    ])
  })

  test('names that cannot be installed are said in words of apt', async () => {
    const [web1] = hosts()
    expect(await failure(web1!, packages('nosuch'))).toContain('E: Unable to locate package nosuch')
    // apt takes this one as a regular expression and would install what matches.
    expect(await failure(web1!, packages('tin.'))).toContain('E: Unable to locate package tin.')
    expect(await failure(web1!, packages('virtual'))).toContain(
      'virtual is a virtual package: name one of those that provide it, one two',
    )
    expect(await failure(web1!, packages('tiny', 'virtual1'))).toContain('provide it, one')
    expect(await run('dpkg -l one two 2>&1 | grep ^ii')).toBe('')
  })

  test('a version that left the mirror is looked for once more', async () => {
    const [web1] = hosts()
    await converges(web1!, absent(packages('tiny')))
    const newer = repository.map((each) =>
      each.name === 'tiny' ? { ...each, version: '1.1' } : each,
    )
    await publish(web1!, '/srv/repo', newer)
    await run('rm /var/cache/apt/archives/*.deb')
    expect(await planned(web1!, packages('tiny'))).toEqual(['create package:tiny: install 1.0'])
    const { result } = await settle(web1!, packages('tiny'))
    expect(result.made[0]?.summary).toBe('install 1.1')
    await run('rm /srv/repo/nice*.deb')
    await converges(web1!, absent(packages('nice')))
    expect(await failure(web1!, packages('nice'))).toContain(
      'E: Failed to fetch copy:/srv/repo/./nice',
    )
    expect(await planned(web1!, packages('nice'))).toHaveLength(1)
  })

  test('a source that is away hinders only what it alone has', async () => {
    const [web1] = hosts()
    await run(
      "echo 'deb [trusted=yes] file:/srv/gone ./' >/etc/apt/sources.list.d/gone.list; rm -rf /srv/gone",
    )
    await converges(web1!, absent(packages('many')))
    await converges(web1!, packages('many'))
    expect(await failure(web1!, packages('elsewhere'))).toMatch(
      /Unable to locate package elsewhere; apt-get update had failed before: E: .*\/srv\/gone/,
    )
    await run('rm /etc/apt/sources.list.d/gone.list')
  })

  test('another apt at work is waited for', async () => {
    const [web1] = hosts()
    await converges(web1!, absent(packages('tiny')))
    await run(
      `systemd-run -q perl -e 'open F, ">>/var/lib/dpkg/lock-frontend"; my $l = pack("s s x4 q q i x4", 1, 0, 0, 0, 0); fcntl(F, 6, $l) or die; sleep 4'
sleep 0.5`,
    )
    const begun = performance.now()
    await converges(web1!, packages('tiny'))
    expect(performance.now() - begun).toBeGreaterThan(3000)
  })
})
