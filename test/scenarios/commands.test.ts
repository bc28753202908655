import { describe, expect, test } from 'vitest'
import {
  type TestHost,
  bootForFile,
  labAvailable,
  labMissing,
  labSuite,
  labVersion,
} from '../lab/fixture.ts'
import { Folder, steady } from './cli.ts'

describe.skipIf(!labAvailable)(`commands over hosts ${labMissing}`, () => {
  const hosts = bootForFile(3)
  const here = (of: readonly TestHost[] = hosts()): Folder =>
    new Folder(hosts()).describe(of, 'return []')

  describe('run', () => {
    test('shows equal output once, and each other host with its own', async () => {
      const line = 'echo same; [ "$(hostname)" = web2 ] && echo mine; true'
      const { code, stdout, stderr } = await here().fettle(['run', '--lab', '--', line])
      expect({ code, stdout, stderr }).toEqual({
        code: 0,
        stdout: 'web1, web3\nsame\n\nweb2\nsame\nmine\n',
        stderr: '',
      })
    })

    test('hands on words as they are, whatever they hold', async () => {
      const words = [
        '',
        'two  words',
        "it's",
        '"',
        '$HOME',
        '`id`',
        '$(id)',
        '*',
        '\n',
        '-n',
        '\\',
        '💥',
        '; reboot',
      ]
      const { stdout } = await here().fettle([
        'run',
        '--lab',
        '--json',
        '--host',
        'web1',
        '--',
        'printf',
        '[%s]',
        ...words,
      ])
      const [{ output }] = (JSON.parse(stdout) as { hosts: [{ output: string }] }).hosts
      expect(output).toBe(words.map((word) => `[${word}]`).join(''))
    })

    test('takes one word as a line for a shell', async () => {
      const { stdout } = await here().fettle([
        'run',
        '--lab',
        '--host',
        'web1',
        '--',
        'echo "$((6 * 7))" | tr 2 3',
      ])
      expect(stdout).toBe('web1\n43\n')
    })

    test('fails where it fails on one host, and says with what', async () => {
      const line = 'echo looking; test "$(hostname)" != web3 || exit 7'
      const { code, stdout } = await here().fettle(['run', '--lab', '--', line])
      expect({ code, stdout }).toEqual({
        code: 1,
        stdout: 'web1, web2\nlooking\n\nweb3\nlooking\nexit code 7\n',
      })
    })

    test('runs as another user, and says where there is none', async () => {
      const as = (user: string): ReturnType<Folder['fettle']> =>
        here(hosts().slice(0, 1)).fettle(['run', '--lab', '--user', user, '--', 'id', '-un'])
      expect(await as('nobody')).toEqual({ code: 0, stdout: 'web1\nnobody\n', stderr: '' })
      const none = await as('nosuchuser')
      expect(none.code).toBe(1)
      expect(none.stdout).toContain('error no-such-user')
    })

    test('is not broken by output that is no UTF-8, or no text at all', async () => {
      const line = String.raw`printf 'caf\351 \377\376\0 end\n'; head -c 2000 /dev/urandom | tr '\n' x`
      const { code, stdout } = await here(hosts().slice(0, 1)).fettle(['run', '--lab', '--', line])
      expect(code).toBe(0)
      expect(stdout).toMatch(/^web1\ncaf� ��\0 end\n/)
    })
  })

  test('facts shows what the hosts are', async () => {
    const { code, stdout } = await here(hosts().slice(0, 1)).fettle(['facts', '--lab'])
    expect(code).toBe(0)
    const shown = steady(stdout)
      .replace(`debian ${labVersion} (${labSuite})`, 'debian VERSION (SUITE)')
      .replaceAll(/\S+, kernel \S+/g, 'ARCH, kernel SOME')
      .replaceAll(/(cpus|memory) .*/g, '$1 SOME')
    expect(shown).toMatchInlineSnapshot(`
      "web1
        hostname   web1
        system     debian VERSION (SUITE), ARCH, kernel SOME
        cpus SOME
        memory SOME
        addresses  ADDRESS
      "
    `)
  })

  test('ssh is a login of its own with the exit code of its command', async () => {
    const { code, stdout } = await here().fettle([
      'ssh',
      '--lab',
      'web2',
      '--',
      'sh',
      '-c',
      'hostname; exit 9',
    ])
    expect([code, stdout]).toEqual([9, 'web2\n'])
  })

  test('doctor says what there is and what is missing', async () => {
    await hosts()[1]!.exec('mv /usr/bin/base64 /usr/bin/base64.away')
    const { code, stdout } = await here().fettle(['doctor', '--lab', '--json'])
    await hosts()[1]!.exec('mv /usr/bin/base64.away /usr/bin/base64')
    const { findings } = JSON.parse(stdout) as {
      findings: { what: string; good: boolean; detail: string }[]
    }
    expect(code).toBe(1)
    expect(findings.filter(({ what }) => what.startsWith('host'))).toEqual([
      { what: 'host web1', good: true, needed: true, detail: 'reachable, root, all programs' },
      { what: 'host web2', good: false, needed: true, detail: 'lacks base64' },
      { what: 'host web3', good: true, needed: true, detail: 'reachable, root, all programs' },
    ])
  })

  test('a host that the lab does not have is an error', async () => {
    const folder = here().write(
      'fleet.ts',
      "import { fleet } from 'fettle'\nexport default fleet({ hosts: { mail: {} } })\n",
    )
    const { code, stderr } = await folder.fettle(['plan', '--lab'])
    expect(code).toBe(2)
    expect(stderr).toMatchInlineSnapshot(`
      "error lab-not-up
        There is no lab host mail for this description.
        Nothing was contacted.
        Run \`fettle lab up\` first.
      "
    `)
  })
})

describe('without any host', () => {
  const folder = new Folder()

  test.each([
    [['pln'], "unknown command 'pln'"],
    [['plan', '--hots', 'web1'], "unknown option '--hots'"],
    [['plan', '--parallel', '0'], '0 is not a whole number of 1 or more.'],
    [['plan', '--timeout', '5s'], '5s is not a whole number of 1 or more.'],
    [['run'], "missing required argument 'command'"],
    [['ssh'], "missing required argument 'host'"],
    [['up', '--plan-hash'], 'argument missing'],
  ])('%j is a mistake on the command line', async (words, text) => {
    const plain = await folder.fettle(words)
    expect(plain).toMatchObject({ code: 2, stdout: '' })
    expect(plain.stderr).toContain('error usage')
    expect(plain.stderr).toContain(text)
  })

  test('a mistake on the command line is JSON where that was asked for', async () => {
    const { code, stdout, stderr } = await folder.fettle(['plan', '--json', '--hots'])
    expect([code, stderr, JSON.parse(stdout)]).toMatchObject([
      2,
      '',
      { version: 1, type: 'error', error: { code: 'usage' } },
    ])
  })

  test('no description is an error that says how to begin', async () => {
    const { code, stderr } = await folder.fettle(['plan'])
    expect(code).toBe(2)
    expect(stderr.replaceAll(folder.path, '.')).toMatchInlineSnapshot(`
      "error description-not-found
        There is no description at ./fleet.ts.
        Nothing was read or changed.
        Run \`fettle init\` to write one here, or name another with --fleet PATH.
      "
    `)
  })

  test('a mistake in the description names its line', async () => {
    const broken = new Folder().describe([{ name: 'web1' } as TestHost], "return file('etc/motd')")
    const { code, stderr } = await broken.fettle(['plan'])
    expect(code).toBe(2)
    expect(stderr).toMatchInlineSnapshot(`
      "error invalid-resource  fleet.ts:4
        file:etc/motd: its name cannot be "etc/motd".
        No host was contacted.
        Write an absolute path without '.', '..' or a slash at the end, such as '/etc/motd'.
      "
    `)
  })

  test('help names every command, and is no error', async () => {
    const { code, stdout } = await folder.fettle(['--help'])
    expect(code).toBe(0)
    for (const name of ['init', 'plan', 'up', 'facts', 'run', 'ssh', 'log', 'lab', 'doctor'])
      expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'))
  })

  test('init writes a description once and overwrites nothing', async () => {
    const fresh = new Folder()
    const first = await fresh.fettle(['init', '--json'])
    expect(JSON.parse(first.stdout)).toEqual({
      version: 1,
      type: 'init',
      files: ['fleet.ts', 'index.html.eta', 'package.json', 'tsconfig.json', '.gitignore'],
    })
    fresh.write('fleet.ts', '// mine\n')
    const again = await fresh.fettle(['init'])
    expect([again.code, fresh.read('fleet.ts')]).toEqual([2, '// mine\n'])
    expect(again.stderr).toContain('error file-exists')
  })

  test('a ledger that is damaged names its line', async () => {
    const damaged = new Folder().describe([], 'return []')
    damaged.write('.fettle/ledger/2026-01.jsonl', '{"type":"run"\n')
    const { code, stderr } = await damaged.fettle(['log'])
    expect(code).toBe(2)
    expect(stderr).toContain('2026-01.jsonl, line 1 is not a ledger record')
  })
})
