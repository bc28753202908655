import { createHash } from 'node:crypto'
import { expect } from 'vitest'
import { Secret } from '../../../src/base/secret.ts'
import { absent } from '../../../src/model/resource.ts'
import { mariadbUser } from '../../../src/resources/mariadb-user.ts'
import { type Table, hidden, opaque } from '../dry-run.ts'

const password = new Secret('password', hidden)
const down = { server: 'down', reason: 'could not connect to server' }
const up = { server: 'up', reason: '' }
const sha1 = (data: string | Buffer) => createHash('sha1').update(data).digest()
const reader = mariadbUser('wiki', { password, privileges: ['PROCESS'] })
const noReader = { ...up, account: undefined }
const account = {
  plugin: 'mysql_native_password',
  verifier: `*${sha1(sha1(hidden)).toString('hex').toUpperCase()}`,
  other: false,
  locked: false,
  privileges: ['PROCESS'],
}
const hasReader = { ...up, account }

export const table: Table = {
  wanted: reader,
  nothing: noReader,
  there: hasReader,
  rows(row) {
    expect(row(reader, noReader, { after: hasReader })).toMatchInlineSnapshot(`
      "create mariadb-user:wiki: password, process
        CREATE USER 'wiki'@'localhost' IDENTIFIED VIA mysql_native_password USING «secret verifier-of-wiki» ACCOUNT UNLOCK;
        GRANT PROCESS ON *.* TO 'wiki'@'localhost';"
    `)
    expect(row(reader, noReader, { context: opaque })).toMatchInlineSnapshot(
      `"unknown mariadb-user:wiki: password, process, unless package:x brings it"`,
    )
    expect(row(mariadbUser('wiki'), noReader)).toMatchInlineSnapshot(`
      "create mariadb-user:wiki: by the local socket
        CREATE USER 'wiki'@'localhost' IDENTIFIED VIA unix_socket ACCOUNT UNLOCK;"
    `)
    expect(row(reader, { ...up, account: { ...account, verifier: '*0' } }, { after: hasReader }))
      .toMatchInlineSnapshot(`
      "change mariadb-user:wiki: password
        ALTER USER 'wiki'@'localhost' IDENTIFIED VIA mysql_native_password USING «secret verifier-of-wiki» ACCOUNT UNLOCK;"
    `)
    expect(row(reader, { ...up, account: { ...account, locked: true } }, { after: hasReader }))
      .toMatchInlineSnapshot(`
      "change mariadb-user:wiki: password
        ALTER USER 'wiki'@'localhost' IDENTIFIED VIA mysql_native_password USING «secret verifier-of-wiki» ACCOUNT UNLOCK;"
    `)
    expect(
      row(reader, { ...up, account: { ...account, privileges: ['FILE'] } }, { after: hasReader }),
    ).toMatchInlineSnapshot(`
      "change mariadb-user:wiki: +process, -file
        REVOKE FILE ON *.* FROM 'wiki'@'localhost';
        GRANT PROCESS ON *.* TO 'wiki'@'localhost';"
    `)
    expect(row(reader, { ...down, account: undefined })).toMatchInlineSnapshot(`
      "change mariadb-user:wiki: MariaDB does not answer: could not connect to server
        CREATE USER 'wiki'@'localhost' IDENTIFIED VIA mysql_native_password USING «secret verifier-of-wiki» ACCOUNT UNLOCK;
        GRANT PROCESS ON *.* TO 'wiki'@'localhost';"
    `)
    expect(row(absent(reader), hasReader, { after: noReader })).toMatchInlineSnapshot(`
      "remove mariadb-user:wiki: the user and its privileges
        DROP USER 'wiki'@'localhost';"
    `)
  },
}
