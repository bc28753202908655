import { file, fleet, packages, reload, role, service } from 'fettle'

// A role is a function from a host to what should be true of it.
const web = role<{ greeting: string }>('web', (host) => {
  const nginx = service('nginx')
  return [
    packages('nginx-light'),
    nginx,
    file('/var/www/html/index.html', {
      template: 'index.html.eta',
      values: { greeting: host.vars.greeting },
    }),
    // When this file changes, nginx reloads at the end of the run.
    file('/etc/nginx/conf.d/gzip.conf', {
      content: 'gzip_types text/css application/javascript;\n',
      notify: reload(nginx),
    }),
  ]
})

// `npx fettle plan` shows what would change; `npx fettle up` changes it. With --lab both talk to
// throwaway hosts that `npx fettle lab up` boots on this machine.
export default fleet({
  hosts: {
    // Reached as your ssh config says. Write an address and a login where that is not enough:
    // web1: { address: '203.0.113.10', login: 'root' },
    web1: {},
    web2: {},
  },
  vars: { greeting: 'Hello' },
  roles: [web.on('web1', 'web2')],
})
