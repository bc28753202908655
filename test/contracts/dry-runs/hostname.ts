import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { hostname } from '../../../src/resources/hostname.ts'
import { type Table } from '../dry-run.ts'

const web1 = hostname('web1')
const noName = { running: 'localhost', kept: undefined, file: false }

export const table: Table = {
  wanted: web1,
  nothing: noName,
  there: { running: 'web1', kept: 'web1', file: true },
  rows(row) {
    const after = { running: 'web1', kept: 'web1', file: true }
    expect(row(web1, noName, { after })).toMatchInlineSnapshot(`
      "create hostname:web1: localhost -> web1, /etc/hostname: nothing -> web1
        hostname web1
        write /etc/hostname"
    `)
    expect(row(web1, { running: 'old', kept: 'old', file: true }, { after }))
      .toMatchInlineSnapshot(`
      "change hostname:web1: old -> web1
        hostname web1
        write /etc/hostname"
    `)
    expect(row(web1, { running: 'old', kept: 'web1', file: true }, { after }))
      .toMatchInlineSnapshot(`
      "change hostname:web1: old -> web1
        hostname web1
        write /etc/hostname"
    `)
    expect(row(web1, { running: 'web1', kept: 'old', file: true }, { after }))
      .toMatchInlineSnapshot(`
      "change hostname:web1: /etc/hostname: old -> web1
        write /etc/hostname"
    `)
    expect(row(absent(web1), after, { after: noName })).toMatchInlineSnapshot(`
      "remove hostname:web1: /etc/hostname; it stays web1 until the next boot
        rm -f /etc/hostname"
    `)
    expect(row(absent(web1), { running: 'web1', kept: 'old', file: true })).toMatchInlineSnapshot(
      `"no change"`,
    )
  },
}
