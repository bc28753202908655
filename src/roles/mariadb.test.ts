import { sample, string } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { converges, failure, planned } from '../../test/lab/converges.ts'
import { type TestHost, bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { settle } from '../../test/lab/settle.ts'
import { Secret } from '../base/secret.ts'
import { absent } from '../model/resource.ts'
import { mariadbDatabase } from '../resources/mariadb-database.ts'
import { mariadbUser } from '../resources/mariadb-user.ts'
import { packages } from '../resources/package.ts'
import { type MariadbOptions, mariadb } from './mariadb.ts'

const machine = {
  facts: {
    hostname: 'db1',
    os: { id: 'debian', version: '12', codename: 'bookworm' },
    architecture: 'x86_64',
    kernel: '6.1',
    cpus: 2,
    memory: 0.95 * 1024 ** 3,
    addresses: [],
  },
}

test.each<[string, () => unknown, RegExp]>([
  ['a user of the system', () => mariadbUser('root'), /its name/],
  ['a host that is none', () => mariadbUser("a@b'c"), /its name/],
  ['a character that the server cannot keep', () => mariadbUser('a😀'), /its name/],
  ['no password', () => mariadbUser('shop', { password: '' }), /password/],
  [
    'a privilege that is more',
    () => mariadbUser('a', { privileges: ['ALL ON *.* TO x; --'] }),
    /privileges/,
  ],
  ['a database of the system', () => mariadbDatabase('mysql'), /its name/],
  ['an unknown level', () => mariadbDatabase('a', { access: { b: 'own' as never } }), /access/],
  ['a share', () => mariadb(machine, { memoryShare: 2 }), /memoryShare/],
])('%s is refused', (_, make, words) => expect(make).toThrow(words))

describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile()
  const password = new Secret('shop', "it's \\ a «secret» ö")
  const report = new Secret('report', 'only-looks-9876')
  const options = {
    users: {
      shop: { password },
      'report@127.0.0.%': { password: report, privileges: ['PROCESS'] },
      local: {},
    },
    databases: {
      shop_x: { access: { shop: 'all', 'report@127.0.0.%': 'read' } },
    },
    settings: { 'skip-name-resolve': 0 },
  } satisfies MariadbOptions
  const all = mariadb(machine, options)

  async function client(host: TestHost, user: string, secret: string, sql: string, db = 'shop_x') {
    const at = user === 'report' ? '127.0.0.1' : 'localhost'
    const { code, output } = await host.exec(
      `IFS= read -r MYSQL_PWD; export MYSQL_PWD; exec mysql --no-defaults -h ${at} -u ${user} -N -B --default-character-set=utf8mb4 ${db} 2>&1`,
      `${secret}\n${sql}\n`,
    )
    return `${code} ${output.trim()}`
  }
  const root = async (host: TestHost, sql: string): Promise<string> => {
    const { code, output } = await host.exec(
      'exec mysql --default-character-set=utf8mb4 -N -B -r',
      sql,
    )
    if (code !== 0) throw new Error(output)
    return output.trim()
  }

  test('from nothing to a database that one can work with', async () => {
    const [host] = hosts()
    await settle(host!, all)
    expect(await planned(host!, all)).toEqual([])
    expect(
      await client(
        host!,
        'shop',
        password.reveal(),
        "create table orders(id int auto_increment primary key, t text); insert into orders(t) values ('ö'); select t from orders;",
      ),
    ).toBe('0 ö')
    expect(await client(host!, 'shop', 'wrong', 'select 1')).toMatch(/^1 .*Access denied/)
    expect(await client(host!, 'shop', password.reveal(), 'select 1', 'mysql')).toMatch(/denied/)
    expect(await client(host!, 'report', report.reveal(), 'select t from orders')).toBe('0 ö')
    expect(await client(host!, 'report', report.reveal(), 'delete from orders')).toMatch(/denied/)
    const local = 'useradd local; exec runuser -u local -- mysql --no-defaults -N -e "select 1"'
    expect((await host!.exec(local)).output.trim()).toBe('1')
    expect(await client(host!, 'local', '', 'select 1')).toMatch(/denied/)
    expect(
      await root(host!, 'select @@innodb_buffer_pool_size / 1024 / 1024, @@max_connections'),
    ).toBe('512.00000000\t100')
    expect((await host!.exec('journalctl --no-pager -o cat; ps axww')).output).not.toContain(
      report.reveal(),
    )
  }, 180_000)

  test('what was changed by hand is put right, each thing by itself', async () => {
    const [host] = hosts()
    const drift: [string, string[]][] = [
      ["set password for shop@localhost = password('x')", ['change mariadb-user:shop: password']],
      ['alter user shop@localhost account lock', ['change mariadb-user:shop: password']],
      [
        "alter user local@localhost identified by 'x'",
        ['change mariadb-user:local: by the local socket'],
      ],
      ['grant super on *.* to shop@localhost', ['change mariadb-user:shop: -super']],
      [
        'grant file on *.* to shop@localhost with grant option',
        ['change mariadb-user:shop: -file, -grant option'],
      ],
      [
        "revoke process on *.* from 'report'@'127.0.0.%'",
        ['change mariadb-user:report@127.0.0.%: +process'],
      ],
      [
        String.raw`grant insert on ${'`shop\\_x`'}.* to 'report'@'127.0.0.%'`,
        ['change mariadb-database:shop_x: report@127.0.0.% -insert'],
      ],
      [
        'grant select on shop_x.* to local@localhost',
        ['change mariadb-database:shop_x: local -select on all that is like shop_x'],
      ],
      ['drop user shop@localhost', []],
    ]
    for (const [sql, expected] of drift) {
      await root(host!, sql)
      const plan = await converges(host!, all)
      if (expected.length > 0) expect(plan, sql).toEqual(expected)
      else
        expect(plan.map((each) => each.split(':')[0])).toEqual([
          'create mariadb-user',
          'change mariadb-database',
        ])
    }
    expect(await client(host!, 'shop', password.reveal(), 'select t from orders')).toBe('0 ö')
    await host!.exec('systemctl stop mariadb')
    expect((await planned(host!, all)).map((each) => each.split(' ')[0])).toEqual([
      'change',
      'unknown',
      'unknown',
      'unknown',
      'unknown',
    ])
    expect((await settle(host!, all)).made).toEqual(['service:mariadb'])
    expect(await planned(host!, all)).toEqual([])
  }, 120_000)

  test('privileges change without the settings of the database', async () => {
    const [host] = hosts()
    const access = { shop: 'all', 'report@127.0.0.%': 'read' } as const
    const wanted = mariadbDatabase('shop_x', { access, charset: 'utf8mb4' })
    await converges(host!, [wanted])
    // Written whenever they are set.
    const written = async (): Promise<string> =>
      (await host!.exec('stat -c %y /var/lib/mysql/shop_x/db.opt')).output
    const before = await written()
    await root(host!, String.raw`grant insert on ${'`shop\\_x`'}.* to 'report'@'127.0.0.%'`)
    expect(await converges(host!, [wanted])).toEqual([
      'change mariadb-database:shop_x: report@127.0.0.% -insert',
    ])
    expect(await written()).toBe(before)
    await root(host!, 'alter database shop_x character set latin1')
    expect(await converges(host!, [wanted])).toEqual([
      'change mariadb-database:shop_x: charset latin1 -> utf8mb4 and its collation',
    ])
    expect(await written()).not.toBe(before)
  }, 60_000)

  test('settings that it does not take change nothing', async () => {
    const [host] = hosts()
    const bad = mariadb(machine, { ...options, settings: { no_such_thing: 1 } })
    expect(await failure(host!, bad)).toContain('the old file is untouched')
    expect(await planned(host!, all)).toEqual([])
    const more = mariadb(machine, { ...options, maxConnections: 77 })
    expect((await settle(host!, more)).made).toEqual([
      'file:/etc/mysql/mariadb.conf.d/90-fettle.cnf',
      'restart service:mariadb',
    ])
    expect(await root(host!, 'select @@max_connections')).toBe('77')
    await settle(host!, all)
  }, 120_000)

  test('users and databases go, and data only when it is said', async () => {
    const [host] = hosts()
    await expect(planned(host!, [absent(mariadbDatabase('shop_x'))])).rejects.toThrow(
      /destroy is missing: absent would drop the database/,
    )
    const gone = [
      absent(mariadbDatabase('shop_x', { destroy: true })),
      absent(mariadbUser('report@127.0.0.%')),
    ]
    expect(await converges(host!, gone)).toEqual([
      'remove mariadb-database:shop_x: drop it and ALL ITS DATA (1 table), with the privileges on it',
      'remove mariadb-user:report@127.0.0.%: the user and its privileges',
    ])
    expect(await root(host!, "select count(*) from mysql.db where Db like 'shop%'")).toBe('0')
    await converges(host!, all)
  }, 120_000)

  test('names and texts that would be something else in SQL', async () => {
    const [host] = hosts()
    const word = string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
    const hostile = [
      "'; DROP DATABASE shop_x; #",
      'a`b"c\'d',
      '%',
      '_',
      'delimiter x',
      '-- a',
      "'@'localhost",
      ...sample(word, 30),
    ].map((each) => each.normalize('NFC').replace(/[./\\]|\p{Cc}|[\u{10000}-\u{10ffff}]/gu, '_'))
    const names = [...new Set(hostile.map((each) => each.trim()))].filter(
      (name) => name !== '' && [...name].length < 40,
    )
    const made = names.flatMap((name, i) => [
      mariadbUser(`u${name}@localhost`, { password: new Secret(`s${i}`, name) }),
      mariadbDatabase(`d${name}`, { access: { [`u${name}@localhost`]: 'write' } }),
    ])
    await converges(host!, made)
    const found = await root(
      host!,
      "select schema_name from information_schema.schemata where schema_name like 'd%'",
    )
    expect(found.split('\n').sort()).toEqual(names.map((name) => `d${name}`).sort())
    const gone = names.flatMap((name) => [
      absent(mariadbDatabase(`d${name}`, { destroy: true })),
      absent(mariadbUser(`u${name}@localhost`)),
    ])
    await converges(host!, gone)
    expect(await planned(host!, all)).toEqual([])
  }, 240_000)

  test('without a server', async () => {
    const [host] = hosts()
    const user = mariadbUser('shop')
    await host!.exec('systemctl stop mariadb')
    expect(await planned(host!, [user])).toEqual([
      expect.stringMatching(/^change mariadb-user:shop: MariaDB does not answer: ERROR 2002/),
    ])
    expect(await failure(host!, [user])).toContain('MariaDB: ERROR 2002')
    await host!.exec('apt-get purge -y "mariadb-*" >/dev/null 2>&1')
    expect(await planned(host!, [absent(user)])).toEqual([])
    expect(await planned(host!, [user])).toEqual([
      'change mariadb-user:shop: there is no MariaDB on this host',
    ])
    expect(await planned(host!, [...packages('mariadb-server'), user])).toContainEqual(
      'unknown mariadb-user:shop: by the local socket, unless package:mariadb-server brings it',
    )
  }, 120_000)
})
