import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { directory } from '../../../src/resources/directory.ts'
import { noInode } from '../doings.ts'
import { type Table, opaque } from '../dry-run.ts'

const srv = directory('/srv/shop', { owner: 'deploy', mode: '0750' })
const kept = directory('/etc/shop.d', { purge: true })
const folder = {
  ...noInode,
  type: 'directory',
  mode: '750',
  owner: 'deploy',
  group: 'root',
  extra: [],
}

export const table: Table = {
  wanted: srv,
  nothing: { ...noInode, extra: [] },
  there: folder,
  rows(row) {
    expect(row(srv, { ...noInode, extra: [] }, { after: folder })).toMatchInlineSnapshot(`
      "create directory:/srv/shop: mode 0750, owner deploy
        or fails: something else is in its place
        mkdir -p /srv/shop
        chown -h deploy /srv/shop
        chmod 00750 /srv/shop"
    `)
    expect(row(srv, { ...folder, mode: '755' }, { after: folder })).toMatchInlineSnapshot(`
      "change directory:/srv/shop: mode 0755 -> 0750
        or fails: something else is in its place
        mkdir -p /srv/shop
        chown -h deploy /srv/shop
        chmod 00750 /srv/shop"
    `)
    expect(row(srv, { ...folder, owner: 'eve', mode: '777' })).toMatchInlineSnapshot(`
      "change directory:/srv/shop: owner eve -> deploy, mode 0777 -> 0750
        or fails: something else is in its place
        mkdir -p /srv/shop
        chown -h deploy /srv/shop
        chmod 00750 /srv/shop"
    `)
    expect(row(srv, { ...folder, type: 'file' })).toMatchInlineSnapshot(`
      "change directory:/srv/shop: to be a directory, but there is a file in its place
        or fails: something else is in its place
        mkdir -p /srv/shop
        chown -h deploy /srv/shop
        chmod 00750 /srv/shop"
    `)
    const extra = ['/etc/shop.d/a b', '/etc/shop.d/old/']
    expect(row(kept, { ...folder, extra })).toMatchInlineSnapshot(`
      "change directory:/etc/shop.d: removes a b, old/
        or fails: something else is in its place
        mkdir -p /etc/shop.d
        xargs -0 rm -rf --one-file-system --preserve-root=all -- < /etc/shop.d/a b /etc/shop.d/old"
    `)
    expect(row(kept, { ...folder, extra }, { context: opaque })).toMatchInlineSnapshot(
      `"unknown directory:/etc/shop.d: removes what is not described, known after package:x"`,
    )
    expect(row(kept, folder, { context: opaque })).toMatchInlineSnapshot(
      `"unknown directory:/etc/shop.d: removes what is not described, known after package:x"`,
    )
    expect(row(absent(srv), folder)).toMatchInlineSnapshot(`
      "remove directory:/srv/shop: directory
        rmdir /srv/shop"
    `)
    const whole = directory('/srv/shop', { recursive: true })
    expect(row(absent(whole), folder)).toMatchInlineSnapshot(`
      "remove directory:/srv/shop: with all that is in it
        rm -rf /srv/shop"
    `)
  },
}
