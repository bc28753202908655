import { type Fleet, directory, file, fleet, link, reload, role, service, unit, user } from 'fettle'

const resources = 5000
/** Another number changes every file. */
const edition = 1

/** What is not a file, a directory or a link. */
const people = ['ada', 'ben', 'cleo', 'dan', 'eve', 'finn', 'gus', 'hana', 'ivo', 'jo']
const others = people.length + 2
const folders = Math.floor(resources / 20)
const links = Math.floor(resources / 20)
const files = resources - folders - links - others

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i)
const path = (i: number): string =>
  `/srv/tenants/tenant-${String(i % folders).padStart(4, '0')}/settings-${String(i).padStart(5, '0')}.conf`

const tenants = role('tenants', () => {
  const gateway = service('gateway')
  return [
    people.map((name) => user(name)),
    numbers(folders).map((i) =>
      directory(path(i).slice(0, path(i).lastIndexOf('/')), { mode: '0755' }),
    ),
    // The gateway reads every third.
    numbers(files).map((i) =>
      file(path(i), {
        content: `# tenant ${i % folders}\nnumber = ${i}\nedition = ${edition}\n${'option = a value of usual length\n'.repeat(i % 20)}`,
        mode: '0644',
        ...(i % 3 === 0 ? { notify: reload(gateway) } : {}),
      }),
    ),
    numbers(links).map((i) => link(`${path(i)}.now`, { to: path(i) })),
    unit('gateway.service', {
      sections: {
        Service: { ExecStart: '/bin/sleep infinity', ExecReload: '/bin/true' },
        Install: { WantedBy: 'multi-user.target' },
      },
    }),
    gateway,
  ]
})

const all: Fleet = fleet({ hosts: { web1: {} }, roles: [tenants.on('*')] })

export default all
