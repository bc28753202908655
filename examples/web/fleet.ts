import {
  authorizedKeys,
  cron,
  directory,
  file,
  fleet,
  link,
  packages,
  reload,
  restart,
  role,
  service,
  sysctl,
  unit,
  user,
} from 'fettle'

interface Vars {
  readonly domain: string
  readonly greeting: string
}

/** What every host of ours has. */
const base = role('base', () => [
  packages('cron', 'curl', 'nginx-light'),
  user('deploy', { shell: '/bin/bash' }),
  authorizedKeys('deploy', {
    keys: [
      'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP6BEOqgdhqTaH2rkHn0GykWnNoq8HS2/dEbNr1VHEGr ada@example.test',
    ],
  }),
  sysctl('net.core.somaxconn', 4096),
])

/** Hosts that serve our site. */
const web = role<Vars>('web', (host) => {
  const nginx = service('nginx')
  const worker = service('shop-worker')
  const { domain, greeting } = host.vars
  return [
    directory('/srv/shop', { owner: 'deploy', group: 'www-data', mode: '0755' }),
    file('/srv/shop/index.html', {
      template: './templates/index.html.eta',
      values: { host, greeting },
      owner: 'deploy',
    }),
    file('/etc/nginx/sites-available/shop', {
      template: './templates/site.conf.eta',
      values: { host, domain },
      notify: reload(nginx),
    }),
    link('/etc/nginx/sites-enabled/default', {
      to: '../sites-available/shop',
      notify: reload(nginx),
    }),
    nginx,
    unit('shop-worker.service', {
      sections: {
        Unit: { Description: 'Shop worker' },
        Service: { ExecStart: '/bin/sleep infinity', User: 'deploy', PrivateTmp: 'yes' },
        Install: { WantedBy: 'multi-user.target' },
      },
      notify: restart(worker),
    }),
    worker,
    cron('shop-backup', {
      schedule: '17 2 * * *',
      command: 'tar -czf /var/backups/shop.tar.gz /srv/shop',
    }),
  ]
})

export default fleet({
  hosts: {
    web1: { labels: { zone: 'a' } },
    web2: { labels: { zone: 'a' } },
    web3: { labels: { zone: 'b' } },
  },
  vars: { domain: 'shop.example.test', greeting: 'Hello' },
  roles: [base.on('*'), web.on('web1', 'web2', 'web3')],
})
