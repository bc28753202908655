import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { ntp } from '../../../src/resources/ntp.ts'
import { noFile, written } from '../doings.ts'
import { type Table, opaque } from '../dry-run.ts'

const clock = ntp({ servers: ['ntp1.example'] })
const daemon = { load: 'loaded', active: 'active', sub: 'running', file: 'enabled' }
const noClock = { file: noFile, service: daemon, live: '0.debian.pool.ntp.org', container: false }
const clockFile = written(clock, noClock)('/etc/systemd/timesyncd.conf.d/fettle.conf')
const hasClock = { ...noClock, file: clockFile, live: 'ntp1.example' }

export const table: Table = {
  wanted: clock,
  nothing: noClock,
  there: hasClock,
  rows(row) {
    expect(row(clock, noClock, { after: hasClock })).toMatchInlineSnapshot(`
      "create ntp:systemd-timesyncd: servers ntp1.example, restart
        mkdir -p /etc/systemd/timesyncd.conf.d
        write /etc/systemd/timesyncd.conf.d/fettle.conf root:root 0644
        systemctl restart systemd-timesyncd"
    `)
    expect(row(clock, { ...hasClock, live: 'old.example' }, { after: hasClock }))
      .toMatchInlineSnapshot(`
      "change ntp:systemd-timesyncd: servers ntp1.example, restart
        systemctl restart systemd-timesyncd"
    `)
    const stopped = { ...daemon, active: 'inactive', sub: 'dead', file: 'disabled' }
    expect(row(clock, { ...hasClock, service: stopped, live: undefined }, { after: hasClock }))
      .toMatchInlineSnapshot(`
      "change ntp:systemd-timesyncd: disabled -> enabled, inactive -> running
        or fails: there is no systemd-timesyncd here: install the package of that name
        go start systemd-timesyncd.service
        systemctl enable systemd-timesyncd.service"
    `)
    const noUnit = { load: 'not-found', active: 'inactive', sub: 'dead', file: '' }
    expect(row(clock, { ...noClock, service: noUnit, live: undefined })).toMatchInlineSnapshot(`
      "change ntp:systemd-timesyncd: there is no systemd-timesyncd here (the package of that name)
        or fails: there is no systemd-timesyncd here: install the package of that name
        mkdir -p /etc/systemd/timesyncd.conf.d
        write /etc/systemd/timesyncd.conf.d/fettle.conf root:root 0644
        go start systemd-timesyncd.service
        systemctl enable systemd-timesyncd.service"
    `)
    expect(
      row(clock, { ...noClock, service: noUnit, live: undefined }, { context: opaque }),
    ).toMatchInlineSnapshot(
      `"unknown ntp:systemd-timesyncd: servers ntp1.example, enabled, running, once package:x has brought it"`,
    )
    expect(row(clock, { ...noClock, container: true })).toMatchInlineSnapshot(`
      "create ntp:systemd-timesyncd: servers ntp1.example (settings only: a container has the clock of its host)
        mkdir -p /etc/systemd/timesyncd.conf.d
        write /etc/systemd/timesyncd.conf.d/fettle.conf root:root 0644"
    `)
    expect(row(absent(clock), hasClock, { after: noClock })).toMatchInlineSnapshot(`
      "remove ntp:systemd-timesyncd: its settings, restart
        rm -f /etc/systemd/timesyncd.conf.d/fettle.conf
        systemctl restart systemd-timesyncd"
    `)
  },
}
