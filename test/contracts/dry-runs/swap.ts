import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { swap } from '../../../src/resources/swap.ts'
import { textOf } from '../doings.ts'
import { type Table, opaque } from '../dry-run.ts'

const swapfile = swap('/swapfile', { size: '1G' })
const noSwap = {
  fstab: textOf('# fstab\n'),
  type: 'absent',
  mode: '-',
  uid: '-',
  size: 0,
  holds: '',
  on: undefined,
  container: false,
}
const hasSwap = {
  fstab: textOf('/swapfile none swap sw 0 0\n'),
  type: 'file',
  mode: '600',
  uid: '0',
  size: 2 ** 30,
  holds: 'swap',
  on: -2,
  container: false,
}

export const table: Table = {
  wanted: swapfile,
  nothing: noSwap,
  there: hasSwap,
  rows(row) {
    expect(row(swapfile, noSwap, { after: hasSwap })).toMatchInlineSnapshot(`
      "create swap:/swapfile: a file of 1G, turn on, its entry in /etc/fstab
        fallocate -l 1073741824 "$new"
        or fails: $said
        mkswap "$new"
        mv -fT "$new" /swapfile
        swapon /swapfile
        edit /etc/fstab
        systemctl daemon-reload"
    `)
    expect(row(swapfile, { ...hasSwap, size: 2 ** 29 }, { after: hasSwap })).toMatchInlineSnapshot(`
      "change swap:/swapfile: 512M -> 1G
        fallocate -l 1073741824 "$new"
        or fails: $said
        mkswap "$new"
        swapoff /swapfile
        mv -fT "$new" /swapfile
        swapon /swapfile"
    `)
    expect(row(swapfile, { ...hasSwap, mode: '644' }, { after: hasSwap })).toMatchInlineSnapshot(`
      "change swap:/swapfile: mode 0644 -> 0600
        chown root: /swapfile
        chmod 0600 /swapfile"
    `)
    expect(row(swapfile, { ...hasSwap, on: undefined }, { after: hasSwap })).toMatchInlineSnapshot(`
      "change swap:/swapfile: turn on
        swapon /swapfile"
    `)
    expect(row(swapfile, { ...hasSwap, fstab: noSwap.fstab }, { after: hasSwap }))
      .toMatchInlineSnapshot(`
      "change swap:/swapfile: its entry in /etc/fstab
        edit /etc/fstab
        systemctl daemon-reload"
    `)
    expect(row(swapfile, { ...hasSwap, holds: 'ext4' })).toMatchInlineSnapshot(`
      "change swap:/swapfile: /swapfile is a file that holds something else
        fails: /swapfile is a file that holds something else"
    `)
    expect(row(swapfile, { ...noSwap, container: true })).toMatchInlineSnapshot(`
      "create swap:/swapfile: a file of 1G, its entry in /etc/fstab (not turned on: a container has the swap of its host)
        fallocate -l 1073741824 "$new"
        or fails: $said
        mkswap "$new"
        mv -fT "$new" /swapfile
        edit /etc/fstab
        systemctl daemon-reload"
    `)
    expect(row(swap('/swapfile', { size: '1G', priority: 5 }), hasSwap)).toMatchInlineSnapshot(`
      "change swap:/swapfile: priority -2 -> 5, its entry in /etc/fstab
        swapoff /swapfile
        swapon -p 5 /swapfile
        edit /etc/fstab
        systemctl daemon-reload"
    `)
    expect(row(swap('/dev/sdb2'), { ...noSwap, type: 'block' })).toMatchInlineSnapshot(`
      "create swap:/dev/sdb2: format it, turn on, its entry in /etc/fstab
        or fails: there is no /dev/sdb2 here
        or fails: it holds $holds
        mkswap "$path"
        swapon /dev/sdb2
        edit /etc/fstab
        systemctl daemon-reload"
    `)
    expect(row(swap('/dev/sdb2'), { ...noSwap, type: 'block', holds: 'ext4' }))
      .toMatchInlineSnapshot(`
      "change swap:/dev/sdb2: /dev/sdb2 holds ext4: wipefs clears it, if nobody needs that
        fails: /dev/sdb2 holds ext4: wipefs clears it, if nobody needs that"
    `)
    expect(row(swap('/dev/sdb2'), noSwap)).toMatchInlineSnapshot(`
      "change swap:/dev/sdb2: there is no /dev/sdb2 here
        or fails: there is no /dev/sdb2 here
        or fails: it holds $holds
        mkswap "$path"
        swapon /dev/sdb2
        edit /etc/fstab
        systemctl daemon-reload"
    `)
    expect(row(swap('/dev/sdb2'), noSwap, { context: opaque })).toMatchInlineSnapshot(
      `"unknown swap:/dev/sdb2: on, once package:x has brought /dev/sdb2"`,
    )
    expect(row(absent(swapfile), hasSwap, { after: noSwap })).toMatchInlineSnapshot(`
      "remove swap:/swapfile: turn off, its entry in /etc/fstab, the file of 1G
        swapoff /swapfile
        edit /etc/fstab
        systemctl daemon-reload
        rm -f /swapfile"
    `)
  },
}
