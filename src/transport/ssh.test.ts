import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bootForFile, labAvailable, labMissing } from '../../test/lab/fixture.ts'
import { FettleError } from '../base/errors.ts'
import { sh } from '../base/shell.ts'
import { SshMachine, sshWords } from './ssh.ts'
import type { Target } from './target.ts'

describe.skipIf(!labAvailable)(`a host over ssh ${labMissing}`, () => {
  const hosts = bootForFile(1)
  const host = (): ReturnType<typeof hosts>[number] => hosts()[0]!
  const folder = mkdtempSync(join(tmpdir(), 'fettle-ssh-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  beforeAll(async () => {
    // Each test has a login of its own: a shared connection would hide what it is about.
    const { code, output } = await host().exec(`set -e
      add() {
        useradd -m -s "$2" "$1"
        install -d -o "$1" -m 700 "/home/$1/.ssh"
        install -o "$1" -m 600 ~root/.ssh/authorized_keys "/home/$1/.ssh/"
      }
      add plain /bin/bash; add strange /bin/bash; add changed /bin/bash; add new /bin/bash
      add asked /bin/bash; echo 'asked ALL=(ALL) ALL' > /etc/sudoers.d/asked
      add broken /bin/bash; add noisy /bin/bash; add closed /usr/sbin/nologin; add ended /bin/bash
      cat > /home/noisy/.bashrc <<'END'
echo "Welcome to the machine"; seq 20000; echo "to stderr" >&2; alias ls='ls --color'; set -u
export mark=mine u=me PS1=x; cd /tmp; printf 'and no newline at the end'
END
      echo 'echo "Under maintenance until Monday"; exit 3' > /home/ended/.bashrc
    `)
    expect({ code, output }).toEqual({ code: 0, output: '' })
  })

  /** The error that a session with the target begins and ends with. */
  async function failure(change: Partial<Target>): Promise<FettleError> {
    const session = new SshMachine({ ...host().target, ...change }).open()
    const thrown = await session.run([{ script: sh`true` }]).catch((error: unknown) => error)
    await session.close()
    expect(thrown).toBeInstanceOf(FettleError)
    return thrown as FettleError
  }
  const options = (...first: string[]): string[] => [...first, ...host().target.options!]

  describe('that refuses', () => {
    test('another key is `login-refused`', async () => {
      const key = join(folder, 'other.key')
      spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
      const own = options().map((word) => (word.endsWith('login.key') ? key : word))
      const error = await failure({ login: 'strange', options: own })
      expect(error.toJSON()).toEqual({
        code: 'login-refused',
        what: `web1 (${host().target.address}) refused the login: strange@${host().target.address}: Permission denied (publickey).`,
        state: 'Nothing was changed on web1.',
        next: `Check the login name in the description and that your key is in its authorized_keys: \`ssh ${host().target.address}\` must work without a password.`,
      })
    })

    test('a login that it does not have is `login-refused`', async () => {
      expect(await failure({ login: 'nobody-at-all' })).toMatchObject({ code: 'login-refused' })
    })
  })

  describe('whose host key', () => {
    const knownHosts = (content: string): string[] => {
      const file = join(folder, 'known_hosts')
      writeFileSync(file, content)
      return options('-o', `UserKnownHostsFile=${file}`)
    }

    test('is another than the known one is `host-key-changed`', async () => {
      const key = join(folder, 'impostor.key')
      spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
      const { stdout } = spawnSync('ssh-keygen', ['-y', '-f', key], { encoding: 'utf8' })
      const known = knownHosts(`${host().target.address} ${stdout}`)
      const error = await failure({ login: 'changed', options: known })
      expect(error).toMatchObject({
        code: 'host-key-changed',
        message: `web1 (${host().target.address}) shows another host key than the one known here.`,
      })
      expect(error.log).toContain('IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY')
    })

    test('is not known is `host-key-unknown`', async () => {
      const known = knownHosts('')
      expect(await failure({ login: 'new', options: known })).toMatchObject({
        code: 'host-key-unknown',
        state: 'The connection was closed before anything was sent to web1.',
      })
    })

    test('is not known is `host-key-unknown` as well where ssh would ask', async () => {
      const ask = options().map((word) => word.replace('Checking=yes', 'Checking=ask'))
      const known = ['-o', `UserKnownHostsFile=${join(folder, 'no-such-file')}`, ...ask]
      expect(await failure({ login: 'new', options: known })).toMatchObject({
        code: 'host-key-unknown',
      })
    })
  })

  describe('that is not there', () => {
    test('at a closed port is `host-unreachable`', async () => {
      expect(await failure({ port: 1 })).toMatchObject({
        code: 'host-unreachable',
        message: `web1 (${host().target.address}) could not be reached: ssh: connect to host ${host().target.address} port 1: Connection refused`,
      })
    })

    test('at an address that nobody has is `host-unreachable`', async () => {
      // The last address of the lab's network.
      const address = host().target.address.replace(/\.\d+$/, '.254')
      expect(await failure({ address })).toMatchObject({ code: 'host-unreachable' })
    })

    test('under a name that nobody has is `host-unreachable`', async () => {
      const error = await failure({ address: 'no-such-host.invalid' })
      expect(error.code).toBe('host-unreachable')
      expect(error.message).toMatch(/Could not resolve hostname no-such-host.invalid/)
    })
  })

  describe('whose login shell', () => {
    test('prints a lot at the start is no trouble', async () => {
      const session = new SshMachine({ ...host().target, login: 'noisy' }).open()
      const script = sh`echo "$mark$u"; pwd; ls /usr/share/doc-not-there 2>/dev/null; echo end`
      const [answer] = await session.run([{ script }])
      await session.close()
      expect(answer!.output.toString().split('\n').slice(-3)).toEqual(['/tmp', 'end', ''])
      expect(answer!.output.toString()).not.toContain('Welcome')
    })

    test.each(['tcsh', 'zsh', 'fish'])('is %s makes no difference', async (shell) => {
      const made = await host().exec(`exec 2>&1
        [ -e /tmp/updated ] || { apt-get update -q && : > /tmp/updated; }
        apt-get install -qy --no-install-recommends ${shell} && useradd -m -s /usr/bin/${shell} ${shell}er &&
        install -d -o ${shell}er -m 700 ~${shell}er/.ssh &&
        install -o ${shell}er -m 600 ~root/.ssh/authorized_keys ~${shell}er/.ssh/`)
      expect(made.code, made.output).toBe(0)
      const session = new SshMachine({ ...host().target, login: `${shell}er` }).open()
      const script = sh`echo ${`it's $HOME !!`}; cat; exit 5`
      const answers = await session.run([{ script, input: 'input' }, { script: sh`echo next` }])
      await session.close()
      expect(answers.map(({ code, output }) => [code, output.toString()])).toEqual([
        [5, "it's $HOME !!\ninput"],
        [0, 'next\n'],
      ])
    })

    test('lets nobody in is `login-shell-failed` with its words', async () => {
      expect(await failure({ login: 'closed' })).toMatchObject({
        code: 'login-shell-failed',
        message:
          'The login on web1 ended before it ran a POSIX shell: This account is currently not available.',
      })
    })

    test('ends in its start files is `login-shell-failed` with their words', async () => {
      expect(await failure({ login: 'ended' })).toMatchObject({
        code: 'login-shell-failed',
        message: expect.stringMatching(/: Under maintenance until Monday$/),
        next: expect.stringContaining('.bashrc'),
      })
    })
  })

  describe('becoming another user', () => {
    const becoming = async (login: string, user: string): Promise<unknown> => {
      const session = new SshMachine({ ...host().target, login }).open()
      const input = Buffer.alloc(100_000)
      const thrown = await session
        .run([{ script: sh`id`, user, input }])
        .catch((error: unknown) => error)
      const [next] = await session.run([{ script: sh`echo goes on` }])
      expect(next!.output.toString()).toBe('goes on\n')
      await session.close()
      return thrown
    }

    test('where sudo wants a password is `sudo-needs-password`', async () => {
      expect(await becoming('asked', 'root')).toMatchObject({
        code: 'sudo-needs-password',
        message: 'asked may not become root on web1 without a password.',
        next: "Allow it with a file in /etc/sudoers.d: `asked ALL=(ALL) NOPASSWD: ALL`, or set the host's login to root.",
        log: 'sudo: a password is required',
      })
    })

    test('where sudo allows nothing is `sudo-needs-password`', async () => {
      expect(await becoming('plain', 'root')).toMatchObject({ code: 'sudo-needs-password' })
    })

    test('where there is no sudo is `sudo-missing`', async () => {
      await host().exec('mv /usr/bin/sudo /usr/bin/sudo.away')
      expect(await becoming('plain', 'root')).toMatchObject({ code: 'sudo-missing' })
      await host().exec('mv /usr/bin/sudo.away /usr/bin/sudo')
    })
  })

  describe('that goes away', () => {
    test('while it runs something is `connection-lost`', async () => {
      const session = new SshMachine({ ...host().target, login: 'plain' }).open()
      const [answer] = await session.run([{ script: sh`echo here` }])
      expect(answer!.code).toBe(0)
      const lost = session.run([
        {
          script: sh`echo begun; sleep 600`,
          onOutput: () =>
            void host().exec(
              "pkill -KILL -u plain -x 'sshd(-session)?'; pkill -f '^sshd(-session)?: plain'",
            ),
        },
      ])
      await expect(lost).rejects.toMatchObject({
        code: 'connection-lost',
        state: 'What web1 was asked last may or may not be done.',
        next: 'Run again: what was done is read back first, and what is left is done.',
      })
      await session.close()
    })

    test('can be reached again with a new session', async () => {
      const session = new SshMachine({ ...host().target, login: 'plain' }).open()
      const [answer] = await session.run([{ script: sh`echo here again` }])
      expect(answer!.output.toString()).toBe('here again\n')
      await session.close()
    })
  })

  test('many sessions share one connection', async () => {
    const target = { ...host().target, login: 'new' }
    const peers = sh`ss -Htn state established '( sport = :22 )' | wc -l; echo "$SSH_CONNECTION"`
    const seen = new Set<string>()
    for (let i = 0; i < 3; i++) {
      const session = new SshMachine(target).open()
      const [answer] = await session.run([{ script: peers }])
      await session.close()
      seen.add(answer!.output.toString())
    }
    expect(seen.size).toBe(1)
  })

  // Here ssh does not fall back by itself, as it does where it finds the connection dead before it asks.
  test('whose shared connection breaks while a session begins is reached over a new one', async () => {
    const made = await host()
      .exec(`printf '%s\\n' '#!/bin/sh' '[ ! -e ~/cut ] || { rm ~/cut; kill -KILL $PPID; sleep 9; }' 'exec sh "$@"' >/usr/local/bin/cut-off
      chmod 755 /usr/local/bin/cut-off; usermod -s /usr/local/bin/cut-off broken`)
    expect(made).toEqual({ code: 0, output: '' })
    const ask = async (): Promise<string> => {
      const session = new SshMachine({ ...host().target, login: 'broken' }).open()
      const [answer] = await session.run([{ script: sh`echo here; ls ~` }])
      await session.close()
      return answer!.output.toString()
    }
    expect(await ask()).toBe('here\n')
    await host().exec(': >/home/broken/cut')
    expect(await ask()).toBe('here\n')
  })

  // The last of these, as it takes the logins above away.
  test('that was replaced behind a shared connection is reached over a new one', async () => {
    const ask = async (): Promise<string> => {
      const session = new SshMachine(host().target).open()
      const [answer] = await session.run([{ script: sh`echo here` }])
      await session.close()
      return answer!.output.toString()
    }
    expect(await ask()).toBe('here\n')
    await host().reset()
    expect(await ask()).toBe('here\n')
  })
})

describe('the command line of ssh', () => {
  const target: Target = { name: 'web1', address: '-oProxyCommand=reboot', login: 'me', port: 2222 }

  test('asks nobody anything and takes no address for an option', () => {
    const words = sshWords({ ...target, options: ['-i', 'key'] }).map((word) =>
      word.replace(/^ControlPath=.*\/fettle\//, 'ControlPath=.../'),
    )
    expect(words.join(' ')).toBe(
      '-T -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=5 ' +
        '-o ServerAliveCountMax=3 -o ControlMaster=auto -o ControlPersist=60 ' +
        '-o ControlPath=.../%C -p 2222 -l me -i key -- -oProxyCommand=reboot',
    )
  })

  test('leaves to the config what the description does not say', () => {
    const words = sshWords({ name: 'web1', address: 'web1' }, true)
    expect(words.filter((word) => ['-p', '-l', '-T', 'BatchMode=yes'].includes(word))).toEqual([])
    expect(words.slice(-2)).toEqual(['--', 'web1'])
  })

  test('a machine without ssh is `ssh-missing`', async () => {
    const path = process.env['PATH']
    process.env['PATH'] = '/nowhere'
    const session = new SshMachine({ name: 'web1', address: 'web1' }).open()
    process.env['PATH'] = path
    await expect(session.run([{ script: sh`true` }])).rejects.toMatchObject({
      code: 'ssh-missing',
      state: 'No host was contacted.',
    })
  })
})
