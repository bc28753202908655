import { describe, expect, test } from 'vitest'
import { converges, failure, planned } from '../../test/lab/converges.ts'
import { bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { type Context, nothingPlanned } from '../model/kind.ts'
import { type Resource, absent } from '../model/resource.ts'
import { kernelModule, kernelModuleKind } from './kernel-module.ts'

const bridge = kernelModule('br-netfilter')
const tuned = kernelModule('br_netfilter', { options: { a: 1, b: 'x,y' } })
const bootPath = '/etc/modules-load.d/fettle-br_netfilter.conf'
const optionsPath = '/etc/modprobe.d/fettle-br_netfilter.conf'

/** How the kernel has it, and which of its two files are as described. */
function summary(
  module: string,
  files: '' | 'boot' | 'options' | 'both',
  resource: Resource,
  { container = false, context = nothingPlanned as Context } = {},
): string | undefined {
  const script = kernelModuleKind.read!([resource as never])!.text
  const hashes = new Map(
    [...script.matchAll(/wanted="\$wanted "(\d+):(\w+)/g)].map(([, i, hash]) => [i!, hash!]),
  )
  const has = [files === 'boot' || files === 'both', files === 'options' || files === 'both']
  const stat = [bootPath, optionsPath].map((path, i) =>
    has[i] ? `${path}\0f\x00644\0root\0root\x0010\0\0` : '',
  )
  const sums = has.map((each, i) => (each ? `${i} ${hashes.get(String(i))}\n` : ''))
  const own = `${container ? 'container\n' : ''}br_netfilter ${module}\n`
  const output = `${own}\0${stat.join('')}end\0${sums.join('')}`
  const [state] = kernelModuleKind.parse(Buffer.from(output), [resource as never])
  const found = kernelModuleKind.diff(resource as never, state!, context)
  return found && `${found.verb}: ${found.summary}`
}

describe('what differs', () => {
  test.each<[string, Parameters<typeof summary>[1], Resource, string | undefined]>([
    ['loaded 0', 'boot', bridge, undefined],
    ['built-in 0', 'boot', bridge, undefined],
    ['loaded 3', 'both', tuned, undefined],
    ['known 0', '', bridge, 'create: load it, load it at boot'],
    ['known 0', 'boot', bridge, 'change: load it'],
    ['loaded 0', '', bridge, 'create: load it at boot'],
    ['built-in 0', '', bridge, 'create: load it at boot'],
    ['known 0', '', tuned, 'create: load it, load it at boot, options a=1 b=x,y'],
    ['loaded 0', 'boot', tuned, 'change: options a=1 b=x,y, when it is loaded next'],
    ['loaded 0', 'both', bridge, 'change: no options, when it is loaded next'],
    ['known 0', 'both', bridge, 'change: load it, no options'],
    ['unknown 0', '', bridge, 'change: there is no module br_netfilter for this kernel'],
    ['unknown 0', 'boot', bridge, 'change: there is no module br_netfilter for this kernel'],
    [
      'built-in 0',
      'both',
      tuned,
      'change: br_netfilter is built into this kernel, so its options belong on the command line of the kernel',
    ],
  ])('%s, with files: %s', (module, files, resource, expected) =>
    expect(summary(module, files, resource)).toBe(expected),
  )

  test.each<[string, Parameters<typeof summary>[1], string | undefined]>([
    ['loaded 0', 'both', 'remove: not at boot, its options, unload it'],
    ['loaded 2', 'boot', 'remove: not at boot, it stays loaded, as it is in use'],
    ['loaded 2', '', undefined],
    ['loaded 0', '', 'remove: unload it'],
    ['built-in 0', 'boot', 'remove: not at boot'],
    ['built-in 0', '', undefined],
    ['known 0', 'options', 'remove: its options'],
    ['unknown 0', '', undefined],
  ])('absent: %s, with files: %s', (module, files, expected) =>
    expect(summary(module, files, absent(tuned))).toBe(expected),
  )

  test('in a container', () => {
    const note = '(files only: a container has the modules of its host)'
    const container = { container: true }
    expect(summary('unknown 0', '', tuned, container)).toBe(
      `create: load it at boot, options a=1 b=x,y ${note}`,
    )
    expect(summary('built-in 0', 'both', tuned, container)).toBeUndefined()
    expect(summary('loaded 0', '', absent(tuned), container)).toBeUndefined()
    expect(summary('loaded 0', 'boot', absent(tuned), container)).toBe('remove: not at boot')
  })

  test('after an opaque step: unknown only while the module is', () => {
    const context = { earlier: new Map(), opaque: ['package:zfs-dkms'] }
    expect(summary('unknown 0', '', bridge, { context })).toBe(
      'unknown: load it, once package:zfs-dkms has brought it',
    )
    expect(summary('known 0', '', bridge, { context })).toBe('create: load it, load it at boot')
  })
})

test.each<[unknown, object]>([
  ['', {}],
  ['a b', {}],
  ['../a', {}],
  ['-r', {}],
  ['a', { options: { 'a b': 1 } }],
  ['a', { options: { a: 'b c' } }],
  ['a', { options: { a: '' } }],
  ['a', { options: { a: 'b\nc' } }],
  ['a', { options: ['a=1'] }],
  ['a', { options: 'a=1' }],
])('%j %j is refused', (name, options) => {
  expect(() => kernelModule(name as string, options)).toThrow(/kernel-module:/)
})

// Neither the lab's containers nor every machine's kernel can load modules, so loading and
// unloading are not run here: the tables above say what is planned.
describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile()
  const look = `cat /etc/modules-load.d/fettle-* /etc/modprobe.d/fettle-*`

  test('a container: files alone', async () => {
    const [host] = hosts()
    const note = '(files only: a container has the modules of its host)'
    const dummy = kernelModule('dummy')
    const all = [dummy, tuned]
    expect(await converges(host!, all)).toEqual([
      `create kernel-module:dummy: load it at boot ${note}`,
      `create kernel-module:br_netfilter: load it at boot, options a=1 b=x,y ${note}`,
    ])
    expect((await host!.exec(look)).output).toBe(
      '# Kept by Fettle.\nbr_netfilter\n# Kept by Fettle.\ndummy\n' +
        '# Kept by Fettle.\noptions br_netfilter a=1 b=x,y\n',
    )
    await host!.exec(`echo x >> ${bootPath}`)
    expect(await converges(host!, all)).toEqual([
      `change kernel-module:br_netfilter: load it at boot ${note}`,
    ])
    expect(await converges(host!, [bridge])).toEqual([
      `change kernel-module:br_netfilter: no options ${note}`,
    ])
    expect(await converges(host!, absent(all))).toHaveLength(2)
    expect((await host!.exec('ls /etc/modules-load.d /etc/modprobe.d | grep fettle')).output).toBe(
      '',
    )
  })

  test('taken for a machine: what is built in counts as loaded, what is not there is an error', async () => {
    const [host] = hosts()
    await host!.exec('mv /run/systemd/container /run/systemd/container.off')
    const builtIn = (
      await host!.exec(
        'for m in /sys/module/*; do [ -e $m/initstate ] || { basename $m; break; }; done',
      )
    ).output.trim()
    const there = kernelModule(builtIn)
    expect(await converges(host!, [there])).toEqual([
      `create kernel-module:${builtIn}: load it at boot`,
    ])
    const options = kernelModule(builtIn, { options: { a: 1 } })
    expect(await failure(host!, [options])).toContain('is built into this kernel')
    await converges(host!, [absent(options)])
    expect(await failure(host!, [kernelModule('no_such_module')])).toContain(
      'there is no module no_such_module for this kernel',
    )
    expect(await planned(host!, [absent(kernelModule('no_such_module'))])).toEqual([])
    expect((await host!.exec('ls /etc/modules-load.d | grep fettle')).output).toBe('')
    await host!.exec('mv /run/systemd/container.off /run/systemd/container')
  })
})
