import {
  type Fleet,
  authorizedKeys,
  cron,
  directory,
  file,
  fleet,
  link,
  packages,
  restart,
  role,
  service,
  unit,
  user,
} from 'fettle'

const key =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILcsfxqOih6441V17YWcPnw6oUwceA/KOs5EKRCwIWJV deploy@example.test'

const parts = ['catalog', 'cart', 'checkout', 'search', 'orders', 'payments', 'mail', 'media']
const daemons = ['worker', 'scheduler', 'metrics']
const ours = { owner: 'deploy', group: 'deploy' }

/** An ordinary server; its packages are those that a bare host has, so that no mirror is measured. */
const server = role('server', (host) => [
  packages('openssh-server', 'ca-certificates', 'procps', 'tar', 'sudo'),

  ['deploy', 'alice', 'bob', 'carol'].map((name) => [
    user(name, { shell: '/bin/bash' }),
    authorizedKeys(name, { keys: [key] }),
  ]),

  directory('/srv/shop', { ...ours, mode: '0755' }),
  ['releases', 'shared', 'log'].map((name) =>
    directory(`/srv/shop/${name}`, { ...ours, mode: '0750' }),
  ),
  directory('/etc/shop', { owner: 'root', group: 'root', mode: '0755' }),
  directory('/etc/shop/parts', { owner: 'root', group: 'deploy', mode: '0750' }),
  directory('/etc/shop/enabled', { owner: 'root', group: 'root', mode: '0755' }),

  parts.map((name, i) => [
    file(`/etc/shop/parts/${name}.conf`, {
      content: [`name = ${name}`, `host = ${host.name}`, `port = ${8100 + i}`, ''].join('\n'),
      owner: 'root',
      group: 'deploy',
      mode: '0640',
    }),
    link(`/etc/shop/enabled/${name}.conf`, { to: `../parts/${name}.conf` }),
  ]),

  file('/etc/motd', { content: `This is ${host.name}.\n`, mode: '0644' }),
  file('/etc/logrotate.d/shop', {
    content: '/srv/shop/log/*.log {\n  weekly\n  rotate 8\n  missingok\n}\n',
    mode: '0644',
  }),
  cron('shop-cleanup', {
    schedule: '17 3 * * *',
    command: 'find /srv/shop/log -mtime +60 -delete',
  }),

  daemons.map((name) => [
    file(`/etc/shop/${name}.conf`, {
      content: `role = ${name}\nhost = ${host.name}\nworkers = 4\n`,
      owner: 'root',
      group: 'deploy',
      mode: '0640',
      notify: restart(`shop-${name}`),
    }),
    unit(`shop-${name}.service`, {
      sections: {
        Unit: { Description: `shop ${name}`, After: 'network.target' },
        Service: { User: 'deploy', ExecStart: '/bin/sleep infinity', Restart: 'on-failure' },
        Install: { WantedBy: 'multi-user.target' },
      },
    }),
    service(`shop-${name}`),
  ]),
])

const hosts = 100

const all: Fleet = fleet({
  hosts: Object.fromEntries(Array.from({ length: hosts }, (_, i) => [`web${i + 1}`, {}])),
  roles: [server.on('*')],
})

export default all
