import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { containerImage } from '../../../src/resources/container-image.ts'
import { type Table, opaque } from '../dry-run.ts'

const name = 'docker.io/library/nginx:1.27'
const image = containerImage(name)

export const table: Table = {
  wanted: image,
  nothing: { podman: true, present: false },
  there: { podman: true, present: true },
  rows(row) {
    expect(row(image, { podman: true, present: false }, { after: { podman: true, present: true } }))
      .toMatchInlineSnapshot(`
      "create container-image:docker.io/library/nginx:1.27: pull
        or fails: there is no podman on this host: is its package described?
        podman pull docker.io/library/nginx:1.27"
    `)
    expect(row(image, { podman: false, present: false })).toMatchInlineSnapshot(`
      "create container-image:docker.io/library/nginx:1.27: there is no podman on this host
        or fails: there is no podman on this host: is its package described?
        podman pull docker.io/library/nginx:1.27"
    `)
    expect(
      row(image, { podman: false, present: false }, { context: opaque }),
    ).toMatchInlineSnapshot(
      `"unknown container-image:docker.io/library/nginx:1.27: pulled, unless package:x brings it"`,
    )
    expect(row(absent(image), { podman: true, present: true })).toMatchInlineSnapshot(`
      "remove container-image:docker.io/library/nginx:1.27: the image
        or fails: there is no podman on this host: is its package described?
        podman rmi docker.io/library/nginx:1.27"
    `)
  },
}
