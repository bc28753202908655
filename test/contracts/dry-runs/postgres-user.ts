import { expect } from 'vitest'
import { Secret } from '../../../src/base/secret.ts'
import { absent } from '../../../src/model/resource.ts'
import { postgresUser } from '../../../src/resources/postgres-user.ts'
import { scramVerifier } from '../../../src/resources/scram.ts'
import { type Table, hidden, opaque, planned } from '../dry-run.ts'

const password = new Secret('password', hidden)
const down = { server: 'down', reason: 'could not connect to server' }
const up = { server: 'up', reason: '' }
const login = postgresUser('shop', { password, memberOf: ['pg_monitor'] })
const role = {
  login: true,
  superuser: false,
  createDatabases: false,
  createUsers: false,
  replication: false,
  verifier: scramVerifier(hidden),
  memberOf: ['pg_monitor'],
  owns: [],
  granted: [],
}
const noRole = { ...up, role: undefined }
const hasRole = { ...up, role }

export const table: Table = {
  wanted: login,
  nothing: noRole,
  there: hasRole,
  rows(row) {
    // What the server is to keep of a password is made with a random salt: only that it is set shows.
    expect(row(login, noRole, { after: hasRole })).toMatchInlineSnapshot(`
      "create postgres-user:shop: login, password, member of pg_monitor
        CREATE ROLE "shop" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD «secret verifier-of-shop»;
        GRANT "pg_monitor" TO "shop";"
    `)
    expect(row(login, noRole, { context: opaque })).toMatchInlineSnapshot(
      `"unknown postgres-user:shop: login, password, member of pg_monitor, unless package:x brings it"`,
    )
    expect(row(login, { ...up, role: { ...role, verifier: null } }, { after: hasRole }))
      .toMatchInlineSnapshot(`
      "change postgres-user:shop: password
        ALTER ROLE "shop" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD «secret verifier-of-shop»;"
    `)
    const risen = { ...role, superuser: true, memberOf: ['pg_read_all_data'] }
    expect(row(login, { ...up, role: risen }, { after: hasRole })).toMatchInlineSnapshot(`
      "change postgres-user:shop: nosuperuser, joins pg_monitor, leaves pg_read_all_data
        ALTER ROLE "shop" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION;
        REVOKE "pg_read_all_data" FROM "shop";
        GRANT "pg_monitor" TO "shop";"
    `)
    expect(row(login, { ...down, role: undefined })).toMatchInlineSnapshot(`
      "change postgres-user:shop: PostgreSQL does not answer: could not connect to server
        CREATE ROLE "shop" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD «secret verifier-of-shop»;
        GRANT "pg_monitor" TO "shop";"
    `)
    expect(row(absent(login), hasRole, { after: noRole })).toMatchInlineSnapshot(`
      "remove postgres-user:shop: the user
        or fails: the user owns objects: they have to go to somebody else first
        DROP OWNED BY "shop";
        DROP ROLE "shop";"
    `)
    expect(row(absent(login), { ...up, role: { ...role, granted: ['shop'] } }))
      .toMatchInlineSnapshot(`
      "remove postgres-user:shop: the user, with its privileges in shop
        or fails: the user owns objects: they have to go to somebody else first
        DROP OWNED BY "shop";
        DROP ROLE "shop";"
    `)
    const owner = { ...up, role: { ...role, owns: ['shop'] } }
    const goes = planned(['postgres-database:shop', { verb: 'remove' }])
    expect(row(absent(login), owner, { context: goes })).toMatchInlineSnapshot(`
      "remove postgres-user:shop: the user
        or fails: the user owns objects: they have to go to somebody else first
        DROP OWNED BY "shop";
        DROP ROLE "shop";"
    `)
    const moves = planned(['postgres-database:shop', { verb: 'change' }])
    expect(row(absent(login), owner, { context: moves })).toMatchInlineSnapshot(
      `"unknown postgres-user:shop: the user, if it no longer owns anything in shop"`,
    )
    expect(
      row(absent(login), owner, { context: planned('command:reassign') }),
    ).toMatchInlineSnapshot(
      `"unknown postgres-user:shop: the user, if it no longer owns anything in shop"`,
    )
    expect(row(absent(login), owner)).toMatchInlineSnapshot(`
      "remove postgres-user:shop: it owns objects in shop, which have to go to somebody else first
        or fails: the user owns objects: they have to go to somebody else first
        DROP OWNED BY "shop";
        DROP ROLE "shop";"
    `)
  },
}
