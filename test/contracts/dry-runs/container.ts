import { expect } from 'vitest'
import { Secret } from '../../../src/base/secret.ts'
import { absent } from '../../../src/model/resource.ts'
import { container } from '../../../src/resources/container.ts'
import { holding, noFile, written } from '../doings.ts'
import { type Table, hidden, opaque } from '../dry-run.ts'

const name = 'docker.io/library/nginx:1.27'
const web = container('web', { image: name, environment: { TOKEN: new Secret('token', hidden) } })
const noContainer = {
  podman: true,
  files: [noFile, noFile],
  active: 'inactive',
  enabled: false,
  stale: false,
}
const files = ['/etc/systemd/system/web.service', '/etc/containers/web.env'].map(
  written(web, noContainer),
)
const runs = { podman: true, files, active: 'active', enabled: true, stale: false }

export const table: Table = {
  wanted: web,
  nothing: noContainer,
  there: runs,
  rows(row) {
    expect(row(web, noContainer, { after: runs })).toMatchInlineSnapshot(`
      "create container:web: running docker.io/library/nginx:1.27
        or fails: there is no podman on this host: is its package described?
        or fails: there is no image docker.io/library/nginx:1.27 on this host: describe it with containerImage
        mkdir -p /etc/containers
        write /etc/containers/web.env root:root 0600
        write /etc/systemd/system/web.service root:root 0644
        systemctl daemon-reload
        systemctl enable web.service
        systemctl restart web.service
        or fails: the container web did not stay up; its log is above"
    `)
    expect(row(web, { ...noContainer, podman: false })).toMatchInlineSnapshot(`
      "create container:web: there is no podman on this host
        or fails: there is no podman on this host: is its package described?
        or fails: there is no image docker.io/library/nginx:1.27 on this host: describe it with containerImage
        mkdir -p /etc/containers
        write /etc/containers/web.env root:root 0600
        write /etc/systemd/system/web.service root:root 0644
        systemctl daemon-reload
        systemctl enable web.service
        systemctl restart web.service
        or fails: the container web did not stay up; its log is above"
    `)
    expect(row(web, { ...noContainer, podman: false }, { context: opaque })).toMatchInlineSnapshot(
      `"unknown container:web: running docker.io/library/nginx:1.27, unless package:x brings it"`,
    )
    expect(row(web, { ...runs, files: files.with(0, holding('x')) }, { after: runs }))
      .toMatchInlineSnapshot(`
        "change container:web: unit, restart
          or fails: there is no podman on this host: is its package described?
          or fails: there is no image docker.io/library/nginx:1.27 on this host: describe it with containerImage
          write /etc/systemd/system/web.service root:root 0644
          systemctl daemon-reload
          systemctl restart web.service
          or fails: the container web did not stay up; its log is above"
      `)
    expect(row(web, { ...runs, files: files.with(1, holding('x', { mode: '600' })) }))
      .toMatchInlineSnapshot(`
        "change container:web: environment, restart
          or fails: there is no podman on this host: is its package described?
          or fails: there is no image docker.io/library/nginx:1.27 on this host: describe it with containerImage
          mkdir -p /etc/containers
          write /etc/containers/web.env root:root 0600
          systemctl daemon-reload
          systemctl restart web.service
          or fails: the container web did not stay up; its log is above"
      `)
    expect(row(web, { ...runs, stale: true }, { after: runs })).toMatchInlineSnapshot(`
      "change container:web: restart
        or fails: there is no podman on this host: is its package described?
        or fails: there is no image docker.io/library/nginx:1.27 on this host: describe it with containerImage
        systemctl daemon-reload
        systemctl restart web.service
        or fails: the container web did not stay up; its log is above"
    `)
    expect(row(web, { ...runs, active: 'failed' }, { after: runs })).toMatchInlineSnapshot(`
      "change container:web: failed -> running
        or fails: there is no podman on this host: is its package described?
        or fails: there is no image docker.io/library/nginx:1.27 on this host: describe it with containerImage
        systemctl daemon-reload
        systemctl restart web.service
        or fails: the container web did not stay up; its log is above"
    `)
    expect(row(web, { ...runs, enabled: false }, { after: runs })).toMatchInlineSnapshot(`
      "change container:web: enabled
        systemctl enable web.service"
    `)
    expect(row(web, { ...runs, enabled: false, active: 'inactive' }, { after: runs }))
      .toMatchInlineSnapshot(`
      "change container:web: enabled, inactive -> running
        or fails: there is no podman on this host: is its package described?
        or fails: there is no image docker.io/library/nginx:1.27 on this host: describe it with containerImage
        systemctl daemon-reload
        systemctl enable web.service
        systemctl restart web.service
        or fails: the container web did not stay up; its log is above"
    `)
    expect(row(web, { ...runs, podman: false })).toMatchInlineSnapshot(`"no change"`)
    expect(row(web, { ...runs, podman: false, active: 'failed' })).toMatchInlineSnapshot(`
      "change container:web: there is no podman on this host
        or fails: there is no podman on this host: is its package described?
        or fails: there is no image docker.io/library/nginx:1.27 on this host: describe it with containerImage
        systemctl daemon-reload
        systemctl restart web.service
        or fails: the container web did not stay up; its log is above"
    `)
    expect(
      row(web, { ...runs, podman: false, active: 'failed' }, { context: opaque }),
    ).toMatchInlineSnapshot(
      `"unknown container:web: running docker.io/library/nginx:1.27, unless package:x brings it"`,
    )
    expect(row(absent(web), runs, { after: noContainer })).toMatchInlineSnapshot(`
      "remove container:web: active -> stopped, its unit
        systemctl disable --now web.service
        systemctl stop web.service
        rm -f /etc/systemd/system/web.service /etc/containers/web.env
        systemctl daemon-reload"
    `)
  },
}
