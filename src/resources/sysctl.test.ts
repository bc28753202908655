import { describe, expect, test } from 'vitest'
import { bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { plan, settle } from '../../test/lab/settle.ts'
import type { Context } from '../model/kind.ts'
import { absent } from '../model/resource.ts'
import { sysctl, sysctlKind } from './sysctl.ts'

const nothing: Context = { earlier: new Map(), opaque: [] }
const content = '# Kept by Fettle.\nvm.x = 10 20\n'

/** What the host prints about vm.x: its live value, whether it is ours, and its file. */
function summary(
  live: string | undefined,
  ours: boolean,
  file: 'there' | 'missing' | 'other',
  { gone = false, context = nothing } = {},
): string | undefined {
  const described = sysctl('vm.x', '10 20')
  const resource = (gone ? absent(described) : described) as never
  const path = '/etc/sysctl.d/99-fettle-vm.x.conf'
  const stat = `${path}\0f\x00644\0root\0root\x00${content.length}\0\0`
  const hash = '0d2c5b' // replaced below by what the kind asks for
  const wanted = /wanted="\$wanted "(\d+:\w+)/.exec(sysctlKind.read!([resource])!.text)?.[1] ?? hash
  const row = file === 'there' ? `0 ${wanted.slice(2)}\n` : `0 ${'f'.repeat(64)} eA==\n`
  const own = [
    live === undefined ? '' : `/proc/sys/vm/x:${live}\n`,
    ours ? `ours /proc/sys/vm/${live === undefined ? 'swappiness' : 'x'}\n` : '',
  ].join('')
  const files = file === 'missing' ? 'end\0' : `${stat}end\0${row}`
  const [state] = sysctlKind.parse(Buffer.from(`${own}\0${files}`), [resource])
  const found = sysctlKind.diff(resource, state!, context)
  return found && `${found.verb}: ${found.summary}`
}

test('what differs', () => {
  expect(summary('10\t20', true, 'there')).toBeUndefined()
  expect(summary('10\t30', true, 'there')).toBe('change: 10 30 -> 10 20')
  expect(summary('10\t30', true, 'missing')).toBe('create: 10 30 -> 10 20')
  expect(summary('10\t20', true, 'missing')).toBe('create: 10 20 (for the next boot)')
  expect(summary('10\t20', true, 'other')).toBe('change: 10 20 (for the next boot)')
  expect(summary('1', false, 'there')).toBeUndefined()
  expect(summary('1', false, 'missing')).toBe(
    'create: 10 20 (file only: this kernel is not ours to set)',
  )
  expect(summary(undefined, false, 'there')).toBeUndefined()
  expect(summary(undefined, true, 'there')).toBe('change: this kernel has no vm.x')
  const context = { earlier: new Map(), opaque: ['package:x'] }
  expect(summary(undefined, true, 'there', { context })).toContain('unknown: ')
  expect(summary('1', true, 'there', { gone: true })).toBe(
    'remove: its file; it stays 1 until the next boot',
  )
  expect(summary('1', true, 'missing', { gone: true })).toBeUndefined()
})

describe('keys', () => {
  test.each([
    ['net.core.somaxconn', 'net.core.somaxconn'],
    ['net/core/somaxconn', 'net.core.somaxconn'],
    ['net.ipv4.conf.eth0/100.rp_filter', 'net.ipv4.conf.eth0/100.rp_filter'],
    ['net/ipv4/conf/eth0.100/rp_filter', 'net.ipv4.conf.eth0/100.rp_filter'],
  ])('%s is %s', (given, name) => {
    expect(sysctl(given, 1).name).toBe(name)
  })

  test.each(['', 'vm', '../vm.x', 'vm/../../etc', 'vm.//.x', 'a b.c', '-vm.x y'])(
    '%j is refused',
    (key) => {
      expect(() => sysctl(key, 1)).toThrow(/name/)
    },
  )

  test('values are one line', () => {
    expect(sysctl('vm.x', ' 1 \t 2 ').desired).toEqual({ value: '1 2' })
    expect(() => sysctl('vm.x', '1\n2')).toThrow(/value/)
    expect(() => sysctl('vm.x', '')).toThrow(/value/)
    expect(() => sysctl('vm.x', undefined as never)).toThrow(/value/)
  })

  test('several at once', () => {
    const made = sysctl({ 'vm.x': 1, 'vm.y': 'a b' }, { notify: [] })
    expect(made.map(({ name }) => name)).toEqual(['vm.x', 'vm.y'])
  })
})

describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile()

  test('keeps a file where the kernel is not ours', async () => {
    const [host] = hosts()
    const resources = sysctl({ 'vm.swappiness': 7, 'vm.no/such.key': 1, 'kernel.panic': '77' })
    if ((await host!.exec('[ -w /proc/sys/vm/swappiness ]')).code === 0) return
    const first = await settle(host!, resources)
    expect(first.made).toHaveLength(3)
    expect(first.planned).toEqual(first.made)
    for (const { summary } of first.result.made) expect(summary).toContain('file only')
    expect((await host!.exec('cat /etc/sysctl.d/99-fettle-*')).output).toBe(
      '# Kept by Fettle.\nkernel.panic = 77\n' +
        '# Kept by Fettle.\nvm.no/such.key = 1\n' +
        '# Kept by Fettle.\nvm.swappiness = 7\n',
    )
    expect(await plan(host!, resources)).toEqual([])
    await host!.exec('echo x > /etc/sysctl.d/99-fettle-kernel.panic.conf')
    expect((await settle(host!, resources)).made).toEqual(['sysctl:kernel.panic'])
    expect(await plan(host!, resources)).toEqual([])
    expect((await settle(host!, absent(resources))).made).toHaveLength(3)
    expect(await plan(host!, absent(resources))).toEqual([])
  })

  test('sets what is ours at once, and for the next boot', async () => {
    const [host] = hosts()
    if ((await host!.exec('[ -w /proc/sys/net/core/somaxconn ]')).code !== 0) return
    const resources = sysctl({
      'net.core.somaxconn': 4321,
      'net/ipv4/ip_local_port_range': '10240  65000',
    })
    expect((await settle(host!, resources)).result.made.map(({ summary }) => summary)).toEqual([
      expect.stringMatching(/^\d+ -> 4321$/),
      expect.stringMatching(/^\d+ \d+ -> 10240 65000$/),
    ])
    expect(await plan(host!, resources)).toEqual([])
    await host!.exec('echo 99 > /proc/sys/net/core/somaxconn; rm /etc/sysctl.d/99-fettle-net.ipv4*')
    expect((await plan(host!, resources)).map(({ difference }) => difference.summary)).toEqual([
      '99 -> 4321',
      '10240 65000 (for the next boot)',
    ])
    await settle(host!, resources)
    expect(await plan(host!, resources)).toEqual([])
    await settle(host!, absent(resources))
    expect((await host!.exec('cat /proc/sys/net/core/somaxconn')).output.trim()).toBe('4321')

    const wrong = sysctl('net.core.somaxconn', 'many')
    const refused = await settle(host!, [wrong]).catch((error: Error) => error)
    expect(String(refused)).toContain('the kernel does not take many for net.core.somaxconn')
    expect((await plan(host!, [wrong]))[0]!.difference.verb).toBe('create')
    const missing = sysctl('net.ipv4.conf.eth0/100.rp_filter', 1)
    const failure = await settle(host!, [missing]).catch((error: Error) => error)
    expect(String(failure)).toContain('this kernel has no net.ipv4.conf.eth0/100.rp_filter')
  })
})
