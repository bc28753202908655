import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { unit } from '../../../src/resources/unit.ts'
import { holding, noFile } from '../doings.ts'
import { type Table } from '../dry-run.ts'

const worker = unit('worker.service', { content: '[Service]\nExecStart=/bin/x\n' })
const override = unit('nginx.service', { dropIn: 'override', content: '[Service]\nNice=5\n' })
const noWorker = { file: noFile, stale: false }
const hasWorker = { file: holding('[Service]\nExecStart=/bin/x\n'), stale: false }

export const table: Table = {
  wanted: worker,
  nothing: noWorker,
  there: hasWorker,
  rows(row) {
    expect(row(worker, noWorker, { after: hasWorker })).toMatchInlineSnapshot(`
      "create unit:worker.service: 27 bytes, mode 0644, owner root, group root
        write /etc/systemd/system/worker.service root:root 0644
        systemctl daemon-reload"
    `)
    expect(row(worker, { file: holding('x'), stale: false }, { after: hasWorker }))
      .toMatchInlineSnapshot(`
      "change unit:worker.service: content
        write /etc/systemd/system/worker.service root:root 0644
        systemctl daemon-reload"
    `)
    expect(row(worker, { ...hasWorker, stale: true }, { after: hasWorker })).toMatchInlineSnapshot(`
      "change unit:worker.service: daemon-reload
        systemctl daemon-reload"
    `)
    expect(row(worker, { file: { ...hasWorker.file, mode: '600' }, stale: false }))
      .toMatchInlineSnapshot(`
      "change unit:worker.service: mode 0600 -> 0644
        write /etc/systemd/system/worker.service root:root 0644
        systemctl daemon-reload"
    `)
    expect(row(override, noWorker)).toMatchInlineSnapshot(`
      "create unit:nginx.service/override: 17 bytes, mode 0644, owner root, group root
        mkdir -p /etc/systemd/system/nginx.service.d
        write /etc/systemd/system/nginx.service.d/override.conf root:root 0644
        systemctl daemon-reload"
    `)
    expect(row(absent(worker), hasWorker, { after: noWorker })).toMatchInlineSnapshot(`
      "remove unit:worker.service: file, 27 bytes
        rm -f /etc/systemd/system/worker.service
        systemctl daemon-reload"
    `)
    expect(row(absent(override), hasWorker)).toMatchInlineSnapshot(`
      "remove unit:nginx.service/override: file, 27 bytes
        rm -f /etc/systemd/system/nginx.service.d/override.conf
        rmdir --ignore-fail-on-non-empty /etc/systemd/system/nginx.service.d
        systemctl daemon-reload"
    `)
    expect(row(absent(worker), { ...noWorker, stale: true }, { after: noWorker }))
      .toMatchInlineSnapshot(`
      "change unit:worker.service: daemon-reload
        rm -f /etc/systemd/system/worker.service
        systemctl daemon-reload"
    `)
  },
}
