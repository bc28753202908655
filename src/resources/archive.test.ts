import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect } from 'vitest'
import { converges, failure, planned } from '../../test/lab/converges.ts'
import { bootForFile, labAvailable, test } from '../../test/lab/fixture.ts'
import { serve, web } from '../../test/lab/web.ts'
import { type Context, nothingPlanned } from '../model/kind.ts'
import { type Resource, absent } from '../model/resource.ts'
import { functions } from './archive-scripts.ts'
import { type ArchiveOptions, archive, archiveKind } from './archive.ts'
import { packages } from './package.ts'

const one = '1'.repeat(64)
const two = '2'.repeat(64)
const url = 'https://example.org/tool.tar.xz'
const afterCommand: Context = { ...nothingPlanned, opaque: ['command:x'] }
const afterPackage: Context = {
  earlier: new Map([['package:xz-utils', { verb: 'create', summary: '' }]]),
  opaque: ['package:xz-utils'],
}

interface Seen {
  type?: string
  rows?: string
  stamp?: string
  records?: string[]
  left?: boolean
}

function difference(seen: Seen, resource: Resource, context = nothingPlanned): string | undefined {
  const { type, rows = 'xz\n', stamp, records = [], left } = seen
  const stat = (path: string, letter: string): string =>
    `${path}\0${letter}\x00755\0root\0root\x009\0\0`
  const there = [type && stat('/opt/x', type), left && stat('/opt/.x.fettle', 'd'), 'end\0']
  const all = [...(stamp ? [`! ${stamp} /opt/x/`] : []), ...records]
  const answer = `${there.filter(Boolean).join('')}${rows}\0${all.map((each) => `${each}\0`).join('')}`
  const [state] = archiveKind.parse(Buffer.from(answer), [resource as never])
  const found = archiveKind.diff(resource as never, state!, context)
  return found && `${found.verb}: ${found.summary}`
}

describe('what differs', () => {
  const at = (more: Partial<ArchiveOptions> = {}): Resource =>
    archive('/opt/x', { url, sha256: one, ...more })
  const ours = { type: 'd', rows: '0 ours\nxz\n', stamp: `${one} 0 - -` }
  const from = `11111111 from ${url}`
  const mine = ['f 644 root root 3 1.5 /opt/x/a b', 'f 644 root root 4 2.5 /opt/x/a b']
  test.each<[Seen, Resource, string | undefined]>([
    [{}, at(), `create: ${from}`],
    [{}, at({ owner: 'a', group: 'b' }), `create: ${from}, owner a, group b`],
    [{ type: 'd' }, at(), `create: ${from}`],
    [{ rows: '' }, at(), `create: ${from}, but xz is not installed`],
    [ours, at(), undefined],
    [{ ...ours, rows: '0 ours\n' }, at(), undefined],
    [{ ...ours, stamp: `${two} 0 - -` }, at(), `change: 22222222 -> ${from}`],
    [{ ...ours, stamp: `${one} 1 - eve` }, at(), 'change: strip 1 -> 0, group eve -> -'],
    [ours, at({ owner: 'a' }), 'change: owner - -> a'],
    [{ ...ours, records: mine }, at(), 'change: discards changes by hand in a b'],
    [
      {
        ...ours,
        records: ['l root root /opt/x/l\n/etc', 'd 755 root root /opt/x/', 'p 644 a b /opt/x/\n'],
      },
      at(),
      'change: discards changes by hand in "\\n", ., l',
    ],
    [{ ...ours, records: ['f 1 2 3 4 5 /opt/xy/a'] }, at(), undefined],
    [{ ...ours, left: true }, at(), 'change: removes what an interrupted run left'],
    [{ type: 'f' }, at(), `change: ${from}, but there is something else in its place`],
    [
      { type: 'd', rows: '0 other\nxz\n' },
      at(),
      `change: ${from}, but there is something else in its place`,
    ],
    [{ ...ours, stamp: '' }, at(), `change: ${from}, but there is something else in its place`],
    [{}, absent(at()), undefined],
    [{ type: 'f' }, absent(at()), undefined],
    [{ type: 'd', rows: '0 other\n' }, absent(at()), undefined],
    [{ left: true }, absent(at()), 'remove: what an interrupted run left'],
    [{ ...ours, records: mine }, absent(at()), 'remove: 11111111, discards changes by hand in a b'],
  ])('%j: %#: %s', (seen, wanted, expected) => {
    expect(difference(seen, wanted)).toBe(expected)
  })
  test('a package may bring the program', () => {
    const once = 'once command:x has brought xz'
    expect(difference({ rows: '' }, at(), afterCommand)).toBe(`unknown: ${from}, ${once}`)
    expect(difference({ rows: '' }, at(), afterPackage)).toBe(`create: ${from}`)
    expect(difference({}, at(), afterCommand)).toBe(`create: ${from}`)
  })

  test.each([
    ['x.tar', 'tar'],
    ['x.tar.gz', 'tar.gz'],
    ['x.tgz?a=b', 'tar.gz'],
    ['x.TBZ', 'tar.bz2'],
    ['x.tbz2', 'tar.bz2'],
    ['x.tar.zst#x', 'tar.zst'],
    ['x.zip', 'zip'],
  ])('%s is a %s', (name, format) => {
    expect((at({ url: `https://example.org/${name}` }).desired as { format: string }).format).toBe(
      format,
    )
  })

  test.each<[Partial<ArchiveOptions>, string]>([
    [{ url: 'https://example.org/x' }, 'format'],
    [{ url: 'https://example.org/x.tar.lz' }, 'format'],
    [{ url: '/x.tar' }, 'url'],
    [{ source: 'x.tar' }, 'url'],
    [{ sha256: 'x' }, 'sha256'],
    [{ strip: -1 }, 'strip'],
    [{ format: 'toString' as never }, 'format'],
    [{ owner: 'a b' }, 'owner'],
  ])('refuses %j', (more, field) => {
    expect(() => at(more)).toThrow(`archive:/opt/x: ${field}`)
  })
  test('needs a checksum for what it downloads, and no more than one path', () => {
    expect(() => archive('/opt/x', { url })).toThrow('sha256')
    expect(() => archive('/', { url, sha256: one })).toThrow('its name')
    expect(() => archive('/opt/x', { source: './archive.ts', format: 'tar', sha256: one })).toThrow(
      'sha256 is not that',
    )
  })
})

describe.skipIf(!labAvailable)('archives on a host', () => {
  const hosts = bootForFile()
  const run = async (script: string): Promise<string> => (await hosts()[0]!.exec(script)).output
  const sums: Record<string, string> = {}
  const at = (path: string, name: string, more: Partial<ArchiveOptions> = {}): Resource =>
    archive(path, { url: `${web}/${name}`, sha256: sums[name]!, strip: 1, ...more })
  const tree = (path: string): Promise<string> =>
    run(
      `cd '${path}'; find . ! -name .fettle-archive -printf '%P %m %u %l\\0' | LC_ALL=C sort -z | tr '\\0' '\\n'; cat bin/tool`,
    )

  beforeAll(async () => {
    if (!labAvailable) return
    const [web1] = hosts()
    await serve(web1!)
    expect(
      await run(`set -e; apt-get update -qq; apt-get install -yqq --no-install-recommends zip bzip2 zstd >/dev/null 2>&1
mkdir -p /srv/x/tool-1/bin "/srv/x/tool-1/a b"; cd /srv/x/tool-1
echo 1 >bin/tool; chmod 4775 bin/tool; ln -s tool bin/link; echo x >"a b/it's \\"\\$(id)\\"\\n
-é"; chown -R games:games .; chmod 750 "a b"
cd ..; tar -cf ../www/tool.tar tool-1; gzip -k ../www/tool.tar; bzip2 -k ../www/tool.tar; zstd -q ../www/tool.tar; zip -qry ../www/tool.zip tool-1
echo 2 >tool-1/bin/tool; rm tool-1/bin/link; tar -czf ../www/two.tar.gz tool-1
cd /srv/x/tool-1; touch .fettle-archive; tar -czf /srv/www/mine.tar.gz .; cd bin; tar -cjf /srv/www/flat.tar.bz2 .
apt-get purge -yqq zip unzip bzip2 zstd xz-utils >/dev/null 2>&1; rm -r /srv/x`),
    ).toBe('')
    for (const row of (await run('cd /srv/www; sha256sum *')).trim().split('\n'))
      sums[row.slice(66)] = row.slice(0, 64)
  }, 120_000)

  const unpacked = `  755 root 
a b 750 root 
a b/it's "$(id)"\\n
-é 644 root 
bin 755 root 
bin/link 777 root tool
bin/tool 755 root 
1
`

  test.each(['tool.tar', 'tool.tar.gz', 'tool.tar.bz2', 'tool.tar.zst', 'tool.zip'])(
    '%s',
    async (name) => {
      const [web1] = hosts()
      const path = `/opt/-a/it's %p $(id)`
      const program = { 'tool.tar.bz2': 'bzip2', 'tool.tar.zst': 'zstd', 'tool.zip': 'unzip' }[name]
      const brings = program ? packages([program], { recommends: false }) : []
      const wanted = at(path, name)
      const line = `create archive:${path}: ${sums[name]!.slice(0, 8)} from ${web}/${name}`
      if (program) {
        expect(await planned(web1!, [wanted])).toEqual([`${line}, but ${program} is not installed`])
        expect(await failure(web1!, [wanted])).toContain(`describe packages('${program}') before`)
        expect(await run('ls -A /opt')).toBe('')
      }
      expect((await converges(web1!, [...brings, wanted])).at(-1)).toBe(line)
      expect((await tree(path.replace("'", `'\\''`))).replace(/^ +/, '  ')).toBe(unpacked)
      expect(await converges(web1!, [absent(wanted)])).toHaveLength(1)
      expect(await run('ls -A /opt/-a; rmdir /opt/-a')).toBe('')
    },
  )

  test('are replaced at once, and put right when anything in them was changed', async () => {
    const [web1] = hosts()
    const first = at('/opt/tool', 'tool.tar.gz', { owner: 'daemon', group: 'games' })
    await converges(web1!, [first])
    expect(await run('stat -c "%U %G" /opt/tool /opt/tool/bin/link | uniq')).toBe('daemon games\n')
    const before = await tree('/opt/tool')
    const drifts = [
      ['echo 1 >bin/tool', 'bin/tool'],
      ['touch bin/new', 'bin/new'],
      ['rm bin/link', 'bin/link'],
      ['ln -sfn x bin/link', 'bin/link'],
      ['chmod 700 "a b"', 'a b'],
      ['chown root .', '.'],
      [`mkfifo "$(printf 'c\\td')"`, '"c\\td"'],
      ['mv bin b', 'b, b/link, b/tool, bin, bin/link, bin/tool'],
    ]
    for (const [drift, names] of drifts) {
      await run(`cd /opt/tool; ${drift}`)
      expect(await converges(web1!, [first])).toEqual([
        `change archive:/opt/tool: discards changes by hand in ${names}`,
      ])
      expect(await tree('/opt/tool')).toBe(before)
    }
    // Something that looks all the time finds either of them, and never nothing.
    await web1!.exec(
      'cat >/srv/watch; systemd-run -q --unit=watch sh /srv/watch',
      `exec >/srv/seen; n=0
while [ ! -e /srv/stop ]; do [ -e /opt/tool/bin/tool ] || echo gone; n=$((n + 1)); done
[ "$n" -gt 100 ] && echo looked; : >/srv/stopped`,
    )
    const second = at('/opt/tool', 'two.tar.gz')
    expect(await converges(web1!, [second])).toEqual([
      `change archive:/opt/tool: ${sums['tool.tar.gz']!.slice(0, 8)} -> ${sums['two.tar.gz']!.slice(0, 8)} from ${web}/two.tar.gz, owner daemon -> -, group games -> -`,
    ])
    const seen = 'touch /srv/stop; until [ -e /srv/stopped ]; do sleep 0.1; done; cat /srv/seen'
    expect(await run(`${seen} /opt/tool/bin/tool; ls -A /opt`)).toBe('looked\n2\ntool\n')
    await converges(web1!, [absent(second)])
  })

  test('are exchanged by one system call, or by two renames where there is none', async () => {
    const [web1] = hosts()
    expect(
      await run(
        `${functions.text}
mkdir -p /srv/e/a /srv/e/b; touch /srv/e/a/x; exchange /srv/e/a /srv/e/b; echo $?; ls /srv/e/b`,
      ),
    ).toBe('0\nx\n')
    await run('printf "#!/bin/sh\\nexit 1\\n" >/usr/local/bin/perl; chmod +x /usr/local/bin/perl')
    await converges(web1!, [at('/opt/renamed', 'tool.tar.gz')])
    await converges(web1!, [at('/opt/renamed', 'two.tar.gz')])
    expect(await run('cat /opt/renamed/bin/tool; rm /usr/local/bin/perl')).toBe('2\n')
    await converges(web1!, [absent(at('/opt/renamed', 'two.tar.gz'))])
  })

  test('that cannot be had as described leave all as it was', async () => {
    const [web1] = hosts()
    await converges(web1!, [at('/opt/kept', 'tool.tar.gz')])
    const before = await tree('/opt/kept')
    const bad = (more: Partial<ArchiveOptions>, name = 'two.tar.gz'): Promise<string> =>
      failure(web1!, [at('/opt/kept', name, more)])
    expect(await bad({ sha256: one })).toContain('what came is not what is described')
    expect(await bad({ url: `${web}/none.tar` })).toContain('could not be downloaded')
    expect(await bad({ strip: 9 })).toContain('is strip too large?')
    expect(await bad({ owner: 'nosuch' })).toContain('nosuch')
    expect(await bad({ strip: 0 }, 'mine.tar.gz')).toContain(
      '.fettle-archive, the name that is used here',
    )
    await run('echo nonsense >/srv/www/bad.tar.gz')
    const hash = (await run('sha256sum /srv/www/bad.tar.gz')).slice(0, 64)
    expect(await bad({ url: `${web}/bad.tar.gz`, sha256: hash })).toContain('could not be unpacked')
    expect(await tree('/opt/kept')).toBe(before)
    expect(await run('ls -A /opt')).toBe('kept\n')
    await run('mkdir /opt/theirs; echo x >/opt/theirs/x; cp -a /opt/kept /opt/copy')
    for (const path of ['/opt/theirs', '/opt/copy']) {
      expect(await failure(web1!, [at(path, 'two.tar.gz')])).toContain('was not unpacked by Fettle')
      expect(await planned(web1!, [absent(at(path, 'two.tar.gz'))])).toEqual([])
    }
    await run('rm -r /opt/theirs /opt/copy')
  })

  test('what an interrupted run left is removed', async () => {
    const [web1] = hosts()
    await converges(web1!, [at('/opt/kept', 'tool.tar.gz')])
    await run('mkdir -p /opt/.kept.fettle/old; mkdir /opt/.other.fettle')
    expect(
      await converges(web1!, [at('/opt/kept', 'tool.tar.gz'), at('/opt/other', 'two.tar.gz')]),
    ).toEqual([
      'change archive:/opt/kept: removes what an interrupted run left',
      expect.stringMatching(/^create archive:\/opt\/other/),
    ])
    expect(await run('ls -A /opt')).toBe('kept\nother\n')
    await run('mv /opt/other /opt/.other.fettle')
    await converges(web1!, absent([at('/opt/kept', 'tool.tar.gz'), at('/opt/other', 'two.tar.gz')]))
    expect(await run('ls -A /opt')).toBe('')
  })

  test('may be sent from here, into an empty directory', async () => {
    const [web1] = hosts()
    const bytes = Buffer.from(await run('base64 -w 0 /srv/www/flat.tar.bz2'), 'base64')
    const source = join(tmpdir(), `fettle-archive-${process.pid}.tar.bz2`)
    writeFileSync(source, bytes)
    await run('mkdir /opt/sent')
    await converges(web1!, [archive('/opt/sent', { source })])
    expect(await run('cd /opt/sent; ls; cat tool')).toBe('tool\n2\n')
  })
})
