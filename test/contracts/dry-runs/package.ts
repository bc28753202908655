import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { packages } from '../../../src/resources/package.ts'
import { type Table, planned } from '../dry-run.ts'

const alone: Record<'installs' | 'removes', readonly object[]> = { installs: [], removes: [] }
/** A package that is not there, and apt knows which it would bring. */
export const nothingNew: object = { status: 'missing', version: '', next: '1.2', along: alone }
const [nginx] = packages('nginx')
const [pinned] = packages(['nginx'], { version: '1.1' })
const installed = { ...nothingNew, status: 'installed', version: '1.2', next: undefined }

export const table: Table = {
  wanted: nginx!,
  nothing: nothingNew,
  there: installed,
  rows(row) {
    expect(row(nginx!, nothingNew, { after: installed })).toMatchInlineSnapshot(`
      "create package:nginx: install 1.2
        or fails: this host has no dpkg and apt
        transact nginx"
    `)
    const along = { installs: [{ name: 'libx', from: undefined, to: '1' }], removes: ['apache2'] }
    expect(row(nginx!, { ...nothingNew, along })).toMatchInlineSnapshot(`
      "create package:nginx: install 1.2, with 1 more: libx, which also removes apache2
        or fails: this host has no dpkg and apt
        allowed=' apache2 '
        transact nginx"
    `)
    // apt would bring its lists up to date first.
    expect(row(nginx!, { ...nothingNew, next: undefined })).toMatchInlineSnapshot(`
      "create package:nginx: install (version known after apt-get update)
        or fails: this host has no dpkg and apt
        transact nginx"
    `)
    expect(row(nginx!, nothingNew, { context: planned('apt-repository:shop') }))
      .toMatchInlineSnapshot(`
      "create package:nginx: install (version known after apt-get update)
        or fails: this host has no dpkg and apt
        transact nginx"
    `)
    expect(row(nginx!, nothingNew, { context: planned('command:x') })).toMatchInlineSnapshot(
      `"unknown package:nginx: installed, unless command:x brings it"`,
    )
    expect(row(pinned!, { ...installed, next: '1.1' })).toMatchInlineSnapshot(`
      "change package:nginx: 1.2 -> 1.1 (downgrade)
        or fails: this host has no dpkg and apt
        flags=--allow-downgrades
        transact 'nginx=1.1'"
    `)
    expect(row(nginx!, { ...installed, status: 'half-configured', next: '1.2' }))
      .toMatchInlineSnapshot(`
      "change package:nginx: half-configured -> installed
        or fails: this host has no dpkg and apt
        transact nginx"
    `)
    expect(row(absent(nginx!), installed, { after: nothingNew })).toMatchInlineSnapshot(`
      "remove package:nginx: 1.2
        or fails: this host has no dpkg and apt
        allowed=' nginx '
        gone=nginx-
        transact"
    `)
    expect(row(absent(nginx!), { ...installed, along: { ...alone, removes: ['shop'] } }))
      .toMatchInlineSnapshot(`
      "remove package:nginx: 1.2, which also removes shop
        or fails: this host has no dpkg and apt
        allowed=' shop nginx '
        gone=nginx-
        transact"
    `)
    const [purged] = packages(['nginx'], { purge: true })
    expect(row(absent(purged!), installed)).toMatchInlineSnapshot(`
      "remove package:nginx: 1.2 and its configuration
        or fails: this host has no dpkg and apt
        allowed=' nginx '
        gone=nginx-
        transact
        purge nginx"
    `)
    expect(row(absent(purged!), { ...installed, status: 'config-files' })).toMatchInlineSnapshot(`
      "remove package:nginx: its configuration
        or fails: this host has no dpkg and apt
        purge nginx"
    `)
    expect(row(absent(nginx!), { ...installed, status: 'config-files' })).toMatchInlineSnapshot(
      `"no change"`,
    )
  },
}
