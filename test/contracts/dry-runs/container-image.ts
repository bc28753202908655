import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { containerImage } from '../../../src/resources/container-image.ts'
import { type Table, opaque, planned } from '../dry-run.ts'

const name = 'docker.io/library/nginx:1.27'
const image = containerImage(name)
const noImage = { podman: true, present: false, users: [] }
const hasImage = { podman: true, present: true, users: [] }
const noPodman = { podman: false, present: false, users: [] }

export const table: Table = {
  wanted: image,
  nothing: noImage,
  there: hasImage,
  rows(row) {
    expect(row(image, noImage, { after: hasImage })).toMatchInlineSnapshot(`
      "create container-image:docker.io/library/nginx:1.27: pull
        or fails: there is no podman on this host: is its package described?
        podman pull docker.io/library/nginx:1.27"
    `)
    expect(row(image, noPodman)).toMatchInlineSnapshot(`
      "create container-image:docker.io/library/nginx:1.27: there is no podman on this host
        or fails: there is no podman on this host: is its package described?
        podman pull docker.io/library/nginx:1.27"
    `)
    expect(row(image, noPodman, { context: opaque })).toMatchInlineSnapshot(
      `"unknown container-image:docker.io/library/nginx:1.27: pulled, unless package:x brings it"`,
    )
    expect(row(absent(image), hasImage, { after: noImage })).toMatchInlineSnapshot(`
      "remove container-image:docker.io/library/nginx:1.27: the image
        or fails: there is no podman on this host: is its package described?
        podman rmi docker.io/library/nginx:1.27"
    `)
    // Podman does not remove what a container is made of.
    const used = { ...hasImage, users: ['web'] }
    expect(row(absent(image), used)).toMatchInlineSnapshot(`
      "remove container-image:docker.io/library/nginx:1.27: the image, which container web uses
        or fails: there is no podman on this host: is its package described?
        podman rmi docker.io/library/nginx:1.27"
    `)
    const goes = planned(['container:web', { verb: 'remove' }])
    expect(row(absent(image), used, { context: goes })).toMatchInlineSnapshot(`
      "remove container-image:docker.io/library/nginx:1.27: the image
        or fails: there is no podman on this host: is its package described?
        podman rmi docker.io/library/nginx:1.27"
    `)
    const moves = planned(['container:web', { verb: 'change' }])
    expect(row(absent(image), used, { context: moves })).toMatchInlineSnapshot(
      `"unknown container-image:docker.io/library/nginx:1.27: the image, if container web no longer uses it"`,
    )
  },
}
