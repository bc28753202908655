import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { link } from '../../../src/resources/link.ts'
import { noInode } from '../doings.ts'
import { type Table } from '../dry-run.ts'

const folder = {
  ...noInode,
  type: 'directory',
  mode: '750',
  owner: 'deploy',
  group: 'root',
  extra: [],
}
const current = link('/srv/current', { to: 'releases/2' })
const linked = { ...noInode, type: 'link', mode: '777', owner: 'root', group: 'root' }

export const table: Table = {
  wanted: current,
  nothing: noInode,
  there: { ...linked, target: 'releases/2' },
  rows(row) {
    const after = { ...linked, target: 'releases/2' }
    expect(row(current, noInode, { after })).toMatchInlineSnapshot(`
      "create link:/srv/current: to releases/2
        or fails: there is a directory in its place
        ln -sT releases/2 "$new"
        mv -fT "$new" /srv/current"
    `)
    expect(row(current, { ...linked, target: 'releases/1' }, { after })).toMatchInlineSnapshot(`
      "change link:/srv/current: to releases/1 -> releases/2
        or fails: there is a directory in its place
        ln -sT releases/2 "$new"
        mv -fT "$new" /srv/current"
    `)
    expect(row(current, { ...linked, type: 'file' }, { after })).toMatchInlineSnapshot(`
      "change link:/srv/current: file -> link to releases/2
        or fails: there is a directory in its place
        ln -sT releases/2 "$new"
        mv -fT "$new" /srv/current"
    `)
    expect(row(current, folder)).toMatchInlineSnapshot(`
      "change link:/srv/current: to releases/2, but there is a directory in its place
        or fails: there is a directory in its place
        ln -sT releases/2 "$new"
        mv -fT "$new" /srv/current"
    `)
    expect(row(absent(current), after, { after: noInode })).toMatchInlineSnapshot(`
      "remove link:/srv/current: link to releases/2
        or fails: there is a directory in its place
        rm -f /srv/current"
    `)
    expect(row(absent(current), folder)).toMatchInlineSnapshot(`
      "remove link:/srv/current: there is a directory in its place
        or fails: there is a directory in its place
        rm -f /srv/current"
    `)
  },
}
