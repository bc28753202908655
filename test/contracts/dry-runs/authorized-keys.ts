import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { authorizedKeys } from '../../../src/resources/authorized-keys.ts'
import { type Table, opaque, planned } from '../dry-run.ts'

const [annKey, eveKey] = ['ann', 'eve'].map((name) => `ssh-ed25519 ${name.repeat(10)} ${name}`) as [
  string,
  string,
]
const keys = authorizedKeys('ann', { keys: [annKey] })
const only = authorizedKeys('ann', { keys: [annKey], exclusive: true })
const noUser = { home: undefined, folder: '', file: '', uid: '', content: '' }
const noKeys = { ...noUser, home: '/home/ann', uid: '1500' }
const hasKeys = { ...noKeys, folder: '700 1500', file: '600 1500', content: `${annKey}\n` }

export const table: Table = {
  wanted: keys,
  nothing: noUser,
  there: hasKeys,
  rows(row) {
    expect(row(keys, noUser)).toMatchInlineSnapshot(`
      "create authorized-keys:ann: +ann, but there is no user ann
        mkdir -m 0700 "$ssh"
        chown -h "$uid:$gid" "$ssh"
        write .ssh/authorized_keys as the user"
    `)
    expect(row(keys, noUser, { context: planned('user:ann') })).toMatchInlineSnapshot(`
      "create authorized-keys:ann: +ann
        mkdir -m 0700 "$ssh"
        chown -h "$uid:$gid" "$ssh"
        write .ssh/authorized_keys as the user"
    `)
    expect(row(keys, noUser, { context: opaque })).toMatchInlineSnapshot(
      `"unknown authorized-keys:ann: +ann, unless package:x brings it"`,
    )
    expect(row(keys, noKeys, { after: hasKeys })).toMatchInlineSnapshot(`
      "create authorized-keys:ann: +ann
        mkdir -m 0700 "$ssh"
        chown -h "$uid:$gid" "$ssh"
        write .ssh/authorized_keys as the user"
    `)
    const both = { ...hasKeys, content: `${eveKey}\n${annKey}\n` }
    expect(row(keys, both)).toMatchInlineSnapshot(`"no change"`)
    expect(row(only, both, { after: hasKeys })).toMatchInlineSnapshot(`
      "change authorized-keys:ann: -eve
        mkdir -m 0700 "$ssh"
        chown -h "$uid:$gid" "$ssh"
        write .ssh/authorized_keys as the user"
    `)
    expect(row(keys, { ...hasKeys, file: '644 0' }, { after: hasKeys })).toMatchInlineSnapshot(`
      "change authorized-keys:ann: authorized_keys mode 0644 -> 0600, authorized_keys owner 0 -> 1500
        mkdir -m 0700 "$ssh"
        chown -h "$uid:$gid" "$ssh"
        write .ssh/authorized_keys as the user"
    `)
    expect(row(keys, { ...hasKeys, file: 'link', content: '' })).toMatchInlineSnapshot(`
      "change authorized-keys:ann: +ann, link -> file
        mkdir -m 0700 "$ssh"
        chown -h "$uid:$gid" "$ssh"
        write .ssh/authorized_keys as the user"
    `)
    expect(row(absent(keys), both)).toMatchInlineSnapshot(`
      "remove authorized-keys:ann: -ann
        mkdir -m 0700 "$ssh"
        chown -h "$uid:$gid" "$ssh"
        write .ssh/authorized_keys as the user"
    `)
    expect(row(absent(keys), { ...hasKeys, content: `${eveKey}\n` })).toMatchInlineSnapshot(
      `"no change"`,
    )
  },
}
