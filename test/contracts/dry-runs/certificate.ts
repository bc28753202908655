import { expect } from 'vitest'
import { Secret } from '../../../src/base/secret.ts'
import { absent } from '../../../src/model/resource.ts'
import { describe } from '../../../src/model/resource.ts'
import { certificateKind } from '../../../src/resources/certificate.ts'
import { holding, noFile } from '../doings.ts'
import { type Table, hidden } from '../dry-run.ts'

const tls = describe(certificateKind, 'shop.example', {
  certificate: 'LEAF\n',
  chain: 'CHAIN\n',
  key: `${new Secret('key', hidden)}\n`,
  directory: '/etc/ssl/fettle/shop',
  combined: '/etc/ssl/fettle/shop/combined.pem',
  hosts: ['shop.example'],
  begins: '2026-01-01T00:00:00.000Z',
  expires: '2027-01-01T00:00:00.000Z',
})
const noTls = [noFile, noFile, noFile, noFile, noFile]
const key = { owner: 'root', group: 'root', mode: '600' }
const allTls = [
  holding(`${hidden}\n`, key),
  holding(`LEAF\nCHAIN\n${hidden}\n`, key),
  holding('LEAF\nCHAIN\n'),
  holding('CHAIN\n'),
  holding('LEAF\n'),
]

export const table: Table = {
  wanted: tls,
  nothing: noTls,
  there: allTls,
  rows(row) {
    expect(row(tls, noTls, { after: allTls })).toMatchInlineSnapshot(`
      "create certificate:shop.example: for shop.example, expires 2027-01-01
        mkdir -p /etc/ssl/fettle/shop
        write /etc/ssl/fettle/shop/privkey.pem root:root 0600
        write /etc/ssl/fettle/shop/combined.pem root:root 0600
        write /etc/ssl/fettle/shop/fullchain.pem root:root 0644
        write /etc/ssl/fettle/shop/chain.pem root:root 0644
        write /etc/ssl/fettle/shop/cert.pem root:root 0644"
    `)
    expect(row(tls, allTls.with(4, holding('OLD\n')), { after: allTls })).toMatchInlineSnapshot(`
      "change certificate:shop.example: cert.pem: content
        mkdir -p /etc/ssl/fettle/shop
        write /etc/ssl/fettle/shop/cert.pem root:root 0644"
    `)
    const open = holding(`${hidden}\n`, { mode: '644' })
    expect(row(tls, allTls.with(0, open), { after: allTls })).toMatchInlineSnapshot(`
      "change certificate:shop.example: privkey.pem: mode 0644 -> 0600
        mkdir -p /etc/ssl/fettle/shop
        write /etc/ssl/fettle/shop/privkey.pem root:root 0600"
    `)
    expect(row(absent(tls), allTls, { after: noTls })).toMatchInlineSnapshot(`
      "remove certificate:shop.example: privkey.pem, combined.pem, fullchain.pem, chain.pem, cert.pem
        rm -f /etc/ssl/fettle/shop/privkey.pem /etc/ssl/fettle/shop/combined.pem /etc/ssl/fettle/shop/fullchain.pem /etc/ssl/fettle/shop/chain.pem /etc/ssl/f…
        rmdir --ignore-fail-on-non-empty /etc/ssl/fettle/shop"
    `)
  },
}
