import { expect } from 'vitest'
import { Secret } from '../../../src/base/secret.ts'
import { absent } from '../../../src/model/resource.ts'
import { command } from '../../../src/resources/command.ts'
import { type Table, hidden, opaque, planned } from '../dry-run.ts'

const migrate = command('migrate', { run: 'bin/migrate', unless: 'bin/migrate --check' })
const later = command('rebuild', { run: 'make', when: 'notified' })
const done = { needed: undefined }
const needed = { needed: 'its unless ended with 1' }

export const table: Table = {
  wanted: migrate,
  nothing: needed,
  there: done,
  rows(row) {
    expect(row(migrate, needed, { after: done })).toMatchInlineSnapshot(`
      "run command:migrate: bin/migrate (its unless ended with 1)
        eval bin/migrate"
    `)
    expect(row(migrate, done)).toMatchInlineSnapshot(`"no change"`)
    expect(row(migrate, done, { context: opaque })).toMatchInlineSnapshot(
      `"unknown command:migrate: bin/migrate, if it is needed after package:x"`,
    )
    expect(row(migrate, needed, { context: opaque })).toMatchInlineSnapshot(
      `"unknown command:migrate: bin/migrate, if it is needed after package:x"`,
    )
    const first = command('migrate', {
      run: 'bin/migrate',
      creates: '/srv/db',
      after: 'git:/srv/shop',
    })
    expect(row(first, done, { context: planned('git:/srv/shop') })).toMatchInlineSnapshot(
      `"unknown command:migrate: bin/migrate, if it is needed after git:/srv/shop"`,
    )
    expect(row(first, done, { context: planned('file:/srv/db') })).toMatchInlineSnapshot(
      `"unknown command:migrate: bin/migrate, if it is needed after file:/srv/db"`,
    )
    expect(row(first, done, { context: planned('file:/etc/motd') })).toMatchInlineSnapshot(
      `"no change"`,
    )
    expect(row(later, done, { context: opaque })).toMatchInlineSnapshot(`"no change"`)
    expect(row(absent(migrate), needed)).toMatchInlineSnapshot(`"no change"`)
    const shown = command('login', {
      run: `login ${new Secret('token', hidden)}`,
      onlyIf: 'true',
    })
    expect(row(shown, { needed: 'its onlyIf succeeded' })).toMatchInlineSnapshot(`
      "run command:login: login «secret token» (its onlyIf succeeded)
        eval 'login «secret token»'"
    `)
  },
}
