import type { PlacedApp } from './app.ts'
import type { Fleet, FleetHost } from './fleet.ts'

/**
 * The same fleet where its hosts are now, such as in the lab: whoever asks for peers, and every app, is
 * told where they can be reached. Hosts that are nowhere else stay where they are.
 */
export function relocated(fleet: Fleet, addressOf: (host: string) => string | undefined): Fleet {
  const moved = (host: FleetHost): FleetHost => {
    const address = addressOf(host.name)
    if (address === undefined) return host
    return { ...host, address, privateAddress: address, login: 'root', port: undefined }
  }
  const hosts = new Map([...fleet.hosts.values()].map((host) => [host.name, moved(host)]))
  const apps = [...fleet.apps].map(([name, { app, hosts: own }]): [string, PlacedApp] => [
    name,
    {
      app,
      hosts: own.map((each) => ({ ...each, address: hosts.get(each.name)!.privateAddress })),
    },
  ])
  return { ...fleet, hosts, apps: new Map(apps) }
}
