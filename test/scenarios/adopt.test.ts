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
import { publish } from '../lab/debian.ts'
import { type TestHost, bootForFile, labAvailable, labMissing } from '../lab/fixture.ts'
import { Folder, steady } from './cli.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const key = (letter: string): string =>
  `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${letter.repeat(43)} ann@example.test`

/** What somebody does to a server by hand in a few years. */
const byHand = `set -e
echo 'deb [trusted=yes] file:/srv/tiny ./' > /etc/apt/sources.list.d/tiny.list
printf 'Types: deb\\nURIs: file:/srv/own\\nSuites: ./\\nTrusted: yes\\n' > /etc/apt/sources.list.d/own.sources
apt-get update -qq
apt-get install -y -qq --no-install-recommends nginx-light nftables tiny own >/dev/null
dpkg -i /srv/nowhere/nowhere_1.0.deb >/dev/null
apt-mark manual tiny own >/dev/null

groupadd -g 2000 deploy
gpasswd -a www-data deploy >/dev/null
useradd -m -u 1500 -s /bin/bash -c "Ann O'Hara" -G sudo,deploy ann
echo 'ann:$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/' | chpasswd -e
useradd -m -u 1600 bob
useradd -r -u 450 -d /srv/shop -s /usr/sbin/nologin svc
install -d -m 700 -o ann -g ann /home/ann/.ssh
printf '# mine\\n%s\\n' '${key('A')}' > /home/ann/.ssh/authorized_keys
chown ann:ann /home/ann/.ssh/authorized_keys; chmod 600 /home/ann/.ssh/authorized_keys
install -d -o bob -g bob /home/bob/.ssh
echo '${key('B')}' > /home/bob/.ssh/authorized_keys; chown bob:bob /home/bob/.ssh/authorized_keys
echo 'ann ALL=(ALL) NOPASSWD: /usr/bin/systemctl' > /etc/sudoers.d/ann; chmod 440 /etc/sudoers.d/ann

sed -i 's/# server_tokens off;/server_tokens off;/' /etc/nginx/nginx.conf
printf 'server {\\n  listen 8080;\\n  root /srv/shop;\\n}\\n' > /etc/nginx/sites-available/shop
ln -s ../sites-available/shop /etc/nginx/sites-enabled/shop
rm /etc/nginx/sites-enabled/default /etc/cron.d/e2scrub_all
mkdir -p /etc/systemd/system/nginx.service.d
printf '[Service]\\nLimitNOFILE=4096\\n' > /etc/systemd/system/nginx.service.d/limits.conf

printf '#!/bin/sh\\nexec sleep infinity\\n' > /usr/local/bin/shop; chmod 755 /usr/local/bin/shop
printf '[Unit]\\nDescription=Shop\\n\\n[Service]\\nExecStart=/usr/local/bin/shop\\nUser=svc\\nRestart=always\\n\\n[Install]\\nWantedBy=multi-user.target\\n' > /etc/systemd/system/shop.service
printf '# Every night.\\n[Timer]\\nOnCalendar=daily\\n\\n[Install]\\nWantedBy=timers.target\\n' > /etc/systemd/system/backup.timer
printf '[Service]\\nType=oneshot\\nExecStart=/bin/true\\n' > /etc/systemd/system/backup.service
printf '[Service]\\nExecStart=/bin/sleep %%i\\n\\n[Install]\\nWantedBy=multi-user.target\\n' > /etc/systemd/system/nap@.service
systemctl daemon-reload
systemctl -q enable --now nap@8888; systemctl start nap@9999
systemctl -q enable --now /opt/far/far.service
systemctl -q enable --now shop.service backup.timer nftables
systemctl restart nginx
systemctl -q disable --now cron
systemctl -q mask ssh.socket

mkdir /etc/shop
echo 'colour=green' > /etc/shop/shop.conf; chown svc:deploy /etc/shop/shop.conf; chmod 664 /etc/shop/shop.conf
printf 'a \`b\` \${c} \\\\ it'"'"'s "d"\\n' > "/etc/shop/it's a \\"name\\".conf"
printf -- '-----BEGIN PRIVATE KEY-----\\nMIIhunter2hunter2\\n-----END PRIVATE KEY-----\\n' > /etc/shop/key.pem
printf 'user=shop\\npassword = hunter2hunter2\\n' > /etc/shop/db.conf
printf '#!/bin/sh\\n# was: password=hunter2hunter2\\n' > /etc/shop/old
echo hunter2hunter2 > /etc/shop/token; chmod 600 /etc/shop/token
yes | head -c 300000 > /etc/shop/big
printf '\\377\\376\\000' > /etc/shop/blob

echo '0 3 * * * root find /tmp -mtime +9 -delete' > /etc/cron.d/clean
printf '# m h\\n5 4 * * * true\\n' > /var/spool/cron/crontabs/ann
chown ann:crontab /var/spool/cron/crontabs/ann; chmod 600 /var/spool/cron/crontabs/ann
printf 'net.core.somaxconn = 5000\\n' > /etc/sysctl.d/60-shop.conf
sed -i 's/^flush ruleset/flush ruleset\\n# ours/' /etc/nftables.conf
ln -sf /usr/share/zoneinfo/Europe/Copenhagen /etc/localtime; echo Europe/Copenhagen > /etc/timezone
printf '10.9.8.7 db.example.test db\\n10.9.8.8 a\\n10.9.8.8 b\\n' >> /etc/hosts
echo '# patched' >> /usr/sbin/invoke-rc.d
`

/** All files below a folder, but what Fettle keeps for itself. */
function contents(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => join(each.parentPath, each.name).slice(folder.length + 1))
    .filter((name) => !name.startsWith('.fettle'))
    .sort()
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]))
}

async function repositories(host: TestHost): Promise<void> {
  const version = '1.0'
  await publish(host, '/srv/tiny', [{ name: 'tiny', version }])
  await publish(host, '/srv/nowhere', [{ name: 'nowhere', version }])
  const unit =
    '[Service]\\nExecStart=/bin/sleep infinity\\n[Install]\\nWantedBy=multi-user.target\\n'
  await host.exec(`mkdir -p /opt/far; printf '${unit}' > /opt/far/far.service`)
  await publish(host, '/srv/own', [{ name: 'own', version, conffile: 'a=1' }])
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
    expect(Object.keys(files)).toMatchInlineSnapshot(`
      [
        ".gitignore",
        "files/etc/apt/sources.list",
        "files/etc/dpkg/dpkg.cfg.d/99mmdebstrap",
        "files/etc/nftables.conf",
        "files/etc/nginx/nginx.conf",
        "files/etc/nginx/sites-available/shop",
        "files/etc/ssh/sshd_config.d/lab.conf",
        "files/etc/systemd/system/backup.timer",
        "files/home/bob/.ssh/authorized_keys",
        "files/usr/local/bin/shop",
        "files/var/spool/cron/crontabs/ann",
        "fleet.ts",
        "left-out.md",
        "package.json",
        "roles/backup.ts",
        "roles/base.ts",
        "roles/far.ts",
        "roles/nap.ts",
        "roles/nftables.ts",
        "roles/nginx.ts",
        "roles/people.ts",
        "roles/shop.ts",
        "roles/ssh.ts",
        "roles/system.ts",
        "tsconfig.json",
      ]
    `)
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
        packages(
          'cron',
          'nftables',
          'nginx-common',
          'nginx-light',
          'nowhere',
          'openssh-server',
          'own',
          'sudo',
          'systemd',
          'tiny',
        ),
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
      "import { absent, file, hostEntry, link, restart, role, service, timezone } from 'fettle'

      /** What belongs to no single service. */
      export const system = role('system', () => [
        timezone('Europe/Copenhagen'),
        hostEntry('10.9.8.7', ['db.example.test', 'db']),
        file('/etc/cron.d/clean', { content: '0 3 * * * root find /tmp -mtime +9 -delete\\n' }),
        file('/etc/sysctl.d/60-shop.conf', {
          content: 'net.core.somaxconn = 5000\\n',
          notify: restart('systemd-sysctl'),
        }),
        file('/var/spool/cron/crontabs/ann', {
          source: '../files/var/spool/cron/crontabs/ann',
          owner: 'ann',
          group: 'crontab',
          mode: '0600',
        }),
        absent(file('/etc/cron.d/e2scrub_all')),
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
    // nginx brings its default site, which nobody could plan to remove before it was there.
    const first = await second.fettle(['up', '--lab', '--yes'])
    expect(first.stdout.match(/error .*/g)).toEqual(['error change-did-not-take'])
    expect(first.stdout).toContain('file:/etc/nginx/sites-enabled/default was changed')
    expect(await second.fettle(['up', '--lab', '--yes'])).toMatchObject({ code: 0 })
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
