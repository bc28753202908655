import { beforeAll, describe, expect } from 'vitest'
import { converges, failure, planned } from '../../test/lab/converges.ts'
import { publish, sign } from '../../test/lab/debian.ts'
import { bootForFile, labAvailable, test } from '../../test/lab/fixture.ts'
import { plan, settle } from '../../test/lab/settle.ts'
import type { Context, Difference } from '../model/kind.ts'
import { type Resource, absent } from '../model/resource.ts'
import { type AptRepositoryOptions, aptRepository, aptRepositoryKind } from './apt-repository.ts'
import { packages } from './package.ts'

const nothing: Context = { earlier: new Map(), opaque: [] }
const armored = '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDME\n-----END PGP PUBLIC KEY BLOCK-----\n'
const binary = Uint8Array.of(0x99, 1, 0, 255)
const plain = { uris: 'https://deb.example.org/apt', suites: 'bookworm' }
const sources = `Types: deb
URIs: https://deb.example.org/apt
Suites: bookworm
Components: main
Signed-By: /etc/apt/keyrings/x.asc
`

interface Files {
  sources?: string | Uint8Array
  asc?: string | Uint8Array
  gpg?: string | Uint8Array
  mode?: string
  owner?: string
}

/** What the host answers when these files are there. */
function answer({ sources, asc, gpg, mode = '644', owner = 'root' }: Files): Buffer {
  const paths = [
    ['/etc/apt/sources.list.d/x.sources', sources],
    ['/etc/apt/keyrings/x.asc', asc],
    ['/etc/apt/keyrings/x.gpg', gpg],
  ] as const
  const stats = paths
    .filter(([, content]) => content !== undefined)
    .map(([path]) => `${path}\0f\0${mode}\0${owner}\0root\x001\0\0`)
  const rows = paths.map(([, content]) => Buffer.from(content ?? '').toString('base64'))
  return Buffer.from(`${stats.join('')}end\0${rows.join('\n')}\n`)
}

function difference(files: Files, resource: Resource): Difference | undefined {
  const [state] = aptRepositoryKind.parse(answer(files), [resource as never])
  return aptRepositoryKind.diff(resource as never, state!, nothing)
}

describe('what differs', () => {
  const signed = aptRepository('x', { ...plain, key: armored })
  const there = { sources, asc: armored }
  const summary = 'https://deb.example.org/apt bookworm main'
  test.each([
    [{}, signed, `create: ${summary}`],
    [there, signed, undefined],
    [there, aptRepository('x', { ...plain, key: `\n${armored}\n\n` }), undefined],
    [{ ...there, asc: 'other' }, signed, 'change: key'],
    [{ sources }, signed, 'change: key'],
    [{ asc: armored }, signed, `create: ${summary}`],
    [{ ...there, sources: sources.replace('main', 'main contrib') }, signed, 'change: source'],
    [{ ...there, gpg: binary }, signed, 'change: old key removed'],
    [there, aptRepository('x', { ...plain, key: binary }), 'change: source, old key removed, key'],
    [there, aptRepository('x', plain), 'change: source, old key removed'],
    [{ ...there, mode: '600' }, signed, 'change: source mode 0600 -> 0644, key mode 0600 -> 0644'],
    [{ ...there, owner: 'eve' }, signed, 'change: source owner eve -> root, key owner eve -> root'],
    [{ sources: Uint8Array.of(255, 0, 10), asc: armored }, signed, 'change: source'],
    [{}, absent(signed), undefined],
    [there, absent(signed), `remove: ${summary}`],
    [{ gpg: binary }, absent(signed), 'remove: its key'],
  ] satisfies [Files, Resource, string | undefined][])('%j: %#: %s', (files, wanted, expected) => {
    const found = difference(files, wanted)
    expect(found && `${found.verb}: ${found.summary}`).toBe(expected)
  })

  test('the file is shown, all its fields included', () => {
    const all = aptRepository('x', {
      uris: ['https://a.example.org', 'https://b.example.org'],
      suites: './',
      types: ['deb', 'deb-src'],
      architectures: ['amd64', 'arm64'],
      options: { 'Check-Valid-Until': 'no', 'Signed-By': '/usr/share/keyrings/y.gpg' },
    })
    expect(difference({}, all)?.text).toEqual({
      before: '',
      after: `Types: deb deb-src
URIs: https://a.example.org https://b.example.org
Suites: ./
Architectures: amd64 arm64
Signed-By: /usr/share/keyrings/y.gpg
Check-Valid-Until: no
`,
    })
  })

  test.each([
    ['https://snapshot.debian.org/archive/debian/20250101T000000Z', {}, 'no'],
    ['https://snapshot.debian.org/archive/debian/20250101T000000Z/', {}, 'no'],
    [
      'https://snapshot.debian.org/archive/debian/20250101T000000Z',
      { 'Check-Valid-Until': 'yes' },
      'yes',
    ],
    ['https://deb.debian.org/debian', {}, undefined],
    [['https://deb.debian.org/debian', 'https://x/20250101T000000Z'], {}, undefined],
  ] satisfies [string | string[], Record<string, string>, string | undefined][])(
    'a snapshot may have expired: %j %j %s',
    (uris, options, expected) => {
      const wanted = aptRepository('x', { uris, suites: 'bookworm', options })
      const { after } = difference({}, wanted)!.text!
      expect(/^Check-Valid-Until: (.*)$/m.exec(after)?.[1]).toBe(expected)
    },
  )

  test.each([
    [{ ...plain, key: '/etc/key.asc' }, 'key'],
    [{ ...plain, key: '<html>' }, 'key'],
    [{ ...plain, uris: [] }, 'uris'],
    [{ ...plain, uris: 'deb.example.org' }, 'uris'],
    [{ ...plain, uris: ['https://a b'] }, 'uris'],
    [{ ...plain, suites: ['a\nTrusted: yes'] }, 'suites'],
    [{ ...plain, components: ['main\nTrusted: yes'] }, 'components'],
    [{ ...plain, suites: './', components: ['main'] }, 'components'],
    [{ ...plain, options: { 'A\nB': 'x' } }, 'options'],
    [{ ...plain, options: { Trusted: 'yes\nTypes: deb' } }, 'options'],
    [{ uris: 'https://a' } as AptRepositoryOptions, 'suites'],
  ] satisfies [AptRepositoryOptions, string][])('refuses %j', (options, field) => {
    expect(() => aptRepository('x', options)).toThrow(`apt-repository:x: ${field}`)
  })
  test.each(['../x', '-x', 'a b', '', '.x', '$(id)'])('no file is called %j', (name) =>
    expect(() => aptRepository(name, plain)).toThrow(/its name/),
  )
})

describe.skipIf(!labAvailable)('a repository on a host', () => {
  const hosts = bootForFile()
  let key: string
  const repository = (name: string, more: Partial<AptRepositoryOptions> = {}): Resource =>
    aptRepository(name, { uris: 'copy:/srv/repo', suites: './', key, ...more })
  const run = async (script: string): Promise<string> => (await hosts()[0]!.exec(script)).output
  const listing = (): Promise<string> =>
    run('cd /etc/apt; find sources.list.d keyrings -type f -printf "%p %m %u\n" | sort')

  beforeAll(async () => {
    if (!labAvailable) return
    const [web1] = hosts()
    await settle(web1!, packages(['gpg', 'gpg-agent'], { recommends: false }))
    await publish(web1!, '/srv/repo', [{ name: 'tiny', version: '1.0' }])
    key = await sign(web1!, '/srv/repo')
  })

  test('brings its packages, is put right again and removed', async () => {
    const [web1] = hosts()
    const wanted = [repository('tiny'), ...packages('tiny')]
    expect(await converges(web1!, wanted)).toEqual([
      'create apt-repository:tiny: copy:/srv/repo ./',
      'create package:tiny: install (version known after apt-get update)',
    ])
    const right = 'keyrings/tiny.asc 644 root\nsources.list.d/tiny.sources 644 root\n'
    expect(await listing()).toBe(right)
    await run(
      'cd /etc/apt; echo "X-Mine: 1" >>sources.list.d/tiny.sources; echo x >keyrings/tiny.asc; cp keyrings/tiny.asc keyrings/tiny.gpg; chmod 600 */tiny.*',
    )
    expect(await converges(web1!, wanted)).toEqual([
      'change apt-repository:tiny: source, source mode 0600 -> 0644, key, old key removed',
    ])
    expect(await listing()).toBe(right)
    await run(
      'rm /etc/apt/sources.list.d/tiny.sources; ln -s /dev/null /etc/apt/sources.list.d/tiny.sources',
    )
    expect(await converges(web1!, wanted)).toHaveLength(1)
    expect(await listing()).toBe(right)
    expect(await converges(web1!, [absent(repository('tiny'))])).toEqual([
      'remove apt-repository:tiny: copy:/srv/repo ./',
    ])
    expect(await listing()).toBe('')
  })

  test('takes a key of bytes', async () => {
    const [web1] = hosts()
    const bytes = Buffer.from(
      await run(`printf %s '${key}' | gpg --dearmor | base64 -w 0`),
      'base64',
    )
    await converges(web1!, [repository('bytes', { key: bytes })])
    expect(await listing()).toContain('keyrings/bytes.gpg 644 root')
    await converges(web1!, [repository('bytes')])
    expect(await listing()).not.toContain('bytes.gpg')
    await converges(web1!, [absent(repository('bytes'))])
  })

  test('that apt cannot read never takes the place of what was there', async () => {
    const [web1] = hosts()
    await converges(web1!, [repository('kept')])
    const before = await run('cat /etc/apt/sources.list.d/* /etc/apt/keyrings/*')
    const gone = repository('kept', { uris: 'copy:/srv/nothing' })
    expect(await failure(web1!, [gone])).toContain(
      "E: The repository 'copy:/srv/nothing ./ Release' does not have a Release file.",
    )
    await publish(web1!, '/srv/other', [])
    const otherKey = await sign(web1!, '/srv/other', '/root/other')
    // gpg says the first, sqv of Debian 13 the second.
    const unsigned = /NO_PUBKEY|Missing key [0-9A-F]{40}, which is needed to verify signature/
    expect(await failure(web1!, [repository('kept', { key: otherKey })])).toMatch(unsigned)
    expect(await failure(web1!, [repository('fresh', { key: otherKey })])).toMatch(unsigned)
    expect(await run('cat /etc/apt/sources.list.d/* /etc/apt/keyrings/*')).toBe(before)
    expect(await planned(web1!, [repository('kept')])).toEqual([])
    expect((await plan(web1!, [gone]))[0]?.difference.text?.after).toContain('/srv/nothing')
    await converges(web1!, [absent(repository('kept'))])
  })

  test('makes no other lists look younger or older than they are', async () => {
    const [web1] = hosts()
    await run("touch -d '3 days ago' /var/lib/apt/lists/partial")
    await converges(web1!, [repository('tiny')])
    expect(await planned(web1!, packages('hello'))).toEqual([
      'create package:hello: install (version known after apt-get update)',
    ])
    await run('apt-get update; touch /var/lib/apt/lists/partial')
    await converges(web1!, [absent(repository('tiny'))])
    await converges(web1!, [repository('tiny')])
    expect(await planned(web1!, packages('hello'))).toEqual([
      expect.stringMatching(/^create package:hello: install 2/),
    ])
  })
})
