import { problem } from '../base/errors.ts'
import { type PlacedApp, portsOfApp } from './app.ts'

/** What only one app may claim: a domain, and on each host its ports. */
export function checkApps(placed: readonly PlacedApp[]): void {
  for (const [i, { app, hosts }] of placed.entries())
    for (const other of placed.slice(0, i)) {
      const { at } = app
      const both = { app: app.name, other: other.app.name }
      const domain = app.domains.find((each) => other.app.domains.includes(each))
      if (domain !== undefined) throw problem('domain-claimed-twice', { domain, ...both }, { at })
      const host = hosts.find(({ name }) => other.hosts.some((each) => each.name === name))
      if (host && Math.abs(app.port - other.app.port) < portsOfApp) {
        const free = freePort(placed)
        throw problem('ports-overlap', { ...both, host: host.name, port: app.port, free }, { at })
      }
    }
}

function freePort(placed: readonly PlacedApp[]): number {
  const first = 10_000
  const taken = placed.map(({ app }) => app.port)
  for (let port = first; ; port += portsOfApp)
    if (taken.every((each) => Math.abs(each - port) >= portsOfApp)) return port
}
