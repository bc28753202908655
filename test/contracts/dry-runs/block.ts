import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { block } from '../../../src/resources/block.ts'
import { noText, textOf } from '../doings.ts'
import { type Table, opaque, planned } from '../dry-run.ts'

const hosts = block('/etc/hosts', { name: 'cluster', content: '10.0.0.5 db\n' })
const between = (text: string): object =>
  textOf(`127.0.0.1 localhost\n# fettle: begin cluster\n${text}# fettle: end cluster\n`)

export const table: Table = {
  wanted: hosts,
  nothing: noText,
  there: between('10.0.0.5 db\n'),
  rows(row) {
    const after = between('10.0.0.5 db\n')
    expect(row(hosts, noText)).toMatchInlineSnapshot(`
      "create block:/etc/hosts#cluster: in a new file
        edit /etc/hosts"
    `)
    expect(row(hosts, noText, { context: opaque })).toMatchInlineSnapshot(
      `"unknown block:/etc/hosts#cluster: in a new file, unless package:x brings it"`,
    )
    expect(row(hosts, textOf('127.0.0.1 localhost\n'), { after })).toMatchInlineSnapshot(`
      "create block:/etc/hosts#cluster: at the end
        edit /etc/hosts"
    `)
    expect(row(hosts, between('10.0.0.4 db\n'), { after })).toMatchInlineSnapshot(`
      "change block:/etc/hosts#cluster: in place of 3 lines
        edit /etc/hosts"
    `)
    expect(row(hosts, textOf('# fettle: begin cluster\nx\n'))).toMatchInlineSnapshot(`
      "change block:/etc/hosts#cluster: its markers do not pair up
        edit /etc/hosts"
    `)
    expect(row(absent(hosts), after)).toMatchInlineSnapshot(`
      "remove block:/etc/hosts#cluster: 3 lines
        edit /etc/hosts"
    `)
    expect(row(absent(hosts), noText, { context: planned('command:x') })).toMatchInlineSnapshot(
      `"unknown block:/etc/hosts#cluster: nothing of it, unless command:x brings it"`,
    )
  },
}
