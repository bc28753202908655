import { sample, string } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { converges, failure, planned } from '../../test/lab/converges.ts'
import { type TestHost, bootForFile, labAvailable, labSuite } from '../../test/lab/fixture.ts'
import { settle } from '../../test/lab/settle.ts'
import { Secret } from '../base/secret.ts'
import type { Facts } from '../model/facts.ts'
import { absent, idOf } from '../model/resource.ts'
import { service } from '../resources/service.ts'
import { packages } from '../resources/package.ts'
import { postgresDatabase } from '../resources/postgres-database.ts'
import { postgresServer } from '../resources/postgres-server.ts'
import { postgresUser } from '../resources/postgres-user.ts'
import { memoryOf } from './machine.ts'
import { type PostgresOptions, postgres } from './postgres.ts'

const gib = 1024 ** 3

function machine(memory = 1.9 * gib, { cpus = 2, codename = 'bookworm' } = {}): { facts: Facts } {
  const os = { id: 'debian', version: '12', codename }
  const rest = { architecture: 'x86_64', kernel: '6.1', addresses: [] }
  return { facts: { hostname: 'db1', os, cpus, memory, ...rest } }
}

function settings(host = machine(), options: PostgresOptions = {}): Record<string, string> {
  const server = postgres(host, options).find(({ kind }) => kind === 'postgres-server')!
  return (server.desired as { settings: Record<string, string> }).settings
}

describe('tuning', () => {
  test.each([
    [0.48, '128MB', '384MB', '4MB'],
    [0.95, '256MB', '768MB', '4MB'],
    [3.82, '1GB', '3GB', '10MB'],
    [62.7, '16GB', '48GB', '163MB'],
    [251, '16GB', '192GB', '819MB'],
  ])('of %d GiB', (memory, shared, cache, work) =>
    expect(settings(machine(memory * gib))).toMatchObject({
      shared_buffers: shared,
      effective_cache_size: cache,
      work_mem: work,
    }),
  )

  test('what a kernel keeps for itself makes no difference', () => {
    for (const size of [0.5, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 96, 128, 256, 512])
      for (const part of [1, 0.99, 0.97, 0.94])
        expect(memoryOf(machine(size * part * gib))).toBe(size * 1024)
  })

  test('a share of it, and what the user says comes last', () => {
    expect(settings(machine(8 * gib), { memoryShare: 0.5 })['shared_buffers']).toBe('1GB')
    expect(settings(machine(), { settings: { work_mem: '99MB' } })['work_mem']).toBe('99MB')
    expect(() => settings(machine(), { memoryShare: 7 })).toThrow(/memoryShare/)
  })

  test('the version is that of the distribution', () => {
    const ids = (codename: string): string[] => postgres(machine(gib, { codename })).map(idOf)
    expect(ids('noble')).toContain('postgres-server:16/main')
    expect(ids('trixie')).toContain('package:postgresql-17')
    expect(() => ids('potato')).toThrow(/version/)
    expect(
      postgres(machine(), { databases: { a: { extensions: ['postgis', 'pg_trgm'] } } }).map(idOf),
    ).toContain('package:postgresql-15-postgis-3')
  })
})

describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile()
  const version = labSuite === 'bookworm' ? 15 : 17
  const db1 = machine(1.9 * gib, { codename: labSuite })
  const password = new Secret('shop', "it's \\ a «secret» ö\u00a0x")
  const report = new Secret('report', 'only-looks-9876')
  const options = {
    users: { shop: { password }, report: { password: report } },
    databases: {
      shop: { owner: 'shop', extensions: ['pg_trgm'], access: { report: 'read' } },
    },
    settings: { max_wal_size: '1GB' },
  } satisfies PostgresOptions
  const all = postgres(db1, options)

  /** As a client over TCP. */
  async function client(host: TestHost, user: string, secret: string, sql: string, db = 'shop') {
    const { code, output } = await host.exec(
      `IFS= read -r PGPASSWORD; export PGPASSWORD PGUSER='${user}'; exec psql -h 127.0.0.1 -d '${db}' -XAt -v ON_ERROR_STOP=1 -f - 2>&1`,
      `${secret}\n${sql}\n`,
    )
    return `${code} ${output.trim()}`
  }
  const superuser = async (host: TestHost, sql: string, db = 'postgres'): Promise<string> => {
    const { code, output } = await host.exec(
      `cd /; exec runuser -u postgres -- psql -XAt -v ON_ERROR_STOP=1 -d '${db}' -f -`,
      sql,
    )
    if (code !== 0) throw new Error(output)
    return output.trim()
  }

  test('from nothing to a database that one can work with', async () => {
    const [host] = hosts()
    const plan = await planned(host!, all)
    await settle(host!, all)
    expect(await planned(host!, all)).toEqual([])
    expect(plan).toContainEqual(
      expect.stringMatching(
        new RegExp(`^unknown postgres-server:${version}/main: .*postgresql-${version}`),
      ),
    )
    expect(plan).toContainEqual(
      expect.stringMatching(/^unknown postgres-database:shop: owner shop/),
    )
    expect(
      await superuser(
        host!,
        'show shared_buffers; show data_checksums; show server_encoding; select count(*) from pg_settings where pending_restart;',
      ),
    ).toBe('512MB\non\nUTF8\n0')
    expect(
      await client(
        host!,
        'shop',
        password.reveal(),
        "create table orders(id serial primary key, t text); insert into orders(t) values ('x'); select similarity('abc', 'abd') > 0;",
      ),
    ).toBe('0 CREATE TABLE\nINSERT 0 1\nt')
    expect(await client(host!, 'shop', 'wrong', 'select 1')).toMatch(/^2 .*password authentication/)
    // Made later, and open to the reader all the same.
    expect(await client(host!, 'report', report.reveal(), 'select t from orders')).toBe('0 x')
    expect(await client(host!, 'report', report.reveal(), 'delete from orders')).toMatch(
      /permission denied/,
    )
    expect(await planned(host!, all)).toEqual([])
    const logs = await host!.exec(
      'cat /var/log/postgresql/*.log; journalctl --no-pager -o cat; ps axww',
    )
    expect(logs.output).not.toContain(report.reveal())
  }, 180_000)

  test('what was changed by hand is put right, each thing by itself', async () => {
    const [host] = hosts()
    const drift: [string, RegExp, string?][] = [
      ['alter role shop superuser', /^change postgres-user:shop: nosuperuser$/],
      ["alter role report password 'other'", /^change postgres-user:report: password$/],
      ['alter role report password null', /^change postgres-user:report: password$/],
      ['drop extension pg_trgm', /^change postgres-database:shop: extension pg_trgm$/, 'shop'],
      ['grant insert on orders to report', /shop: report -insert on public.orders$/, 'shop'],
      ['revoke select on orders from report', /shop: report \+select on public.orders$/, 'shop'],
      ['create table extra(a int)', /shop: report \+select on public.extra$/, 'shop'],
      ['grant connect on database shop to public', /shop: everybody -connect on database$/],
      [
        'alter database shop owner to postgres',
        /^change postgres-database:shop: owner postgres -> shop, and access to what/,
      ],
      [
        "alter system set work_mem = '7MB'; select pg_reload_conf()",
        new RegExp(
          `^change postgres-server:${version}/main: work_mem is set by .*postgresql.auto.conf, reload$`,
        ),
      ],
    ]
    for (const [sql, expected, db] of drift) {
      await superuser(host!, sql, db)
      const plan = await converges(host!, all)
      expect(plan, sql).toEqual([expect.stringMatching(expected)])
    }
    await host!.exec(`systemctl stop postgresql@${version}-main`)
    const stopped = await planned(host!, all)
    expect(stopped).toEqual([
      `change postgres-server:${version}/main: stopped -> running`,
      `unknown postgres-user:shop: login, password, once postgres-server:${version}/main has been made`,
      `unknown postgres-user:report: login, password, once postgres-server:${version}/main has been made`,
      expect.stringMatching(
        new RegExp(`^unknown postgres-database:shop: .*, once postgres-server:${version}.main has`),
      ),
    ])
    expect((await settle(host!, all)).made).toEqual([`postgres-server:${version}/main`])
    expect(await planned(host!, all)).toEqual([])
    // What the server itself has made of the same password counts as the same.
    await superuser(host!, `alter role shop password $x$${password.reveal()}$x$`)
    expect(await planned(host!, all)).toEqual([])
    await host!.exec(`echo 'work_mem = 1MB' > /etc/postgresql/${version}/main/conf.d/fettle.conf`)
    expect(await converges(host!, all)).toEqual([
      expect.stringMatching(
        new RegExp(`^change postgres-server:${version}/main: settings.*, reload$`),
      ),
    ])
  }, 180_000)

  test('a restart only where a setting needs it', async () => {
    const [host] = hosts()
    const started = (): Promise<string> => superuser(host!, 'select pg_postmaster_start_time()')
    const before = await started()
    const reloaded = postgres(db1, {
      ...options,
      settings: { ...options.settings, work_mem: '33MB' },
      access: [{ from: '10.0.0.0/8', databases: ['shop'], users: ['shop'] }, { from: '0.0.0.0/0' }],
    })
    expect(await converges(host!, reloaded)).toEqual([
      `change postgres-server:${version}/main: settings, access rules, work_mem 5MB -> 33MB, reload`,
    ])
    expect(await started()).toBe(before)
    expect(
      await superuser(
        host!,
        "select type, address, auth_method from pg_hba_file_rules where address !~ '^(127|::1)'",
      ),
    ).toBe('host|10.0.0.0|scram-sha-256\nhostssl|0.0.0.0|scram-sha-256')
    const restarted = postgres(db1, {
      ...options,
      maxConnections: 120,
    })
    expect(await converges(host!, restarted)).toEqual([
      expect.stringMatching(/max_connections 100 -> 120.*, restart$/),
    ])
    expect(await started()).not.toBe(before)
    await converges(host!, all)
    // Written, and killed before the reload.
    await host!.exec(`sleep 0.1; touch /etc/postgresql/${version}/main/conf.d/fettle.conf`)
    expect(await converges(host!, all)).toEqual([`change postgres-server:${version}/main: reload`])
  }, 180_000)

  test('settings that it does not take change nothing', async () => {
    const [host] = hosts()
    const look = `cat /etc/postgresql/${version}/main/conf.d/* /etc/postgresql/${version}/main/pg_hba.conf`
    const before = await host!.exec(look)
    const bad = (settings: Record<string, string>): Promise<string> =>
      failure(host!, [postgresServer(`${version}/main`, { settings })])
    expect(await bad({ work_mem: 'lots' })).toContain('invalid value for parameter "work_mem"')
    expect(await bad({ no_such_thing: '1' })).toContain('unrecognized configuration parameter')
    expect(await bad({ shared_preload_libraries: 'nothing' })).toContain(
      'runs on the old settings again',
    )
    expect((await host!.exec(look)).output).toBe(before.output)
    expect(await planned(host!, all)).toEqual([])
  }, 120_000)

  test('users and databases go, and data only when it is said', async () => {
    const [host] = hosts()
    expect(() => postgresDatabase('shop')).not.toThrow()
    await expect(planned(host!, [absent(postgresDatabase('shop'))])).rejects.toThrow(
      /destroy is missing: absent would drop the database/,
    )
    expect(await failure(host!, [absent(postgresUser('shop'))])).toContain('owns objects')
    const gone = [
      absent(postgresDatabase('shop', { destroy: true })),
      absent(postgresUser('report')),
      absent(postgresUser('shop')),
    ]
    expect(await converges(host!, [absent(postgresUser('report'))])).toEqual([
      'remove postgres-user:report: the user, with its privileges in shop',
    ])
    expect(await converges(host!, gone)).toEqual([
      'remove postgres-database:shop: drop it and ALL ITS DATA (2 tables)',
      'remove postgres-user:shop: the user',
    ])
    await converges(host!, all)
  }, 120_000)

  test('names and texts that would be something else in SQL', async () => {
    const [host] = hosts()
    const word = string({ unit: 'binary', minLength: 1, maxLength: 20 }).map((text) =>
      text.replace(/[\0\r\n\p{Surrogate}\p{Noncharacter_Code_Point}]/gu, '_'),
    )
    const hostile = [
      `"; DROP DATABASE shop; --`,
      `a'b"c\\d`,
      `\\connect x`,
      `:'v' :"w" :x $$`,
      `dbname=x host=/tmp`,
      `postgresql://x/y`,
      ` %s %I `,
      ...sample(word, 8),
    ].filter((name) => Buffer.byteLength(name) <= 60)
    const names = [...new Set(hostile)].filter((name) => !/^(pg_|public$|none$)/.test(name))
    const secrets = names.map((name, i) => new Secret(`s${i}`, name))
    const made = names.flatMap((name, i) => [
      postgresUser(`u${name}`, { password: secrets[i]! }),
      postgresUser(`r${name}`),
      postgresDatabase(`d${name}`, { owner: `u${name}`, access: { [`r${name}`]: 'write' } }),
    ])
    await converges(host!, made)
    const json = await superuser(
      host!,
      "select json_agg(datname) from pg_database where datname ~ '^d'",
    )
    expect(JSON.parse(json).sort()).toEqual(names.map((name) => `d${name}`).sort())
    await superuser(host!, 'select 1', 'shop')
    const gone = names.flatMap((name) => [
      absent(postgresDatabase(`d${name}`, { destroy: true })),
      absent(postgresUser(`u${name}`)),
      absent(postgresUser(`r${name}`)),
    ])
    await converges(host!, gone)
    expect(await planned(host!, all)).toEqual([])
  }, 240_000)

  test('without a server', async () => {
    const [host] = hosts()
    const user = postgresUser('shop')
    await host!.exec(`systemctl stop postgresql@${version}-main`)
    expect(await planned(host!, [user])).toEqual([
      expect.stringMatching(
        /^change postgres-user:shop: PostgreSQL does not answer: .*No such file/,
      ),
    ])
    expect(await failure(host!, [user])).toContain('No such file')
    expect(await planned(host!, [absent(user)])).toEqual([
      expect.stringMatching(/^remove postgres-user:shop: PostgreSQL does not answer/),
    ])
    await host!.exec('apt-get purge -y "postgresql*" >/dev/null 2>&1; rm -rf /etc/postgresql')
    expect(await planned(host!, [absent(user)])).toEqual([])
    expect(await planned(host!, [user])).toEqual([
      'change postgres-user:shop: there is no PostgreSQL on this host',
    ])
    expect(
      await planned(host!, [...packages(`postgresql-${version}`), service('postgresql'), user]),
    ).toContainEqual(
      `unknown postgres-user:shop: login, unless package:postgresql-${version} brings it`,
    )
    await settle(host!, [absent(user)])
  }, 120_000)
})
