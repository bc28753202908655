import { describe, expect, test } from 'vitest'
import { converges, failure, planned } from '../../test/lab/converges.ts'
import { bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { plan, settle } from '../../test/lab/settle.ts'
import { Secret } from '../base/secret.ts'
import { type Context, type Difference, nothingPlanned } from '../model/kind.ts'
import { type Resource, absent } from '../model/resource.ts'
import { command } from './command.ts'
import { directory } from './directory.ts'
import { type MountOptions, mount, mountKind } from './mount.ts'

const created: Difference = { verb: 'create', summary: '' }

/** A host as its read script prints it. */
interface Printed {
  readonly fstab?: string
  /** What mountinfo says after the mount point. */
  readonly row?: string
  /** What the device is, its number, whether it shows here, what is here. */
  readonly look?: string
  readonly more?: string
}

const target = '/srv/a b'
const disk: MountOptions = { device: 'UUID=1-2', type: 'ext4', options: ['noatime', 'nofail'] }
const entry = 'UUID=1-2 /srv/a\\040b ext4 noatime,nofail 0 0\n'
const row = 'rw,noatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro'
const there = { look: 'block 8:1 no mounted', row, fstab: entry }

function differ(
  { fstab = '', row, look = 'block 8:1 no directory', more = '' }: Printed,
  described: MountOptions | Resource = disk,
  context: Context = nothingPlanned,
): Difference | undefined {
  const resource = ('kind' in described ? described : mount(target, described)) as never
  const text = `0 file ${Buffer.from(fstab).toString('base64')}\n`
  const rows = row === undefined ? '' : `/srv/a\\040b 36 35 8:1 / /srv/a\\040b ${row}`
  const output = `${text}\0${rows}\n\0${`0 ${look}\n${more}`}`
  const [state] = mountKind.parse(Buffer.from(output), [resource])
  return mountKind.diff(resource, state!, context)
}

const words = (found: Difference | undefined): string | undefined =>
  found && `${found.verb}: ${found.summary}`

describe('what differs', () => {
  test.each<[string, Printed, string | undefined]>([
    ['as described', there, undefined],
    [
      'nothing there',
      { look: 'block 8:1 no absent' },
      'create: mount UUID=1-2 on a new directory, its entry in /etc/fstab',
    ],
    ['a directory', {}, 'create: mount UUID=1-2, its entry in /etc/fstab'],
    ['not mounted', { fstab: entry }, 'change: mount UUID=1-2'],
    ['no entry', { ...there, fstab: '# none\n' }, 'change: its entry in /etc/fstab'],
    [
      'another number, the same node (btrfs)',
      { ...there, row: row.replace('8:1', '0:40'), more: 'source 8:1 /dev/sda1\n' },
      undefined,
    ],
    [
      'another device',
      { ...there, look: 'block 8:11 no mounted' },
      'change: /dev/sda1 (ext4) -> UUID=1-2 (ext4)',
    ],
    [
      'another file system',
      { ...there, row: row.replace('ext4', 'xfs') },
      'change: /dev/sda1 (xfs) -> UUID=1-2 (ext4)',
    ],
    [
      'read-only after an error',
      { ...there, row: row.replace(/rw,errors/, 'ro,errors') },
      'change: remount: ro -> rw',
    ],
    [
      'other flags',
      { ...there, row: row.replace('noatime', 'nosuid,relatime') },
      'change: remount: nosuid -> suid, relatime -> noatime',
    ],
    [
      'another entry',
      { ...there, fstab: entry.replace(',nofail', ',x-a') },
      'change: its entry in /etc/fstab',
    ],
    [
      'an entry with an option that is set no more',
      {
        ...there,
        fstab: entry.replace(',nofail', ',errors=remount-ro'),
      },
      'change: remount, errors=remount-ro stays until it is mounted anew, its entry in /etc/fstab',
    ],
    [
      'two entries',
      { ...there, fstab: `${entry}/dev/x /srv/a\\040b/ xfs defaults 0 0\n` },
      'change: its entry in /etc/fstab',
    ],
    ['no such device', { look: 'missing - no directory' }, 'change: there is no UUID=1-2 here'],
    [
      'no such device, and mounted',
      { ...there, look: 'missing - no mounted' },
      'change: there is no UUID=1-2 here',
    ],
    [
      'a link on the way',
      { look: 'block 8:1 no link /mnt/a b' },
      'change: /srv/a b leads to /mnt/a b: describe it so',
    ],
    [
      'no device',
      { look: 'directory - no directory' },
      "change: UUID=1-2 is a directory: that takes 'bind'",
    ],
    ['an image', { look: 'file - no directory' }, 'change: UUID=1-2 is a file, not a device'],
  ])('%s', (_, printed, expected) => expect(words(differ(printed))).toBe(expected))

  test.each<[string, Printed, string | undefined]>([
    ['mounted', there, 'remove: unmount /dev/sda1, its entry in /etc/fstab'],
    ['an entry', { fstab: entry }, 'remove: its entry in /etc/fstab'],
    [
      'something else there',
      { ...there, fstab: '', row: 'rw - tmpfs tmpfs rw' },
      'remove: unmount tmpfs',
    ],
    ['nothing', { fstab: entry.replace('b ext4', 'c ext4') }, undefined],
    ['swap', { fstab: '/srv/a\\040b /srv/a\\040b swap sw 0 0\n' }, undefined],
  ])('absent: %s', (_, printed, expected) =>
    expect(words(differ(printed, absent(mount(target, disk))))).toBe(expected),
  )

  test('what an earlier step brings', () => {
    const missing = { look: 'missing - no absent' }
    const opaque = { earlier: new Map(), opaque: ['command:mkfs'] }
    expect(words(differ(missing, disk, opaque))).toBe(
      'unknown: UUID=1-2, once command:mkfs has brought it',
    )
    expect(words(differ({}, disk, opaque))).toBe('create: mount UUID=1-2, its entry in /etc/fstab')
    expect(differ(there, disk, opaque)).toBeUndefined()
    const earlier = new Map([
      ['directory:/srv/www', created],
      [`directory:${target}`, created],
    ])
    const bind = { device: '/srv/www', options: 'bind' }
    expect(words(differ(missing, bind, { earlier, opaque: [] }))).toBe(
      'create: mount /srv/www, its entry in /etc/fstab',
    )
  })

  test('the entry alone, where something else mounts it', () => {
    for (const options of ['noauto', ['x-systemd.automount']])
      expect(words(differ({ look: 'missing - no absent' }, { ...disk, options }))).toBe(
        'create: its entry in /etc/fstab',
      )
  })
})

describe('describing', () => {
  test('the file system that is meant', () => {
    const type = (options: MountOptions): unknown =>
      (mount('/a', options).desired as MountOptions).type
    expect(type({ device: 'tmpfs' })).toBe('tmpfs')
    expect(type({ device: '/b', options: 'ro,bind' })).toBe('none')
    expect(type({ device: '/dev/sdb' })).toBe('auto')
    expect(type({ device: '/dev/sdb', type: 'xfs' })).toBe('xfs')
  })

  const secret = new Secret('share', 'swordfish')
  test.each<[string, object]>([
    ['data', disk],
    ['/data/', disk],
    ['/da\nta', disk],
    ['/data', {}],
    ['/data', { device: '' }],
    ['/data', { device: '#x' }],
    ['/data', { device: '-x' }],
    ['/data', { device: '/a\nb' }],
    ['/data', { ...disk, type: 'swap' }],
    ['/data', { ...disk, type: 'a b' }],
    ['/data', { ...disk, options: ['a,b'] }],
    ['/data', { ...disk, options: ['a b'] }],
    ['/data', { ...disk, options: [''] }],
    ['/data', { ...disk, options: 1 }],
    ['/data', { ...disk, options: [`password=${secret}`] }],
    ['/data', { ...disk, pass: 3 }],
  ])('%j %j is refused', (name, options) => {
    expect(() => mount(name, options as MountOptions)).toThrow(/mount:/)
  })
})

describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile()
  const options = async (path: string): Promise<string> =>
    (await hosts()[0]!.exec(`findmnt -no OPTIONS -- '${path}'`)).output.trim()

  test('a tmpfs: from nothing, other options, drift, and gone', async () => {
    const [host] = hosts()
    const path = `/srv/it's "$x" \\ & b`
    const name = path.replaceAll("'", `'\\''`)
    const small = mount(path, { device: 'tmpfs', options: 'size=1m,mode=0750' })
    expect(await converges(host!, [small])).toEqual([
      `create mount:${path}: mount tmpfs on a new directory, its entry in /etc/fstab`,
    ])
    expect(await options(name)).toBe('rw,relatime,size=1024k,mode=750')
    expect((await host!.exec('findmnt --verify; tail -n 1 /etc/fstab')).output).toContain(
      `tmpfs /srv/it's\\040"$x"\\040\\134\\040&\\040b tmpfs size=1m,mode=0750 0 0\n`,
    )
    const other = mount(path, {
      device: 'tmpfs',
      options: ['size=2m', 'mode=0750', 'noexec', 'ro'],
    })
    expect(await converges(host!, [other])).toEqual([
      `change mount:${path}: remount: rw -> ro, exec -> noexec, size=1024k -> size=2m, its entry in /etc/fstab`,
    ])
    expect(await options(name)).toBe('ro,noexec,relatime,size=2048k,mode=750')
    // What is left out now is set back to what mount(8) takes for granted.
    await converges(host!, [small])
    expect(await options(name)).toBe('rw,relatime,size=1024k,mode=750')

    await host!.exec(`mount -o remount,nosuid,noatime tmpfs '${name}'`)
    expect(await converges(host!, [small])).toEqual([
      `change mount:${path}: remount: nosuid -> suid, noatime -> relatime`,
    ])
    await host!.exec(`umount '${name}'`)
    expect(await converges(host!, [small])).toEqual([`change mount:${path}: mount tmpfs`])
    await host!.exec(`mount -t tmpfs more '${name}'`)
    expect(await converges(host!, [absent(small)])).toEqual([
      `remove mount:${path}: unmount more, its entry in /etc/fstab`,
    ])
    expect((await host!.exec(`ls -ld '${name}'; cat /proc/mounts /etc/fstab`)).output).not.toMatch(
      /it's.*tmpfs/,
    )
    expect((await host!.exec(`ls -A '${name}'`)).code).toBe(0)
  })

  test('a bind mount, of a directory that an earlier step makes', async () => {
    const [host] = hosts()
    const www = directory('/srv/sites/www', { user: 'root' })
    const all = [
      directory('/srv/sites', { user: 'root' }),
      www,
      mount('/var/www', { device: '/srv/sites/www', options: ['bind', 'ro', 'nofail'] }),
    ]
    expect(await converges(host!, all)).toEqual([
      expect.stringContaining('create directory:/srv/sites'),
      expect.stringContaining('create directory:/srv/sites/www'),
      'create mount:/var/www: mount /srv/sites/www on a new directory, its entry in /etc/fstab',
    ])
    await host!.exec('echo hello > /srv/sites/www/index.html')
    expect((await host!.exec('cat /var/www/index.html; touch /var/www/x')).output).toMatch(
      /^hello\n.*Read-only/,
    )
    const writable = mount('/var/www', { device: '/srv/sites/www', options: 'bind,nofail,rw' })
    expect(await converges(host!, [writable])).toEqual([
      'change mount:/var/www: remount: ro -> rw, its entry in /etc/fstab',
    ])
    const elsewhere = mount('/var/www', { device: '/srv', options: 'bind' })
    expect((await planned(host!, [elsewhere]))[0]).toMatch(/change .* -> \/srv \(none\), its entry/)
    await converges(host!, [elsewhere])
    expect((await host!.exec('ls -d /var/www/sites')).code).toBe(0)
    await converges(host!, [absent(elsewhere)])
  })

  test('a mounted file, and entries of others stay as they are', async () => {
    const [host] = hosts()
    const others = '# mine\nLABEL=x\t/none\text4 noauto 0 2\n/swap none swap sw 0 0\n'
    await host!.exec(`printf '%s' '${others}' > /etc/fstab; echo a > /srv/f; echo b > /srv/g`)
    const made = mount('/srv/g', { device: '/srv/f', options: 'bind' })
    await converges(host!, [made])
    expect((await host!.exec('cat /srv/g /etc/fstab')).output).toBe(
      `a\n${others}/srv/f /srv/g none bind 0 0\n`,
    )
    await converges(host!, [absent(made)])
    expect((await host!.exec('cat /srv/g /etc/fstab')).output).toBe(`b\n${others}`)
  })

  test('an entry alone', async () => {
    const [host] = hosts()
    const later = mount('/mnt/later', { device: 'LABEL=later', type: 'ext4', options: 'noauto' })
    await converges(host!, [later])
    expect((await host!.exec('tail -n 1 /etc/fstab')).output).toBe(
      'LABEL=later /mnt/later ext4 noauto 0 0\n',
    )
    await converges(host!, [absent(later)])
  })

  test('plan and host find the same entries', async () => {
    const [host] = hosts()
    const made = mount('/mnt/a b', { device: 'x', type: 'ext4', options: 'noauto', pass: 2 })
    for (const [before, after] of [
      [' x  /mnt/a\\040b\text4 noauto 0 2', undefined],
      ['x /mnt/a\\040b ext4 noauto\nz', 'x /mnt/a\\040b ext4 noauto 0 2\nz'],
      [
        'x /mnt/a\\040b/ ext4 noauto 0 2\nx /mnt/a\\040b swap\n',
        'x /mnt/a\\040b ext4 noauto 0 2\nx /mnt/a\\040b swap\n',
      ],
      ['#x /mnt/a\\040b ext4\nx\n', '#x /mnt/a\\040b ext4\nx\nx /mnt/a\\040b ext4 noauto 0 2\n'],
    ]) {
      await host!.exec(`cat > /etc/fstab`, before)
      const found = (await plan(host!, [made]))[0]?.difference.text?.after
      expect(found).toBe(after)
      await converges(host!, [made])
      expect((await host!.exec('cat /etc/fstab')).output).toBe(after ?? before)
    }
    await converges(host!, [absent(made)])
  })

  test('what cannot be done is an error, and fstab stays', async () => {
    const [host] = hosts()
    await host!.exec('ln -sfn /srv /mnt/link; : > /etc/fstab; mkdir -p /mnt/busy')
    for (const [name, given, reason] of [
      ['/mnt/none', { device: 'UUID=0000-0000' }, 'there is no UUID=0000-0000 here'],
      ['/mnt/none', { device: '/dev/no"$such', type: 'ext4' }, 'there is no /dev/no"$such here'],
      ['/mnt/link/x', { device: 'tmpfs' }, '/mnt/link/x leads to /srv/x: describe it so'],
      ['/mnt/busy', { device: '/etc/passwd', options: 'bind' }, '/mnt/busy'],
      ['/mnt/busy', { device: '/srv' }, "/srv is a directory: that takes 'bind'"],
      ['/mnt/busy', { device: 'x', type: 'nosuchfs' }, 'mount: /mnt/busy: '],
      ['/mnt/busy', { device: 'tmpfs', options: 'size=many' }, '/mnt/busy'],
    ] as const) {
      expect(await failure(host!, [mount(name, given)])).toContain(reason)
      expect(
        (await host!.exec('cat /etc/fstab; ls -d /mnt/none; grep /mnt/ /proc/mounts')).output,
      ).toMatch(/^ls: .*\n$/)
    }
    await host!.exec(
      'mount -t tmpfs old /mnt/busy; cd /mnt/busy; nohup sleep 60 >/dev/null 2>&1 & sleep 0.2',
    )
    const other = mount('/mnt/busy', { device: '/srv', options: 'bind' })
    expect(await failure(host!, [other])).toContain('busy')
    expect(await failure(host!, [absent(other)])).toContain('busy')
    expect((await host!.exec('cat /etc/fstab; grep -c " /mnt/busy " /proc/mounts')).output).toBe(
      '1\n',
    )
    await host!.exec('umount -l /mnt/busy')
  })

  test('what cannot take the place of another leaves that mounted', async () => {
    const [host] = hosts()
    const old = mount('/mnt/old', { device: 'tmpfs', options: 'size=1m' })
    const wrong = mount('/mnt/old', { device: '/etc/passwd', options: 'bind' })
    await settle(host!, [old])
    expect(await failure(host!, [wrong])).toMatch(
      /\/mnt\/old.*\(what was there before is mounted again\)/,
    )
    expect(await planned(host!, [old])).toEqual([])
    await host!.exec(': > /etc/fstab')
    expect(await failure(host!, [wrong])).toContain('(nothing is mounted there now)')
  })

  test('what comes with an earlier step is unknown until it has run', async () => {
    const [host] = hosts()
    const brings = command('brings', {
      run: 'mkdir /srv/brought',
      creates: '/srv/brought',
      user: 'root',
    })
    const bound = mount('/mnt/brought', { device: '/srv/brought', options: 'bind' })
    expect(await planned(host!, [brings, bound])).toEqual([
      expect.stringContaining('run command:brings'),
      'unknown mount:/mnt/brought: /srv/brought, once command:brings has brought it',
    ])
    const made = await settle(host!, [brings, bound])
    expect(made.made).toEqual(['command:brings', 'mount:/mnt/brought'])
    expect(await planned(host!, [brings, bound])).toEqual([])
  })
})
