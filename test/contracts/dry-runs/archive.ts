import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { archive } from '../../../src/resources/archive.ts'
import { noInode } from '../doings.ts'
import { type Table, opaque, planned } from '../dry-run.ts'

const one = '1'.repeat(64)
const two = '2'.repeat(64)
const unpacked = archive('/opt/shop', {
  url: 'https://example.org/shop.tar.xz',
  sha256: two,
  strip: 1,
})
const noArchive = {
  ...noInode,
  stamp: undefined,
  foreign: false,
  changed: [],
  interrupted: false,
  able: true,
}
const tree = { ...noArchive, type: 'directory', mode: '755', stamp: [two, '1', '-', '-'] }

export const table: Table = {
  wanted: unpacked,
  nothing: noArchive,
  there: tree,
  rows(row) {
    expect(row(unpacked, noArchive, { after: tree })).toMatchInlineSnapshot(`
      "create archive:/opt/shop: 22222222 from https://example.org/shop.tar.xz
        mkdir -p /opt
        rm -rf "$work"
        bring "$work/file"
        unpack tar.xz 1
        place"
    `)
    expect(row(unpacked, { ...tree, stamp: [one, '1', '-', '-'] }, { after: tree }))
      .toMatchInlineSnapshot(`
      "change archive:/opt/shop: 11111111 -> 22222222 from https://example.org/shop.tar.xz
        mkdir -p /opt
        rm -rf "$work"
        bring "$work/file"
        unpack tar.xz 1
        place"
    `)
    expect(row(unpacked, { ...tree, changed: ['bin/shop'] }, { after: tree }))
      .toMatchInlineSnapshot(`
      "change archive:/opt/shop: discards changes by hand in bin/shop
        mkdir -p /opt
        rm -rf "$work"
        bring "$work/file"
        unpack tar.xz 1
        place"
    `)
    expect(row(unpacked, { ...noArchive, able: false })).toMatchInlineSnapshot(`
      "create archive:/opt/shop: 22222222 from https://example.org/shop.tar.xz, but xz is not installed
        mkdir -p /opt
        rm -rf "$work"
        bring "$work/file"
        unpack tar.xz 1
        place"
    `)
    const unable = { ...noArchive, able: false }
    expect(row(unpacked, unable, { context: opaque })).toMatchInlineSnapshot(
      `"unknown archive:/opt/shop: 22222222 from https://example.org/shop.tar.xz, once package:x has brought xz"`,
    )
    // Its own package is certain to have brought it.
    expect(row(unpacked, unable, { context: planned('package:xz-utils') })).toMatchInlineSnapshot(`
      "create archive:/opt/shop: 22222222 from https://example.org/shop.tar.xz
        mkdir -p /opt
        rm -rf "$work"
        bring "$work/file"
        unpack tar.xz 1
        place"
    `)
    expect(row(unpacked, noArchive, { context: planned(['package:xz-utils', { verb: 'remove' }]) }))
      .toMatchInlineSnapshot(`
      "create archive:/opt/shop: 22222222 from https://example.org/shop.tar.xz, but package:xz-utils is removed before
        mkdir -p /opt
        rm -rf "$work"
        bring "$work/file"
        unpack tar.xz 1
        place"
    `)
    expect(
      row(unpacked, unable, { context: planned(['package:xz-utils', { verb: 'unknown' }]) }),
    ).toMatchInlineSnapshot(
      `"unknown archive:/opt/shop: 22222222 from https://example.org/shop.tar.xz, once package:xz-utils has brought xz"`,
    )
    expect(row(unpacked, noArchive, { context: opaque })).toMatchInlineSnapshot(`
      "create archive:/opt/shop: 22222222 from https://example.org/shop.tar.xz
        mkdir -p /opt
        rm -rf "$work"
        bring "$work/file"
        unpack tar.xz 1
        place"
    `)
    expect(
      row(unpacked, { ...tree, able: false, stamp: [one, '1', '-', '-'] }, { context: opaque }),
    ).toMatchInlineSnapshot(
      `"unknown archive:/opt/shop: 11111111 -> 22222222 from https://example.org/shop.tar.xz, once package:x has brought xz"`,
    )
    expect(row(unpacked, { ...tree, able: false }, { context: opaque })).toMatchInlineSnapshot(
      `"no change"`,
    )
    const taken = { ...noArchive, type: 'directory', foreign: true }
    expect(row(unpacked, taken, { context: opaque })).toMatchInlineSnapshot(`
      "change archive:/opt/shop: 22222222 from https://example.org/shop.tar.xz, but there is something else in its place
        fails: /opt/shop is there and was not unpacked by Fettle: remove it first"
    `)
    expect(row(unpacked, taken, { context: planned('command:tidy') })).toMatchInlineSnapshot(
      `"unknown archive:/opt/shop: 22222222 from https://example.org/shop.tar.xz, if command:tidy makes room for it"`,
    )
    const plain = archive('/opt/shop', { url: 'https://example.org/shop.tgz', sha256: two })
    expect(row(plain, noArchive, { context: opaque })).toMatchInlineSnapshot(`
      "create archive:/opt/shop: 22222222 from https://example.org/shop.tgz
        mkdir -p /opt
        rm -rf "$work"
        bring "$work/file"
        unpack tar.gz 0
        place"
    `)
    expect(row(unpacked, { ...noArchive, type: 'directory', foreign: true }))
      .toMatchInlineSnapshot(`
      "change archive:/opt/shop: 22222222 from https://example.org/shop.tar.xz, but there is something else in its place
        fails: /opt/shop is there and was not unpacked by Fettle: remove it first"
    `)
    expect(row(unpacked, { ...tree, interrupted: true }, { after: tree })).toMatchInlineSnapshot(`
      "change archive:/opt/shop: removes what an interrupted run left
        rm -rf "$work""
    `)
    expect(row(absent(unpacked), tree, { after: noArchive })).toMatchInlineSnapshot(`
      "remove archive:/opt/shop: 22222222
        rm -rf "$work"
        mv -T /opt/shop "$work"
        rm -rf "$work""
    `)
    // What was not unpacked is not taken away.
    const other = { ...noArchive, type: 'directory', foreign: true }
    expect(row(absent(unpacked), other)).toMatchInlineSnapshot(`"no change"`)
  },
}
