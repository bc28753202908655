import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { service } from '../../../src/resources/service.ts'
import { type Table, opaque, planned } from '../dry-run.ts'

const nginx = service('nginx')
const masked = service('nginx', { masked: true })
const atBoot = service('nginx', { running: false })
const noUnit = { load: 'not-found', active: 'inactive', sub: 'dead', file: '' }
const running = { load: 'loaded', active: 'active', sub: 'running', file: 'enabled' }
const stopped = { ...running, active: 'inactive', sub: 'dead', file: 'disabled' }
const isMasked = { load: 'masked', active: 'inactive', sub: 'dead', file: 'masked' }

export const table: Table = {
  wanted: nginx,
  nothing: noUnit,
  there: running,
  rows(row) {
    expect(row(nginx, noUnit)).toMatchInlineSnapshot(`
      "change service:nginx: there is no unit nginx.service here
        go start nginx.service
        systemctl enable nginx.service"
    `)
    expect(row(nginx, noUnit, { context: opaque })).toMatchInlineSnapshot(
      `"unknown service:nginx: enabled, running, once package:x has brought it"`,
    )
    expect(row(absent(nginx), noUnit, { context: opaque })).toMatchInlineSnapshot(
      `"unknown service:nginx: stopped, disabled, once package:x has brought it"`,
    )
    const file: [string, object] = [
      'unit:nginx.service',
      { text: { before: '', after: '[Install]\n' } },
    ]
    expect(row(nginx, noUnit, { context: planned(file) })).toMatchInlineSnapshot(`
      "change service:nginx: -> enabled, running
        go start nginx.service
        systemctl enable nginx.service"
    `)
    const noInstall: [string, object] = ['unit:nginx.service', { text: { before: '', after: 'x' } }]
    expect(row(nginx, noUnit, { context: planned(noInstall) })).toMatchInlineSnapshot(`
      "change service:nginx: -> running
        go start nginx.service
        systemctl enable nginx.service"
    `)
    // The file is gone, and it still runs: what the new one enables is seen then.
    expect(row(nginx, { ...running, file: '' }, { context: planned(file) })).toMatchInlineSnapshot(
      `"unknown service:nginx: enabled, running"`,
    )
    expect(row(nginx, stopped, { after: running })).toMatchInlineSnapshot(`
      "change service:nginx: disabled -> enabled, inactive -> running
        go start nginx.service
        systemctl enable nginx.service"
    `)
    expect(row(nginx, { ...running, file: 'disabled' }, { after: running })).toMatchInlineSnapshot(`
      "change service:nginx: disabled -> enabled
        systemctl enable nginx.service"
    `)
    expect(row(nginx, { ...running, active: 'failed', sub: 'failed' }, { after: running }))
      .toMatchInlineSnapshot(`
      "change service:nginx: failed -> running
        go start nginx.service"
    `)
    expect(row(nginx, { ...running, sub: 'auto-restart', active: 'activating' }))
      .toMatchInlineSnapshot(`
      "change service:nginx: auto-restart -> running
        go start nginx.service"
    `)
    expect(row(nginx, { ...running, file: 'static' })).toMatchInlineSnapshot(`"no change"`)
    expect(row(nginx, isMasked, { after: running })).toMatchInlineSnapshot(`
      "change service:nginx: unmask, enable, inactive -> running
        systemctl unmask nginx.service
        go start nginx.service
        systemctl enable nginx.service"
    `)
    expect(row(atBoot, running, { after: { ...stopped, file: 'enabled' } })).toMatchInlineSnapshot(`
      "change service:nginx: active -> stopped
        systemctl stop nginx.service"
    `)
    expect(row(masked, running, { after: isMasked })).toMatchInlineSnapshot(`
      "change service:nginx: enabled -> disabled, active -> stopped, mask
        systemctl disable nginx.service
        systemctl stop nginx.service
        systemctl mask nginx.service"
    `)
    expect(row(masked, noUnit)).toMatchInlineSnapshot(`
      "change service:nginx: mask
        systemctl mask nginx.service"
    `)
    expect(row(absent(nginx), running, { after: stopped })).toMatchInlineSnapshot(`
      "change service:nginx: enabled -> disabled, active -> stopped
        systemctl disable nginx.service
        systemctl stop nginx.service"
    `)
    expect(row(absent(nginx), isMasked)).toMatchInlineSnapshot(`"no change"`)
  },
}
