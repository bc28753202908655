import { describe, expect, test } from 'vitest'
import { type Mounted, lostOptions, optionDifferences } from './mount-options.ts'

/** What is mounted, as `findmnt -o FSTYPE,VFS-OPTIONS,FS-OPTIONS` has it. */
function mounted(text: string): Mounted {
  const [type = '', options = '', superOptions = 'rw'] = text.split(' ')
  return {
    type,
    source: 'x',
    options: options.split(','),
    superOptions: superOptions.split(','),
  }
}

describe('what differs', () => {
  test.each<[string, string, string]>([
    ['', 'ext4 rw,relatime', ''],
    ['defaults,nofail,_netdev,x-a=b,comment=c', 'ext4 rw,relatime', ''],
    ['ro', 'ext4 rw,relatime', 'rw -> ro'],
    ['ro,rw', 'ext4 rw,relatime', ''],
    ['', 'ext4 rw,relatime ro', 'ro -> rw'],
    ['', 'ext4 ro,relatime rw', 'ro -> rw'],
    ['', 'iso9660 ro,relatime ro', ''],
    ['rw', 'iso9660 ro,relatime ro', 'ro -> rw'],
    ['nosuid,noexec', 'ext4 rw,nosuid,nodev,relatime', 'nodev -> dev, exec -> noexec'],
    ['sync', 'ext4 rw,relatime', 'async -> sync'],
    ['', 'ext4 rw,relatime rw,sync', 'sync -> async'],
    ['', 'ext4 rw,relatime rw,lazytime', ''],
    ['nolazytime', 'ext4 rw,relatime rw,lazytime', 'lazytime -> nolazytime'],
    ['noatime', 'ext4 rw,noatime', ''],
    ['', 'ext4 rw,noatime', 'noatime -> relatime'],
    ['strictatime', 'ext4 rw', ''],
    ['norelatime', 'ext4 rw,relatime', 'relatime -> strictatime'],
    ['user', 'ext4 rw,relatime', 'suid -> nosuid, dev -> nodev, exec -> noexec'],
    ['user,exec,suid,dev', 'ext4 rw,relatime', ''],
    ['bind', 'ext4 ro,nosuid,noatime ro', ''],
    ['bind,ro', 'ext4 rw,nosuid,noatime', 'rw -> ro'],
    ['', 'fuse.x rw,nosuid,nodev,relatime', ''],
    ['size=1G', 'tmpfs rw,relatime rw,size=1048576k', ''],
    ['size=1G', 'tmpfs rw,relatime rw,size=5k', 'size=5k -> size=1G'],
    ['size=1G', 'tmpfs rw,relatime', 'size=50% -> size=1G'],
    ['size=20%', 'tmpfs rw,relatime rw,size=5k', ''],
    ['mode=0700', 'tmpfs rw,relatime rw,mode=700', ''],
    ['mode=0700', 'tmpfs rw,relatime', 'mode=1777 -> mode=0700'],
    ['uid=debian', 'tmpfs rw,relatime rw,uid=1000', ''],
    ['uid=1001', 'tmpfs rw,relatime rw,uid=1000', 'uid=1000 -> uid=1001'],
    ['compress=zstd,subvol=@', 'btrfs rw,relatime rw,compress=zstd:3,subvol=/@', ''],
    ['compress=zstd', 'btrfs rw,relatime rw,compress=lzo', 'compress=lzo -> compress=zstd'],
    ['commit=5,discard', 'ext4 rw,relatime', ''],
  ])('%j on %j', (options, text, expected) => {
    const found = optionDifferences(options.split(',').filter(Boolean), mounted(text))
    expect(found.map(({ now, wanted }) => `${now} -> ${wanted}`).join(', ')).toBe(expected)
  })
})

test('what a remount cannot take away', () => {
  const live = mounted('ext4 rw,noatime rw,discard,errors=remount-ro,commit=9')
  const before = ['noatime', 'nofail', 'discard', 'errors=remount-ro', 'commit=5', 'acl']
  expect(lostOptions(before, ['commit=9'], live)).toEqual(['discard', 'errors=remount-ro'])
})
