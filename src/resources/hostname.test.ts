import { describe, expect, test } from 'vitest'
import { converges, failure, planned } from '../../test/lab/converges.ts'
import { bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { plan } from '../../test/lab/settle.ts'
import { type Context, nothingPlanned } from '../model/kind.ts'
import { absent } from '../model/resource.ts'
import { hostname, hostnameKind } from './hostname.ts'

const web1 = hostname('web1.example')

function summary(output: string, gone = false, context: Context = nothingPlanned) {
  const resource = (gone ? absent(web1) : web1) as never
  const [state] = hostnameKind.parse(Buffer.from(output), [resource])
  const found = hostnameKind.diff(resource, state!, context)
  return found && `${found.verb}: ${found.summary}`
}

describe('what differs', () => {
  test.each([
    ['web1.example\nfile\nweb1.example\n', undefined],
    ['web1.example\nfile\nweb1.example', undefined],
    ['web1.example\nfile\n# of the rack\n\n  web1.example \n', undefined],
    ['old\nfile\nold\n', 'change: old -> web1.example'],
    ['old\nfile\nweb1.example\n', 'change: old -> web1.example'],
    ['web1.example\nfile\nold\n', 'change: /etc/hostname: old -> web1.example'],
    ['a\nfile\nb\n', 'change: a -> web1.example, /etc/hostname: b -> web1.example'],
    ['a\nfile\n', 'change: a -> web1.example, /etc/hostname: nothing -> web1.example'],
    ['web1.example\n', 'create: /etc/hostname: nothing -> web1.example'],
    ['file\nfile\nfile\n', 'change: file -> web1.example'],
  ])('%j', (output, expected) => expect(summary(output)).toBe(expected))

  test.each([
    ['now\nfile\nweb1.example\n', 'remove: /etc/hostname; it stays now until the next boot'],
    ['web1.example\nfile\nother\n', undefined],
    ['web1.example\n', undefined],
  ])('absent: %j', (output, expected) => expect(summary(output, true)).toBe(expected))

  test('a host that does not tell is not guessed at', () => {
    expect(() => summary('')).toThrow('does not tell')
  })
})

test.each(['a', 'Web-1', 'web1.example.com', '1', `${'a'.repeat(63)}`])('%j is a name', (name) =>
  expect(hostname(name).name).toBe(name),
)

test.each(['', '-a', 'a-', 'a..b', '.a', 'a.', 'a b', 'a_b', 'a\n', '$(id)', 'a'.repeat(64), 'é'])(
  '%j is refused',
  (name) => expect(() => hostname(name)).toThrow(/its name/),
)

describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile()

  test('from another name, after drift, and gone', async () => {
    const [host] = hosts()
    const look = async (): Promise<string> =>
      (await host!.exec('hostname; cat /etc/hostname; stat -c %a /etc/hostname')).output
    expect(await converges(host!, [web1])).toEqual([
      'change hostname:web1.example: web1 -> web1.example',
    ])
    expect(await look()).toBe('web1.example\nweb1.example\n644\n')
    expect((await host!.exec('hostnamectl hostname')).output).toBe('web1.example\n')

    await host!.exec('hostnamectl set-hostname other && hostnamectl set-hostname web1.example')
    expect(await planned(host!, [web1])).toEqual([])
    await host!.exec('hostname other')
    expect(await converges(host!, [web1])).toEqual([
      'change hostname:web1.example: other -> web1.example',
    ])
    await host!.exec('rm /etc/hostname')
    expect(await converges(host!, [web1])).toEqual([
      'create hostname:web1.example: /etc/hostname: nothing -> web1.example',
    ])
    expect(await look()).toBe('web1.example\nweb1.example\n644\n')

    const gone = absent(web1)
    expect(await converges(host!, [gone])).toEqual([
      'remove hostname:web1.example: /etc/hostname; it stays web1.example until the next boot',
    ])
    expect((await host!.exec('hostname; ls /etc/hostname')).output).toMatch(/^web1.example\nls: /)
  })

  test('a name that is mounted over is written in place', async () => {
    const [host] = hosts()
    await host!.exec('hostname a; echo a > /srv/name; touch /etc/hostname')
    await host!.exec('mount --bind /srv/name /etc/hostname')
    await converges(host!, [web1])
    expect((await host!.exec('cat /srv/name; umount /etc/hostname')).output).toBe('web1.example\n')
  })

  test('where the host may not be renamed it is an error, and the file stays', async () => {
    const [host] = hosts()
    await host!.exec(
      'printf "#!/bin/sh\\necho hostname: you must be root; exit 1\\n" > /usr/local/bin/hostname; chmod 755 /usr/local/bin/hostname; echo a > /etc/hostname; /usr/bin/hostname a',
    )
    expect(await failure(host!, [web1])).toContain('you must be root')
    expect((await host!.exec('rm /usr/local/bin/hostname; cat /etc/hostname')).output).toBe('a\n')
  })

  test('a host has one', async () => {
    const [host] = hosts()
    await expect(plan(host!, [web1, hostname('b')])).rejects.toThrow(
      'path /etc/hostname on web1 is claimed twice',
    )
  })
})
