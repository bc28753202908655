import { expect } from 'vitest'
import { Secret } from '../../../src/base/secret.ts'
import { absent } from '../../../src/model/resource.ts'
import { download } from '../../../src/resources/download.ts'
import { holding, noFile } from '../doings.ts'
import { type Table, hidden } from '../dry-run.ts'

const one = '1'.repeat(64)
const two = '2'.repeat(64)
const tool = download('/opt/tool', { url: 'https://example.org/tool', sha256: two, mode: '0755' })
const behind = download('/opt/tool', {
  url: new Secret('address', `https://example.org/${hidden}`),
  sha256: two,
})
const toolFile = (sha256: string | undefined, mode = '755'): object => ({
  ...holding('x', { mode }),
  sha256,
})

export const table: Table = {
  wanted: tool,
  nothing: noFile,
  there: toolFile(two),
  rows(row) {
    expect(row(tool, noFile, { after: toolFile(two) })).toMatchInlineSnapshot(`
      "create download:/opt/tool: 22222222 from https://example.org/tool, mode 0755
        bring "$work/file"
        or fails: only root can keep its owner and group: describe it with user: 'root'
        mv -fT "$new" "$path""
    `)
    expect(row(tool, toolFile(one), { after: toolFile(two) })).toMatchInlineSnapshot(`
      "change download:/opt/tool: content 11111111 -> 22222222 from https://example.org/tool
        bring "$work/file"
        or fails: only root can keep its owner and group: describe it with user: 'root'
        mv -fT "$new" "$path""
    `)
    expect(row(tool, toolFile(two, '644'), { after: toolFile(two) })).toMatchInlineSnapshot(`
      "change download:/opt/tool: mode 0644 -> 0755
        chmod 00755 /opt/tool"
    `)
    expect(row(tool, toolFile(undefined))).toMatchInlineSnapshot(`
      "change download:/opt/tool: content 22222222 from https://example.org/tool
        bring "$work/file"
        or fails: only root can keep its owner and group: describe it with user: 'root'
        mv -fT "$new" "$path""
    `)
    expect(row(behind, noFile)).toMatchInlineSnapshot(`
      "create download:/opt/tool: 22222222 from «secret address»
        bring "$work/file"
        or fails: only root can keep its owner and group: describe it with user: 'root'
        mv -fT "$new" "$path""
    `)
    expect(row(absent(tool), toolFile(two), { after: noFile })).toMatchInlineSnapshot(`
      "remove download:/opt/tool: file, 1 bytes
        rm -f /opt/tool"
    `)
  },
}
