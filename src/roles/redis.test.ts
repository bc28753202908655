import { describe, expect, test } from 'vitest'
import { converges, planned } from '../../test/lab/converges.ts'
import { bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { settle } from '../../test/lab/settle.ts'
import { Secret } from '../base/secret.ts'
import { absent } from '../model/resource.ts'
import { packages } from '../resources/package.ts'
import { type RedisOptions, redis } from './redis.ts'

const host = {
  facts: {
    hostname: 'cache1',
    os: { id: 'debian', version: '12', codename: 'bookworm' },
    architecture: 'x86_64',
    kernel: '6.1',
    cpus: 2,
    memory: 1.9 * 1024 ** 3,
    addresses: [],
  },
}

const configuration = (options: RedisOptions): string =>
  (redis(host, options).find(({ kind }) => kind === 'file')!.desired as { content: string }).content

test.each<[RedisOptions, string]>([
  [{}, 'maxmemory 512mb\nmaxmemory-policy noeviction\nsave 3600'],
  [{ persistence: 'none', memory: 64 }, 'maxmemory 64mb\nmaxmemory-policy allkeys-lru\nsave ""'],
  [{ persistence: 'log' }, 'noeviction\nsave ""\nappendonly yes'],
  [{ policy: 'volatile-ttl' }, 'maxmemory-policy volatile-ttl'],
  [{ listen: ['10.0.0.5'], password: 'x' }, 'bind 127.0.0.1 -::1 10.0.0.5\n'],
  [{ password: 'a"b\\c\nd é' }, String.raw`requirepass "a\"b\\c\x0ad é"`],
  [{ settings: { timeout: 30 } }, 'timeout 30\n'],
])('%j', (options, expected) => expect(configuration(options)).toContain(expected))

test('nobody gets in from elsewhere without a password', () =>
  expect(() => redis(host, { listen: ['10.0.0.5'] })).toThrow(/password is missing/))

describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile()
  const password = new Secret('redis', `p"a's\\s # é word`)

  test('from nothing, with a password, changed by hand, and gone', async () => {
    const [cache] = hosts()
    const client = async (secret: string, ...words: string[]): Promise<string> => {
      const script = `IFS= read -r REDISCLI_AUTH; export REDISCLI_AUTH; exec redis-cli -e ${words.join(' ')} 2>&1`
      return (await cache!.exec(script, `${secret}\n`)).output.trim()
    }
    const all = redis(host, { password })
    await settle(cache!, all)
    expect(await planned(cache!, all)).toEqual([])
    expect(await client(password.reveal(), 'set', 'a', '1')).toBe('OK')
    expect(await client('wrong', 'get', 'a')).toMatch(/WRONGPASS|NOAUTH/)
    expect(await client(password.reveal(), 'config', 'get', 'maxmemory')).toBe(
      `maxmemory\n${512 * 1024 ** 2}`,
    )
    const listening = await cache!.exec('ss -Hltn "sport = :6379" | tr -s " " | cut -d" " -f4')
    expect(listening.output.trim().split('\n').sort()).toEqual(['127.0.0.1:6379', '[::1]:6379'])
    expect((await cache!.exec('stat -c "%U %a" /etc/redis/redis.conf')).output.trim()).toBe(
      'redis 640',
    )

    await cache!.exec(
      "echo 'maxmemory 1mb' >> /etc/redis/redis.conf; systemctl restart redis-server",
    )
    expect(await settled(cache!, all)).toEqual([
      'file:/etc/redis/redis.conf',
      'restart service:redis-server',
    ])
    expect(await client(password.reveal(), 'config', 'get', 'maxmemory')).toMatch(/\n536870912$/)
    // What was there before the restart still is.
    expect(await client(password.reveal(), 'get', 'a')).toBe('1')
    await cache!.exec('systemctl disable --now redis-server')
    expect(await converges(cache!, all)).toHaveLength(1)

    const other = redis(host, { password: new Secret('redis', 'another one') })
    await settled(cache!, other)
    expect(await client('another one', 'get', 'a')).toBe('1')
    expect(await client(password.reveal(), 'get', 'a')).toMatch(/WRONGPASS|NOAUTH/)

    await converges(cache!, absent(packages(['redis-server'], { purge: true })))
  }, 120_000)

  async function settled(cache: Parameters<typeof settle>[0], all: Parameters<typeof settle>[1]) {
    const { made } = await settle(cache, all)
    expect(await planned(cache, all)).toEqual([])
    return made
  }
})
