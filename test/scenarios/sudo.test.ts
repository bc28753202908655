import { describe, expect } from 'vitest'
import {
  as,
  authorizedKeys,
  command,
  cron,
  directory,
  file,
  link,
  restart,
  service,
  unit,
  user,
} from '../../src/index.ts'
import { labAvailable, labMissing, test } from '../lab/fixture.ts'
import { plan, settle } from '../lab/settle.ts'

const key =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP6BEOqgdhqTaH2rkHn0GykWnNoq8HS2/dEbNr1VHEGr ada@example.test'

describe.skipIf(!labAvailable)(`a login that is not root ${labMissing}`, () => {
  test('does everything with sudo: as root, as itself and as a user made on the way', async ({
    boot,
  }) => {
    const [booted] = await boot(1)
    await booted!.exec(`useradd -m -s /bin/bash ops
      install -d -o ops -m 700 /home/ops/.ssh
      install -o ops -m 600 ~root/.ssh/authorized_keys /home/ops/.ssh/
      echo 'ops ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ops`)
    const host = { ...booted!, target: { ...booted!.target, login: 'ops' } }
    const worker = service('worker')
    const described = [
      user('deploy', { shell: '/bin/bash' }),
      authorizedKeys('deploy', { keys: [key] }),
      file('/home/ops/own', { content: 'mine\n' }),
      ...as('root', [
        directory('/srv/shop', { owner: 'deploy' }),
        file('/etc/shop.conf', { content: 'x\n', notify: restart(worker) }),
        link('/etc/shop', { to: 'shop.conf' }),
      ]),
      file('/home/deploy/theirs', { content: 'as deploy\n', user: 'deploy' }),
      unit('worker.service', {
        sections: {
          Service: { ExecStart: '/bin/sleep infinity' },
          Install: { WantedBy: 'multi-user.target' },
        },
      }),
      worker,
      cron('nightly', { schedule: '@daily', command: 'true' }),
      command('once', { run: 'touch ~/once', creates: '/home/ops/once' }),
    ]
    const { planned, made } = await settle(host, described)
    expect(made).toEqual(planned)
    expect(await plan(host, described)).toEqual([])
    const owners =
      "stat -c '%U %n' /home/ops/own /home/ops/once /home/deploy/theirs /etc/shop.conf /srv/shop"
    expect((await booted!.exec(owners)).output.trim().split('\n')).toEqual([
      'ops /home/ops/own',
      'ops /home/ops/once',
      'deploy /home/deploy/theirs',
      'root /etc/shop.conf',
      'deploy /srv/shop',
    ])
  })
})
