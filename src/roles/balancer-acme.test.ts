import { expect, describe, test } from 'vitest'
import { ask, balancing } from '../../test/lab/balancer.ts'
import { planned } from '../../test/lab/converges.ts'
import { bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { runInstances } from '../../test/lab/instances.ts'
import { settle } from '../../test/lab/settle.ts'
import { setSlots } from '../balancer/slots.ts'
import { packages } from '../resources/package.ts'
import { balancer } from './balancer.ts'

/** Pebble is the authority that Let's Encrypt tests clients with. Names are those of /etc/hosts here. */
const pebble = `apt-get -qq update && apt-get -qq install -y pebble openssl curl >/dev/null 2>&1
for name in shop www.shop blog; do echo "127.0.0.1 $name.example" >> /etc/hosts; done
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=localhost -addext 'subjectAltName=DNS:localhost' -keyout /root/key.pem -out /root/cert.pem 2>/dev/null
echo '{"pebble":{"listenAddress":"127.0.0.1:14000","managementListenAddress":"127.0.0.1:15000","certificate":"/root/cert.pem","privateKey":"/root/key.pem","httpPort":80,"tlsPort":443}}' > /root/pebble.json
mkdir -p /root/.config/letsencrypt && echo 'no-verify-ssl = true' > /root/.config/letsencrypt/cli.ini
systemd-run -q --unit=pebble -E PEBBLE_VA_NOSLEEP=1 -E PEBBLE_WFE_NONCEREJECT=0 pebble -config /root/pebble.json -strict=false
for i in $(seq 100); do curl -sk https://localhost:14000/dir >/dev/null && exit; sleep 0.1; done; exit 1`

describe.skipIf(!labAvailable)('certificates by ACME', () => {
  const hosts = bootForFile()
  const described = (domains: readonly string[]) => [
    ...balancer(
      balancing({
        shop: { domains, port: 10_000 },
        wild: { domains: '*.shop.example', port: 10_100 },
      }),
      { acme: { email: 'ops@shop.example', server: 'https://localhost:14000/dir' } },
    ),
    ...packages('curl'),
  ]

  test('are issued in the first run, for other domains anew, and renewed', async () => {
    const [lb] = hosts()
    expect((await lb!.exec(pebble)).code).toBe(0)
    await settle(lb!, described(['shop.example']))
    expect(await planned(lb!, described(['shop.example']))).toEqual([])
    await runInstances(lb!, 10_000)
    await lb!.exec(setSlots([{ app: 'shop', host: 'web1', slot: 0, state: 'ready' }]).text)
    expect(await ask(lb!, 'shop.example')).toMatch(/^HTTP\/1.1 308/)
    expect(await ask(lb!, 'shop.example', 'https://shop.example/', '-k')).toMatch(
      /^HTTP\/2 200[^]*port 10000/,
    )

    const two = described(['shop.example', 'www.shop.example'])
    expect(await planned(lb!, two)).toEqual(
      expect.arrayContaining([expect.stringMatching(/command:certificate-shop/)]),
    )
    await settle(lb!, two)
    expect(await planned(lb!, two)).toEqual([])
    const names = await lb!.exec(
      `echo | openssl s_client -connect 127.0.0.1:443 -servername www.shop.example 2>/dev/null | openssl x509 -noout -ext subjectAltName -serial`,
    )
    expect(names.output).toContain('DNS:shop.example, DNS:www.shop.example')

    const renewed = await lb!
      .exec(`certbot renew -q --force-renewal --no-random-sleep-on-renew 2>&1; sleep 1
echo | openssl s_client -connect 127.0.0.1:443 -servername www.shop.example 2>/dev/null | openssl x509 -noout -ext subjectAltName -serial`)
    expect(renewed.output).toContain('DNS:shop.example, DNS:www.shop.example')
    expect(renewed.output).not.toBe(names.output)
    expect(await planned(lb!, two)).toEqual([])
    expect((await lb!.exec('systemctl is-enabled certbot.timer')).output.trim()).toBe('enabled')
  }, 400_000)
})
