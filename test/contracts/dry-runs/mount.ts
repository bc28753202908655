import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { mount } from '../../../src/resources/mount.ts'
import { textOf } from '../doings.ts'
import { type Table, opaque, planned } from '../dry-run.ts'

const data = mount('/data', { device: '/dev/sdb1', type: 'ext4', options: ['noatime'] })
const noMount = {
  fstab: textOf('# fstab\n'),
  mounted: undefined,
  same: false,
  device: 'block',
  place: 'absent',
}
const hasMount = {
  fstab: textOf('/dev/sdb1 /data ext4 noatime 0 0\n'),
  mounted: { type: 'ext4', source: '/dev/sdb1', options: ['rw', 'noatime'], superOptions: ['rw'] },
  same: true,
  device: 'block',
  place: 'mounted',
}

export const table: Table = {
  wanted: data,
  nothing: noMount,
  there: hasMount,
  rows(row) {
    expect(row(data, noMount, { after: hasMount })).toMatchInlineSnapshot(`
      "create mount:/data: mount /dev/sdb1 on a new directory, its entry in /etc/fstab
        or fails: there is no /dev/sdb1 here
        or fails: /data must be a file for a file to be mounted on it
        mkdir -p /data
        try -t ext4 -o noatime /dev/sdb1 /data
        edit /etc/fstab
        systemctl daemon-reload"
    `)
    expect(row(data, { ...noMount, place: 'directory' }, { after: hasMount }))
      .toMatchInlineSnapshot(`
      "create mount:/data: mount /dev/sdb1, its entry in /etc/fstab
        or fails: there is no /dev/sdb1 here
        or fails: /data must be a file for a file to be mounted on it
        mkdir -p /data
        try -t ext4 -o noatime /dev/sdb1 /data
        edit /etc/fstab
        systemctl daemon-reload"
    `)
    expect(row(data, noMount, { context: planned('directory:/data') })).toMatchInlineSnapshot(`
      "create mount:/data: mount /dev/sdb1, its entry in /etc/fstab
        or fails: there is no /dev/sdb1 here
        or fails: /data must be a file for a file to be mounted on it
        mkdir -p /data
        try -t ext4 -o noatime /dev/sdb1 /data
        edit /etc/fstab
        systemctl daemon-reload"
    `)
    expect(row(data, { ...noMount, device: 'missing' })).toMatchInlineSnapshot(`
      "change mount:/data: there is no /dev/sdb1 here
        or fails: there is no /dev/sdb1 here
        or fails: /data must be a file for a file to be mounted on it
        mkdir -p /data
        try -t ext4 -o noatime /dev/sdb1 /data
        edit /etc/fstab
        systemctl daemon-reload"
    `)
    expect(row(data, { ...noMount, device: 'missing' }, { context: opaque })).toMatchInlineSnapshot(
      `"unknown mount:/data: /dev/sdb1, once package:x has brought it"`,
    )
    expect(row(data, { ...hasMount, fstab: noMount.fstab }, { after: hasMount }))
      .toMatchInlineSnapshot(`
      "change mount:/data: its entry in /etc/fstab
        edit /etc/fstab
        systemctl daemon-reload"
    `)
    const relatime = { ...hasMount.mounted, options: ['rw', 'relatime'] }
    expect(row(data, { ...hasMount, mounted: relatime }, { after: hasMount }))
      .toMatchInlineSnapshot(`
      "change mount:/data: remount: relatime -> noatime
        try -t ext4 -o remount,noatime /dev/sdb1 /data"
    `)
    const other = { ...hasMount.mounted, source: '/dev/sdc1', type: 'xfs' }
    expect(row(data, { ...hasMount, mounted: other, same: false }, { after: hasMount }))
      .toMatchInlineSnapshot(`
      "change mount:/data: /dev/sdc1 (xfs) -> /dev/sdb1 (ext4)
        or fails: there is no /dev/sdb1 here
        or fails: /data must be a file for a file to be mounted on it
        umount /data
        try -t ext4 -o noatime /dev/sdb1 /data
        mount /data
        or fails: $reason ($now)"
    `)
    expect(row(data, { ...noMount, place: 'link /srv/data' })).toMatchInlineSnapshot(`
      "change mount:/data: /data leads to /srv/data: describe it so
        fails: /data leads to /srv/data: describe it so"
    `)
    expect(row(absent(data), hasMount, { after: noMount })).toMatchInlineSnapshot(`
      "remove mount:/data: unmount /dev/sdb1, its entry in /etc/fstab
        umount /data
        edit /etc/fstab
        systemctl daemon-reload"
    `)
  },
}
