import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type TestHost, bootForFile, labAvailable, labMissing } from '../lab/fixture.ts'
import { Folder, steady } from './cli.ts'

describe.skipIf(!labAvailable)(`plan and up ${labMissing}`, () => {
  const hosts = bootForFile(2)
  const here = (body: string, options?: string): Folder =>
    new Folder(hosts()).describe(hosts(), body, options)
  const on = async (host: TestHost, script: string): Promise<string> =>
    (await host.exec(script)).output

  describe('a plan', () => {
    test('in a pipe is plain text, and hosts with the same plan are shown once', async () => {
      const folder = here(`return [
        directory('/srv/plan', { mode: '0750' }),
        file('/srv/plan/a', { content: 'one\\ntwo\\n' }),
        host.name === 'web2' && file('/srv/plan/b', { content: 'x' }),
      ]`)
      const { code, stdout, stderr } = await folder.fettle(['plan', '--lab'])
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(steady(stdout)).toMatchInlineSnapshot(`
        "web1
          + directory:/srv/plan  mode 0750
          + file:/srv/plan/a     8 bytes
              +one
              +two

        web2
          + directory:/srv/plan  mode 0750
          + file:/srv/plan/a     8 bytes
              +one
              +two
          + file:/srv/plan/b     1 byte
              +x
              \\ No newline at end of file

        5 changes on 2 hosts. Plan HASH
        "
      `)
    })

    test('as JSON is one document', async () => {
      const folder = here(`return [
        file('/srv/json', { content: 'one\\n', user: 'root', notify: { target: 'service:cron', action: 'restart' } }),
        service('cron'),
      ]`)
      const { code, stdout, stderr } = await folder.fettle([
        'plan',
        '--lab',
        '--json',
        '--host',
        'web1',
      ])
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      const hash = /"hash": "[0-9a-f]+"/g
      expect(stdout.replaceAll(hash, '"hash": "HASH"').replaceAll(folder.path, ''))
        .toMatchInlineSnapshot(`
        "{
          "version": 1,
          "type": "plan",
          "hash": "HASH",
          "hosts": [
            {
              "host": "web1",
              "hash": "HASH",
              "resources": 2,
              "changes": [
                {
                  "id": "file:/srv/json",
                  "verb": "create",
                  "summary": "4 bytes",
                  "diff": "@@ -1,0 +1,1 @@\\n+one",
                  "user": "root",
                  "at": "/fleet.ts:5"
                }
              ],
              "actions": [
                {
                  "action": "restart service:cron",
                  "causes": [
                    "file:/srv/json"
                  ],
                  "owed": false,
                  "unknown": false
                }
              ]
            }
          ]
        }
        "
      `)
    })

    test('on a terminal has colours', async () => {
      const folder = here("return file('/srv/colours', { content: 'x\\n' })")
      const { stdout } = await folder.fettle(['plan', '--lab'], { terminal: true })
      expect(stdout).toContain('\x1b[32m+\x1b[39m file:/srv/colours')
      const plain = await folder.fettle(['plan', '--lab'], {
        terminal: true,
        env: { NO_COLOR: '1' },
      })
      expect(plain.stdout).toContain('+ file:/srv/colours')
      expect(plain.stdout).not.toContain('\x1b[3')
    })

    test('changes nothing, here or there', async () => {
      const folder = here("return file('/srv/untouched', { content: 'x' })")
      await folder.fettle(['plan', '--lab'])
      expect(
        await on(hosts()[0]!, 'ls /srv/untouched /var/lib/fettle 2>&1 | grep -c "No such"'),
      ).toBe('2\n')
      expect(folder.ledger()).toEqual([])
    })

    test('is not troubled by a reader who has seen enough', async () => {
      const folder = here(
        "return Array.from({ length: 3000 }, (_, i) => file(`/srv/f${i}`, { content: 'x'.repeat(90) }))",
      )
      const started = folder.start(['plan', '--lab'])
      started.child.stdout!.once('data', () => started.child.stdout!.destroy())
      const { code, stderr } = await started.ended
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    })
  })

  describe('up', () => {
    test('asks nobody in a pipe, and changes nothing then', async () => {
      const folder = here("return file('/srv/asked', { content: 'x' })")
      const { code, stderr } = await folder.fettle(['up', '--lab'], { input: 'y\n' })
      expect(code).toBe(2)
      expect(stderr).toMatchInlineSnapshot(`
        "error needs-confirmation
          There are changes to apply and nobody to ask, because input is not a terminal.
          Nothing was changed.
          Say --yes, or --plan-hash HASH with the hash that \`fettle plan\` showed.
        "
      `)
      expect(await on(hosts()[0]!, 'ls /srv')).not.toContain('asked')
      expect(folder.ledger()).toEqual([])
    })

    test('tells each thing as it happens, and a second one finds nothing to change', async () => {
      const folder = here(`return [
        directory('/srv/up'),
        file('/srv/up/a', { content: 'one\\n', after: 'directory:/srv/up' }),
        file('/srv/up/conf', { content: 'x', notify: fettle.restart('cron') }),
        service('cron'),
      ]`)
      const first = await folder.fettle(['up', '--lab', '--yes', '--max-unavailable', '1'])
      expect({ code: first.code, stderr: first.stderr }).toEqual({ code: 0, stderr: '' })
      expect(steady(first.stdout)).toMatchInlineSnapshot(`
        "web1, web2
          + directory:/srv/up  directory
          + file:/srv/up/a     4 bytes
              +one
          + file:/srv/up/conf  1 byte
              +x
              \\ No newline at end of file
          ! restart service:cron  for file:/srv/up/conf

        6 changes and 2 actions on 2 hosts. Plan HASH
        web1  + directory:/srv/up  directory  (N s)
        web1  + file:/srv/up/a  4 bytes  (N s)
        web1  + file:/srv/up/conf  1 byte  (N s)
        web1  ! service:cron  restart for file:/srv/up/conf  (N s)
        web1  done: 3 changes, 1 action in N s
        web2  + directory:/srv/up  directory  (N s)
        web2  + file:/srv/up/a  4 bytes  (N s)
        web2  + file:/srv/up/conf  1 byte  (N s)
        web2  ! service:cron  restart for file:/srv/up/conf  (N s)
        web2  done: 3 changes, 1 action in N s
        "
      `)
      const second = await folder.fettle(['up', '--lab', '--yes'])
      expect(second).toMatchObject({ code: 0, stderr: '' })
      expect(second.stdout).toBe(
        'web1, web2\n  nothing to change (4 resources)\n\nNothing to change on 2 hosts.\n',
      )
      expect(folder.ledger()).toHaveLength(2)
    })

    test('asks each host once: one session, one command', async () => {
      for (const { exec } of hosts())
        await exec(`echo 'LogLevel VERBOSE' > /etc/ssh/sshd_config.d/0.conf; systemctl reload ssh
          pkill -f '^sshd(-session)?: root@'`)
      const folder = here("return [file('/srv/once', { user: 'nobody' }), service('cron')]")
      const sessions = (): Promise<string[]> =>
        Promise.all(
          hosts().map((host) => on(host, 'journalctl -u ssh | grep -c "Starting session"')),
        )
      const before = await sessions()
      await folder.fettle(['plan', '--lab'])
      const after = await sessions()
      expect(after.map((count, i) => Number(count) - Number(before[i]))).toEqual([1, 1])
    })

    test('with the hash of a plan asks nobody, and refuses when things moved', async () => {
      const folder = here("return file('/srv/hashed', { content: 'mine\\n' })")
      const { stdout } = await folder.fettle(['plan', '--lab', '--json'])
      const { hash } = JSON.parse(stdout) as { hash: string }
      await hosts()[0]!.exec('echo theirs > /srv/hashed')
      const moved = await folder.fettle(['up', '--lab', '--plan-hash', hash])
      expect(moved.code).toBe(2)
      expect(moved.stderr.replaceAll(/[0-9a-f]{16}/g, 'HASH')).toMatchInlineSnapshot(`
        "error plan-moved
          The plan is not the one with hash HASH: it is HASH now.
          Nothing was changed.
          Look at the new plan (\`fettle plan\`) and give its hash.
        "
      `)
      expect(await on(hosts()[0]!, 'cat /srv/hashed')).toBe('theirs\n')
      await hosts()[0]!.exec('rm /srv/hashed')
      const done = await folder.fettle(['up', '--lab', '--plan-hash', hash])
      expect(done).toMatchObject({ code: 0, stderr: '' })
      expect(await on(hosts()[0]!, 'cat /srv/hashed')).toBe('mine\n')
    })

    test('on a terminal asks, takes no for an answer, and shows progress after a yes', async () => {
      const folder = here("return file('/srv/answered', { content: 'x' })")
      const no = await folder.fettle(['up', '--lab'], { terminal: true, input: 'n\n' })
      expect(no.code).toBe(2)
      expect(no.stdout).toContain('Apply this? [y/N]')
      expect(no.stdout).toContain('Nothing was changed.')
      const yes = await folder.fettle(['up', '--lab'], { terminal: true, input: 'y\n' })
      expect(yes.code).toBe(0)
      expect(steady(yes.stdout)).toContain(
        '\x1b[2K\x1b[1mweb1\x1b[22m  \x1b[32mdone: 1 change in N s\x1b[39m',
      )
    })

    test.each([
      ['Ctrl-C', '\x03'],
      ['the end of input', '\x04'],
    ])('on a terminal takes %s for a no', async (_, typed) => {
      const folder = here("return file('/srv/unanswered', { content: 'x' })")
      const run = folder.start(['up', '--lab'], { terminal: true, input: 'open' })
      await run.until('[y/N]')
      run.child.stdin!.write(typed)
      const { code, stdout } = await run.ended
      expect(code).toBe(2)
      expect(stdout).toContain('Nothing was changed.')
      expect(await on(hosts()[0]!, 'ls /srv')).not.toContain('unanswered')
    })

    test('on a terminal shows what runs while it runs', async () => {
      const folder = here(
        "return command('long', { run: 'echo compiling; sleep 1.5; : > /srv/compiled', creates: '/srv/compiled' })",
      )
      const { stdout } = await folder.fettle(['up', '--lab', '--yes'], { terminal: true })
      expect(stdout).toMatch(/web1.* 0\/1 .*command:long {2}compiling/)
    })

    test('as JSON gives one document, the one that is on record', async () => {
      const folder = here("return file('/srv/record', { content: 'x\\n' })")
      const { stdout } = await folder.fettle(['up', '--lab', '--yes', '--json'])
      expect(JSON.parse(stdout)).toEqual(folder.ledger().at(-1))
    })

    test('keeps to what was chosen', async () => {
      const folder = here("return [file('/srv/chosen'), file('/srv/left')]")
      const words = ['up', '--lab', '--yes', '--host', 'web2', '--only', 'file:/srv/ch*']
      expect((await folder.fettle(words)).code).toBe(0)
      const seen = await Promise.all(
        hosts().map((host) => on(host, 'cd /srv; ls chosen left 2>/dev/null')),
      )
      expect(seen).toEqual(['', 'chosen\n'])
    })

    test.each([
      [
        ['--only', 'file:/srv/chosem'],
        'No resource is called file:/srv/chosem.',
        'Write file:/srv/chosen.',
      ],
      [['--host', 'web3'], 'No host is called web3.', 'Write web1.'],
      [['--role', 'al'], 'No role is called al.', 'Write all.'],
    ])('with %j says what there is', async (words, what, next) => {
      const folder = here("return file('/srv/chosen')")
      const { code, stdout } = await folder.fettle(['up', '--lab', '--json', ...words])
      expect(code).toBe(2)
      expect(JSON.parse(stdout)).toEqual({
        version: 1,
        type: 'error',
        error: { code: 'unknown-selection', what, state: 'Nothing was changed.', next },
      })
    })
  })

  describe('a secret', () => {
    const value = 'tr0ub4dor&3'

    test('shows nowhere but on the host', async () => {
      const folder = here(`
        const token = Secret.env('FETTLE_TEST_TOKEN')
        return [
          file('/srv/secret', { content: \`user=shop\\ntoken=\${token}\\nport=80\\n\` }),
          command('shows it', { run: 'cat /srv/secret; sleep 0.3; : > /srv/shown', creates: '/srv/shown' }),
          host.name === 'web2' && command('fails', { run: 'cat /srv/secret >&2; exit 1', creates: '/srv/never' }),
        ]`)
      const env = { FETTLE_TEST_TOKEN: value }
      const seen = [
        await folder.fettle(['plan', '--lab'], { env }),
        await folder.fettle(['plan', '--lab', '--json', '--full'], { env }),
        await folder.fettle(['up', '--lab', '--yes'], { env, terminal: true }),
        await folder.fettle(['up', '--lab', '--yes', '--json'], { env }),
        await folder.fettle(['log', '--lab', '--full'], { env }),
        await folder.fettle(['plan', '--lab', '--full'], { env: { FETTLE_TEST_TOKEN: 'another' } }),
      ]
      const kept = filesIn(folder.path).map((path) => readFileSync(path, 'utf8'))
      for (const text of [...seen.flatMap(({ stdout, stderr }) => [stdout, stderr]), ...kept])
        expect(text).not.toContain(value)
      expect(seen[0]!.stdout).toContain('+token=«secret FETTLE_TEST_TOKEN»')
      expect(seen[2]!.code).toBe(1)
      expect(seen[2]!.stdout).toContain('| token=«secret FETTLE_TEST_TOKEN»')
      expect(await on(hosts()[0]!, 'cat /srv/secret; stat -c %a /srv/secret')).toBe(
        `user=shop\ntoken=${value}\nport=80\n600\n`,
      )
    })
  })
})

/** All files of a folder but those of the lab. */
function filesIn(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    if (name === 'lab') return []
    return statSync(path).isDirectory() ? filesIn(path) : [path]
  })
}
