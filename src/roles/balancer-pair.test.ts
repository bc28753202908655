import { expect, describe, test } from 'vitest'
import { balancing } from '../../test/lab/balancer.ts'
import { planned } from '../../test/lab/converges.ts'
import { type TestHost, bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { settle } from '../../test/lab/settle.ts'
import { Secret } from '../base/secret.ts'
import { packages } from '../resources/package.ts'
import { balancer } from './balancer.ts'

describe.skipIf(!labAvailable)('two balancers', () => {
  const hosts = bootForFile(2)

  test('share an address, which goes to the one that works', async () => {
    const both = hosts()
    const places = both.map(({ name, target }) => ({ name, address: target.address }))
    const shared = places[0]!.address.replace(/\.\d+$/, '.250')
    const password = new Secret('vrrp', 's3cret')
    const described = (own: (typeof places)[number]) => [
      ...balancer(balancing({ shop: { domains: 'shop.example' } }, places, own), {
        pair: { address: `${shared}/24`, password },
      }),
      ...packages('curl'),
    ]
    await Promise.all(both.map((host, i) => settle(host, described(places[i]!))))
    for (const [i, host] of both.entries())
      expect(await planned(host, described(places[i]!))).toEqual([])
    const has = async (host: TestHost): Promise<boolean> =>
      (await host.exec('ip -4 addr show dev eth0')).output.includes(`${shared}/`)
    const holders = async (): Promise<string[]> => {
      const all = await Promise.all(
        both.map(async (host) => ((await has(host)) ? [host.name] : [])),
      )
      return all.flat()
    }
    const goesTo = async (name: string): Promise<void> =>
      expect.poll(holders, { timeout: 30_000, interval: 300 }).toEqual([name])
    // Whoever was ready first.
    await expect.poll(holders, { timeout: 30_000, interval: 300 }).toHaveLength(1)
    const [first, second] = (await has(both[0]!)) ? both : both.toReversed()
    const answer = async (): Promise<string> =>
      (
        await second!.exec(
          `curl -s -m 5 -o /dev/null -w '%{http_code}' -H 'Host: shop.example' http://${shared}/`,
        )
      ).output
    expect(await answer()).toBe('503')
    // A reload is no failure.
    await first!.exec('systemctl reload haproxy; sleep 4')
    expect(await holders()).toEqual([first!.name])
    await first!.exec('systemctl stop haproxy')
    await goesTo(second!.name)
    expect(await answer()).toBe('503')
    // It stays where it is when the other one is well again.
    await first!.exec('systemctl start haproxy; sleep 6')
    expect(await holders()).toEqual([second!.name])
    await second!.exec('systemctl stop keepalived')
    await goesTo(first!.name)
  }, 300_000)
})
