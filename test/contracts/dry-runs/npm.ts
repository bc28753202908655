import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { npmPackages } from '../../../src/resources/npm.ts'
import { type Table, opaque } from '../dry-run.ts'

const none = { able: true, versions: [], own: [] }
const has = (...versions: string[]) => ({ able: true, versions, own: versions })
const [pm2] = npmPackages('pm2@5.3.0')
const [anyPm2] = npmPackages('pm2')

export const table: Table = {
  wanted: pm2!,
  nothing: none,
  there: has('5.3.0'),
  rows(row) {
    expect(row(pm2!, none, { after: has('5.3.0') })).toMatchInlineSnapshot(`
      "create npm:pm2: install 5.3.0
        or fails: npm is not installed, which npm:pm2 needs: describe packages('npm') before
        run install pm2@5.3.0"
    `)
    expect(row(anyPm2!, none, { after: has('5.4.0') })).toMatchInlineSnapshot(`
      "create npm:pm2: install the newest (known once npm has asked for it)
        or fails: npm is not installed, which npm:pm2 needs: describe packages('npm') before
        run install pm2"
    `)
    expect(row(pm2!, has('5.2.0'), { after: has('5.3.0') })).toMatchInlineSnapshot(`
      "change npm:pm2: 5.2.0 -> 5.3.0
        or fails: npm is not installed, which npm:pm2 needs: describe packages('npm') before
        run install pm2@5.3.0"
    `)
    expect(row(pm2!, { ...none, able: false })).toMatchInlineSnapshot(`
      "create npm:pm2: install 5.3.0, but npm is not installed
        or fails: npm is not installed, which npm:pm2 needs: describe packages('npm') before
        run install pm2@5.3.0"
    `)
    expect(row(pm2!, { ...none, able: false }, { context: opaque })).toMatchInlineSnapshot(
      `"unknown npm:pm2: 5.3.0, once package:x has brought npm"`,
    )
    expect(row(pm2!, none, { context: opaque })).toMatchInlineSnapshot(
      `"unknown npm:pm2: 5.3.0, unless package:x brings it"`,
    )
    expect(row(absent(pm2!), has('5.3.0'), { after: none })).toMatchInlineSnapshot(`
      "remove npm:pm2: 5.3.0
        or fails: npm is not installed, which npm:pm2 needs: describe packages('npm') before
        run uninstall pm2"
    `)
    expect(row(absent(pm2!), has('5.2.0'))).toMatchInlineSnapshot(`"no change"`)
  },
}
