import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { git } from '../../../src/resources/git.ts'
import { type Table, opaque } from '../dry-run.ts'

const [first, second] = ['a'.repeat(40), 'b'.repeat(40)]
const shop = git('/srv/shop', { url: 'https://example.org/shop.git', ref: 'main' })
const noCheckout = {
  place: 'absent',
  owner: 'root',
  url: '',
  head: '',
  interrupted: false,
  changed: [],
  target: second,
  trouble: '',
}
const checkout = {
  ...noCheckout,
  place: 'checkout',
  url: 'https://example.org/shop.git',
  head: second,
}

export const table: Table = {
  wanted: shop,
  nothing: noCheckout,
  there: checkout,
  rows(row) {
    expect(row(shop, noCheckout, { after: checkout })).toMatchInlineSnapshot(`
      "create git:/srv/shop: bbbbbbb of https://example.org/shop.git
        check_out /srv/shop https://example.org/shop.git bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb '--tags --force' '' refs/heads/main refs/tags/main"
    `)
    expect(row(shop, { ...checkout, head: first }, { after: checkout })).toMatchInlineSnapshot(`
      "change git:/srv/shop: aaaaaaa -> bbbbbbb
        check_out /srv/shop https://example.org/shop.git bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb '--tags --force' '' refs/heads/main refs/tags/main"
    `)
    expect(row(shop, { ...checkout, changed: ['a.ts'] })).toMatchInlineSnapshot(`
      "change git:/srv/shop: in the way: changes by hand in a.ts
        check_out /srv/shop https://example.org/shop.git bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb '--tags --force' '' refs/heads/main refs/tags/main"
    `)
    const forced = git('/srv/shop', {
      url: 'https://example.org/shop.git',
      ref: 'main',
      force: true,
    })
    expect(row(forced, { ...checkout, changed: ['a.ts'] }, { after: checkout }))
      .toMatchInlineSnapshot(`
      "change git:/srv/shop: discards changes in a.ts
        check_out /srv/shop https://example.org/shop.git bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb '--tags --force' -f refs/heads/main refs/tags/main"
    `)
    expect(row(shop, { ...checkout, url: 'https://old.example' }, { after: checkout }))
      .toMatchInlineSnapshot(`
      "change git:/srv/shop: url https://old.example -> https://example.org/shop.git
        check_out /srv/shop https://example.org/shop.git bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb '--tags --force' '' refs/heads/main refs/tags/main"
    `)
    expect(row(shop, { ...checkout, interrupted: true })).toMatchInlineSnapshot(`
      "change git:/srv/shop: finishes an interrupted checkout
        check_out /srv/shop https://example.org/shop.git bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb '--tags --force' '' refs/heads/main refs/tags/main"
    `)
    const unreached = { target: undefined, trouble: 'Could not resolve host: example.org' }
    expect(row(shop, { ...checkout, ...unreached })).toMatchInlineSnapshot(
      `"unknown git:/srv/shop: main of https://example.org/shop.git: Could not resolve host: example.org"`,
    )
    expect(row(shop, { ...noCheckout, ...unreached })).toMatchInlineSnapshot(
      `"unknown git:/srv/shop: main of https://example.org/shop.git: Could not resolve host: example.org"`,
    )
    expect(row(shop, { ...noCheckout, place: 'none' })).toMatchInlineSnapshot(`
      "create git:/srv/shop: bbbbbbb of https://example.org/shop.git, but git is not installed
        fails: git is not installed: describe packages('git') before"
    `)
    expect(row(shop, { ...noCheckout, place: 'none' }, { context: opaque })).toMatchInlineSnapshot(
      `"unknown git:/srv/shop: bbbbbbb of https://example.org/shop.git, unless package:x brings it"`,
    )
    expect(row(shop, { ...checkout, place: 'foreign', owner: 'eve' })).toMatchInlineSnapshot(`
      "change git:/srv/shop: it belongs to eve, who has to change it
        fails: it belongs to eve: say user: 'eve'"
    `)
    expect(row(absent(shop), checkout)).toMatchInlineSnapshot(`
      "remove git:/srv/shop: bbbbbbb
        remove /srv/shop ''"
    `)
    expect(row(absent(shop), { ...checkout, changed: ['a.ts'] })).toMatchInlineSnapshot(`
      "remove git:/srv/shop: bbbbbbb, in the way: changes by hand in a.ts
        remove /srv/shop ''"
    `)
  },
}
