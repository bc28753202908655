import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { hostEntry } from '../../../src/resources/host-entry.ts'
import { noText, textOf } from '../doings.ts'
import { type Table, opaque } from '../dry-run.ts'

const db = hostEntry('10.0.0.5', ['db.example', 'db'])
const hosts = textOf('127.0.0.1\tlocalhost\n10.0.0.5\tdb.example db\n')

export const table: Table = {
  wanted: db,
  nothing: noText,
  there: hosts,
  rows(row) {
    expect(row(db, textOf('127.0.0.1\tlocalhost\n'), { after: hosts })).toMatchInlineSnapshot(`
      "create host-entry:10.0.0.5: at the end
        edit /etc/hosts"
    `)
    expect(row(db, textOf('10.0.0.5 old\n'), { after: hosts })).toMatchInlineSnapshot(`
      "change host-entry:10.0.0.5: in place of 10.0.0.5 old
        edit /etc/hosts"
    `)
    expect(row(db, textOf('10.0.0.5   db.example  db # ours\n'))).toMatchInlineSnapshot(
      `"no change"`,
    )
    expect(row(db, textOf('10.0.0.5 db.example db\n10.0.0.5 old\n'))).toMatchInlineSnapshot(`
      "change host-entry:10.0.0.5: in place of 2 lines
        edit /etc/hosts"
    `)
    expect(row(db, noText, { context: opaque })).toMatchInlineSnapshot(
      `"unknown host-entry:10.0.0.5: in a new file, unless package:x brings it"`,
    )
    expect(row(absent(db), hosts, { after: textOf('127.0.0.1\tlocalhost\n') }))
      .toMatchInlineSnapshot(`
      "remove host-entry:10.0.0.5: 1 line
        edit /etc/hosts"
    `)
  },
}
