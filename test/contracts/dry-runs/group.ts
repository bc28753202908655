import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { group } from '../../../src/resources/group.ts'
import { type Table, opaque } from '../dry-run.ts'

const www = group('www', { gid: 2000, members: ['ann', 'bob'] })

export const table: Table = {
  wanted: www,
  nothing: undefined,
  there: { gid: 2000, members: ['ann', 'bob'] },
  rows(row) {
    const after = { gid: 2000, members: ['ann', 'bob'] }
    expect(row(www, undefined, { after })).toMatchInlineSnapshot(`
      "create group:www: gid 2000, members ann, bob
        groupadd -g 2000 www
        gpasswd -M ann,bob www"
    `)
    expect(row(www, undefined, { context: opaque })).toMatchInlineSnapshot(
      `"unknown group:www: gid 2000, members ann, bob, unless package:x brings it"`,
    )
    expect(row(www, { gid: 999, members: ['bob', 'ann'] }, { after })).toMatchInlineSnapshot(`
      "change group:www: gid 999 -> 2000
        groupmod -g 2000 www"
    `)
    expect(row(www, { gid: 2000, members: ['ann', 'eve'] }, { after })).toMatchInlineSnapshot(`
      "change group:www: +member bob, -member eve
        gpasswd -M ann,bob www"
    `)
    // Not described, not looked at.
    expect(row(group('www'), { gid: 999, members: ['eve'] })).toMatchInlineSnapshot(`"no change"`)
    expect(row(absent(www), after, { after: undefined })).toMatchInlineSnapshot(`
      "remove group:www: gid 2000
        groupdel www"
    `)
  },
}
