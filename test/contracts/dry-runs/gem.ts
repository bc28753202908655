import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { gemPackages } from '../../../src/resources/gem.ts'
import { type Table } from '../dry-run.ts'

const none = { able: true, versions: [], own: [] }
const has = (...versions: string[]) => ({ able: true, versions, own: versions })
const [puma] = gemPackages('puma@6.4.0')
const [anyPuma] = gemPackages('puma')

export const table: Table = {
  wanted: puma!,
  nothing: none,
  there: has('6.4.0'),
  rows(row) {
    expect(row(puma!, none, { after: has('6.4.0') })).toMatchInlineSnapshot(`
      "create gem:puma: install 6.4.0
        or fails: gem is not installed, which gem:puma needs: describe packages('ruby') before
        gem install --no-document --minimal-deps puma:6.4.0"
    `)
    expect(row(puma!, has('5.0.0'), { after: has('6.4.0', '5.0.0') })).toMatchInlineSnapshot(`
      "change gem:puma: 6.4.0 beside 5.0.0
        or fails: gem is not installed, which gem:puma needs: describe packages('ruby') before
        gem install --no-document --minimal-deps puma:6.4.0"
    `)
    expect(row(anyPuma!, has('5.0.0'))).toMatchInlineSnapshot(`"no change"`)
    expect(row(absent(anyPuma!), has('6.4.0', '5.0.0'), { after: none })).toMatchInlineSnapshot(`
      "remove gem:puma: 6.4.0, 5.0.0
        or fails: gem is not installed, which gem:puma needs: describe packages('ruby') before
        gem uninstall --all --executables --ignore-dependencies puma"
    `)
    expect(row(absent(puma!), has('6.4.0', '5.0.0'), { after: has('5.0.0') }))
      .toMatchInlineSnapshot(`
      "remove gem:puma: 6.4.0
        or fails: gem is not installed, which gem:puma needs: describe packages('ruby') before
        gem uninstall --version 6.4.0 --executables --ignore-dependencies puma"
    `)
    // It came with Debian's packages.
    expect(row(absent(puma!), { ...has('6.4.0'), own: [] })).toMatchInlineSnapshot(`"no change"`)
    expect(row(puma!, { ...none, able: false })).toMatchInlineSnapshot(`
      "create gem:puma: install 6.4.0, but gem is not installed
        or fails: gem is not installed, which gem:puma needs: describe packages('ruby') before
        gem install --no-document --minimal-deps puma:6.4.0"
    `)
  },
}
