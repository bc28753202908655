import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { postgresServer } from '../../../src/resources/postgres-server.ts'
import { noFile, written } from '../doings.ts'
import { type Table, opaque } from '../dry-run.ts'

const cluster = postgresServer('15/main', { settings: { work_mem: '16MB' } })
const noCluster = { cluster: false, files: [noFile], settings: undefined, stale: false }
const conf = '/etc/postgresql/15/main/conf.d/fettle.conf'
const workMem = (value: string, file: string) => ({
  value,
  unit: 'kB',
  context: 'user',
  type: 'integer',
  file,
  pending: false,
})
const bare = {
  cluster: true,
  files: [noFile],
  stale: false,
  settings: { work_mem: workMem('4096', '/etc/postgresql/15/main/postgresql.conf') },
}
const tuned = {
  files: [written(cluster, bare)(conf)],
  cluster: true,
  stale: false,
  settings: { work_mem: workMem('16384', conf) },
}

export const table: Table = {
  wanted: cluster,
  nothing: noCluster,
  there: tuned,
  rows(row) {
    expect(row(cluster, noCluster)).toMatchInlineSnapshot(`
      "change postgres-server:15/main: there is no cluster 15/main on this host
        or fails: there is no cluster 15/main on this host: is its package installed?
        write /etc/postgresql/15/main/conf.d/fettle.conf postgres:postgres 0640
        systemctl start postgresql@15-main.service
        or fails: PostgreSQL did not come up on these settings and $state: $(printf '%s ' "$log" | sed -n 's/^.*FATAL: *//p' | tail -n 1)"
    `)
    expect(row(cluster, noCluster, { context: opaque })).toMatchInlineSnapshot(
      `"unknown postgres-server:15/main: its settings, once package:x has brought it"`,
    )
    expect(row(cluster, bare, { after: tuned })).toMatchInlineSnapshot(`
      "change postgres-server:15/main: settings, work_mem 4MB -> 16MB, reload
        or fails: there is no cluster 15/main on this host: is its package installed?
        write /etc/postgresql/15/main/conf.d/fettle.conf postgres:postgres 0640
        systemctl reload postgresql@15-main.service
        or fails: PostgreSQL has not read its files again"
    `)
    expect(row(cluster, { ...bare, settings: undefined }, { after: tuned })).toMatchInlineSnapshot(`
      "change postgres-server:15/main: settings, stopped -> running
        or fails: there is no cluster 15/main on this host: is its package installed?
        write /etc/postgresql/15/main/conf.d/fettle.conf postgres:postgres 0640
        systemctl start postgresql@15-main.service
        or fails: PostgreSQL did not come up on these settings and $state: $(printf '%s ' "$log" | sed -n 's/^.*FATAL: *//p' | tail -n 1)"
    `)
    expect(row(cluster, { ...tuned, stale: true }, { after: tuned })).toMatchInlineSnapshot(`
      "change postgres-server:15/main: reload
        or fails: there is no cluster 15/main on this host: is its package installed?
        systemctl reload postgresql@15-main.service
        or fails: PostgreSQL has not read its files again"
    `)
    const buffers = { ...workMem('16384', conf), unit: '8kB', context: 'postmaster' }
    const before = { ...tuned, settings: { ...tuned.settings, shared_buffers: buffers } }
    expect(row(cluster, before, { after: tuned })).toMatchInlineSnapshot(`
      "change postgres-server:15/main: no shared_buffers, restart
        or fails: there is no cluster 15/main on this host: is its package installed?
        systemctl restart postgresql@15-main.service
        or fails: PostgreSQL did not come up on these settings and $state: $(printf '%s ' "$log" | sed -n 's/^.*FATAL: *//p' | tail -n 1)"
    `)
    expect(row(absent(cluster), tuned)).toMatchInlineSnapshot(`
      "change postgres-server:15/main: settings, no work_mem, reload
        or fails: there is no cluster 15/main on this host: is its package installed?
        rm -f /etc/postgresql/15/main/conf.d/fettle.conf
        systemctl reload postgresql@15-main.service
        or fails: PostgreSQL has not read its files again"
    `)
    expect(row(absent(cluster), { ...tuned, settings: undefined })).toMatchInlineSnapshot(`
      "change postgres-server:15/main: settings
        or fails: there is no cluster 15/main on this host: is its package installed?
        rm -f /etc/postgresql/15/main/conf.d/fettle.conf"
    `)
  },
}
