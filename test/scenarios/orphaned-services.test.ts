import { describe, expect, test } from 'vitest'
import { Secret } from '../../src/base/secret.ts'
import { type Resource, absent, idOf } from '../../src/model/resource.ts'
import { firewall } from '../../src/resources/firewall.ts'
import { allow } from '../../src/resources/firewall-rules.ts'
import { git } from '../../src/resources/git.ts'
import { mariadbDatabase } from '../../src/resources/mariadb-database.ts'
import { mariadbUser } from '../../src/resources/mariadb-user.ts'
import { packages } from '../../src/resources/package.ts'
import { postgresDatabase } from '../../src/resources/postgres-database.ts'
import { postgresServer } from '../../src/resources/postgres-server.ts'
import { postgresUser } from '../../src/resources/postgres-user.ts'
import { type Run, made, offered, planned, read, run } from '../contracts/run.ts'
import { bootForFile, labAvailable, labMissing } from '../lab/fixture.ts'

/** What holds data or keeps running, on a host of its own: the tests follow one another. */
describe.skipIf(!labAvailable)(`services that leave the description ${labMissing}`, () => {
  const hosts = bootForFile(1)
  const target = (): [ReturnType<typeof hosts>[0]['target']] => [hosts()[0]!.target]
  const on = async (script: string, input?: string): Promise<string> => {
    const { code, output } = await hosts()[0]!.exec(script, input)
    if (code !== 0) throw new Error(output)
    return output.trim()
  }
  const words = ({ surveyed: [first] }: Run): string[] =>
    first && 'plan' in first
      ? first.plan.changes.map(({ resource, difference: { verb, summary } }) =>
          [verb, idOf(resource), summary].join(' '),
        )
      : []

  const password = new Secret('password', 'hunter2-hunter2')
  const hosted = packages('postgresql-15', 'mariadb-server', 'nftables', 'git')
  const cluster = postgresServer('15/main', { settings: { work_mem: '17MB' } })
  const shopUser = postgresUser('shop', { password, memberOf: ['pg_monitor'] })
  const shop = (owner: string): Resource =>
    postgresDatabase('shop', { owner, access: { report: 'read' } })
  const databases: Resource[] = [
    cluster,
    shopUser,
    postgresUser('report'),
    shop('shop'),
    mariadbUser('wiki', { password, privileges: ['PROCESS'] }),
    mariadbDatabase('wiki', { access: { wiki: 'all' }, charset: 'utf8mb4' }),
  ]
  const walls = firewall({ rules: [allow({ port: 22 })] })
  const checkout = git('/srv/checkout', { url: '/srv/origin', ref: 'main' })
  const closed = git('/srv/closed', {
    url: `file://x:${String(password)}@/srv/origin`,
    ref: 'main',
  })
  const all = [...hosted, ...databases, walls, checkout]
  const psql = 'cd /; runuser -u postgres -- psql -XAt -v ON_ERROR_STOP=1 -d '
  const there = `${psql} shop -c 'select a from orders'; mysql -N -e 'select a from wiki.pages'
nft list table inet fettle | grep -c dport; ls /srv/checkout`

  test('are listed with what is lost, and stay', async () => {
    expect((await run(target(), () => hosted, { timeoutSeconds: 300 })).results[0]!.error).toBe(
      undefined,
    )
    await on(`git init -q -b main /srv/origin; cd /srv/origin; echo one > file; git add file
      git -c user.name=x -c user.email=x@x commit -qm one`)
    expect((await run(target(), () => all)).results[0]!.error).toBe(undefined)
    await on(`${psql} shop -c 'create table orders as select 1 as a'`)
    await on("mysql -e 'create table wiki.pages as select 2 as a'")
    const before = await on(there)

    const left = await run(target(), () => hosted)
    expect(offered(left)).toEqual([
      expect.stringMatching(/^git:\/srv\/checkout [0-9a-f]{7}$/),
      'firewall:fettle its rules in the kernel, its files',
      'mariadb-database:wiki drop it and ALL ITS DATA (1 table), with the privileges on it',
      'mariadb-user:wiki the user and its privileges',
      'postgres-database:shop drop it and ALL ITS DATA (1 table)',
      'postgres-user:report the user',
      'postgres-user:shop the user',
      'postgres-server:15/main settings, no work_mem, reload',
    ])
    expect(made(left)).toEqual([])
    expect(await on(there)).toBe(before)
    expect(offered(await read(target(), () => hosted))).toEqual(offered(left))
    const memory = await on('cat /var/lib/fettle/managed')
    expect(memory).toContain('"name":"wiki"')
    expect(memory).not.toMatch(/hunter2|«|PROCESS|pg_monitor|17MB/)
  }, 400_000)

  test('are removed where that is wished for, just as if they were described as gone', async () => {
    const gone = [
      absent(checkout),
      absent(walls),
      absent(mariadbDatabase('wiki', { destroy: true })),
      absent(mariadbUser('wiki')),
      absent(postgresDatabase('shop', { destroy: true })),
      absent(postgresUser('report')),
      absent(shopUser),
      absent(cluster),
    ]
    const described = await read(target(), () => [...hosted, ...gone])
    const left = await run(target(), () => hosted, { orphans: 'remove' })
    expect(left.results[0]!.error).toBe(undefined)
    expect(words(left)).toEqual(words(described))
    expect(made(left)).toHaveLength(8)
    expect(
      await on(`${psql} postgres -c "select datname from pg_database where datname = 'shop' union select rolname from pg_roles where rolname in ('shop', 'report')"
        mysql -N -e "show databases like 'wiki'; select User from mysql.global_priv where User = 'wiki'; select Db from mysql.db where Db = 'wiki'"
        nft list tables; ls /etc/nftables.d /srv; ls /etc/postgresql/15/main/conf.d`),
    ).toBe('/etc/nftables.d:\n\n/srv:\norigin')
    expect(offered(await read(target(), () => hosted))).toEqual([])
  }, 200_000)

  test('wait for what is in their way', async () => {
    const before = [...hosted, cluster, shopUser, postgresUser('report'), shop('shop')]
    expect((await run(target(), () => before)).results[0]!.error).toBe(undefined)
    // Whose database goes to somebody else in the same run.
    const after = [...hosted, cluster, postgresUser('boss'), postgresUser('report'), shop('boss')]
    const moved = await run(target(), () => after, { orphans: 'remove' })
    expect(planned(moved)).toEqual([
      'create postgres-user:boss',
      'change postgres-database:shop',
      'unknown postgres-user:shop',
    ])
    expect(moved.results[0]!.error).toBe(undefined)
    expect(made(moved).at(-1)).toBe('remove postgres-user:shop')
    // One that owns more than the database is not dropped.
    await on(`${psql} shop -c 'create table mine(a int); alter table mine owner to boss'`)
    const stays = await run(
      target(),
      () => [...hosted, cluster, postgresUser('report'), postgresUser('other'), shop('other')],
      { orphans: 'remove' },
    )
    expect(String(stays.results[0]!.error)).toMatch(/the user owns objects/)
    expect(await on(`${psql} shop -c 'select count(*) from mine'`)).toBe('0')
    await on(`${psql} shop -c 'drop table mine'`)
    // One that left earlier than its database comes after it all the same.
    expect(
      (await run(target(), () => [...hosted, cluster, postgresUser('report'), shop('other')]))
        .results[0]!.error,
    ).toBe(undefined)
    const last = await run(target(), () => hosted, { orphans: 'remove' })
    expect(last.results[0]!.error).toBe(undefined)
    expect(offered(await read(target(), () => hosted))).toEqual([])
  }, 200_000)

  test('go with the package that they belong to', async () => {
    const { error } = (await run(target(), () => [...hosted, ...databases])).results[0]!
    expect(error).toBe(undefined)
    const left = await run(target(), () => [], { orphans: 'remove', timeoutSeconds: 300 })
    expect(left.results[0]!.error).toBe(undefined)
    expect(made(left)).toHaveLength(databases.length + hosted.length)
    expect(offered(await read(target(), () => []))).toEqual([])
  }, 400_000)

  test('a checkout whose address holds a password is named and no more', async () => {
    const [needed] = packages('git')
    await run(target(), () => [needed!], { timeoutSeconds: 300 })
    expect((await run(target(), () => [needed!, closed])).results[0]!.error).toBe(undefined)
    expect(offered(await read(target(), () => [needed!]))).toEqual(['git:/srv/closed'])
    expect(await on('cat /var/lib/fettle/managed')).not.toContain('hunter2')
  }, 200_000)
})
