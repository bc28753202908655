import {
  type Fleet,
  authorizedKeys,
  command,
  directory,
  file,
  fleet,
  link,
  packages,
  reload,
  restart,
  role,
  service,
  trigger,
  unit,
  user,
} from 'fettle'

/** What the role wants to know of its host. */
interface Vars {
  readonly app: string
  readonly domain: string
  readonly contact: string
  readonly logLevel: string
  readonly workers: number
  readonly queue: string
}

const people = {
  deploy:
    'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILcsfxqOih6441V17YWcPnw6oUwceA/KOs5EKRCwIWJV deploy@example.test',
  alice:
    'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDRMjFqCvXatpBoTU2Yb43iMoBiFR3ry3idF9uIG7vSp alice@example.test',
  bob: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN0ClnSi+G8CJVwC3QHRpB8stuyVjbWmTHckmRC/BEdp bob@example.test',
  carol:
    'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKXUKe2PIjOGdHNWHTc/6DHl+D0DjhDA/129FykuYDS2 carol@example.test',
  dave: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPG2KrAKCY7H9c0wdbgLkw5SqnT1khClw8PXqiAdlTpy dave@example.test',
}

const services = [
  { name: 'catalog', port: 8101, pool: 8 },
  { name: 'cart', port: 8102, pool: 4 },
  { name: 'checkout', port: 8103, pool: 4 },
  { name: 'search', port: 8104, pool: 16 },
  { name: 'users', port: 8105, pool: 4 },
  { name: 'orders', port: 8106, pool: 8 },
  { name: 'payments', port: 8107, pool: 2 },
  { name: 'mail', port: 8108, pool: 2 },
  { name: 'media', port: 8109, pool: 8 },
  { name: 'stats', port: 8110, pool: 2 },
]

const sites = [
  { name: 'shop', listen: 8081, backend: 8101 },
  { name: 'api', listen: 8082, backend: 8105 },
  { name: 'static', listen: 8083, backend: 8109 },
  { name: 'status', listen: 8084, backend: 8110 },
  { name: 'admin', listen: 8085, backend: 8106 },
]

/** What runs in the background: a unit and a configuration each. */
const background = ['worker', 'scheduler', 'metrics']

const web = role<Vars>('web', (host) => {
  const { app } = host.vars
  const nginx = service('nginx')
  const applySysctl = command('apply sysctl', {
    run: 'sysctl -q -p /etc/sysctl.d/60-webapp-net.conf /etc/sysctl.d/61-webapp-tcp.conf',
    when: 'notified',
  })
  const render = (template: string, more: object = {}) => ({
    template: `templates/${template}.eta`,
    values: { host: host.name, ...host.vars, ...more },
  })
  const ours = { owner: 'deploy', group: 'deploy' }
  const served = { owner: 'deploy', group: 'www-data' }
  const readByDeploy = { owner: 'root', group: 'deploy', mode: '0640' }

  return [
    packages('nginx-light', 'git', 'curl', 'rsync', 'htop', 'tmux'),
    packages('jq', 'unzip', 'logrotate', 'cron', 'acl', 'ncdu'),

    Object.entries(people).map(([name, key]) => [
      user(name, { shell: '/bin/bash' }),
      authorizedKeys(name, { keys: [key] }),
    ]),

    directory(`/srv/${app}`, { ...ours, mode: '0755' }),
    directory(`/srv/${app}/releases`, { ...ours, mode: '0755' }),
    directory(`/srv/${app}/shared`, { ...ours, mode: '0750' }),
    directory(`/srv/${app}/shared/config`, { ...ours, mode: '0750' }),
    directory(`/srv/${app}/shared/log`, { ...served, mode: '2775' }),
    directory('/srv/backup', { owner: 'root', group: 'root', mode: '0700' }),
    directory(`/var/www/${app}`, { ...served, mode: '0755' }),
    directory('/var/www/static', { ...served, mode: '0755' }),
    directory('/etc/webapp', { owner: 'root', group: 'root', mode: '0755' }),
    directory('/etc/webapp/conf.d', { owner: 'root', group: 'deploy', mode: '0750' }),

    services.map((each) =>
      file(`/etc/webapp/conf.d/${each.name}.conf`, {
        ...render('service.conf', each),
        ...readByDeploy,
      }),
    ),

    nginx,
    sites.map((each) => [
      file(`/etc/nginx/sites-available/${each.name}`, {
        ...render('site.conf', each),
        mode: '0644',
        notify: reload(nginx),
      }),
      link(`/etc/nginx/sites-enabled/${each.name}`, {
        to: `../sites-available/${each.name}`,
        notify: reload(nginx),
      }),
    ]),

    file('/etc/motd', { ...render('motd'), mode: '0644' }),
    file('/etc/logrotate.d/webapp', { ...render('logrotate'), mode: '0644' }),
    file('/etc/cron.d/webapp', { ...render('cron'), mode: '0644' }),
    ['60-webapp-net.conf', '61-webapp-tcp.conf'].map((name) =>
      file(`/etc/sysctl.d/${name}`, {
        ...render(name),
        mode: '0644',
        notify: trigger(applySysctl),
      }),
    ),
    applySysctl,

    background.map((name) =>
      file(`/etc/webapp/${name}.conf`, {
        ...render(`${name}.conf`),
        ...readByDeploy,
        notify: restart(`web-${name}`),
      }),
    ),
    background.map((name) =>
      unit(`web-${name}.service`, {
        sections: {
          Unit: { Description: `${app} ${name}`, After: 'network.target' },
          Service: { User: 'deploy', ExecStart: '/bin/sleep infinity', Restart: 'on-failure' },
          Install: { WantedBy: 'multi-user.target' },
        },
      }),
    ),
    background.map((name) => service(`web-${name}`)),
  ]
})

const shop: Fleet = fleet({
  hosts: Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`web${i + 1}`, {}])),
  vars: {
    app: 'shop',
    domain: 'shop.example.test',
    contact: 'ops@example.test',
    logLevel: 'info',
    workers: 4,
    queue: 'default',
  },
  roles: [web.on('*')],
})

export default shop
