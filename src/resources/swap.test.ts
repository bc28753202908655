import { describe, expect, test } from 'vitest'
import { converges, failure, planned } from '../../test/lab/converges.ts'
import { bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { type Context, nothingPlanned } from '../model/kind.ts'
import { type Resource, absent } from '../model/resource.ts'
import { directory } from './directory.ts'
import { swap, swapKind } from './swap.ts'

/** A host as its read script prints it. */
interface Printed {
  readonly fstab?: string
  /** The fields of /proc/swaps: path, type, size, used, priority. */
  readonly on?: string
  /** Type, permissions, owner, size, what it holds. */
  readonly look?: string
  readonly container?: boolean
}

const file = swap('/swap file', { size: '2M' })
const part = swap('LABEL=swap', { priority: 5 })
const fileEntry = '/swap\\040file none swap sw 0 0\n'
const partEntry = 'LABEL=swap none swap sw,pri=5 0 0\n'
const made = 'file 600 0 2097152 swap'
const fileOn = '/swap\\040file file 2044 0 -2'
const partOn = '/dev/sda2 partition 2044 0 5'

function summary(
  { fstab = '', on = '', look = 'absent - - 0 -', container = false }: Printed,
  resource: Resource,
  context: Context = nothingPlanned,
): string | undefined {
  const real = resource.name.startsWith('/') ? resource.name : '/dev/sda2'
  const text = `0 file ${Buffer.from(fstab).toString('base64')}\n`
  const swaps = `Filename\t\tType\t\tSize\tUsed\tPriority\n${on}\n`
  const rows = `${container ? 'container\n' : ''}0 ${look}\n${real}\n`
  const output = Buffer.from(`${text}\0${swaps}\0${rows}`)
  const [state] = swapKind.parse(output, [resource as never])
  const found = swapKind.diff(resource as never, state!, context)
  return found && `${found.verb}: ${found.summary}`
}

describe('what differs', () => {
  const right = { fstab: fileEntry, on: fileOn, look: made }
  test.each<[string, Printed, string | undefined]>([
    ['as described', right, undefined],
    ['nothing', {}, 'create: a file of 2M, turn on, its entry in /etc/fstab'],
    ['off', { ...right, on: '' }, 'change: turn on'],
    ['no entry', { ...right, fstab: '' }, 'change: its entry in /etc/fstab'],
    ['another size', { ...right, look: made.replace('2097152', '1048576') }, 'change: 1M -> 2M'],
    [
      'another size, and off',
      { ...right, on: '', look: made.replace('2097152', '1000') },
      'change: 1000 bytes -> 2M, turn on',
    ],
    [
      'open to all',
      { ...right, look: made.replace('600 0', '644 1000') },
      'change: mode 0644 -> 0600, owner 1000 -> root',
    ],
    [
      'another file',
      { look: 'file 600 0 2097152 -' },
      'change: /swap file is a file that holds something else',
    ],
    ['a directory', { look: 'other - - 0 -' }, 'change: /swap file is not a file'],
    ['a container, as described', { ...right, on: '', container: true }, undefined],
    [
      'a container, nothing',
      { container: true },
      'create: a file of 2M, its entry in /etc/fstab (not turned on: a container has the swap of its host)',
    ],
    [
      'a container whose host has such a swap',
      { ...right, look: 'absent - - 0 -', container: true },
      'create: a file of 2M (not turned on: a container has the swap of its host)',
    ],
  ])('%s', (_, printed, expected) => expect(summary(printed, file)).toBe(expected))

  const block = { fstab: partEntry, on: partOn, look: 'block - - 0 swap' }
  test.each<[string, Printed, string | undefined]>([
    ['as described', block, undefined],
    ['blank', { look: 'block - - 0 -' }, 'create: format it, turn on, its entry in /etc/fstab'],
    [
      'another file system',
      { look: 'block - - 0 ext4' },
      'change: LABEL=swap holds ext4: wipefs clears it, if nobody needs that',
    ],
    [
      'a table of partitions',
      { look: 'block - - 0 dos' },
      'change: LABEL=swap holds dos: wipefs clears it, if nobody needs that',
    ],
    ['off', { ...block, on: '' }, 'change: turn on'],
    ['another priority', { ...block, on: partOn.replace(/5$/, '-2') }, 'change: priority -2 -> 5'],
    ['missing', {}, 'change: there is no LABEL=swap here'],
    ['no device', { look: made }, 'change: LABEL=swap is not a device'],
  ])('a partition: %s', (_, printed, expected) => expect(summary(printed, part)).toBe(expected))

  test.each<[string, Resource, Printed, string | undefined]>([
    ['file', file, right, 'remove: turn off, its entry in /etc/fstab, the file of 2M'],
    ['file that holds something else', file, { look: 'file 600 0 9 -' }, undefined],
    ['partition', part, block, 'remove: turn off, its entry in /etc/fstab'],
    ['partition', part, { ...block, fstab: fileEntry, on: '' }, undefined],
    ['nothing', file, {}, undefined],
    [
      'file in a container',
      file,
      { ...right, container: true },
      'remove: its entry in /etc/fstab, the file of 2M',
    ],
  ])('absent: %s', (_, resource, printed, expected) =>
    expect(summary(printed, absent(resource))).toBe(expected),
  )

  test('a device that an earlier step brings', () => {
    const context = { earlier: new Map(), opaque: ['command:disks'] }
    expect(summary({}, part, context)).toBe(
      'unknown: on, once command:disks has brought LABEL=swap',
    )
    expect(summary({}, file, context)).toMatch(/^create: /)
  })
})

describe('describing', () => {
  test.each<[string, object]>([
    ['/swapfile', {}],
    ['/dev/sda2', { size: '2G' }],
    ['UUID=x', { size: '2G' }],
    ['swapfile', { size: '2G' }],
    ['/', { size: '2G' }],
    ['/a\nb', { size: '2G' }],
    ['/swapfile', { size: 2 }],
    ['/swapfile', { size: '2' }],
    ['/swapfile', { size: '0G' }],
    ['/swapfile', { size: '1.5G' }],
    ['/swapfile', { size: '2G', priority: -1 }],
    ['/swapfile', { size: '2G', priority: 40_000 }],
  ])('%j %j is refused', (name, options) => {
    expect(() => swap(name, options)).toThrow(/swap:/)
  })
})

// A container cannot turn swap on or off: what of it is planned is in the tables above.
describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile()

  test('a file: from nothing, other sizes, drift, and gone', async () => {
    const [host] = hosts()
    const path = `/srv/it's "$x" b`
    const quoted = `'${path.replaceAll("'", `'\\''`)}'`
    const small = swap(path, { size: '1M' })
    const note = '(not turned on: a container has the swap of its host)'
    expect(await converges(host!, [small])).toEqual([
      `create swap:${path}: a file of 1M, its entry in /etc/fstab ${note}`,
    ])
    const look = async (): Promise<string> =>
      (
        await host!.exec(
          `stat -c '%a %U:%G %s' ${quoted}; blkid -p -o value -s TYPE ${quoted}; tail -n 1 /etc/fstab; ls -A /srv | wc -l`,
        )
      ).output
    const entry = `/srv/it's\\040"$x"\\040b none swap`
    expect(await look()).toBe(`600 root:root 1048576\nswap\n${entry} sw 0 0\n1\n`)
    const larger = swap(path, { size: '3M', priority: 7 })
    expect(await converges(host!, [larger])).toEqual([
      `change swap:${path}: 1M -> 3M, its entry in /etc/fstab ${note}`,
    ])
    expect(await look()).toBe(`600 root:root 3145728\nswap\n${entry} sw,pri=7 0 0\n1\n`)
    await host!.exec(`chmod 640 ${quoted}; chown daemon ${quoted}`)
    expect((await converges(host!, [larger]))[0]).toContain('mode 0640 -> 0600, owner 1 -> root')
    expect(await converges(host!, [absent(larger)])).toEqual([
      `remove swap:${path}: its entry in /etc/fstab, the file of 3M`,
    ])
    expect((await host!.exec('ls -A /srv; grep swap /etc/fstab')).output).toBe('')
  })

  test('what an earlier run left half made is made anew', async () => {
    const [host] = hosts()
    await host!.exec('rm -rf /srv/*; echo half > /srv/swap.fettle-new')
    await converges(host!, [swap('/srv/swap', { size: '1M' })])
    expect((await host!.exec('ls -A /srv')).output).toBe('swap\n')
  })

  test('a file beside others, in a directory that an earlier step makes', async () => {
    const [host] = hosts()
    const all = [
      directory('/srv/swaps', { user: 'root' }),
      swap('/srv/swaps/a', { size: '1M' }),
      swap('/srv/swaps/b', { size: '1M' }),
    ]
    await converges(host!, all)
    expect((await host!.exec('grep -c swaps /etc/fstab')).output).toBe('2\n')
    await converges(host!, [all[0]!, absent(all[1]!), all[2]!])
    expect((await host!.exec('ls /srv/swaps; grep swaps /etc/fstab')).output).toBe(
      'b\n/srv/swaps/b none swap sw 0 0\n',
    )
  })

  test('what cannot be done is an error, and nothing changes', async () => {
    const [host] = hosts()
    await host!.exec('echo precious > /srv/data; ln -s data /srv/link; : > /etc/fstab')
    for (const [resource, reason] of [
      [swap('/srv/data', { size: '1M' }), 'holds something else'],
      [swap('/srv/link', { size: '1M' }), '/srv/link is not a file'],
      [swap('/srv/none/swap', { size: '1M' }), '/srv/none/swap'],
      [swap('/srv/huge', { size: '900000T' }), 'fallocate failed'],
      [swap('UUID=0-0'), 'there is no UUID=0-0 here'],
      [swap('/dev/null'), '/dev/null is not a device'],
    ] as const)
      expect(await failure(host!, [resource])).toContain(reason)
    expect((await host!.exec('cat /srv/data /etc/fstab; ls -A /srv | grep fettle')).output).toBe(
      'precious\n',
    )
    expect(await planned(host!, [absent(swap('/srv/data', { size: '1M' }))])).toEqual([])
  })
})
