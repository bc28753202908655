import { describe, expect, test } from 'vitest'
import { bootForFile, labAvailable, labMissing } from '../../test/lab/fixture.ts'
import { rescue } from '../../test/lab/rescue.ts'
import { type Resource, absent, idOf } from '../model/resource.ts'
import { authorizedKeys } from './authorized-keys.ts'
import { block } from './block.ts'
import { directory } from './directory.ts'
import { file } from './file.ts'
import { group } from './group.ts'
import { kinds } from './kinds.ts'
import { line } from './line.ts'
import { link } from './link.ts'
import { accountLockOut, homeLockOut, lockOutOf, serviceLockOut } from './lock-out.ts'
import { service } from './service.ts'
import { user } from './user.ts'

describe('a path', () => {
  test.each([
    ['/etc/ssh', 'reload-or-restart'],
    ['/etc/ssh/sshd_config', 'reload-or-restart'],
    ['/etc/ssh/sshd_config.d/x.conf', 'reload-or-restart'],
    ['/etc/default/ssh', 'reload-or-restart'],
    ['/etc/systemd/system/ssh.service.d/x.conf', 'daemon-reload'],
    ['/etc/systemd/system/sshd@.service', 'daemon-reload'],
    ['/etc/sudoers', ''],
    ['/etc/sudoers.d/deploy', ''],
    ['/etc/pam.d/sshd', ''],
    ['/etc/security/access.conf', ''],
    ['/etc/nsswitch.conf', ''],
    ['/etc/hosts.allow', ''],
    ['/etc/hosts.deny', ''],
    ['/etc/passwd', ''],
    ['/etc/shadow', ''],
    ['/etc/group', ''],
    ['/etc/gshadow', ''],
    ['/etc/nologin', ''],
    ['/etc/nftables.conf', 'nft -f -'],
    ['/etc/nftables.d/fettle.nft', 'nft -f -'],
    ['/etc/iptables/rules.v4', 'netfilter-persistent'],
    ['/etc/ufw/user.rules', 'ufw reload'],
    ['/etc/network/interfaces', 'restart networking'],
    ['/etc/network/interfaces.d/eth0', 'restart networking'],
    ['/etc/netplan/01.yaml', 'netplan apply'],
    ['/etc/systemd/network/10.network', 'networkctl reload'],
    ['/etc/NetworkManager/system-connections/a', 'restart NetworkManager'],
    ['/home/ann/.ssh', 'tar'],
    ['/home/ann/.ssh/authorized_keys', 'tar'],
  ])('%s is put back', (path, restore) => {
    const found = lockOutOf(path, 'ann')
    expect(found?.paths).toEqual([path])
    expect(found?.restore?.text ?? '').toContain(restore)
  })

  test.each(['/', '/home', '/home/ann', '/etc', '/etc/systemd', '/etc/systemd/system/../..'])(
    'of %s, who owns it and may enter it',
    (path) => {
      const found = lockOutOf(path.replace('/system/../..', ''), 'ann')
      expect(found?.paths).toEqual([])
      expect(found?.save?.text).toContain('tar --no-recursion')
    },
  )

  test.each([
    '/etc/motd',
    '/etc/sshx',
    '/etc/sudoers.dpkg-old',
    '/etc/hosts',
    '/etc/systemd/system/nginx.service',
    '/etc/systemd/system/sshguard.service',
    '/home/ann/.bashrc',
    '/home/annie/.ssh/authorized_keys',
    '/root/.ssh/authorized_keys',
    '/srv/etc/ssh/sshd_config',
  ])('%s cannot', (path) => {
    expect(lockOutOf(path, 'ann')).toBeUndefined()
  })

  test('the home of root is elsewhere', () => {
    expect(lockOutOf('/root/.ssh/authorized_keys', 'root')?.paths).toEqual([
      '/root/.ssh/authorized_keys',
    ])
    expect(lockOutOf('/root', 'root')?.paths).toEqual([])
    expect(lockOutOf('/home/root/.ssh/x', 'root')).toBeUndefined()
  })
})

test.each([
  ['ssh', true, false],
  ['ssh.socket', true, false],
  ['sshd', true, false],
  ['nftables', true, true],
  ['ufw', true, true],
  ['networking', true, false],
  ['systemd-networkd', true, false],
  ['NetworkManager', true, false],
  ['nginx', false, false],
  ['ssh.timer', false, false],
])('service %s', (name, counts, rules) => {
  const found = serviceLockOut(name)
  expect(found !== undefined).toBe(counts)
  expect(found?.save?.text.includes('nft list') ?? false).toBe(rules)
})

test('resources say it of themselves', () => {
  const concerned = (resources: readonly Resource[]): string[] =>
    resources.filter((each) => kinds.get(each.kind)!.lockOut?.(each, 'ann')).map(idOf)
  const counts = [
    file('/etc/ssh/a', { content: 'x' }),
    line('/etc/ssh/b', { line: 'x' }),
    block('/etc/ssh/c', { name: 'x', content: 'x' }),
    directory('/etc/ssh/d'),
    link('/etc/ssh/e', { to: 'd' }),
    user('ann'),
    group('ann'),
    group('admins', { members: ['bob'] }),
    absent(group('logins')),
    authorizedKeys('ann', { keys: [] }),
    service('ssh'),
  ]
  expect(concerned(counts)).toEqual(counts.map(idOf))
  const others = [
    file('/etc/motd', { content: 'x' }),
    user('bob'),
    group('web'),
    group('web2', { members: ['ann'] }),
    authorizedKeys('bob', { keys: [] }),
    service('nginx'),
  ]
  expect(concerned(others)).toEqual([])
})

describe.skipIf(!labAvailable)(`on a host ${labMissing}`, () => {
  const hosts = bootForFile()

  test('sshd listens again as before', async () => {
    const [host] = hosts()
    const port = "ss -Hltn 'sport = :22' | wc -l"
    const before = (await host!.exec(port)).output
    for (const harm of [
      'echo Port 2222 > /etc/ssh/sshd_config.d/x.conf; systemctl reload ssh; sleep 0.5',
      'echo Nonsense > /etc/ssh/sshd_config.d/x.conf; systemctl restart ssh || :',
    ]) {
      const found = lockOutOf('/etc/ssh/sshd_config.d/x.conf', 'root')!
      const script = `${harm}; [ "$(${port})" = 0 ]`
      expect(await rescue(host!, found, script)).toBe('')
      await expect.poll(async () => (await host!.exec(port)).output).toBe(before)
      expect((await host!.exec('ls /etc/ssh/sshd_config.d')).output).toBe('lab.conf\n')
    }
  })

  test('units of sshd run and are enabled as before', async () => {
    const [host] = hosts()
    const look = 'systemctl is-active ssh ssh.socket; systemctl is-enabled ssh ssh.socket; :'
    const before = (await host!.exec(look)).output
    expect(before).toBe('active\ninactive\nenabled\ndisabled\n')
    for (const harm of [
      'systemctl disable --now ssh; systemctl mask ssh',
      'systemctl disable --now ssh; systemctl enable --now ssh.socket',
      'systemctl stop ssh',
    ]) {
      await rescue(host!, serviceLockOut('sshd')!, harm)
      expect((await host!.exec(look)).output).toBe(before)
    }
  })

  test('a home is owned and entered as before, and its keys are back', async () => {
    const [host] = hosts()
    await host!.exec(
      'useradd -m -d /srv/far/ann ann; mkdir -p /srv/real; chmod 750 /srv/real; mv /srv/far /srv/real/; ln -s real/far /srv/far; install -d -o ann -m 700 /srv/far/ann/.ssh; echo key > /srv/far/ann/.ssh/authorized_keys; useradd -m bob',
    )
    const look =
      'stat -c "%a %U %F" / /srv /srv/real /srv/far /srv/far/ann /srv/far/ann/.ssh; cat /srv/far/ann/.ssh/authorized_keys; id ann; getent shadow ann'
    const before = (await host!.exec(look)).output
    expect(before).toContain('key\n')
    await host!.exec('mkdir -p /srv/far/ann/kept; echo kept > /srv/far/ann/kept/file')
    const harm = 'chmod 777 /srv/real /srv/far/ann; chown bob /srv/far/ann; rm -r /srv/far/ann/.ssh'
    expect(await rescue(host!, homeLockOut('ann'), harm)).toBe('')
    expect((await host!.exec(look)).output).toBe(before)
    expect(await rescue(host!, accountLockOut('ann'), `${harm}; userdel ann`)).toBe('')
    expect((await host!.exec(look)).output).toBe(before)
    expect((await host!.exec('cat /srv/far/ann/kept/file')).output).toBe('kept\n')
  })

  test('a directory above is owned and entered as before', async () => {
    const [host] = hosts()
    for (const [path, login] of [
      ['/', 'root'],
      ['/etc', 'root'],
      ['/home', 'bob'],
      ['/home/bob', 'bob'],
      ['/root', 'root'],
    ] as const) {
      const look = `stat -c '%a %U' ${path}`
      const before = (await host!.exec(look)).output
      const harm = `chmod 700 ${path}; chown 1234 ${path}`
      expect(await rescue(host!, lockOutOf(path, login)!, harm)).toBe('')
      expect((await host!.exec(look)).output).toBe(before)
    }
  })
})
