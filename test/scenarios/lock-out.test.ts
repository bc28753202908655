import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Resource } from '../../src/model/resource.ts'
import { as } from '../../src/index.ts'
import { command, trigger } from '../../src/resources/command.ts'
import { file } from '../../src/resources/file.ts'
import { reload, restart, service } from '../../src/resources/service.ts'
import { sshd } from '../../src/resources/sshd.ts'
import { absent } from '../../src/model/resource.ts'
import { type Run, planned, read, run } from '../contracts/run.ts'
import { bootForFile, labAvailable, labMissing } from '../lab/fixture.ts'
import { Folder } from './cli.ts'

const key =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP6BEOqgdhqTaH2rkHn0GykWnNoq8HS2/dEbNr1VHEGr ada@example.test'
const rules = (verdict: string): string =>
  `flush ruleset\ntable inet filter {\n  chain input {\n    type filter hook input priority 0;\n    tcp dport 22 ${verdict}\n  }\n}\n`

/** The host gives up on us after this many seconds instead of a minute. */
const soon = 8

describe.skipIf(!labAvailable)(`a change that locks out ${labMissing}`, () => {
  const hosts = bootForFile(1)
  const exec = async (script: string): Promise<string> => (await hosts()[0]!.exec(script)).output
  const here = (body: string): Folder => new Folder(hosts()).describe(hosts(), body)

  beforeAll(async () => {
    if (!labAvailable) return
    await exec(`mkdir -p /etc/systemd/system/fettle-guard.timer.d
      printf '[Timer]\\nOnActiveSec=\\nOnActiveSec=${soon}\\n' >/etc/systemd/system/fettle-guard.timer.d/soon.conf
      useradd -m -s /bin/bash ops
      install -d -o ops -m 700 /home/ops/.ssh
      install -o ops -m 600 ~root/.ssh/authorized_keys /home/ops/.ssh/
      echo 'ops ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ops; chmod 0440 /etc/sudoers.d/ops
      apt-get update -q && apt-get install -qy --no-install-recommends nftables
      printf '%s' '${rules('accept')}' >/etc/nftables.conf
      systemctl enable nftables; systemctl start nftables`)
  }, 240_000)

  beforeEach(async () => {
    await exec('rm -rf /srv/* /etc/ssh/sshd_config.d/*; systemctl restart ssh')
  })

  /** All that a change here may have touched. */
  const state = (): Promise<string> =>
    exec(`cd /; sha256sum etc/nftables.conf etc/sudoers.d/ops; find etc/ssh home/ops etc/sudoers.d -printf '%p %m %u %s %y\\n' | sort
      cat home/ops/.ssh/authorized_keys; ip -o -4 address | sed 's/valid_lft.*//'; ip route; nft list ruleset
      systemctl is-active ssh nftables; systemctl is-enabled ssh nftables; sshd -T | grep -E '^(port|allowusers|listenaddress|logingracetime)'`)

  /** Nothing but journal files; `kept` is what the last restore found. */
  const tidy = async (): Promise<void> => {
    expect(
      (await exec('ls /var/lib/fettle'))
        .split('\n')
        .filter((each) => /^(lease|beat|guard(\.new|\.old)?)$/.test(each)),
    ).toEqual([])
    expect(await exec("ls /etc/systemd/system | grep '^fettle-guard' | grep -v '[.]d$'")).toBe('')
    expect(await exec("systemctl list-units --all --plain --no-legend 'fettle-guard*'")).toBe('')
  }

  const ways: [string, string, RegExp][] = [
    [
      'sshd on another port, by a file',
      `const ssh = service('ssh')
      return [ssh, file('/etc/ssh/sshd_config.d/10-x.conf', { content: 'Port 2222\\n', notify: fettle.restart(ssh) })]`,
      /after restart service:ssh nobody could log in/,
    ],
    [
      'sshd for others only, by its kind',
      `return fettle.sshd({ AllowUsers: 'nobody' })`,
      /after sshd:/,
    ],
    [
      'the firewall, by its file',
      `const nft = service('nftables')
      return [nft, file('/etc/nftables.conf', { content: ${JSON.stringify(rules('drop'))}, notify: fettle.reload(nft) })]`,
      /after reload service:nftables nobody/,
    ],
  ]

  test.each(ways)(
    '%s: up says so, and the host is as before',
    async (_, body, said) => {
      const folder = here(body)
      const before = await state()
      const first = await folder.fettle(['plan', '--lab'])
      const { code, stdout } = await folder.fettle(['up', '--lab', '--yes'])
      expect(stdout).toMatch(said)
      expect(stdout).toContain('error locked-out')
      expect(stdout).toContain('by itself, and lets us in again')
      expect(code).toBe(1)
      expect(await state()).toBe(before)
      expect(folder.ledger().at(-1)!.hosts[0]!.changes).toEqual([])
      await tidy()
      const second = await folder.fettle(['plan', '--lab'])
      const changes = (text: string): string[] =>
        text.split('\n').filter((each) => /^ {2}[+~] /.test(each))
      expect(changes(second.stdout)).toEqual(changes(first.stdout))
      expect(changes(first.stdout)).toHaveLength(1)
      await exec('rm -rf /var/lib/fettle/pending')
    },
    90_000,
  )

  const deeds: [string, 'ops' | 'root', () => Resource[]][] = [
    [
      'sudo, changed',
      'ops',
      () => as('root', [file('/etc/sudoers.d/ops', { content: '# nothing\n', mode: '0440' })]),
    ],
    ['sudo, removed', 'ops', () => as('root', [absent(file('/etc/sudoers.d/ops'))])],
    [
      'the key of the login',
      'ops',
      () => as('root', [file('/home/ops/.ssh/authorized_keys', { content: `${key}\n` })]),
    ],
    [
      'the address',
      'root',
      () => [
        command('cut', {
          run: 'ip address flush dev eth0',
          onlyIf: 'ip -4 address show dev eth0 | grep -q inet',
          mayLockOut: true,
        }),
      ],
    ],
    [
      'all routes, as a login that is not root',
      'ops',
      () => [
        command('cut', {
          run: 'sudo ip route flush table main',
          onlyIf: 'ip route | grep -q .',
          mayLockOut: true,
        }),
      ],
    ],
    [
      'the firewall, by a command that then fails',
      'root',
      () => [
        command('cut', {
          run: 'nft insert rule inet filter input tcp dport 22 ct state new drop; false',
          unless: 'false',
          mayLockOut: true,
        }),
      ],
    ],
  ]

  test.each(deeds)(
    '%s (login %s): the host is as before',
    async (_, login, describe) => {
      const target = [{ ...hosts()[0]!.target, login }]
      const before = await state()
      const wanted = planned(await read(target, describe))
      const error = errorOf(await run(target, describe, { timeoutSeconds: 20 }))
      expect(error).toMatchObject({ code: 'locked-out' })
      expect(error!.state).toContain('by itself, and lets us in again')
      expect(await state()).toBe(before)
      await tidy()
      expect(planned(await read(target, describe))).toEqual(wanted)
      expect(wanted).toHaveLength(1)
    },
    90_000,
  )

  test('a good change goes through, and leaves nothing armed', async () => {
    const ssh = service('ssh')
    const target = [hosts()[0]!.target]
    const good = (): Resource[] => [
      ssh,
      file('/etc/ssh/sshd_config.d/10-x.conf', {
        content: 'LoginGraceTime 77\n',
        notify: restart(ssh),
      }),
      service('nftables'),
      file('/etc/nftables.conf', {
        content: `${rules('accept')}# more\n`,
        notify: reload('nftables'),
      }),
      command('cut', {
        run: 'ip route add 192.0.2.0/24 dev eth0',
        unless: 'ip route | grep -q ^192.0.2.0',
        mayLockOut: true,
      }),
    ]
    expect(errorOf(await run(target, good))).toBeUndefined()
    expect(await exec('sshd -T | grep logingrace; ip route | grep -c ^192')).toBe(
      'logingracetime 77\n1\n',
    )
    await tidy()
    expect(planned(await read(target, good))).toEqual([])
  })

  test('a step that fails after a good change keeps what is good', async () => {
    const target = [hosts()[0]!.target]
    const described = (): Resource[] => [
      sshd({ LoginGraceTime: 78 }),
      command('fails', { run: 'exit 3', unless: 'false', mayLockOut: true }),
    ]
    expect(errorOf(await run(target, described))).toMatchObject({ code: 'step-failed' })
    expect(await exec('sshd -T | grep logingrace')).toBe('logingracetime 78\n')
    await tidy()
  })

  /** Stops in the middle: the drop-in is there, and sshd does not know it yet. */
  const halfWay = `const ssh = service('ssh')
    return [
      ssh,
      file('/etc/ssh/sshd_config.d/10-x.conf', { content: 'AllowUsers nobody\\n', notify: fettle.restart(ssh) }),
      command('waits', { run: ': >/srv/begun; until [ -e /srv/go ]; do sleep 0.1; done', creates: '/srv/go' }),
    ]`
  const isBack = (): Promise<string> =>
    exec(
      `for each in $(seq 300); do [ -e /var/lib/fettle/guard ] || break; sleep 0.1; done; ls /etc/ssh/sshd_config.d`,
    )

  test('Fettle is killed before it could try: the host puts back what it had', async () => {
    const folder = here(halfWay)
    const before = await state()
    const going = folder.start(['up', '--lab', '--yes'])
    await exec('until [ -e /srv/begun ]; do sleep 0.05; done')
    expect(await exec('ls /etc/ssh/sshd_config.d')).toBe('10-x.conf\n')
    going.child.kill('SIGKILL')
    await going.ended
    expect(await isBack()).toBe('')
    expect(await state()).toBe(before)
    const next = await folder.fettle(['up', '--lab', '--yes', '--take-over', '--only', 'service'])
    expect(next.stderr).toContain('was interrupted')
    expect(next.code).toBe(0)
    await tidy()
  }, 90_000)

  test('the host is rebooted before it could be tried: it puts back what it had', async () => {
    const folder = here(halfWay)
    // A route that was only added by hand does not outlive a boot.
    await exec('ip route del 192.0.2.0/24 2>/dev/null; true')
    const before = await state()
    const going = folder.start(['up', '--lab', '--yes'])
    await exec('until [ -e /srv/begun ]; do sleep 0.05; done')
    await hosts()[0]!.stop()
    await going.ended
    await hosts()[0]!.start()
    expect(await isBack()).toBe('')
    expect(await state()).toBe(before)
  }, 90_000)

  test('what an interrupted run did not try is put back by the next run, at once', async () => {
    await exec('rm -rf /var/lib/fettle/pending')
    const folder = here(`const ssh = service('ssh')
      return [
        ssh,
        file('/etc/ssh/sshd_config.d/10-x.conf', { content: 'LoginGraceTime 79\\n', notify: fettle.restart(ssh) }),
        command('fails', { run: 'exit 3', creates: '/srv/go' }),
      ]`)
    const first = await folder.fettle(['up', '--lab', '--yes'])
    expect(first.stdout).toContain('error step-failed')
    expect(await exec('ls /etc/ssh/sshd_config.d')).toBe('10-x.conf\n')
    await exec(': >/srv/go')
    const next = await folder.fettle(['up', '--lab', '--yes'])
    expect(next.stdout).toContain('+ file:/etc/ssh/sshd_config.d/10-x.conf')
    expect(next.code).toBe(0)
    expect(await exec('sshd -T | grep logingrace')).toBe('logingracetime 79\n')
    await tidy()
  }, 90_000)
})

describe.skipIf(!labAvailable)(`a good change that cuts its own connection ${labMissing}`, () => {
  const hosts = bootForFile(1)
  const exec = async (script: string): Promise<string> => (await hosts()[0]!.exec(script)).output
  const cut = `pkill -KILL -f '^sshd: root'`

  /** Lets new logins in, and nothing more of a connection that was there before. */
  const newOnly = (...chains: ('input' | 'output')[]): string =>
    `flush ruleset\ntable inet filter {\n${chains
      .map((chain) => {
        const port = chain === 'input' ? 'dport' : 'sport'
        return `  chain ${chain} {
    type filter hook ${chain} priority 0;
    tcp ${port} 22 tcp flags & (fin | syn | rst | ack) == syn ct mark set 1
    tcp ${port} 22 ct mark != 1 drop
  }`
      })
      .join('\n')}\n}\n`

  beforeAll(async () => {
    if (!labAvailable) return
    await exec(`apt-get update -q && apt-get install -qy --no-install-recommends nftables
      printf '%s' '${rules('accept')}' >/etc/nftables.conf
      systemctl enable nftables; systemctl start nftables`)
  }, 240_000)

  beforeEach(async () => {
    await exec('rm -rf /srv/*')
  })

  /** Fails unless the lease names the shell that runs it, or one above it. */
  const ours = command('ours', {
    run: `read -r run shell rest </var/lib/fettle/lease; [ "$shell" = "$$" ] && : >/srv/ours`,
    creates: '/srv/ours',
  })
  const left = `ls -A /var/lib/fettle /var/lib/fettle/pending 2>/dev/null | grep -E '^(lease|beat|guard(\\.new|\\.old)?|outcome|[0-9a-f]{32})$'`

  const ways: [string, () => Resource[]][] = [
    [
      'a command that ends all logins',
      () => [
        command('cut', { run: `: >/srv/cut; ${cut}`, creates: '/srv/cut', mayLockOut: true }),
        ours,
      ],
    ],
    [
      'a command that goes on after that',
      () => [
        command('cut', {
          run: `${cut}; sleep 3; : >/srv/cut`,
          creates: '/srv/cut',
          mayLockOut: true,
        }),
        ours,
      ],
    ],
    [
      'an action that ends all logins',
      () => [
        command('cut', { run: `${cut}; true`, when: 'notified', mayLockOut: true }),
        file('/srv/cut', { content: '', notify: trigger('cut') }),
      ],
    ],
    [
      'the firewall, which takes the answer too',
      () => [
        service('nftables'),
        file('/etc/nftables.conf', {
          content: newOnly('input', 'output'),
          notify: reload('nftables'),
        }),
      ],
    ],
    [
      'the firewall, which lets the answer through',
      () => [
        service('nftables'),
        file('/etc/nftables.conf', { content: newOnly('input'), notify: reload('nftables') }),
      ],
    ],
  ]

  test.each(ways)(
    '%s: the run goes on over a new login',
    async (_, describe) => {
      const target = [hosts()[0]!.target]
      const result = await run(target, describe)
      expect(errorOf(result)).toBeUndefined()
      expect(result.results[0]).toMatchObject({ status: 'done', left: [] })
      expect(await exec(left)).toBe('')
      expect(planned(await read(target, describe))).toEqual([])
    },
    90_000,
  )

  test('a change that did not come to its end is an error, and left', async () => {
    const target = [hosts()[0]!.target]
    const described = (): Resource[] => [
      file('/srv/before', { content: '' }),
      command('cut', { run: `${cut}; exit 1`, creates: '/srv/cut', mayLockOut: true }),
    ]
    const result = await run(target, described)
    expect(errorOf(result)).toMatchObject({
      code: 'answer-lost',
      message:
        'web1: the connection broke during command:cut. One can log in again, but it is not as described.',
      state: '1 change was made before that and read back; left: command:cut.',
    })
    expect(await exec(left)).toBe('')
  })

  test('an action of which nobody knows how it ended stays noted', async () => {
    const target = [hosts()[0]!.target]
    const result = await run(target, () => [
      command('cut', { run: `${cut}; exit 1`, when: 'notified', mayLockOut: true }),
      file('/srv/cut', { content: '', notify: trigger('cut') }),
    ])
    expect(errorOf(result)).toMatchObject({ code: 'answer-lost' })
    expect(await exec(left)).toMatch(/^[0-9a-f]{32}\n$/)
  })
})

const errorOf = ({ results, surveyed }: Run): { code: string; state: string } | undefined =>
  results[0]?.error ?? (surveyed[0] && 'error' in surveyed[0] ? surveyed[0].error : undefined)
