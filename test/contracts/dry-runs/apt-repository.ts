import { Buffer } from 'node:buffer'
import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { aptRepository } from '../../../src/resources/apt-repository.ts'
import { noInode } from '../doings.ts'
import { type Table } from '../dry-run.ts'

const key = '-----BEGIN PGP PUBLIC KEY BLOCK-----\nx'
const source = aptRepository('shop', { uris: 'https://deb.example', suites: 'bookworm', key })
const nowhere = { ...noInode, content: Buffer.alloc(0) }
const noSource = { sources: nowhere, armored: nowhere, binary: nowhere }
const holds = (content: string, mode = '644') => ({
  ...noInode,
  type: 'file',
  mode,
  owner: 'root',
  group: 'root',
  content: Buffer.from(content),
})
const sourceText =
  'Types: deb\nURIs: https://deb.example\nSuites: bookworm\nComponents: main\nSigned-By: /etc/apt/keyrings/shop.asc\n'
const hasSource = { sources: holds(sourceText), armored: holds(`${key}\n`), binary: nowhere }

export const table: Table = {
  wanted: source,
  nothing: noSource,
  there: hasSource,
  rows(row) {
    expect(row(source, noSource, { after: hasSource })).toMatchInlineSnapshot(`
      "create apt-repository:shop: https://deb.example bookworm main
        or fails: this host has no dpkg and apt
        try 'Types: deb URIs: https://deb.example Suites: bookworm Components: main Signed-By: /etc/apt/keyrings/shop.asc '
        mkdir -p /etc/apt/keyrings
        place "$work/key" "$key"
        place "$work/placed.sources" "$sources"
        rm -f /etc/apt/keyrings/shop.gpg"
    `)
    expect(row(source, { ...hasSource, sources: holds('x') }, { after: hasSource }))
      .toMatchInlineSnapshot(`
      "change apt-repository:shop: source
        or fails: this host has no dpkg and apt
        try 'Types: deb URIs: https://deb.example Suites: bookworm Components: main Signed-By: /etc/apt/keyrings/shop.asc '
        mkdir -p /etc/apt/keyrings
        place "$work/key" "$key"
        place "$work/placed.sources" "$sources"
        rm -f /etc/apt/keyrings/shop.gpg"
    `)
    expect(row(source, { ...hasSource, armored: holds('old') }, { after: hasSource }))
      .toMatchInlineSnapshot(`
      "change apt-repository:shop: key
        or fails: this host has no dpkg and apt
        try 'Types: deb URIs: https://deb.example Suites: bookworm Components: main Signed-By: /etc/apt/keyrings/shop.asc '
        mkdir -p /etc/apt/keyrings
        place "$work/key" "$key"
        place "$work/placed.sources" "$sources"
        rm -f /etc/apt/keyrings/shop.gpg"
    `)
    expect(row(source, { ...hasSource, armored: holds(`${key}\n`, '600') })).toMatchInlineSnapshot(`
      "change apt-repository:shop: key mode 0600 -> 0644
        or fails: this host has no dpkg and apt
        try 'Types: deb URIs: https://deb.example Suites: bookworm Components: main Signed-By: /etc/apt/keyrings/shop.asc '
        mkdir -p /etc/apt/keyrings
        place "$work/key" "$key"
        place "$work/placed.sources" "$sources"
        rm -f /etc/apt/keyrings/shop.gpg"
    `)
    expect(row(source, { ...hasSource, binary: holds('x') }, { after: hasSource }))
      .toMatchInlineSnapshot(`
      "change apt-repository:shop: old key removed
        or fails: this host has no dpkg and apt
        try 'Types: deb URIs: https://deb.example Suites: bookworm Components: main Signed-By: /etc/apt/keyrings/shop.asc '
        mkdir -p /etc/apt/keyrings
        place "$work/key" "$key"
        place "$work/placed.sources" "$sources"
        rm -f /etc/apt/keyrings/shop.gpg"
    `)
    expect(row(absent(source), hasSource, { after: noSource })).toMatchInlineSnapshot(`
      "remove apt-repository:shop: https://deb.example bookworm main
        or fails: this host has no dpkg and apt
        rm -f /etc/apt/sources.list.d/shop.sources /etc/apt/keyrings/shop.asc /etc/apt/keyrings/shop.gpg"
    `)
    expect(row(absent(source), { ...noSource, armored: holds('old') })).toMatchInlineSnapshot(`
      "remove apt-repository:shop: its key
        or fails: this host has no dpkg and apt
        rm -f /etc/apt/sources.list.d/shop.sources /etc/apt/keyrings/shop.asc /etc/apt/keyrings/shop.gpg"
    `)
  },
}
