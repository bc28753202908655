import { describe, expect, test } from 'vitest'
import { converges, failure, planned } from '../../test/lab/converges.ts'
import { type TestHost, bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { trustOwnRegistry, serveImage } from '../../test/lab/podman.ts'
import { settle } from '../../test/lab/settle.ts'
import {
  type Run,
  made,
  offered,
  planned as plannedOn,
  run as runOn,
} from '../../test/contracts/run.ts'
import { Secret } from '../base/secret.ts'
import { type Resource, absent } from '../model/resource.ts'
import { containerImage } from './container-image.ts'
import { type ContainerOptions, container } from './container.ts'
import { packages } from './package.ts'

const image = 'localhost/tiny:1'

test.each([
  'nginx',
  'nginx:1.27',
  'docker.io/library/nginx',
  'docker.io/Nginx:1',
  'docker.io/a:1 --privileged',
  '--help',
])('the image %j is refused', (name) => expect(() => containerImage(name)).toThrow(/its name/))

test.each([
  'docker.io/library/nginx:1.27',
  'localhost:5000/a/b:c',
  `quay.io/a/b@sha256:${'0'.repeat(64)}`,
])('the image %s', (name) => expect(containerImage(name).name).toBe(name))

test.each<[Partial<ContainerOptions>, RegExp]>([
  [{ ports: ['80'] }, /ports/],
  [{ volumes: ['/srv'] }, /volumes/],
  [{ environment: { A: 'a\nB=b' } }, /environment/],
  [{ network: 'host --privileged' }, /network/],
  [{ image: 'nginx' }, /image/],
])('%j is refused', (options, words) =>
  expect(() => container('web', { image, ...options })).toThrow(words),
)

// podman's containers stay in the cgroup of their unit in the lab: so --cgroups=split and --memory are not
// tried here.
const prepare = `${trustOwnRegistry}
mkdir -p /t/root/bin /t/root/www
cp /bin/busybox /t/root/bin/
for name in sh sleep httpd env cat; do ln -sf busybox /t/root/bin/$name; done
echo hello > /t/root/www/index.html
tar -C /t/root -c . | podman import - ${image} >/dev/null
`

describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile()
  // podman of Debian 13 recommends nftables for its ports, that of Debian 12 depends on iptables.
  const needs = packages(
    ['podman', 'crun', 'conmon', 'nftables', 'busybox-static', 'python3', 'curl'],
    { recommends: false },
  )
  const lab = ['--cgroups=disabled']
  const run = async (host: TestHost, script: string, input?: string): Promise<string> => {
    // The lab may have cgroups of the first version, of which podman 5 says every time what it thinks.
    const quiet = 'export PODMAN_IGNORE_CGROUPSV1_WARNING=1'
    const { code, output } = await host.exec(`${quiet}\n${script}`, input)
    if (code !== 0) throw new Error(output)
    return output.trim()
  }
  const get = (host: TestHost, port: number): Promise<string> =>
    run(host, `curl -sS -m 5 http://127.0.0.1:${port}/`)

  test('what is not there yet', async () => {
    const [host] = hosts()
    const all = [...needs, containerImage(image), container('web', { image })]
    const plan = await planned(host!, all)
    expect(plan).toContain(
      `unknown container-image:${image}: pulled, unless package:curl brings it`,
    )
    expect(plan.at(-1)).toMatch(/^unknown container:web: running localhost\/tiny:1, unless/)
    expect(
      await planned(host!, [absent(containerImage(image)), absent(container('web', { image }))]),
    ).toEqual([])
    expect(await failure(host!, [container('web', { image })])).toContain('there is no podman')
    await settle(host!, needs)
    await run(host!, prepare)
    expect(await planned(host!, [containerImage(image)])).toEqual([])
    expect(await failure(host!, [container('web', { image: 'localhost/none:1' })])).toContain(
      'there is no image localhost/none:1 on this host',
    )
    expect((await host!.exec('ls /etc/systemd/system/web.service')).code).not.toBe(0)
  }, 180_000)

  test('an image is pulled by tag and by digest, and goes', async () => {
    const [host] = hosts()
    await serveImage(host!, image)
    const digest = await run(host!, 'sha256sum /t/dir/manifest.json | cut -d" " -f1')
    for (const name of ['localhost:5000/a/tiny:2', `localhost:5000/a/tiny@sha256:${digest}`]) {
      const wanted = containerImage(name)
      expect(await converges(host!, [wanted])).toEqual([`create container-image:${name}: pull`])
      expect(await converges(host!, [absent(wanted)])).toEqual([
        `remove container-image:${name}: the image`,
      ])
    }
    expect(await failure(host!, [containerImage('localhost:1/a/tiny:2')])).toContain('refused')
  }, 120_000)

  test('a container runs, is started anew when it changes, and goes', async () => {
    const [host] = hosts()
    const secret = new Secret('key', `a "b" $c \\n 'd' # %n é`)
    const options: ContainerOptions = {
      image: containerImage(image),
      command: [
        '/bin/sh',
        '-c',
        'echo "started $1" ; exec httpd -f -p 80 -h /www',
        'x',
        `a "b" $HOME %n \\ 'c'`,
      ],
      ports: ['8080:80'],
      environment: { KEY: secret, OTHER: '1' },
      volumes: ['/t/vol:/vol:ro'],
      stopSeconds: 1,
      options: lab,
    }
    const all = [containerImage(image), container('web', options)]
    await run(host!, 'mkdir -p /t/vol; echo there > /t/vol/file')
    expect(await converges(host!, all)).toEqual([`create container:web: running ${image}`])
    expect(await get(host!, 8080)).toBe('hello')
    expect(await run(host!, 'ss -Hltn "sport = :8080" | tr -s " " | cut -d" " -f4')).toBe(
      '127.0.0.1:8080',
    )
    expect(await run(host!, 'podman exec web env')).toContain(`KEY=${secret.reveal()}\n`)
    expect(await run(host!, 'podman exec web cat /vol/file')).toBe('there')
    expect(await run(host!, 'journalctl -u web -o cat')).toContain(`started a "b" $HOME %n \\ 'c'`)
    expect(await run(host!, 'stat -c %a /etc/containers/web.env')).toBe('600')
    expect(await run(host!, 'ps axww; cat /etc/systemd/system/web.service')).not.toContain(
      secret.reveal(),
    )

    const other = [containerImage(image), container('web', { ...options, ports: ['8081:80'] })]
    expect(await converges(host!, other)).toEqual(['change container:web: unit, restart'])
    expect(await get(host!, 8081)).toBe('hello')
    const moved = container('web', {
      ...options,
      image,
      ports: ['8081:80'],
      environment: { OTHER: '2' },
    })
    expect(await converges(host!, [moved])).toEqual(['change container:web: environment, restart'])
    expect(await run(host!, 'podman exec web env')).toContain('OTHER=2\n')

    // Changed by hand, and what a run that died has left.
    const drift: [string, string][] = [
      // This one does not listen to SIGTERM and is killed.
      ['systemctl stop web', 'change container:web: failed -> running'],
      ['touch /etc/systemd/system/web.service', 'change container:web: restart'],
      ['touch /etc/containers/web.env', 'change container:web: restart'],
      [
        'sed -i s/8081/8082/ /etc/systemd/system/web.service',
        'change container:web: unit, restart',
      ],
    ]
    for (const [script, expected] of drift) {
      await run(host!, script)
      expect(await converges(host!, [moved]), script).toEqual([expected])
    }
    const started = 'systemctl show -p ActiveEnterTimestampMonotonic web'
    const before = await run(host!, started)
    await run(host!, 'systemctl disable web')
    expect(await converges(host!, [moved])).toEqual(['change container:web: enabled'])
    expect(await run(host!, started)).toBe(before)
    // systemd starts anew what has died.
    await run(host!, 'podman kill web; sleep 4')
    expect(await get(host!, 8081)).toBe('hello')

    expect(await converges(host!, [absent(moved)])).toEqual([
      'remove container:web: active -> stopped, its unit',
    ])
    expect(
      await run(
        host!,
        'podman ps -aq; ls /etc/containers/*.env 2>/dev/null; systemctl show -p LoadState web',
      ),
    ).toBe('LoadState=not-found')
  }, 180_000)

  test('what left the description goes, an image when no container uses it', async () => {
    const [host] = hosts()
    const [one, two] = ['localhost/one:1', 'localhost/two:1']
    for (const name of [one, two])
      await run(host!, `tar -C /t/root -c --mtime=@${name.length} . | podman import - ${name}`)
    await run(host!, `echo 2 > /t/root/two; tar -C /t/root -c . | podman import - ${two}`)
    const web = (name: string): Resource[] => {
      const from = containerImage(name)
      const command = ['/bin/sleep', '1000']
      const options = { image: from, command, environment: { KEY: 'open' }, options: lab }
      return [from, container('web', { ...options, stopSeconds: 1 })]
    }
    const make = async (resources: Resource[], orphans: 'list' | 'remove'): Promise<Run> => {
      const done = await runOn([host!.target], () => resources, { orphans })
      expect(done.results[0]!.error).toBe(undefined)
      return done
    }
    await make(web(one), 'list')
    // The old one is in use until the container is another.
    const moved = await make(web(two), 'remove')
    expect(plannedOn(moved)).toEqual(['change container:web', `unknown container-image:${one}`])
    expect(made(moved).at(-1)).toBe(`remove container-image:${one}`)
    const left = await make([], 'list')
    expect(offered(left)).toEqual([
      'container:web active -> stopped, its unit',
      `container-image:${two} the image`,
    ])
    const { output } = await host!.exec('cat /var/lib/fettle/managed')
    expect(output).toContain('"name":"web"')
    expect(output).not.toMatch(/open|sleep/)
    // Used by what nobody described, it stays.
    await run(host!, `podman create --name other ${two} /bin/sleep 9`)
    const failed = await runOn([host!.target], () => [], { orphans: 'remove' })
    expect(made(failed)).toEqual(['remove container:web'])
    expect(String(failed.results[0]!.error)).toContain('in use')
    await run(host!, 'podman rm other')
    expect(made(await make([], 'remove'))).toEqual([`remove container-image:${two}`])
    expect(plannedOn(await make([], 'remove'))).toEqual([])
  }, 180_000)

  test('one that does not stay up is an error with its words', async () => {
    const [host] = hosts()
    const dead = container('dead', {
      image,
      command: ['/bin/sh', '-c', 'echo no luck; exit 3'],
      options: lab,
    })
    expect(await failure(host!, [dead])).toContain('did not stay up')
    await converges(host!, [absent(dead)])
  }, 60_000)
})
