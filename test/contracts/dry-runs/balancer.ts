import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { describeApp } from '../../../src/model/app.ts'
import { render } from '../../../src/balancer/config.ts'
import { balancedApp } from '../../../src/balancer/description.ts'
import { balancerConfig } from '../../../src/resources/balancer.ts'
import { noInode } from '../doings.ts'
import { type Table, opaque } from '../dry-run.ts'

const settings = {
  addresses: ['*'],
  proxyProtocol: [],
  trustedProxies: [],
  https: false,
  acme: false,
}
const hosts = [{ name: 'web1', address: '10.0.0.1' }]
const of = (name: string, port: number) => {
  const app = describeApp(name, { source: '.', domains: `${name}.example`, port })
  return balancedApp({ app: app as never, hosts }, false)
}
const [shop, blog] = [of('shop', 10_000), of('blog', 10_100)]
const wanted = balancerConfig({ settings, apps: [shop] })
const inode = { ...noInode, type: 'file', mode: '644', owner: 'root', group: 'root' }
const live = new Map([['shop', new Map([['web1', [0, 3]]])]])
const holds = (apps: (typeof shop)[], more: object = {}): object => {
  return { inode: { ...inode, ...more }, text: render(settings, apps, live), able: true }
}
const nothing = { inode: noInode, text: '', able: true }

export const table: Table = {
  wanted,
  nothing,
  there: holds([shop]),
  rows(row) {
    const after = holds([shop])
    expect(row(wanted, nothing, { after })).toMatchInlineSnapshot(`
      "create balancer:haproxy: 1 app, none of them deployed
        or fails: there is no HAProxy here: describe packages('haproxy') before
        or fails: there is a directory in its place
        or fails: another run has been changing the balancer for a minute
        or fails: its content did not arrive whole, the old file is untouched
        chown root:root "$new"
        or fails: HAProxy does not take this configuration, the old one is untouched
        mv -fT "$new" "$path""
    `)
    expect(row(wanted, { ...nothing, able: false })).toMatchInlineSnapshot(`
      "change balancer:haproxy: there is no HAProxy here (package haproxy)
        or fails: there is no HAProxy here: describe packages('haproxy') before
        or fails: there is a directory in its place
        or fails: another run has been changing the balancer for a minute
        or fails: its content did not arrive whole, the old file is untouched
        chown root:root "$new"
        or fails: HAProxy does not take this configuration, the old one is untouched
        mv -fT "$new" "$path""
    `)
    expect(row(wanted, { ...nothing, able: false }, { context: opaque })).toMatchInlineSnapshot(`
      "create balancer:haproxy: 1 app
        or fails: there is no HAProxy here: describe packages('haproxy') before
        or fails: there is a directory in its place
        or fails: another run has been changing the balancer for a minute
        or fails: its content did not arrive whole, the old file is untouched
        chown root:root "$new"
        or fails: HAProxy does not take this configuration, the old one is untouched
        mv -fT "$new" "$path""
    `)
    // Which slots are live is not the description's to say.
    expect(row(wanted, after)).toBe('no change')
    expect(row(wanted, holds([blog]), { after })).toMatchInlineSnapshot(`
      "change balancer:haproxy: +shop, -blog
        or fails: there is no HAProxy here: describe packages('haproxy') before
        or fails: there is a directory in its place
        or fails: another run has been changing the balancer for a minute
        or fails: its content did not arrive whole, the old file is untouched
        chown root:root "$new"
        or fails: HAProxy does not take this configuration, the old one is untouched
        mv -fT "$new" "$path""
    `)
    const two = balancerConfig({ settings, apps: [shop, blog] })
    expect(row(two, after)).toMatchInlineSnapshot(`
      "change balancer:haproxy: +blog
        or fails: there is no HAProxy here: describe packages('haproxy') before
        or fails: there is a directory in its place
        or fails: another run has been changing the balancer for a minute
        or fails: its content did not arrive whole, the old file is untouched
        chown root:root "$new"
        or fails: HAProxy does not take this configuration, the old one is untouched
        mv -fT "$new" "$path""
    `)
    const none = balancerConfig({ settings, apps: [] })
    expect(row(none, after)).toMatchInlineSnapshot(`
      "change balancer:haproxy: -shop, no more traffic to shop on web1
        or fails: there is no HAProxy here: describe packages('haproxy') before
        or fails: there is a directory in its place
        or fails: another run has been changing the balancer for a minute
        or fails: its content did not arrive whole, the old file is untouched
        chown root:root "$new"
        or fails: HAProxy does not take this configuration, the old one is untouched
        mv -fT "$new" "$path""
    `)
    const moved = { ...shop, hosts: [{ name: 'web2', address: '10.0.0.2' }] }
    expect(row(balancerConfig({ settings, apps: [moved] }), after)).toMatchInlineSnapshot(`
      "change balancer:haproxy: no more traffic to shop on web1
        or fails: there is no HAProxy here: describe packages('haproxy') before
        or fails: there is a directory in its place
        or fails: another run has been changing the balancer for a minute
        or fails: its content did not arrive whole, the old file is untouched
        chown root:root "$new"
        or fails: HAProxy does not take this configuration, the old one is untouched
        mv -fT "$new" "$path""
    `)
    expect(row(wanted, holds([shop], { mode: '600' }), { after })).toMatchInlineSnapshot(`
      "change balancer:haproxy: mode 0600 -> 0644
        or fails: there is no HAProxy here: describe packages('haproxy') before
        or fails: there is a directory in its place
        or fails: another run has been changing the balancer for a minute
        or fails: its content did not arrive whole, the old file is untouched
        chown root:root "$new"
        or fails: HAProxy does not take this configuration, the old one is untouched
        mv -fT "$new" "$path""
    `)
    expect(row(absent(wanted), after, { after: nothing })).toMatchInlineSnapshot(`
      "remove balancer:haproxy: 1 app
        or fails: another run has been changing the balancer for a minute
        rm -f /etc/haproxy/haproxy.cfg"
    `)
  },
}
