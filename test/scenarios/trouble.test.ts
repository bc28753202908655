import { createHash, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { type TestHost, bootForFile, labAvailable, labMissing } from '../lab/fixture.ts'
import { Folder, steady } from './cli.ts'

describe.skipIf(!labAvailable)(`when something is wrong with a host ${labMissing}`, () => {
  const hosts = bootForFile(3)
  const here = (body: string): Folder => new Folder(hosts()).describe(hosts(), body)
  const on = async (host: TestHost, script: string): Promise<string> =>
    (await host.exec(script)).output

  // What one test described is nothing that another one leaves out.
  beforeEach(async () => {
    for (const host of hosts()) await host.exec('rm -rf /var/lib/fettle')
  })

  test('a full disk is a clear error, the old file stays whole, and other hosts go on', async () => {
    const small = hosts()[1]!
    await small.exec('mkdir /srv/disk; mount -t tmpfs -o size=256k tmpfs /srv/disk')
    for (const host of hosts()) await host.exec('mkdir -p /srv/disk; echo old > /srv/disk/data')
    const folder = here("return file('/srv/disk/data', { content: 'new\\n'.repeat(200_000) })")
    const { code, stdout } = await folder.fettle(['up', '--lab', '--yes'])
    expect(code).toBe(1)
    expect(steady(stdout.slice(stdout.indexOf('\n\nweb2\n')))).toMatchInlineSnapshot(`
      "

      web2
        error step-failed
          | No space left on device
          web2: file:/srv/disk/data failed with exit code 1: No space left on device
          Nothing was changed before that; left: file:/srv/disk/data.
          Correct the cause (its output is above; \`fettle ssh web2\` takes you there), then run again.
      "
    `)
    const seen = await Promise.all(
      hosts().map((host) => on(host, 'cd /srv/disk; ls -A; head -1 data')),
    )
    expect(seen).toEqual(['data\nnew\n', 'data\nold\n', 'data\nnew\n'])

    await small.exec('mount -o remount,size=4m /srv/disk')
    expect((await folder.fettle(['up', '--lab', '--yes'])).code).toBe(0)
    expect((await folder.fettle(['plan', '--lab'])).stdout).toContain(
      'Nothing to change on 3 hosts.',
    )
  })

  test('a full disk can be read and planned', async () => {
    const full = hosts()[1]!
    await full.exec(
      'mkdir /srv/full; mount -t tmpfs -o size=64k tmpfs /srv/full; echo x > /srv/full/x; cat /dev/zero > /srv/full/rest',
    )
    const folder = here(
      "return [file('/srv/full/x', { content: 'x\\n' }), host.name !== 'web2' && directory('/srv/full')]",
    )
    const { code, stdout } = await folder.fettle(['plan', '--lab', '--host', 'web2'])
    expect([code, stdout]).toEqual([
      0,
      'web2\n  nothing to change (1 resource)\n\nNothing to change on 1 host.\n',
    ])
  })

  test('a broken mirror is an error in the words of apt, and other hosts go on', async () => {
    await hosts()[1]!.exec(`rm -rf /etc/apt/sources.list.d/* /var/lib/apt/lists/*
      echo 'deb http://127.0.0.1:9/debian bookworm main' > /etc/apt/sources.list`)
    const folder = here("return [host.name === 'web2' && packages('hello'), file('/srv/after')]")
    const { code, stdout } = await folder.fettle(['up', '--lab', '--yes', '--json'])
    expect(code).toBe(1)
    const { hosts: ended } = JSON.parse(stdout) as {
      hosts: { host: string; result: string; left: string[]; error?: { what: string } }[]
    }
    expect(ended.map(({ host, result, left }) => [host, result, left])).toEqual([
      ['web1', 'done', []],
      ['web2', 'failed', ['package:hello', 'file:/srv/after']],
      ['web3', 'done', []],
    ])
    expect(ended[1]!.error!.what).toMatchInlineSnapshot(
      `"web2: package:hello failed with exit code 1: E: Unable to locate package hello; apt-get update had failed before: E: Failed to fetch http://127.0.0.1:9/debian/dists/bookworm/InRelease  Could not connect to 127.0.0.1:9 (127.0.0.1). - connect (111: Connection refused)"`,
    )
  })

  test('50 MB are delivered, and are nothing to do the second time', async () => {
    const bytes = randomBytes(50_000_000)
    const folder = here("return file('/srv/big', { source: 'big.bin' })")
    writeFileSync(join(folder.path, 'big.bin'), bytes)
    const first = await folder.fettle(['up', '--lab', '--yes'])
    expect(first).toMatchObject({ code: 0, stderr: '' })
    expect(first.stdout).toContain('+ file:/srv/big  50000000 bytes')
    const hash = createHash('sha256').update(bytes).digest('hex')
    for (const host of hosts()) expect(await on(host, 'sha256sum < /srv/big')).toBe(`${hash}  -\n`)
    expect((await folder.fettle(['plan', '--lab'])).stdout).toContain(
      'Nothing to change on 3 hosts.',
    )
  })

  test('what is no text on the host is replaced, and not shown', async () => {
    await hosts()[0]!.exec(String.raw`printf 'caf\351\377\0\n' > /srv/latin1`)
    const folder = here("return file('/srv/latin1', { content: 'café\\n' })")
    const { stdout } = await folder.fettle(['plan', '--lab', '--host', 'web1'])
    expect(steady(stdout)).toBe(
      'web1\n  ~ file:/srv/latin1  content\n\n1 change on 1 host. Plan HASH\n',
    )
    expect((await folder.fettle(['up', '--lab', '--yes', '--host', 'web1'])).code).toBe(0)
    expect(await on(hosts()[0]!, 'cat /srv/latin1')).toBe('café\n')
  })

  test('a dead host and one with a changed key are named, and the others are done', async () => {
    const [, dead, changed] = hosts()
    await changed!.exec(`rm /etc/ssh/ssh_host_ed25519_key*
      ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
      systemctl restart ssh; pkill -f '^sshd(-session)?: root@'`)
    await dead!.stop()
    const folder = here("return file('/srv/fine', { content: 'x' })")
    // `up` goes on without hosts that take longer than others, so what is shown when may differ.
    const { stdout } = await folder.fettle(['plan', '--lab'])
    const up = await folder.fettle(['up', '--lab', '--yes'])
    await dead!.start()
    expect(up.code).toBe(1)
    const shown = steady(stdout)
      .replaceAll(/^ *\|.*\n/gm, '')
      .replace(/port 22: .*/, 'port 22: WHY')
    expect(shown).toMatchInlineSnapshot(`
      "web1
        + file:/srv/fine  1 byte
            +x
            \\ No newline at end of file

      web3
        error host-key-changed
          web3 (ADDRESS) shows another host key than the one known here.
          The connection was closed before anything was sent to web3.
          If the host was reinstalled, run \`ssh-keygen -R ADDRESS\` and log in once by hand to check the new key. Otherwise somebody may be in between: stop and find out.

      web2
        error host-unreachable
          web2 (ADDRESS) could not be reached: ssh: connect to host ADDRESS port 22: WHY
          Nothing was changed on web2.
          Check that it is up and that \`ssh ADDRESS\` works from here, then run again.

      1 change on 1 host, 2 hosts not read. Plan HASH
      "
    `)
    expect(await on(hosts()[0]!, 'cat /srv/fine')).toBe('x')
    const runs = folder.ledger().filter(({ type }) => (type as string) === 'run')
    expect(runs.at(-1)!.result).toBe('failed')
    const ends = runs.flatMap((each) => each.hosts).sort((a, b) => (a.host < b.host ? -1 : 1))
    expect(ends).toMatchObject([
      { host: 'web1', result: 'done' },
      { host: 'web2', result: 'unreachable', error: { code: 'host-unreachable' } },
      { host: 'web3', result: 'unreachable', error: { code: 'host-key-changed' } },
    ])
  })
})
