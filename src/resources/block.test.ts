import { describe, expect, test } from 'vitest'
import { bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { plan, settle } from '../../test/lab/settle.ts'
import { Secret } from '../base/secret.ts'
import type { Context } from '../model/kind.ts'
import { absent } from '../model/resource.ts'
import { type BlockOptions, block, blockKind } from './block.ts'
import { line } from './line.ts'

const nothing: Context = { earlier: new Map(), opaque: [] }
const begin = '# fettle: begin x\n'
const end = '# fettle: end x\n'

describe('what differs', () => {
  test.each<[string, Partial<BlockOptions> | 'absent', string | undefined, string?]>([
    ['', {}, 'create: at the end', `${begin}one\ntwo\n${end}`],
    ['a', {}, 'create: at the end', `a\n${begin}one\ntwo\n${end}`],
    ['a', { at: 'start' }, 'create: at the start', `${begin}one\ntwo\n${end}a`],
    [`a\n${begin}one\ntwo\n${end}b`, {}, undefined],
    [`a\n${begin}one\ntwo\n${end}b`, { content: 'one\ntwo' }, undefined],
    [`a\n${begin}one\n${end}b`, {}, 'change: in place of 3 lines', `a\n${begin}one\ntwo\n${end}b`],
    [`${begin}${end}`, { content: '' }, undefined],
    [
      `${begin}one\ntwo\n${end}a\n${begin}${end}`,
      {},
      'change: in place of 6 lines',
      `${begin}one\ntwo\n${end}a\n`,
    ],
    [`a\n${begin}one\n${end}b\n`, 'absent', 'remove: 3 lines', 'a\nb\n'],
    ['a\n', 'absent', undefined],
    [`a\n${begin}one\n`, {}, 'change: its markers do not pair up'],
    [`a\n${end}one\n`, {}, 'change: its markers do not pair up'],
    [`a\n${end}one\n`, 'absent', 'change: its markers do not pair up'],
    [`${begin}${begin}${end}${end}`, {}, 'change: its markers do not pair up'],
    [`# fettle: begin xy\n# fettle: end xy\n`, 'absent', undefined],
  ])('%j with %j', (content, options, expected, after) => {
    const given = options === 'absent' ? {} : options
    const described = block('/etc/x', { name: 'x', content: 'one\ntwo\n', ...given })
    const resource = (options === 'absent' ? absent(described) : described) as never
    const row = `0 file ${Buffer.from(content).toString('base64')}\n`
    const found = blockKind.diff(
      resource,
      blockKind.parse(Buffer.from(row), [resource])[0]!,
      nothing,
    )
    expect(found && `${found.verb}: ${found.summary}`).toBe(expected)
    expect(found?.text?.after).toBe(after)
  })
})

describe('describing', () => {
  test.each([
    ['etc/x', { name: 'x', content: '' }],
    ['/etc/x', { name: '', content: '' }],
    ['/etc/x', { name: 'a\nb', content: '' }],
    ['/etc/x', { name: 'x', content: 'a\0' }],
    ['/etc/x', { name: 'x', content: 'a\n# fettle: end x\nb' }],
    ['/etc/x', { name: 'x', content: 'x'.repeat(200_000) }],
    ['/etc/x', { name: 'x', content: '', comment: 'a\nb' }],
    ['/etc/x', { name: 'x', content: '', at: 'middle' }],
  ])('%j %j is refused', (path, options) => {
    expect(() => block(path, options as never)).toThrow(/block:/)
  })
})

describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile()

  test('comes, is repaired and goes, and leaves the rest as it was', async () => {
    const [host] = hosts()
    const rest = Buffer.from('first\n\xff\n  \n$(id) last without an end', 'latin1')
    await host!.exec('cat > "/srv/a \\$b"', rest)
    const secret = new Secret('TOKEN', `it's "$x" \\`)
    const content = `-n it's "$HOME" \\n %s & \`id\`\n\n\ttoken=${secret}\n`
    const resources = [
      block('/srv/a $b', { name: `o'ne $x`, content, comment: '//', at: 'start', user: 'root' }),
      block('/srv/a $b', { name: 'two', content: 'x\n'.repeat(20_000), user: 'root' }),
      line('/srv/a $b', { line: 'three', user: 'root' }),
    ]
    const first = await settle(host!, resources)
    expect(first.made).toHaveLength(3)
    expect(first.planned).toEqual(first.made)
    expect(await plan(host!, resources)).toEqual([])
    const { output } = await host!.exec(`head -n 7 '/srv/a $b' | tr '\\377' F`)
    expect(output).toBe(
      `// fettle: begin o'ne $x\n-n it's "$HOME" \\n %s & \`id\`\n\n\ttoken=${secret.reveal()}\n// fettle: end o'ne $x\nfirst\nF\n`,
    )

    await host!.exec(`sed -i 's/token/t0ken/; /three/d' '/srv/a $b'`)
    expect((await settle(host!, resources)).made).toHaveLength(2)
    expect(await plan(host!, resources)).toEqual([])

    expect((await settle(host!, absent(resources))).made).toHaveLength(3)
    expect(await plan(host!, absent(resources))).toEqual([])
    const left = await host!.exec(`base64 -w 0 '/srv/a $b'`)
    // The end of its last line was needed by what followed it.
    expect(left.output).toBe(Buffer.concat([rest, Buffer.from('\n')]).toString('base64'))
  })

  test('markers that do not pair up are an error, and nothing changes', async () => {
    const [host] = hosts()
    await host!.exec('printf "# fettle: begin x\\na\\n" > /srv/broken')
    const broken = block('/srv/broken', { name: 'x', content: 'b', user: 'root' })
    const failure = await settle(host!, [broken]).catch((error: Error) => error)
    expect(String(failure)).toContain('its markers do not pair up')
    expect((await host!.exec('cat /srv/broken')).output).toBe('# fettle: begin x\na\n')
  })
})
