import { describe, expect, test } from 'vitest'
import { failure, planned } from '../../test/lab/converges.ts'
import { bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { settle } from '../../test/lab/settle.ts'
import { absent, idOf } from '../model/resource.ts'
import { allow } from '../resources/firewall-rules.ts'
import { type BaseOptions, base } from './base.ts'

const machine = (id = 'debian', addresses: readonly string[] = []) => ({
  facts: {
    hostname: 'web1',
    os: { id, version: '12', codename: 'bookworm' },
    architecture: 'x86_64',
    kernel: '6.1',
    cpus: 2,
    memory: 1.9 * 1024 ** 3,
    addresses,
  },
})

const key =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP6BEOqgdhqTaH2rkHn0GykWnNoq8HS2/dEbNr1VHEGr ada@example.test'

const desiredOf = (options: BaseOptions, id: string): unknown =>
  base(machine(), options).find((each) => idOf(each) === id)?.desired

describe('what is described', () => {
  test('root logs in by key, unless somebody else can become root', () => {
    const root = (options: BaseOptions): unknown => desiredOf(options, 'sshd:fettle')
    expect(root({})).toMatchObject({ settings: { PermitRootLogin: 'prohibit-password' } })
    const users = { ada: { keys: [key], sudo: true } }
    expect(root({ users })).toMatchObject({ settings: { PermitRootLogin: 'prohibit-password' } })
    expect(root({ users, rootLogin: false })).toMatchObject({ settings: { PermitRootLogin: 'no' } })
  })

  test.each<[BaseOptions]>([
    [{ rootLogin: false }],
    [{ rootLogin: false, users: { ada: { keys: [key] } } }],
    [{ rootLogin: false, users: { ada: { keys: [], sudo: true } } }],
    [{ rootLogin: false, users: { root: { keys: [key], sudo: true } } }],
    [{ ssh: { PermitRootLogin: 'no' } }],
  ])('refused: %j', (options) => expect(() => base(machine(), options)).toThrow(/rootLogin cannot/))

  test('root without any key', () =>
    expect(() => base(machine(), { users: { root: { keys: [] } } })).toThrow(/leave root no key/))

  test('ssh is open in the firewall, on the ports that it listens on', () => {
    expect(desiredOf({}, 'firewall:fettle')).toMatchObject({
      policy: 'drop',
      rules: [{ verdict: 'accept', ports: ['22'], from: [] }],
    })
    const options = {
      ssh: { Port: [22, 2222] },
      firewall: { ssh: ['10.0.0.0/8'], allow: [80, allow({ port: 5432, from: '10.0.0.5' }), 443] },
    }
    expect(desiredOf(options, 'firewall:fettle')).toMatchObject({
      rules: [
        { ports: ['22', '2222'], from: ['10.0.0.0/8'] },
        { ports: ['80', '443'] },
        { ports: ['5432'] },
      ],
    })
  })

  test('what is not wanted is left out', () => {
    const none = { firewall: false, updates: false, ntp: false, sysctl: false } as const
    expect(base(machine(), none).map(idOf)).toEqual([
      'package:tzdata',
      'sshd:fettle',
      'timezone:UTC',
    ])
    const ids = base(machine('debian', ['10.0.0.1', '2001:db8::1']), {}).map(idOf)
    expect(ids).toContain('sysctl:net.ipv6.conf.all.accept_redirects')
    expect(base(machine(), {}).map(idOf).join()).not.toContain('ipv6')
    expect(base(machine('ubuntu')).find(({ kind }) => kind === 'ntp')!.desired).toEqual({
      servers: ['ntp.ubuntu.com'],
    })
  })
})

describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile(2)
  const options = {
    users: { ada: { keys: [key], sudo: true }, bob: { keys: [key] } },
    firewall: { allow: [8080] },
    timezone: 'Europe/Copenhagen',
    updates: { reboot: '04:00' },
  } satisfies BaseOptions
  const all = base(machine(), options)

  test('from nothing; sshd, sudo and the firewall are as described', async () => {
    const [host, other] = hosts()
    const run = async (script: string): Promise<string> => (await host!.exec(script)).output.trim()
    await settle(host!, all)
    expect(await planned(host!, all)).toEqual([])
    const ssh = await run('sshd -T')
    for (const row of [
      'permitrootlogin without-password',
      'passwordauthentication no',
      'kbdinteractiveauthentication no',
      'x11forwarding no',
    ])
      expect(ssh).toContain(row)
    expect(await run('runuser -u ada -- sudo -n id -un')).toBe('root')
    expect(await run('runuser -u bob -- sudo -n id -un 2>&1')).toMatch(/password is required/)
    expect(await run('date +%Z')).toMatch(/CES?T/)
    expect(await run('cat /etc/apt/apt.conf.d/52fettle-unattended-upgrades')).toContain('"04:00"')
    // One port is open, another is not; both have somebody listening.
    await host!.exec('cat >/srv/listen.pl', listener)
    for (const port of [8080, 8081])
      await run(
        `systemd-run -q --unit=listen${port} perl /srv/listen.pl ${port}; for i in $(seq 50); do ss -Hltn 'sport = :${port}' | grep -q . && break; sleep 0.1; done`,
      )
    const ask = async (port: number): Promise<string> =>
      (
        await other!.exec(`timeout 3 bash -c 'cat </dev/tcp/${addressOf(host!)}/${port}'; echo $?`)
      ).output.trim()
    expect(await ask(8080)).toBe('here\n0')
    expect(await ask(8081)).toBe('124')
  }, 300_000)

  test('what was changed by hand is put right', async () => {
    const [host] = hosts()
    await host!.exec(`nft flush ruleset; rm /etc/sudoers.d/*ada*
echo '${key.replace('AAAAIP6', 'AAAAIP7').replace('ada@', 'mallory@')}' >>/home/ada/.ssh/authorized_keys
echo 'PasswordAuthentication yes' >/etc/ssh/sshd_config.d/00-fettle.conf; systemctl reload ssh
rm /etc/localtime; rm /etc/apt/apt.conf.d/52fettle-unattended-upgrades`)
    await settle(host!, all)
    expect(await planned(host!, all)).toEqual([])
    expect((await host!.exec('cat /home/ada/.ssh/authorized_keys')).output).not.toContain('mallory')
    expect((await host!.exec('sshd -T')).output).toContain('passwordauthentication no')
    expect((await host!.exec('nft list ruleset')).output).toContain('8080')
  }, 120_000)

  test('rules that would keep Fettle out are refused, and root stays able to log in', async () => {
    const [host] = hosts()
    const shut = base(machine(), { ...options, firewall: { ssh: ['192.0.2.0/24'] } })
    expect(await failure(host!, shut)).toMatch(/login that Fettle uses/)
    expect(await planned(host!, all)).toEqual([])
  }, 60_000)

  test('without root, for a login that may become root; root itself is not shut out by its own run', async () => {
    const host = hosts()[1]!
    const known = (await host.exec('cat ~root/.ssh/authorized_keys')).output.trim().split('\n')
    const users = { ops: { keys: known, sudo: true } }
    await settle(host, base(machine(), { users }))
    const without = base(machine(), { users, rootLogin: false })
    expect(await failure(host, without)).toMatch(/log in/)
    expect(await planned(host, base(machine(), { users }))).toEqual([])
    const ops = { ...host, target: { ...host.target, login: 'ops' } }
    await settle(ops, without)
    expect(await planned(ops, without)).toEqual([])
    expect((await host.exec('sshd -T')).output).toContain('permitrootlogin no')
  }, 300_000)

  test('gone: firewall, rule of sudo and a user', async () => {
    const [host] = hosts()
    const ids = ['firewall:fettle', 'sudo:ada', 'user:bob', 'sshd:fettle']
    const gone = absent(all.filter((each) => ids.includes(idOf(each))))
    expect(gone).toHaveLength(4)
    await settle(host!, gone)
    expect(await planned(host!, gone)).toEqual([])
    expect((await host!.exec('nft list ruleset')).output).not.toContain('fettle')
  }, 60_000)
})

const listener = `use IO::Socket::INET;
my $s = IO::Socket::INET->new(LocalAddr => "0.0.0.0:$ARGV[0]", Listen => 5, ReuseAddr => 1) or die;
while (my $c = $s->accept) { print $c "here\\n"; close $c }
`

const addressOf = ({ target }: { target: { address: string } }): string => target.address
