import { describe, expect, test } from 'vitest'
import { type Resource, absent } from '../../src/model/resource.ts'
import { mariadbDatabase } from '../../src/resources/mariadb-database.ts'
import { mariadbUser } from '../../src/resources/mariadb-user.ts'
import { packages } from '../../src/resources/package.ts'
import { postgresDatabase } from '../../src/resources/postgres-database.ts'
import { postgresUser } from '../../src/resources/postgres-user.ts'
import { service } from '../../src/resources/service.ts'
import { type Run, made, offered, read, run } from '../contracts/run.ts'
import { bootForFile, labAvailable, labMissing, labSuite } from '../lab/fixture.ts'

/** Databases, their users and their servers may leave in any order, on a host of its own. */
describe.skipIf(!labAvailable)(`databases that leave in an odd order ${labMissing}`, () => {
  const hosts = bootForFile(1)
  const up = async (
    resources: readonly Resource[],
    orphans: 'list' | 'remove' = 'list',
  ): Promise<Run> => run([hosts()[0]!.target], () => resources, { orphans, timeoutSeconds: 300 })
  const good = (done: Run): string[] => {
    expect(done.results[0]!.error).toBe(undefined)
    return made(done)
  }
  const left = async (resources: readonly Resource[]): Promise<string[]> =>
    offered(await read([hosts()[0]!.target], () => resources))

  const servers = packages(
    labSuite === 'trixie' ? 'postgresql-17' : 'postgresql-15',
    'mariadb-server',
  )
  const [mariadb, postgres] = [service('mariadb'), service('postgresql')]
  const base = [...servers, mariadb, postgres]
  const wiki = mariadbDatabase('wiki', { access: { wiki: 'all' } })
  const wikiUser = mariadbUser('wiki')
  const shop = postgresDatabase('shop', { owner: 'shop', access: { report: 'read' } })
  const shopUsers = [postgresUser('shop'), postgresUser('report')]
  const all = [...base, wikiUser, wiki, ...shopUsers, shop]
  const gone = [
    mariadbDatabase('wiki', { destroy: true }),
    postgresDatabase('shop', { destroy: true }),
  ]

  test('users before their databases, described as gone', async () => {
    good(await up(all))
    const away = [wikiUser, ...gone, ...shopUsers].map((each) => absent(each))
    expect(good(await up([...base, ...away]))).toHaveLength(5)
    expect(await left([...base, ...away])).toEqual([])
  }, 400_000)

  test('users that left earlier than their databases', async () => {
    good(await up(all))
    good(await up([...base, wiki, shop, shopUsers[1]!]))
    good(await up(base, 'remove'))
    expect(await left(base)).toEqual([])
  }, 200_000)

  test('a user that leaves a database which stays', async () => {
    good(await up(all))
    const after = [
      ...base,
      mariadbDatabase('wiki'),
      postgresDatabase('shop', { owner: 'postgres' }),
    ]
    good(await up(after, 'remove'))
    expect(await left(after)).toEqual([])
    good(await up(base, 'remove'))
  }, 200_000)

  test('a server that is stopped after its databases went', async () => {
    good(await up([...all, ...packages('hello')]))
    expect(good(await up([...servers], 'remove'))).toHaveLength(8)
    expect(await left(servers)).toEqual([])
  }, 200_000)

  test('a server that left earlier than its databases', async () => {
    good(await up(all))
    const some = [wikiUser, wiki, ...shopUsers, shop]
    good(await up(some))
    good(await up([], 'remove'))
    expect(await left([])).toEqual([])
  }, 400_000)
})
