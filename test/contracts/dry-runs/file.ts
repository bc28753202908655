import { expect } from 'vitest'
import { Secret } from '../../../src/base/secret.ts'
import { absent } from '../../../src/model/resource.ts'
import { file } from '../../../src/resources/file.ts'
import { holding, noFile, noInode } from '../doings.ts'
import { type Table, hidden, opaque } from '../dry-run.ts'

const motd = file('/etc/motd', { content: 'hello\n' })
const closed = file('/etc/motd', { content: 'hello\n', owner: 'root', mode: '0600' })
const token = file('/etc/token', { content: `token=${new Secret('token', hidden)}\n` })
const folder = {
  ...noInode,
  type: 'directory',
  mode: '750',
  owner: 'deploy',
  group: 'root',
  extra: [],
}
const linked = { ...noInode, type: 'link', mode: '777', owner: 'root', group: 'root' }

export const table: Table = {
  wanted: motd,
  nothing: noFile,
  there: holding('hello\n'),
  rows(row) {
    expect(row(motd, noFile, { after: holding('hello\n') })).toMatchInlineSnapshot(`
      "create file:/etc/motd: 6 bytes
        write /etc/motd"
    `)
    expect(row(closed, noFile)).toMatchInlineSnapshot(`
      "create file:/etc/motd: 6 bytes, mode 0600, owner root
        write /etc/motd root 0600"
    `)
    expect(row(motd, holding('old\n'), { after: holding('hello\n') })).toMatchInlineSnapshot(`
      "change file:/etc/motd: content
        write /etc/motd"
    `)
    expect(row(closed, holding('hello\n'))).toMatchInlineSnapshot(`
      "change file:/etc/motd: mode 0644 -> 0600
        chown -h root /etc/motd
        chmod 00600 /etc/motd"
    `)
    expect(row(closed, holding('old\n', { owner: 'eve' }))).toMatchInlineSnapshot(`
      "change file:/etc/motd: content, owner eve -> root, mode 0644 -> 0600
        write /etc/motd root 0600"
    `)
    expect(row(motd, { ...noFile, ...linked, target: '/x' })).toMatchInlineSnapshot(`
      "change file:/etc/motd: link -> file
        write /etc/motd"
    `)
    expect(row(motd, { ...noFile, ...folder })).toMatchInlineSnapshot(`
      "change file:/etc/motd: to be a file, but there is a directory in its place
        write /etc/motd"
    `)
    expect(row(token, noFile)).toMatchInlineSnapshot(`
      "create file:/etc/token: 22 bytes, mode 0600
        write /etc/token 0600"
    `)
    expect(row(token, holding(`token=${hidden}-old\n`, { mode: '600' }))).toMatchInlineSnapshot(`
      "change file:/etc/token: content
        write /etc/token 0600"
    `)
    expect(row(absent(motd), holding('hello\n'), { after: noFile })).toMatchInlineSnapshot(`
      "remove file:/etc/motd: file, 6 bytes
        rm -f /etc/motd"
    `)
    // Whatever a package brings is written over.
    expect(row(motd, noFile, { context: opaque })).toMatchInlineSnapshot(`
      "create file:/etc/motd: 6 bytes
        write /etc/motd"
    `)
  },
}
