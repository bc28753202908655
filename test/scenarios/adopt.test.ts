import { spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { bootForFile, labAvailable, labMissing } from '../lab/fixture.ts'
import { byHand, repositories } from './by-hand.ts'
import { Folder, steady } from './cli.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
/** All files below a folder, but what Fettle keeps for itself. */
function contents(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => join(each.parentPath, each.name).slice(folder.length + 1))
    .filter((name) => !name.startsWith('.fettle'))
    .sort()
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]))
}

describe.skipIf(!labAvailable)(`adopt ${labMissing}`, () => {
  const hosts = bootForFile(2)
  let adopted: Folder

  test('describes a server that was made by hand, as a person would', async () => {
    const [web1] = hosts()
    await repositories(web1!)
    const made = await web1!.exec(byHand)
    expect(made).toMatchObject({ code: 0 })
    adopted = new Folder(hosts())
    const { code, stdout, stderr } = await adopted.fettle(['adopt', 'web1', '--lab'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('each was read back and is as described.')
    const files = contents(adopted.path)
    expect(files['fleet.ts']).toMatchInlineSnapshot(`
      "import { fleet } from 'fettle'
      import { base } from './roles/base.ts'
      import { people } from './roles/people.ts'
      import { system } from './roles/system.ts'
      import { shop } from './roles/shop.ts'
      import { nftables } from './roles/nftables.ts'
      import { nginx } from './roles/nginx.ts'
      import { ssh } from './roles/ssh.ts'
      import { far } from './roles/far.ts'
      import { backup } from './roles/backup.ts'
      import { nap } from './roles/nap.ts'

      export default fleet({
        hosts: { web1: {} },
        roles: [
          base.on('web1'),
          people.on('web1'),
          system.on('web1'),
          shop.on('web1'),
          nftables.on('web1'),
          nginx.on('web1'),
          ssh.on('web1'),
          far.on('web1'),
          backup.on('web1'),
          nap.on('web1'),
        ],
      })
      "
    `)
    expect(files['roles/base.ts']).toMatchInlineSnapshot(`
      "import { aptRepository, file, packages, role } from 'fettle'

      /** Where packages come from, and which there are. */
      export const base = role('base', () => [
        file('/etc/apt/apt.conf.d/99mmdebstrap', { content: 'Acquire::Languages "none";\\n' }),
        file('/etc/apt/sources.list', { source: '../files/etc/apt/sources.list' }),
        file('/etc/apt/sources.list.d/tiny.list', {
          content: 'deb [trusted=yes] file:/srv/tiny ./\\n',
        }),
        file('/etc/dpkg/dpkg.cfg.d/99mmdebstrap', {
          source: '../files/etc/dpkg/dpkg.cfg.d/99mmdebstrap',
        }),
        aptRepository('own', { uris: 'file:/srv/own', suites: './', options: { Trusted: 'yes' } }),
        packages('cron', 'nftables', 'nginx-light', 'openssh-server', 'own', 'sudo', 'tiny'),
      ])
      "
    `)
    expect(files['roles/people.ts']!.replaceAll(/AAAA\S+ fettle-lab-login/g, 'LAB'))
      .toMatchInlineSnapshot(`
      "import { authorizedKeys, directory, file, group, role, user } from 'fettle'

      /** Who is there, and who may do what. */
      export const people = role('people', () => [
        group('deploy', { gid: 2000 }),
        user('ann', {
          uid: 1500,
          groups: ['deploy', 'sudo'],
          shell: '/bin/bash',
          comment: "Ann O'Hara",
        }),
        user('bob', { uid: 1600, shell: '/bin/sh' }),
        user('svc', { uid: 450, system: true, home: '/srv/shop', shell: '/usr/sbin/nologin' }),
        user('www-data', { groups: ['deploy'], keepGroups: true }),
        authorizedKeys('root', {
          keys: [
            'ssh-ed25519 LAB',
          ],
        }),
        authorizedKeys('ann', {
          keys: [
            'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA ann@example.test',
          ],
        }),
        directory('/home/bob/.ssh', { owner: 'bob', group: 'bob' }),
        file('/home/bob/.ssh/authorized_keys', {
          source: '../files/home/bob/.ssh/authorized_keys',
          owner: 'bob',
          group: 'bob',
        }),
        file('/etc/sudoers.d/ann', {
          content: 'ann ALL=(ALL) NOPASSWD: /usr/bin/systemctl\\n',
          mode: '0440',
          validate: 'visudo -cf %s',
        }),
      ])
      "
    `)
    expect(files['roles/shop.ts']).toMatchInlineSnapshot(`
      "import { directory, file, reload, restart, role, service, unit } from 'fettle'

      /** The service shop. */
      export const shop = role('shop', () => [
        directory('/etc/shop'),
        file('/etc/shop/it\\'s a "name".conf', {
          content: 'a \`b\` \${c} \\\\ it\\'s "d"\\n',
          notify: reload('shop'),
        }),
        file('/etc/shop/shop.conf', {
          content: 'colour=green\\n',
          owner: 'svc',
          group: 'deploy',
          mode: '0664',
          notify: reload('shop'),
        }),
        file('/usr/local/bin/shop', { source: '../files/usr/local/bin/shop', mode: '0755' }),
        unit('shop.service', {
          sections: {
            Unit: { Description: 'Shop' },
            Service: { ExecStart: '/usr/local/bin/shop', User: 'svc', Restart: 'always' },
            Install: { WantedBy: 'multi-user.target' },
          },
          notify: restart('shop'),
        }),
        service('shop'),
      ])
      "
    `)
    expect(files['roles/nginx.ts']).toMatchInlineSnapshot(`
      "import { absent, file, link, reload, restart, role, service, unit } from 'fettle'

      /** The service nginx. */
      export const nginx = role('nginx', () => [
        link('/etc/nginx/modules-enabled/50-mod-http-echo.conf', {
          to: '/usr/share/nginx/modules-available/mod-http-echo.conf',
          notify: reload('nginx'),
        }),
        file('/etc/nginx/nginx.conf', {
          source: '../files/etc/nginx/nginx.conf',
          notify: reload('nginx'),
        }),
        file('/etc/nginx/sites-available/shop', {
          source: '../files/etc/nginx/sites-available/shop',
          notify: reload('nginx'),
        }),
        link('/etc/nginx/sites-enabled/shop', {
          to: '../sites-available/shop',
          notify: reload('nginx'),
        }),
        absent(file('/etc/nginx/sites-enabled/default', { notify: reload('nginx') })),
        unit('nginx.service', {
          dropIn: 'limits',
          sections: { Service: { LimitNOFILE: '4096' } },
          notify: restart('nginx'),
        }),
        service('nginx'),
      ])
      "
    `)
    expect(files['roles/backup.ts']).toMatchInlineSnapshot(`
      "import { restart, role, service, template, unit } from 'fettle'

      /** The service backup. */
      export const backup = role('backup', () => [
        unit('backup.timer', {
          content: template('../files/etc/systemd/system/backup.timer'),
          notify: restart('backup.timer'),
        }),
        unit('backup.service', {
          sections: { Service: { Type: 'oneshot', ExecStart: '/bin/true' } },
        }),
        service('backup.timer'),
      ])
      "
    `)
    expect(files['roles/system.ts']).toMatchInlineSnapshot(`
      "import { absent, directory, file, hostEntry, link, restart, role, service, timezone } from 'fettle'

      /** What belongs to no single service. */
      export const system = role('system', () => [
        timezone('Europe/Copenhagen'),
        hostEntry('10.9.8.7', ['db.example.test', 'db']),
        directory('/etc/containers'),
        directory('/etc/systemd/system.conf.d'),
        file('/etc/containers/containers.conf', {
          source: '../files/etc/containers/containers.conf',
        }),
        file('/etc/containers/storage.conf', { source: '../files/etc/containers/storage.conf' }),
        file('/etc/cron.d/clean', { content: '0 3 * * * root find /tmp -mtime +9 -delete\\n' }),
        file('/etc/sysctl.d/60-shop.conf', {
          content: 'net.core.somaxconn = 5000\\n',
          notify: restart('systemd-sysctl'),
        }),
        file('/etc/systemd/system.conf.d/lab.conf', {
          source: '../files/etc/systemd/system.conf.d/lab.conf',
        }),
        file('/var/spool/cron/crontabs/ann', {
          source: '../files/var/spool/cron/crontabs/ann',
          owner: 'ann',
          group: 'crontab',
          mode: '0600',
        }),
        absent(file('/etc/cron.daily/apt-compat')),
        link('/etc/systemd/system/getty@.service', { to: '/dev/null' }),
        link('/etc/systemd/system/default.target', { to: '/lib/systemd/system/multi-user.target' }),
        service('cron', { running: false, enabled: false }),
        service('systemd-sysctl'),
        ...[
          'apt-daily-upgrade.timer',
          'apt-daily.timer',
          'console-getty',
          'dev-hugepages.mount',
          'dpkg-db-backup.timer',
          'e2scrub_all.timer',
          'e2scrub_reap',
          'fstrim.timer',
          'getty.target',
          'kmod-static-nodes',
          'proc-sys-fs-binfmt_misc.automount',
          'ssh.socket',
          'sys-fs-fuse-connections.mount',
          'sys-kernel-config.mount',
          'sys-kernel-debug.mount',
          'sys-kernel-tracing.mount',
          'systemd-binfmt',
          'systemd-firstboot',
          'systemd-machine-id-commit',
          'systemd-modules-load',
          'systemd-pstore',
          'systemd-remount-fs',
          'systemd-repart',
          'systemd-timesyncd',
          'systemd-udev-trigger',
          'systemd-udevd-control.socket',
          'systemd-udevd-kernel.socket',
          'systemd-udevd',
          'systemd-update-utmp-runlevel',
          'systemd-update-utmp',
        ].map((name) => service(name, { masked: true })),
      ])
      "
    `)
    expect(files['roles/nap.ts']).toContain(
      "service('nap@8888'),\n  service('nap@9999', { enabled: false }),",
    )
    expect(files['roles/far.ts']).toContain(
      "link('/etc/systemd/system/far.service', { to: '/opt/far/far.service' }),\n  service('far'),",
    )
    expect(files['left-out.md']).toMatchInlineSnapshot(`
      "# What is on web1 and not in this description

      - package by-hand: in no repository: installed by hand
      - password of ann: a hash is a secret: describe it with \`password: Secret.env('...')\`, or leave it as it is
      - /etc/shop/big: 300000 bytes: more than 262144
      - /etc/shop/blob: no text, 3 bytes
      - /etc/shop/db.conf: line 2 holds what looks like a password, key or token: describe it with a Secret
      - /etc/shop/old: line 2 holds what looks like a password, key or token: describe it with a Secret
      - /etc/shop/key.pem: line 1 holds a private key: describe it with a Secret
      - /etc/shop/token: only root may read it (mode 0600): describe it with a Secret
      - /usr/sbin/invoke-rc.d: it belongs to a package, whose next version replaces it
      - host-entry:10.9.8.8: a plan would change it: in place of 2 lines
      "
    `)
  }, 120_000)

  test('keeps no secret', () => {
    const all = JSON.stringify(contents(adopted.path))
    expect(all).not.toContain('hunter2')
    expect(all).not.toContain('saltsalt')
    expect(all).not.toContain('BEGIN')
  })

  test('is right for the compiler', () => {
    mkdirSync(join(root, '.fettle'), { recursive: true })
    const folder = mkdtempSync(join(root, '.fettle', 'adopt-'))
    try {
      cpSync(join(adopted.path, 'roles'), join(folder, 'roles'), { recursive: true })
      cpSync(join(adopted.path, 'fleet.ts'), join(folder, 'fleet.ts'))
      const config = { extends: '../../examples/tsconfig.json', include: ['.'] }
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
      const tsc = join(root, 'node_modules/typescript/bin/tsc')
      const { stdout } = spawnSync(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], {
        encoding: 'utf8',
      })
      expect(stdout).toBe('')
      // The one that is written beside it says the same of imports.
      expect(adopted.read('tsconfig.json')).toContain('"allowImportingTsExtensions": true')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  test('has an empty plan', async () => {
    const { code, stdout } = await adopted.fettle(['plan', '--lab'])
    expect({ code, stdout: steady(stdout) }).toEqual({
      code: 0,
      stdout: expect.stringMatching(
        /^web1\n {2}nothing to change \(\d+ resources\)\n\nNothing to change on 1 host\.\n$/,
      ),
    })
  })

  test('makes a fresh host the same: adopted again, it gives the same description', async () => {
    const [, web2] = hosts()
    await repositories(web2!)
    const second = new Folder(hosts())
    const files = contents(adopted.path)
    for (const [name, text] of Object.entries(files))
      second.write(name, name === 'fleet.ts' ? text.replaceAll('web1', 'web2') : text)
    const made = await second.fettle(['up', '--lab', '--yes'])
    expect(made.code, made.stdout).toBe(0)
    const again = await second.fettle(['plan', '--lab'])
    expect(again.stdout).toContain('nothing to change')
    const third = new Folder(hosts())
    expect(await third.fettle(['adopt', 'web2', '--lab'])).toMatchObject({ code: 0 })
    const { 'left-out.md': _, ...described } = contents(third.path)
    const { 'left-out.md': __, ...wanted } = files
    wanted['fleet.ts'] = wanted['fleet.ts']!.replaceAll('web1', 'web2')
    expect(described).toEqual(wanted)
  }, 240_000)

  test('works through sudo, and says who changes things then', async () => {
    const [web1] = hosts()
    const folder = new Folder(hosts())
    await web1!.exec(`useradd -m ops; echo 'ops ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ops
install -d -m 700 -o ops /home/ops/.ssh
install -m 600 -o ops /root/.ssh/authorized_keys /home/ops/.ssh/authorized_keys`)
    const options = web1!.target.options!
    const ssh = join(folder.path, 'ssh')
    writeFileSync(
      ssh,
      `#!/bin/sh\nexec /usr/bin/ssh ${options.map((word) => `'${word}'`).join(' ')} "$@"\n`,
      { mode: 0o755 },
    )
    const env = { PATH: `${folder.path}:${process.env['PATH']}` }
    const where = `ops@${web1!.target.address}`
    const { code, stderr } = await folder.fettle(['adopt', where, '--folder', 'own'], { env })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(folder.read('own/fleet.ts')).toContain(
      `hosts: { web1: { address: '${web1!.target.address}', login: 'ops' } }`,
    )
    expect(folder.read('own/roles/ssh.ts')).toMatchInlineSnapshot(`
      "import { as, file, reload, role, service } from 'fettle'

      /** The service ssh. */
      export const ssh = role('ssh', () =>
        as('root', [
          file('/etc/ssh/sshd_config.d/lab.conf', {
            source: '../files/etc/ssh/sshd_config.d/lab.conf',
            notify: reload('ssh'),
          }),
          service('ssh'),
        ]),
      )
      "
    `)
    const plan = await folder.fettle(['plan', '--fleet', 'own/fleet.ts'], { env })
    expect(plan.stdout).toContain('Nothing to change on 1 host.')
  }, 60_000)

  test('overwrites nothing', async () => {
    const before = contents(adopted.path)
    const { code, stderr } = await adopted.fettle(['adopt', 'web1', '--lab'])
    expect(code).toBe(2)
    expect(stderr).toContain('error file-exists')
    expect(contents(adopted.path)).toEqual(before)
  })
})
