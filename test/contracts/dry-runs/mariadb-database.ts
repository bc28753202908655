import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { mariadbDatabase } from '../../../src/resources/mariadb-database.ts'
import { type Table, opaque, planned } from '../dry-run.ts'

const down = { server: 'down', reason: 'could not connect to server' }
const missing = { server: 'missing', reason: '' }
const up = { server: 'up', reason: '' }
const wiki = mariadbDatabase('wiki', { access: { wiki: 'read' }, charset: 'utf8mb4' })
const grant = (privilege: string, grantee = "'wiki'@'localhost'") => ({
  grantee,
  pattern: 'wiki',
  privilege,
})
const noWiki = { ...up, database: undefined, grants: [] }
const hasWiki = {
  ...up,
  database: { charset: 'utf8mb4', collation: 'utf8mb4_general_ci', tables: 1 },
  grants: [grant('SELECT'), grant('SHOW VIEW')],
}

export const table: Table = {
  wanted: wiki,
  nothing: noWiki,
  there: hasWiki,
  rows(row) {
    expect(row(wiki, noWiki, { after: hasWiki })).toMatchInlineSnapshot(`
      "create mariadb-database:wiki: utf8mb4, wiki: read, nobody else
        CREATE DATABASE \`wiki\` CHARACTER SET utf8mb4;
        GRANT SELECT, SHOW VIEW ON \`wiki\`.* TO 'wiki'@'localhost';"
    `)
    expect(row(wiki, noWiki, { context: opaque })).toMatchInlineSnapshot(
      `"unknown mariadb-database:wiki: utf8mb4, wiki: read, nobody else, unless package:x brings it"`,
    )
    expect(row(wiki, { ...noWiki, ...missing })).toMatchInlineSnapshot(`
      "change mariadb-database:wiki: there is no MariaDB on this host
        CREATE DATABASE \`wiki\` CHARACTER SET utf8mb4;
        GRANT SELECT, SHOW VIEW ON \`wiki\`.* TO 'wiki'@'localhost';"
    `)
    expect(row(wiki, { ...noWiki, ...down })).toMatchInlineSnapshot(`
      "change mariadb-database:wiki: MariaDB does not answer: could not connect to server
        CREATE DATABASE \`wiki\` CHARACTER SET utf8mb4;
        GRANT SELECT, SHOW VIEW ON \`wiki\`.* TO 'wiki'@'localhost';"
    `)
    expect(
      row(wiki, { ...noWiki, ...down }, { context: planned('service:mariadb') }),
    ).toMatchInlineSnapshot(
      `"unknown mariadb-database:wiki: utf8mb4, wiki: read, nobody else, once service:mariadb has been made"`,
    )
    expect(row(wiki, { ...hasWiki, grants: [grant('SELECT')] }, { after: hasWiki }))
      .toMatchInlineSnapshot(`
        "change mariadb-database:wiki: wiki +show view
          GRANT SHOW VIEW ON \`wiki\`.* TO 'wiki'@'localhost';"
      `)
    const eve = [...hasWiki.grants, grant('INSERT', "'eve'@'%'")]
    expect(row(wiki, { ...hasWiki, grants: eve }, { after: hasWiki })).toMatchInlineSnapshot(`
      "change mariadb-database:wiki: eve@% -insert
        REVOKE INSERT ON \`wiki\`.* FROM 'eve'@'%';"
    `)
    const latin = { ...hasWiki, database: { ...hasWiki.database, charset: 'latin1' } }
    expect(row(wiki, latin, { after: hasWiki })).toMatchInlineSnapshot(`
      "change mariadb-database:wiki: charset latin1 -> utf8mb4 and its collation
        ALTER DATABASE \`wiki\` CHARACTER SET utf8mb4;"
    `)
    expect(row(wiki, { ...latin, grants: eve }, { after: hasWiki })).toMatchInlineSnapshot(`
      "change mariadb-database:wiki: charset latin1 -> utf8mb4 and its collation, eve@% -insert
        ALTER DATABASE \`wiki\` CHARACTER SET utf8mb4;
        REVOKE INSERT ON \`wiki\`.* FROM 'eve'@'%';"
    `)
    const german = mariadbDatabase('wiki', {
      charset: 'utf8mb4',
      collation: 'utf8mb4_german2_ci',
      access: { wiki: 'read' },
    })
    expect(row(german, hasWiki)).toMatchInlineSnapshot(`
      "change mariadb-database:wiki: collation utf8mb4_general_ci -> utf8mb4_german2_ci
        ALTER DATABASE \`wiki\` CHARACTER SET utf8mb4 COLLATE utf8mb4_german2_ci;"
    `)
    expect(row(absent(wiki), { ...hasWiki, grants: [] }, { after: noWiki })).toMatchInlineSnapshot(`
      "remove mariadb-database:wiki: drop it and ALL ITS DATA (1 table)
        DROP DATABASE IF EXISTS \`wiki\`;"
    `)
    expect(row(absent(wiki), hasWiki, { after: noWiki })).toMatchInlineSnapshot(`
      "remove mariadb-database:wiki: drop it and ALL ITS DATA (1 table), with the privileges on it
        DROP DATABASE IF EXISTS \`wiki\`;
        REVOKE SELECT, SHOW VIEW ON \`wiki\`.* FROM 'wiki'@'localhost';"
    `)
    expect(row(absent(wiki), { ...hasWiki, database: undefined })).toMatchInlineSnapshot(`
      "remove mariadb-database:wiki: privileges on it
        REVOKE SELECT, SHOW VIEW ON \`wiki\`.* FROM 'wiki'@'localhost';"
    `)
  },
}
