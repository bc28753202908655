import { cpSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { run } from '../../src/lab/container-engine.ts'
import { labAvailable, labMissing } from '../lab/fixture.ts'
import { type Ended, Folder, steady } from './cli.ts'

const example = new URL('../../examples/web/', import.meta.url).pathname

/** Two roles on three hosts; `web` is what web1 and web2 have. */
const fleet = (
  web: string,
): string => `import { command, directory, file, fleet, role, service, unit } from 'fettle'
const base = role('base', () => [directory('/srv/a', { mode: '0750' })])
const web = role('web', (host) => [
${web}
])
export default fleet({
  hosts: { web1: {}, web2: { address: 'web2.example.test' }, db1: { address: '203.0.113.5' } },
  roles: [base.on('*'), web.on('web1', 'web2')],
})
`

const page = `file('/srv/a/page', { content: 'hello\\n' }),
  file('/srv/a/server', { source: 'server.pl' }),
  file('/srv/a/peers', { content: host.peers('base').map((each) => each.address).join('\\n') })`

/** Answers every request with the name that it was asked by. */
const server = String.raw`use IO::Socket::INET;
my $server = IO::Socket::INET->new(LocalPort => 80, Listen => 5, ReuseAddr => 1);
while (my $one = $server->accept) {
  sysread $one, $_, 4096;
  my ($host) = /^host: *(\S+)/im;
  print $one "HTTP/1.0 404 Gone\r\n\r\nno page for $host\n";
}
`

const withPage = (): Folder =>
  new Folder().write('fleet.ts', fleet(page)).write('server.pl', server)

const shown = ({ stdout }: Ended): string => steady(stdout)

/** Whether the host that it booted is still there, in any state. */
async function isLeft({ stderr, stdout }: Pick<Ended, 'stdout' | 'stderr'>): Promise<boolean> {
  const address = /Booting web1 at (\S+)/.exec(stdout + stderr)![1]!
  const { output } = await run('podman', ['ps', '--all', '--format', '{{.Labels}}'])
  return output.includes(`fettle.address:${address} `)
}

describe.skipIf(!labAvailable)(`fettle test ${labMissing}`, () => {
  test('tries the example: one host for a set of roles, made twice, tested, removed', async () => {
    const folder = new Folder()
    cpSync(example, folder.path, { recursive: true })
    const ended = await folder.fettle(['test'])
    expect(ended).toMatchObject({ code: 0 })
    expect(shown(ended)).toContain('web1  is base, web, as are web2, web3\n')
    expect(shown(ended)).toMatch(
      /web1 {2}ok {6}web: serves the shop {2}N s\n[^]*\n3 tests passed; 1 host made as described, where a second run changes nothing\.\n$/,
    )
    // Nothing of it meets the lab, the facts or the ledger of the description.
    expect(existsSync(join(folder.path, '.fettle', 'lab'))).toBe(false)
    expect(existsSync(join(folder.path, '.fettle', 'ledger'))).toBe(false)
    expect(await isLeft(ended)).toBe(false)
  }, 180_000)

  test('says what was expected, what was seen, and the line of the test', async () => {
    const folder = withPage().write(
      'tests/web.test.ts',
      `import { equal } from 'node:assert/strict'
import { test } from 'fettle/testing'
test('web', 'has a page', async (host) => {
  await host.file('/srv/a/page').contains(/^hello/)
  await host.file('/srv/a').is({ mode: '750', owner: 'root', type: 'directory' })
  await host.file('/srv/b').isAbsent()
  await host.port(22).isOpen()
  await host.port(4711).isClosed()
  await host.service('cron').isRunning()
  await host.service('cron').isEnabled()
})
test('web', 'catches what it did not expect', async (host) => {
  await host.within(0).service('nosuch').isStopped().catch(() => undefined)
})
test('web', 'has another page', async (host) => {
  const soon = host.within(0)
  await soon
    .file('/srv/a/page')
    .contains('good bye')
})
test('web', 'is asked by name', async (host) => {
  await host.run('systemd-run -q perl /srv/a/server').gives(0)
  await host.http('http://shop.example.test/x').gives(404, 'no page for shop.example.test')
  await host.within(0).http('/').gives(200)
})
test('web', 'has no door', async (host) => {
  await host.within(0).http('http://x.test:81/').gives(200, /Welcome/)
})
test('web', 'is checked by hand', async (host) => {
  const { output } = await host.run('id -un', { user: 'nobody' }).look()
  equal(output, 'root\\n')
})
test('web', 'forgets to wait', async (host) => {
  host.run('echo no; exit 3').gives(0)
})
test('web', 'asks nothing', async (host) => {
  host.service('cron')
})
test('web', 'does nothing', () => undefined)
`,
    )
    const { code, stdout } = await folder.fettle(['test', 'web'])
    expect(code).toBe(1)
    const failures = stdout.slice(stdout.indexOf('\n\n'))
    expect(steady(failures).replaceAll(folder.path, '.')).toMatchInlineSnapshot(`
      "

      web1  web: catches what it did not expect  tests/web.test.ts:13
        await host.within(0).service('nosuch').isStopped().catch(() => undefined)
        expected  service nosuch is stopped
        seen      it is not there

      web1  web: has another page  tests/web.test.ts:19
        .contains('good bye')
        expected  /srv/a/page contains the text "good bye"
        seen      file
                  hello

      web1  web: is asked by name  tests/web.test.ts:24
        await host.within(0).http('/').gives(200)
        expected  GET / gives 200
        seen      404
                  no page for ADDRESS

      web1  web: has no door  tests/web.test.ts:27
        await host.within(0).http('http://x.test:81/').gives(200, /Welcome/)
        expected  GET http://x.test:81/ gives 200 with a match of /Welcome/
        seen      no answer (connect ECONNREFUSED ADDRESS:81)

      web1  web: is checked by hand  tests/web.test.ts:31
        equal(output, 'root\\n')
        error     Expected values to be strictly equal:
                  + actual - expected
                  
                  + 'nobody\\n'
                  - 'root\\n'

      web1  web: forgets to wait  tests/web.test.ts:34
        host.run('echo no; exit 3').gives(0)
        expected  "echo no; exit 3" gives exit code 0
        seen      exit code 3
                  no

      web1  web: asks nothing  tests/web.test.ts:37
        host.service('cron')
        expected  that service cron is asked something
        seen      nothing: add what it must be

      web1  web: does nothing  tests/web.test.ts:39
        test('web', 'does nothing', () => undefined)
        expected  a test that looks at the host
        seen      nothing

      8 of 9 tests failed; 1 host made as described, where a second run changes nothing.
      "
    `)
  }, 120_000)

  test('tests each role on a host that has it, where the others can be found', async () => {
    const folder = withPage()
      .write(
        'tests/all.test.ts',
        `import { test } from 'fettle/testing'
test('base', 'knows the others', async (host) => {
  for (const name of ['web1', 'web2', 'web2.example.test', 'db1'])
    await host.run(\`getent hosts \${name}\`).gives(0, /^10\\./)
})
`,
      )
      .write(
        'tests/deep/web.test.ts',
        `import { test } from 'fettle/testing'
test('web', 'is told of peers that can be reached', async (host) => {
  await host.file('/srv/a/peers').contains(new RegExp(\`^\${host.address}\\n\${host.address}\\n10\\\\.\`))
})
`,
      )
    const { code, stdout } = await folder.fettle(['test', '--json'])
    const { hosts, tests } = JSON.parse(stdout) as {
      hosts: { host: string; roles: string[]; result: string; again: unknown[] }[]
      tests: { host: string; role: string; name: string; failure?: unknown }[]
    }
    expect(tests.map(({ host, role, failure }) => [host, role, failure])).toEqual([
      ['web1', 'base', undefined],
      ['web1', 'web', undefined],
      ['db1', 'base', undefined],
    ])
    expect(hosts.map(({ host, roles, result, again }) => [host, roles, result, again])).toEqual([
      ['web1', ['base', 'web'], 'done', []],
      ['db1', ['base'], 'done', []],
    ])
    expect(code).toBe(0)
    const named = await folder.fettle(['test', '--json', 'base', '--host', 'web*'])
    expect(JSON.parse(named.stdout)).toMatchObject({
      hosts: [{ host: 'web1' }, { host: 'web2' }],
      tests: [
        { host: 'web1', role: 'base' },
        { host: 'web2', role: 'base' },
      ],
    })
  }, 120_000)

  test('a step that fails, and what a second run would change, fail it', async () => {
    const folder = new Folder()
      .write(
        'fleet.ts',
        fleet("command('fill', { run: 'echo no room; exit 7', creates: '/full' })"),
      )
      .write(
        'tests/a.test.ts',
        "import { test } from 'fettle/testing'\ntest('base', 'x', () => {})\n",
      )
    const failed = await folder.fettle(['test', 'web'])
    expect(failed.code).toBe(1)
    expect(shown(failed)).toContain('error step-failed')
    expect(shown(failed)).toContain('no tests; 1 of 1 host not as described.')
    const meddler = '[ -e /srv/a/page ] && echo junk >> /srv/a/page'
    folder.write(
      'fleet.ts',
      fleet(`file('/srv/a/page', { content: 'hello\\n' }),
  unit('meddler.service', { sections: { Service: { Type: 'oneshot', RemainAfterExit: true, ExecStart: '/bin/sh -c "${meddler}"' } } }),
  service('meddler', { enabled: false })`),
    )
    const restless = await folder.fettle(['test', 'web'])
    expect(restless.code).toBe(1)
    expect(shown(restless)).toContain(`
A second run would not leave these as they are:
web1
  ~ file:/srv/a/page  content
      @@ -1,2 +1,1 @@
       hello
      -junk

1 change on 1 host. Plan HASH

no tests; 1 of 1 host not as described.
`)
  }, 120_000)

  test('mistakes are found before anything is booted', async () => {
    const folder = withPage()
    const wrong = async (text: string, ...words: string[]): Promise<string> => {
      folder.write('tests/a.test.ts', text)
      const { code, stderr } = await folder.fettle(['test', ...words])
      expect(code).toBe(2)
      expect(stderr).not.toContain('Booting')
      return stderr.replaceAll(folder.path, '.')
    }
    expect(await wrong("import { test } from 'fettle/testing'\n\ntest('wbe', 'x', () => {})\n"))
      .toMatchInlineSnapshot(`
      "error unknown-selection  tests/a.test.ts:3
        No role of any host is called wbe.
        Nothing was changed.
        Write web.
      "
    `)
    expect(await wrong('', 'bse')).toContain('No role is called bse.')
    expect(await wrong('test(')).toContain('error description-broken')
  })

  const slow = (): Folder =>
    new Folder().write(
      'fleet.ts',
      fleet("command('wait', { run: 'touch /begun; sleep 100', creates: '/waited' })"),
    )

  test.each([
    ['while it boots', 0],
    ['while it is made', 4000],
  ])(
    'Ctrl-C removes the host %s',
    async (_, milliseconds) => {
      const folder = slow()
      mkdirSync(join(folder.path, 'tmp'))
      const started = folder.start(['test', 'web'], {
        terminal: true,
        input: 'open',
        env: { TMPDIR: join(folder.path, 'tmp') },
      })
      await started.until('Booting')
      await pause(milliseconds)
      // As a terminal does it: the signal goes to all that runs there.
      started.child.stdin!.write('\x03')
      const ended = await started.ended
      expect(ended.stdout).toContain('error interrupted')
      expect(ended.code).toBe(130)
      expect(await isLeft(ended)).toBe(false)
      expect(readdirSync(join(folder.path, 'tmp')).filter((name) => /test-/.test(name))).toEqual([])
    },
    60_000,
  )

  test('what a killed one left is removed by the next one', async () => {
    const started = slow().start(['test', 'web'])
    await started.until('Booting')
    await pause(3000)
    started.child.kill('SIGKILL')
    const killed = await started.ended
    expect(await isLeft(killed)).toBe(true)
    const next = new Folder().write('fleet.ts', fleet('')).fettle(['test', 'base', '--host', 'db1'])
    expect(await next).toMatchObject({ code: 0 })
    expect(await isLeft(killed)).toBe(false)
  }, 60_000)
})
