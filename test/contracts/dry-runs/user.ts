import { createHash } from 'node:crypto'
import { expect } from 'vitest'
import { Secret } from '../../../src/base/secret.ts'
import { absent } from '../../../src/model/resource.ts'
import { user } from '../../../src/resources/user.ts'
import { type Table, hidden, opaque } from '../dry-run.ts'

const crypt = `$6$${hidden}$abc`
const ann = user('ann', { uid: 1500, groups: ['www'], shell: '/bin/bash' })
const annThere = {
  uid: 1500,
  group: 'ann',
  groups: ['www'],
  comment: '',
  home: '/home/ann',
  homeThere: true,
  shell: '/bin/bash',
  lock: 'open',
  passwordLocked: false,
  passwordHash: undefined,
}
const withPassword = user('ann', { password: new Secret('password', crypt) })
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

export const table: Table = {
  wanted: ann,
  nothing: undefined,
  there: annThere,
  rows(row) {
    expect(row(ann, undefined, { after: annThere })).toMatchInlineSnapshot(`
      "create user:ann: uid 1500, groups www, shell /bin/bash
        useradd "$@" -u 1500 -G www -s /bin/bash -m ann
        make the home if it is missing"
    `)
    expect(row(ann, undefined, { context: opaque })).toMatchInlineSnapshot(
      `"unknown user:ann: uid 1500, groups www, shell /bin/bash, unless package:x brings it"`,
    )
    expect(row(user('ann', { system: true }), undefined)).toMatchInlineSnapshot(`
      "create user:ann: system, no home directory made
        useradd "$@" -r -M ann"
    `)
    expect(row(ann, { ...annThere, shell: '/bin/sh' }, { after: annThere })).toMatchInlineSnapshot(`
      "change user:ann: shell /bin/sh -> /bin/bash
        usermod -s /bin/bash ann
        make the home if it is missing"
    `)
    expect(row(ann, { ...annThere, uid: 1501, groups: ['adm'] }, { after: annThere }))
      .toMatchInlineSnapshot(`
      "change user:ann: uid 1501 -> 1500, +group www, -group adm
        usermod -u 1500 -G www ann
        make the home if it is missing"
    `)
    expect(row(ann, { ...annThere, homeThere: false }, { after: annThere })).toMatchInlineSnapshot(`
      "change user:ann: home directory /home/ann missing
        make the home if it is missing"
    `)
    expect(row(user('ann', { home: '/srv/ann' }), annThere)).toMatchInlineSnapshot(`
      "change user:ann: home /home/ann -> /srv/ann
        usermod -d /srv/ann -m ann
        make the home if it is missing"
    `)
    const after = { ...annThere, passwordHash: sha256(crypt) }
    expect(row(withPassword, annThere, { after })).toMatchInlineSnapshot(`
      "change user:ann: password
        make the home if it is missing
        chpasswd -e"
    `)
    expect(row(withPassword, { ...after, passwordLocked: true })).toMatchInlineSnapshot(`
      "change user:ann: password
        make the home if it is missing
        chpasswd -e"
    `)
    expect(row(user('ann', { locked: true }), annThere, { after: { ...annThere, lock: 'locked' } }))
      .toMatchInlineSnapshot(`
      "change user:ann: locked
        make the home if it is missing
        usermod -L -e 1 ann"
    `)
    expect(row(user('ann', { locked: true }), { ...annThere, lock: 'half' }))
      .toMatchInlineSnapshot(`
      "change user:ann: locked
        make the home if it is missing
        usermod -L -e 1 ann"
    `)
    const locked = { ...annThere, lock: 'locked', passwordLocked: true }
    expect(row(user('ann', { locked: false }), locked, { after: annThere })).toMatchInlineSnapshot(`
      "change user:ann: unlocked
        make the home if it is missing
        usermod -U -e '' ann"
    `)
    expect(row(absent(ann), annThere)).toMatchInlineSnapshot(`
      "remove user:ann: uid 1500, its home /home/ann stays
        userdel ann"
    `)
    expect(row(absent(user('ann', { removeHome: true })), annThere)).toMatchInlineSnapshot(`
      "remove user:ann: uid 1500, with its home /home/ann
        userdel -r ann"
    `)
  },
}
