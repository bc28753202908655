import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type TestHost, bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { plan, settle } from '../../test/lab/settle.ts'
import { Secret } from '../base/secret.ts'
import type { Context } from '../model/kind.ts'
import { absent } from '../model/resource.ts'
import { type FileOptions, file, fileKind, writeAtomically } from './file.ts'

const nothing: Context = { earlier: new Map(), opaque: [] }

interface There {
  readonly type?: string
  readonly mode?: string
  readonly owner?: string
  readonly content?: string | Buffer
}

/** What differs when the host has this at the path. */
function differ(there: There | undefined, options: FileOptions | 'absent'): string | undefined {
  const described = file('/x', options === 'absent' ? {} : options)
  const resource = (options === 'absent' ? absent(described) : described) as never
  const { type = 'f', mode = '644', owner = 'root', content = 'old\n' } = there ?? {}
  const bytes = Buffer.from(content)
  const stat = `/x\0${type}\x00${mode}\0${owner}\0root\x00${bytes.length}\0\0`
  const wanted = /wanted="\$wanted "0:([\w-]+)/.exec(fileKind.read!([resource])!.text)![1]!
  const same = options !== 'absent' && bytes.equals(Buffer.from(options.content ?? ''))
  const row = same ? `0 ${wanted}\n` : `0 ${'0'.repeat(64)} ${bytes.toString('base64')}\n`
  const output = there === undefined ? 'end\0' : `${stat}end\0${type === 'f' ? row : ''}`
  const [state] = fileKind.parse(Buffer.from(output), [resource])
  const found = fileKind.diff(resource, state!, nothing)
  const text = found?.text && ` ${JSON.stringify(found.text.before)}`
  return found && `${found.verb}: ${found.summary}${text ?? ''}`
}

describe('what differs', () => {
  const binary = Buffer.from([0, 255])
  test.each<[There | undefined, FileOptions | 'absent', string | undefined]>([
    [undefined, { content: 'né\n' }, 'create: 4 bytes ""'],
    [
      undefined,
      { content: 'x', mode: '600', owner: 'a', group: 'b' },
      'create: 1 byte, mode 0600, owner a, group b ""',
    ],
    [undefined, { content: binary }, 'create: 2 bytes'],
    [undefined, 'absent', undefined],
    [{}, { content: 'old\n' }, undefined],
    [{}, { content: 'new\n' }, 'change: content "old\\n"'],
    [{}, { content: '' }, 'change: content "old\\n"'],
    [{ content: binary }, { content: 'new\n' }, 'change: content'],
    [{}, { content: binary }, 'change: content'],
    [{}, { content: 'old\n', mode: '0644' }, undefined],
    [{}, { content: 'old\n', mode: '600' }, 'change: mode 0644 -> 0600'],
    [
      {},
      { content: 'old\n', mode: '4755', owner: 'a', group: 'b' },
      'change: owner root -> a, group root -> b, mode 0644 -> 4755',
    ],
    [
      { type: 'd' },
      { content: 'old\n' },
      'change: to be a file, but there is a directory in its place',
    ],
    [{ type: 'l' }, { content: 'old\n' }, 'change: link -> file ""'],
    [{ type: 'p' }, { content: 'old\n' }, 'change: other -> file ""'],
    [{}, 'absent', 'remove: file, 4 bytes'],
    [{ type: 'l' }, 'absent', 'remove: link, 4 bytes'],
  ])('%j with %j', (there, options, expected) => {
    expect(differ(there, options)).toBe(expected)
  })

  test('a file with secrets is private unless its mode says otherwise', () => {
    const content = `token=${new Secret('TOKEN', 'swordfish')}`
    expect(file('/x', { content }).desired).toMatchObject({ mode: '0600' })
    expect(file('/x', { content, mode: '0640' }).desired).toMatchObject({ mode: '0640' })
  })
})

describe('describing', () => {
  test.each([
    ['x', {}],
    ['/x/', {}],
    ['/x/../y', {}],
    ['/x//y', {}],
    ['/x\0', {}],
    ['/x', { content: 7 }],
    ['/x', { mode: '644a' }],
    ['/x', { mode: 420 }],
    ['/x', { owner: 'a:b' }],
    ['/x', { group: '-x' }],
    ['/x', { validate: '' }],
  ])('%j %j is refused', (path, options) => {
    expect(() => file(path, options as never)).toThrow(/file:/)
  })

  test('from a source and from a template', () => {
    const folder = mkdtempSync(join(tmpdir(), 'fettle-test-'))
    writeFileSync(join(folder, 'a.eta'), 'port=<%= it.port %>\n')
    expect(file('/x', { source: join(folder, 'a.eta') }).desired).toMatchObject({
      content: Buffer.from('port=<%= it.port %>\n'),
    })
    const template = join(folder, 'a.eta')
    expect(file('/x', { template, values: { port: 7 } }).desired).toMatchObject({
      content: 'port=7\n',
    })
    expect(() => file('/x', { template, values: { prt: 7 } })).toThrow(/it.port is not defined/)
    expect(() => file('/x', { source: './no/such' })).toThrow(/no\/such/)
  })
})

const hostile = `/srv/it's "$HOME" \`id\` \\n\n-é*`

describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile()

  test('hostile names and contents arrive as they are', async () => {
    const [host] = hosts()
    const secret = new Secret('TOKEN', `se'cr"et $x \\`)
    const bytes = Buffer.from(Array.from({ length: 1024 }, (_, i) => i % 256))
    const resources = [
      file(`${hostile}.text`, { content: `${hostile}\n%s \\0 'end` }),
      file(`${hostile}.secret`, { content: `a'${secret}'b` }),
      file(`${hostile}.bytes`, { content: bytes, mode: '0751' }),
      file('/srv/-rf', { content: '' }),
      file('/srv/big', { content: Buffer.alloc(3_000_000, 'x\n') }),
    ]
    const first = await settle(host!, resources)
    expect(first.made).toHaveLength(5)
    expect(first.planned).toEqual(first.made)
    expect(await plan(host!, resources)).toEqual([])
    const { output } = await host!.exec(
      'cd /srv; cat it*text; echo; cat it*secret; echo; cat it*bytes | base64 -w 0; stat -c " %a" it*secret it*bytes -- -rf; wc -c < big; ls -A | grep -c fettle',
    )
    expect(output).toBe(
      `${hostile}\n%s \\0 'end\na'${secret.reveal()}'b\n${bytes.toString('base64')} 600\n 751\n 644\n3000000\n0\n`,
    )
    const gone = absent(resources)
    expect((await settle(host!, gone)).made).toHaveLength(5)
    expect(await plan(host!, gone)).toEqual([])
    expect((await host!.exec('ls -A /srv')).output).toBe('')
  })

  test('drift of each kind is repaired, and what is not described is left', async () => {
    const [host] = hosts()
    const strict = file('/srv/strict', {
      content: 'a\n',
      owner: 'daemon',
      group: 'games',
      mode: '4750',
    })
    const loose = file('/srv/loose', { content: 'a\n' })
    await settle(host!, [strict, loose])
    const drifts = [
      ['echo b > strict', 'content'],
      ['chown root strict; chmod 4750 strict', 'owner root -> daemon'],
      ['chgrp root strict; chmod 4750 strict', 'group root -> games'],
      ['chmod 755 strict', 'mode 0755 -> 4750'],
      ['rm strict', '2 bytes, mode 4750, owner daemon, group games'],
      ['rm strict; ln -s loose strict', 'link -> file, owner root -> daemon'],
      ['rm strict; mkfifo strict', 'other -> file, owner root -> daemon'],
    ]
    for (const [drift, summary] of drifts) {
      await host!.exec(`cd /srv; ${drift}`)
      const found = await plan(host!, [strict, loose])
      expect(found).toHaveLength(1)
      expect(found[0]!.difference.summary).toContain(summary)
      await settle(host!, [strict, loose])
      expect(await plan(host!, [strict, loose])).toEqual([])
    }
    await host!.exec('cd /srv; echo b > loose; chown daemon:games loose; chmod 4751 loose')
    await settle(host!, [loose])
    expect((await host!.exec('cd /srv; stat -c "%U %G %a" loose; cat loose')).output).toBe(
      'daemon games 4751\na\n',
    )
  })

  test('a longer text is compared by its hash, without a diff', async () => {
    const [host] = hosts()
    const content = 'x\n'.repeat(200_000)
    await settle(host!, [file('/srv/long', { content })])
    await host!.exec('echo y >> /srv/long')
    const [found] = await plan(host!, [file('/srv/long', { content })])
    expect(found!.difference).toEqual({ verb: 'change', summary: 'content' })
  })

  test('a mounted file is written in place', async () => {
    const [host] = hosts()
    await host!.exec('cd /srv; echo old > below; echo old > mounted; mount --bind below mounted')
    for (const path of ['/srv/mounted', '/etc/hosts']) {
      const mounted = file(path, { content: '127.0.0.1 localhost\n' })
      await settle(host!, [mounted])
      expect(await plan(host!, [mounted])).toEqual([])
    }
    expect((await host!.exec('ls -A /srv /etc | grep fettle')).output).toBe('')
  })

  test('what is not valid does not take its place', async () => {
    const [host] = hosts()
    await host!.exec('echo old > /srv/valid')
    const described = (content: string): ReturnType<typeof file> =>
      file('/srv/valid', { content, validate: 'echo looking; grep -q good %s' })
    const failure = await settle(host!, [described('bad\n')]).catch((error: Error) => error)
    expect(String(failure)).toContain('was not valid, the old file is untouched')
    expect((await host!.exec('cat /srv/valid; ls -A /srv | grep -c fettle')).output).toBe(
      'old\n0\n',
    )
    await settle(host!, [described('good\n')])
  })

  test.each([0, 1, 999, 100_000])(
    'content of %i bytes takes its place when all of it has arrived',
    async (size) => {
      const [host] = hosts()
      await host!.exec('echo old > /srv/cut')
      const script = writeAtomically('/srv/cut', {}, { size }).text
      const write = (input: Buffer): ReturnType<TestHost['exec']> =>
        host!.exec(`exec 3<&0; ( ${script}\n) <&3`, input)
      if (size > 0) {
        const cut = await write(Buffer.alloc(size - 1, 'x'))
        expect(cut.code).toBe(1)
        expect(cut.output).toContain('its content did not arrive whole, the old file is untouched')
        expect((await host!.exec('cat /srv/cut; ls -A /srv | grep fettle')).output).toBe('old\n')
      }
      // What follows it is another file's.
      expect((await write(Buffer.alloc(size + 1, 'x'))).code).toBe(0)
      expect((await host!.exec('wc -c < /srv/cut')).output).toBe(`${size}\n`)
    },
  )

  test('another user writes what is theirs, and takes nothing from others', async () => {
    const [host] = hosts()
    await host!.exec(
      'mkdir -p /srv/theirs; chown daemon /srv/theirs; cd /srv/theirs; echo x > roots; chmod 644 roots',
    )
    const own = file('/srv/theirs/own', { content: 'x\n', user: 'daemon' })
    await settle(host!, [own])
    expect((await host!.exec('stat -c %U /srv/theirs/own')).output).toBe('daemon\n')
    const taken = file('/srv/theirs/roots', { content: 'y\n', user: 'daemon' })
    const failure = await settle(host!, [taken]).catch((error: Error) => error)
    expect(failure).toMatchObject({ code: 'step-failed' })
    expect((await host!.exec('cd /srv/theirs; stat -c %U roots; cat roots; ls -A')).output).toBe(
      'root\nx\nown\nroots\n',
    )
  })

  test.each([
    ['a folder in its place', '/tmp', {}, 'there is a directory in its place'],
    ['no folder to be in', '/srv/no/such', {}, '/srv/no'],
    ['no such owner', '/srv/owned', { owner: 'nosuch' }, 'nosuch'],
    ['no such group', '/srv/owned', { group: 'nosuch' }, 'nosuch'],
  ])('%s is an error, and nothing changes', async (_, path, more, reason) => {
    const [host] = hosts()
    const before = (await host!.exec('ls -lA /srv /tmp')).output
    const failure = await settle(host!, [file(path, { content: 'x', ...more })]).catch(
      (error: Error) => error,
    )
    expect(failure).toMatchObject({ code: 'step-failed' })
    expect(String(failure)).toContain(reason)
    expect((await host!.exec('ls -lA /srv /tmp')).output).toBe(before)
  })

  test('removing refuses a folder', async () => {
    const [host] = hosts()
    await host!.exec('mkdir -p /srv/folder')
    const failure = await settle(host!, [absent(file('/srv/folder'))]).catch((e: Error) => e)
    expect(String(failure)).toMatch(/directory/i)
  })
})
