import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { postgresDatabase } from '../../../src/resources/postgres-database.ts'
import { type Table, opaque, planned } from '../dry-run.ts'

const down = { server: 'down', reason: 'could not connect to server' }
const missing = { server: 'missing', reason: '' }
const up = { server: 'up', reason: '' }
const shop = postgresDatabase('shop', {
  owner: 'shop',
  extensions: ['pg_trgm'],
  access: { report: 'read' },
})
const noDatabase = { ...up, database: undefined }
const own = {
  owner: 'shop',
  encoding: 'UTF8',
  locale: 'C.UTF-8',
  extensions: ['pg_trgm'],
  access: [],
  tables: 3,
}
const hasDatabase = { ...up, database: own }

export const table: Table = {
  wanted: shop,
  nothing: noDatabase,
  there: hasDatabase,
  rows(row) {
    expect(row(shop, noDatabase, { after: hasDatabase })).toMatchInlineSnapshot(`
      "create postgres-database:shop: owner shop, extensions pg_trgm, report: read, nobody else
        CREATE DATABASE "shop" OWNER "shop" ;
        CREATE EXTENSION IF NOT EXISTS "pg_trgm";
        the statements that are missing for its access"
    `)
    expect(row(shop, noDatabase, { context: opaque })).toMatchInlineSnapshot(
      `"unknown postgres-database:shop: owner shop, extensions pg_trgm, report: read, nobody else, unless package:x brings it"`,
    )
    expect(row(shop, { ...missing, database: undefined })).toMatchInlineSnapshot(`
      "change postgres-database:shop: there is no PostgreSQL on this host
        CREATE DATABASE "shop" OWNER "shop" ;
        CREATE EXTENSION IF NOT EXISTS "pg_trgm";
        the statements that are missing for its access"
    `)
    expect(
      row(shop, { ...missing, database: undefined }, { context: opaque }),
    ).toMatchInlineSnapshot(
      `"unknown postgres-database:shop: owner shop, extensions pg_trgm, report: read, nobody else, unless package:x brings it"`,
    )
    expect(row(shop, { ...down, database: undefined })).toMatchInlineSnapshot(`
      "change postgres-database:shop: PostgreSQL does not answer: could not connect to server
        CREATE DATABASE "shop" OWNER "shop" ;
        CREATE EXTENSION IF NOT EXISTS "pg_trgm";
        the statements that are missing for its access"
    `)
    const starts = { context: planned('service:postgresql') }
    expect(row(shop, { ...down, database: undefined }, starts)).toMatchInlineSnapshot(
      `"unknown postgres-database:shop: owner shop, extensions pg_trgm, report: read, nobody else, once service:postgresql has been made"`,
    )
    expect(row(absent(shop), { ...down, database: undefined })).toMatchInlineSnapshot(`
      "remove postgres-database:shop: PostgreSQL does not answer: could not connect to server
        DROP DATABASE "shop";"
    `)
    expect(row(shop, { ...up, database: { ...own, owner: 'postgres' } })).toMatchInlineSnapshot(`
      "change postgres-database:shop: owner postgres -> shop, and access to what that user makes
        ALTER DATABASE "shop" OWNER TO "shop";
        CREATE EXTENSION IF NOT EXISTS "pg_trgm";
        the statements that are missing for its access"
    `)
    expect(row(shop, { ...up, database: { ...own, extensions: [] } })).toMatchInlineSnapshot(`
      "change postgres-database:shop: extension pg_trgm
        CREATE EXTENSION IF NOT EXISTS "pg_trgm";
        the statements that are missing for its access"
    `)
    const access = ['everybody -connect,temporary on database']
    expect(row(shop, { ...up, database: { ...own, access } })).toMatchInlineSnapshot(`
      "change postgres-database:shop: everybody -connect,temporary on database
        CREATE EXTENSION IF NOT EXISTS "pg_trgm";
        the statements that are missing for its access"
    `)
    const latin = postgresDatabase('shop', { encoding: 'LATIN1' })
    expect(row(latin, hasDatabase)).toMatchInlineSnapshot(`
      "change postgres-database:shop: encoding UTF8 -> LATIN1 is not possible: dump it, drop it and restore it
        fails: encoding UTF8 -> LATIN1 is not possible: dump it, drop it and restore it"
    `)
    expect(row(absent(shop), hasDatabase, { after: noDatabase })).toMatchInlineSnapshot(`
      "remove postgres-database:shop: drop it and ALL ITS DATA (3 tables)
        DROP DATABASE "shop";"
    `)
  },
}
