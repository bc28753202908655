import { describe, expect, test } from 'vitest'
import { bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { plan, settle } from '../../test/lab/settle.ts'
import { Secret } from '../base/secret.ts'
import type { Context, Difference } from '../model/kind.ts'
import { type Resource, absent } from '../model/resource.ts'
import { type LineOptions, line, lineKind } from './line.ts'
import { longestText } from './text-edit.ts'

const nothing: Context = { earlier: new Map(), opaque: [] }
const path = '/etc/x'

function differ(
  content: string | Buffer | undefined,
  options: LineOptions | Resource,
  context = nothing,
): Difference | undefined {
  const resource = ('kind' in options ? options : line(path, options)) as never
  const row = content === undefined ? '' : `0 file ${Buffer.from(content).toString('base64')}\n`
  const [state] = lineKind.parse(Buffer.from(row), [resource])
  return lineKind.diff(resource, state!, context)
}

describe('what differs', () => {
  const root = { line: 'Root no', startsWith: ['Root ', '#Root '] }
  test.each<[string, LineOptions, string | undefined, string?]>([
    ['a\n', { line: 'b' }, 'create: at the end', 'a\nb\n'],
    ['a', { line: 'b' }, 'create: at the end', 'a\nb\n'],
    ['', { line: 'b' }, 'create: at the end', 'b\n'],
    ['\n', { line: 'b' }, 'create: at the end', '\nb\n'],
    ['a\n', { line: 'b', at: 'start' }, 'create: at the start', 'b\na\n'],
    ['a', { line: 'b', at: 'start' }, 'create: at the start', 'b\na'],
    ['b\na\nb\n', { line: 'b' }, undefined],
    ['a\nb', { line: 'b' }, undefined],
    ['bb\n b\nb \n', { line: 'b' }, 'create: at the end', 'bb\n b\nb \nb\n'],
    ['1e1\n', { line: '10' }, 'create: at the end', '1e1\n10\n'],
    ['a\nRoot yes\nz', root, 'change: in place of Root yes', 'a\nRoot no\nz'],
    ['a\nRoot yes', root, 'change: in place of Root yes', 'a\nRoot no\n'],
    ['#Root x\na\nRoot yes\n', root, 'change: in place of 2 lines', 'Root no\na\n'],
    ['Root no\nRoot no\n', root, 'change: in place of 2 lines', 'Root no\n'],
    ['a\nRoot no\n', root, undefined],
    ['a\n', root, 'create: at the end', 'a\nRoot no\n'],
    ['é\n', { line: 'è' }, 'create: at the end', 'é\nè\n'],
  ])('%j with %j', (content, options, expected, after) => {
    const found = differ(content, options)
    expect(found && `${found.verb}: ${found.summary}`).toBe(expected)
    expect(found?.text).toEqual(after === undefined ? undefined : { before: content, after })
  })

  test.each<[string, LineOptions, string | undefined, string?]>([
    ['a\nb\nc\nb', { line: 'b' }, 'remove: 2 lines', 'a\nc\n'],
    ['b\nc', { line: 'b' }, 'remove: 1 line', 'c'],
    ['b', { line: 'b' }, 'remove: 1 line', ''],
    ['a\n', { line: 'b' }, undefined],
    ['#Root x\nRoot no\n', root, 'remove: 2 lines', ''],
  ])('%j without %j', (content, options, expected, after) => {
    const found = differ(content, absent(line(path, options)))
    expect(found && `${found.verb}: ${found.summary}`).toBe(expected)
    expect(found?.text?.after).toBe(after)
  })

  test('a file that is not there', () => {
    expect(differ(undefined, { line: 'b' })).toMatchObject({
      verb: 'create',
      text: { before: '', after: 'b\n' },
    })
    expect(differ(undefined, absent(line(path, { line: 'b' })))).toBeUndefined()
    const context = { earlier: new Map(), opaque: ['package:x'] }
    expect(differ(undefined, { line: 'b' }, context)?.verb).toBe('unknown')
    expect(differ('b\n', { line: 'b' }, context)).toBeUndefined()
  })

  test('what is no text, or too long, is said', () => {
    expect(differ('a\0b', { line: 'b' })?.summary).toContain('NUL')
    expect(differ('a'.repeat(300_000), { line: 'b' })?.summary).toContain('256 KiB')
    expect(differ(Buffer.from([0xff, 0x0a]), { line: 'b' })?.text?.after).toBe('\ufffd\nb\n')
  })

  test('secrets show as marks', () => {
    const secret = new Secret('TOKEN', 'swordfish')
    const options = { line: `token=${secret}`, name: 'token', startsWith: 'token=' }
    expect(differ('token=swordfish\n', options)).toBeUndefined()
    const found = differ('token=old\n', options)!
    expect(found.text!.after).toBe(`token=${secret}\n`)
    expect(() => line(path, { line: `token=${secret}` })).toThrow(/name/)
  })
})

describe('describing', () => {
  test('the line is the name unless there is another', () => {
    expect(line(path, { line: 'a b' }).name).toBe('/etc/x#a b')
    expect(line(path, { line: 'a b', name: 'ab' }).name).toBe('/etc/x#ab')
  })

  test.each([
    ['etc/x', { line: 'a' }],
    [path, { line: '' }],
    [path, { line: 'a\nb' }],
    [path, { line: 'a', startsWith: '' }],
    [path, { line: 'a', startsWith: [] }],
    [path, { line: 'a', startsWith: /^a/ }],
    [path, { line: 'a', at: 'middle' }],
    [path, { line: 'a', name: 'a\nb' }],
    [path, { line: 'x'.repeat(longestText + 1) }],
  ])('%j %j is refused', (given, options) => {
    expect(() => line(given, options as never)).toThrow(/line:/)
  })
})

describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile()

  test('plan and host make the same of it, byte for byte', async () => {
    const [host] = hosts()
    const contents = [
      '',
      'a',
      'a\n',
      '\n',
      'P 1\na\nP 2',
      'a\nP x',
      'x\n\n\nP\n',
      '1e1\n010\n',
      'é\xff',
    ]
    const wanted: LineOptions[] = [
      { line: '10' },
      { line: 'P 0', startsWith: ['P ', '#P '] },
      { line: `it's "$HOME" \\n %s & \`id\` é`, at: 'start' },
      { line: '-n -e' },
    ]
    const cases = contents.flatMap((content, i) =>
      wanted.flatMap((options, j) =>
        [false, true].map((gone) => {
          const resource = line(`/srv/-t $x/${i}-${j}-${gone}`, options)
          return {
            content: Buffer.from(content, 'latin1'),
            resource: gone ? absent(resource) : resource,
          }
        }),
      ),
    )
    const make = cases.map(
      ({ content, resource }) =>
        `echo ${content.toString('base64')} | base64 -d > '${pathOf(resource)}'`,
    )
    await host!.exec(`mkdir -p '/srv/-t $x'; chown debian '/srv/-t $x'; ${make.join('\n')}`)
    const resources = cases.map(({ resource }) => ({ ...resource, user: 'root' }))
    const expected = new Map(
      (await plan(host!, resources)).map(({ id, difference }) => [id, difference.text?.after]),
    )
    await settle(host!, resources)
    expect(await plan(host!, resources)).toEqual([])
    const read = cases.map(({ resource }) => `base64 -w 0 '${pathOf(resource)}'; echo`)
    const made = (await host!.exec(read.join('\n'))).output.split('\n')
    for (const [i, { content, resource }] of cases.entries()) {
      const after = expected.get(`line:${resource.name}`)
      const bytes = Buffer.from(made[i]!, 'base64')
      // The byte that is no UTF-8 cannot be compared as text.
      if (after === undefined) expect(bytes).toEqual(content)
      else expect(bytes.toString('utf8')).toBe(after)
      if (content.includes(0xff)) expect(bytes.includes(0xff)).toBe(true)
    }
  })

  test('several edits of one file in one run', async () => {
    const [host] = hosts()
    const file = '/tmp/several'
    const resources = [
      line(file, { line: 'one' }),
      line(file, { line: 'two', at: 'start' }),
      line(file, { line: 'three', startsWith: 'three' }),
    ]
    expect((await plan(host!, resources)).map(({ difference }) => difference.verb)).toEqual([
      'create',
      'create',
      'create',
    ])
    await settle(host!, resources)
    expect((await host!.exec(`cat ${file}; stat -c %a ${file}`)).output).toBe(
      'two\none\nthree\n644\n',
    )
    expect(await plan(host!, resources)).toEqual([])
    await settle(host!, absent(resources))
    expect((await host!.exec(`cat ${file}`)).output).toBe('')
  })

  test('ownership, permissions and links stay; a mounted file is written in place', async () => {
    const [host] = hosts()
    await host!.exec(
      'cd /srv; echo a > real; chown daemon:games real; chmod 4751 real; ln -s real link',
    )
    const resources = [
      line('/srv/link', { line: 'b', user: 'root' }),
      line('/etc/hosts', { line: '10.9.8.7 db', user: 'root' }),
    ]
    await settle(host!, resources)
    expect((await host!.exec('cd /srv; cat link; stat -c "%F %U:%G %a" link real')).output).toBe(
      'a\nb\nsymbolic link root:root 777\nregular file daemon:games 4751\n',
    )
    expect((await host!.exec('tail -n 1 /etc/hosts')).output).toBe('10.9.8.7 db\n')
    expect(await plan(host!, resources)).toEqual([])
    await settle(host!, absent(resources))
    expect((await host!.exec('ls -A /srv /etc | grep fettle')).output).toBe('')
  })

  test('a secret makes a new file private, and arrives whole', async () => {
    const [host] = hosts()
    const secret = new Secret('TOKEN', `it's "$x" \\`)
    const resource = line('/tmp/token', { line: `token=${secret}`, name: 'token' })
    await settle(host!, [resource])
    expect((await host!.exec('cat /tmp/token; stat -c %a /tmp/token')).output).toBe(
      `token=it's "$x" \\\n600\n`,
    )
    expect(await plan(host!, [resource])).toEqual([])
    await settle(host!, [absent(resource)])
    expect((await host!.exec('cat /tmp/token')).output).toBe('')
  })

  test.each([
    ['a folder', '/tmp', {}, 'it is not a file'],
    ['no folder', '/tmp/no/such', {}, '/tmp/no'],
    ['a link to nothing', '/srv/dangling', {}, 'it is a link to nothing'],
    ['NUL bytes', '/srv/nul', {}, 'NUL'],
    ['a long file', '/srv/long', {}, '256 KiB'],
    ['not valid', '/srv/invalid', { validate: 'grep -q zzz %s' }, 'was not valid'],
  ])('%s is an error, and nothing changes', async (_, file, more, reason) => {
    const [host] = hosts()
    await host!.exec(
      'cd /srv; ln -sf nowhere dangling; printf "a\\0b\\n" > nul; head -c 300000 /dev/zero | tr "\\0" x > long; echo a > invalid',
    )
    const sum = 'cd /srv; ls -lA | sed 1d; sha256sum nul long invalid'
    const before = (await host!.exec(sum)).output
    const resource = line(file, { line: 'b', user: 'root', ...more })
    const failure = await settle(host!, [resource]).catch((error: Error) => error)
    expect(failure).toMatchObject({ code: 'step-failed' })
    expect(String(failure)).toContain(reason)
    expect((await host!.exec(sum)).output).toBe(before)
  })
})

const pathOf = (resource: Resource): string => (resource.desired as { path: string }).path
