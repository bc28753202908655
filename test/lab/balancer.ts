import { type AppDescription, type AppHost, describeApp } from '../../src/model/app.ts'
import type { AppOptions } from '../../src/model/app-options.ts'
import type { Host } from '../../src/model/role.ts'
import type { TestHost } from './fixture.ts'

/** A host as the role of the balancer sees it, with these apps. */
export function balancing(
  apps: Readonly<Record<string, Partial<AppOptions>>>,
  hosts: readonly AppHost[] = [{ name: 'web1', address: '127.0.0.1' }],
  own: AppHost = { name: 'web1', address: '127.0.0.1' },
): Host<any> {
  return {
    ...own,
    labels: {},
    privateAddress: own.address,
    roles: ['balancer'],
    vars: {},
    facts: {
      hostname: own.name,
      os: { id: 'debian', version: '12', codename: 'bookworm' },
      architecture: 'x86_64',
      kernel: '6.1',
      cpus: 2,
      memory: 1024 ** 3,
      addresses: [own.address],
    },
    apps: Object.entries(apps).map(([name, options]) => ({
      app: describeApp(name, { source: '.', ...options }) as AppDescription as never,
      hosts,
    })),
    peers: () => hosts.map((each) => ({ ...each, privateAddress: each.address })),
  }
}

/** Asks the balancer on this host, with curl; the answer with its head. */
export async function ask(host: TestHost, name: string, path = '/', more = ''): Promise<string> {
  const words = `curl -s -i -m 10 --resolve ${name}:80:127.0.0.1 --resolve ${name}:443:127.0.0.1 ${more}`
  return (await host.exec(`${words} ${path.startsWith('http') ? path : `http://${name}${path}`}`))
    .output
}
