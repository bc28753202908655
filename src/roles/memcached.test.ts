import { describe, expect, test } from 'vitest'
import { planned } from '../../test/lab/converges.ts'
import { bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { settle } from '../../test/lab/settle.ts'
import { absent } from '../model/resource.ts'
import { packages } from '../resources/package.ts'
import { memcached } from './memcached.ts'

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

describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile()

  test('from nothing, changed by hand, and gone', async () => {
    const [cache] = hosts()
    const say = async (words: string): Promise<string> =>
      (
        await cache!.exec(
          `bash -c 'exec 3<>/dev/tcp/127.0.0.1/11211 && printf "${words}quit\\r\\n" >&3 && cat <&3' 2>&1`,
        )
      ).output
    const all = memcached(host, { maxConnections: 200 })
    await settle(cache!, all)
    expect(await planned(cache!, all)).toEqual([])
    expect(await say('set a 0 0 1\\r\\nx\\r\\nget a\\r\\n')).toContain('STORED\r\nVALUE a 0 1\r\nx')
    const settings = await say('stats settings\\r\\n')
    expect(settings).toContain(`maxbytes ${256 * 1024 ** 2}\r`)
    expect(settings).toContain('maxconns 200\r')
    expect(settings).toContain('udpport 0\r')
    const listening = await cache!.exec('ss -Hltun "sport = :11211" | tr -s " " | cut -d" " -f1,5')
    expect(listening.output).toBe('tcp 127.0.0.1:11211\n')

    await cache!.exec('sed -i s/127.0.0.1/0.0.0.0/ /etc/memcached.conf; systemctl stop memcached')
    const { made } = await settle(cache!, all)
    expect(made).toEqual(['file:/etc/memcached.conf', 'service:memcached'])
    expect(await planned(cache!, all)).toEqual([])
    const again = await settle(cache!, memcached(host, { memory: 32 }))
    expect(again.made).toEqual(['file:/etc/memcached.conf', 'restart service:memcached'])
    expect(await say('stats settings\\r\\n')).toContain(`maxbytes ${32 * 1024 ** 2}\r`)

    const gone = absent(packages(['memcached'], { purge: true }))
    await settle(cache!, gone)
    expect(await planned(cache!, gone)).toEqual([])
  }, 120_000)
})
