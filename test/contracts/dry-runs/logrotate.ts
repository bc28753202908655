import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { logrotate } from '../../../src/resources/logrotate.ts'
import { holding, noFile, written } from '../doings.ts'
import { type Table, opaque, planned } from '../dry-run.ts'

const logs = logrotate('shop', { files: '/var/log/shop/*.log', when: 'daily', rotate: 14 })
const noLogs = { file: noFile, able: true }

export const table: Table = {
  wanted: logs,
  nothing: noLogs,
  there: { file: written(logs, noLogs)('/etc/logrotate.d/shop'), able: true },
  rows(row) {
    const after = { file: written(logs, noLogs)('/etc/logrotate.d/shop'), able: true }
    expect(row(logs, noLogs, { after })).toMatchInlineSnapshot(`
      "create logrotate:shop: /var/log/shop/*.log daily, 14 kept
        or fails: logrotate is not installed: describe packages('logrotate') before
        mkdir -p /etc/logrotate.d
        write /etc/logrotate.d/shop root:root 0644 once it is valid"
    `)
    expect(row(logs, { file: holding('x'), able: true }, { after })).toMatchInlineSnapshot(`
      "change logrotate:shop: content
        or fails: logrotate is not installed: describe packages('logrotate') before
        mkdir -p /etc/logrotate.d
        write /etc/logrotate.d/shop root:root 0644 once it is valid"
    `)
    expect(row(logs, { ...noLogs, able: false })).toMatchInlineSnapshot(`
      "create logrotate:shop: /var/log/shop/*.log daily, 14 kept, but logrotate is not installed
        or fails: logrotate is not installed: describe packages('logrotate') before
        mkdir -p /etc/logrotate.d
        write /etc/logrotate.d/shop root:root 0644 once it is valid"
    `)
    const unable = { ...noLogs, able: false }
    expect(row(logs, unable, { context: opaque })).toMatchInlineSnapshot(
      `"unknown logrotate:shop: /var/log/shop/*.log daily, 14 kept, once package:x has brought logrotate"`,
    )
    // Its own package is certain to have brought it.
    expect(row(logs, unable, { context: planned('package:logrotate') })).toMatchInlineSnapshot(`
      "create logrotate:shop: /var/log/shop/*.log daily, 14 kept
        or fails: logrotate is not installed: describe packages('logrotate') before
        mkdir -p /etc/logrotate.d
        write /etc/logrotate.d/shop root:root 0644 once it is valid"
    `)
    expect(row(logs, noLogs, { context: planned(['package:logrotate', { verb: 'remove' }]) }))
      .toMatchInlineSnapshot(`
      "create logrotate:shop: /var/log/shop/*.log daily, 14 kept, but package:logrotate is removed before
        or fails: logrotate is not installed: describe packages('logrotate') before
        mkdir -p /etc/logrotate.d
        write /etc/logrotate.d/shop root:root 0644 once it is valid"
    `)
    expect(row(logs, noLogs, { context: opaque })).toMatchInlineSnapshot(`
      "create logrotate:shop: /var/log/shop/*.log daily, 14 kept
        or fails: logrotate is not installed: describe packages('logrotate') before
        mkdir -p /etc/logrotate.d
        write /etc/logrotate.d/shop root:root 0644 once it is valid"
    `)
    expect(row(logs, { ...after, able: false }, { context: opaque })).toMatchInlineSnapshot(
      `"no change"`,
    )
    expect(row(absent(logs), after, { after: noLogs })).toMatchInlineSnapshot(`
      "remove logrotate:shop: file, 116 bytes
        rm -f /etc/logrotate.d/shop"
    `)
  },
}
