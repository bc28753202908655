import { Buffer } from 'node:buffer'
import { expect } from 'vitest'
import { Secret } from '../../../src/base/secret.ts'
import { absent } from '../../../src/model/resource.ts'
import { line } from '../../../src/resources/line.ts'
import { noText, textOf } from '../doings.ts'
import { type Table, hidden, opaque } from '../dry-run.ts'

const root = line('/etc/ssh/x', { line: 'Root no', startsWith: ['Root ', '#Root '] })

export const table: Table = {
  wanted: root,
  nothing: noText,
  there: textOf('Port 22\nRoot no\n'),
  rows(row) {
    const after = textOf('Port 22\nRoot no\n')
    expect(row(root, noText)).toMatchInlineSnapshot(`
      "create line:/etc/ssh/x#Root no: in a new file
        edit /etc/ssh/x"
    `)
    expect(row(root, noText, { context: opaque })).toMatchInlineSnapshot(
      `"unknown line:/etc/ssh/x#Root no: in a new file, unless package:x brings it"`,
    )
    expect(row(absent(root), noText, { context: opaque })).toMatchInlineSnapshot(
      `"unknown line:/etc/ssh/x#Root no: nothing of it, unless package:x brings it"`,
    )
    expect(row(root, textOf('Port 22\n'), { after })).toMatchInlineSnapshot(`
      "create line:/etc/ssh/x#Root no: at the end
        edit /etc/ssh/x"
    `)
    expect(row(root, textOf('Port 22\n#Root yes\n'), { after })).toMatchInlineSnapshot(`
      "change line:/etc/ssh/x#Root no: in place of #Root yes
        edit /etc/ssh/x"
    `)
    expect(row(root, textOf('Root yes\nPort 22\nRoot no\n'))).toMatchInlineSnapshot(`
      "change line:/etc/ssh/x#Root no: in place of 2 lines
        edit /etc/ssh/x"
    `)
    expect(row(absent(root), after, { after: textOf('Port 22\n') })).toMatchInlineSnapshot(`
      "remove line:/etc/ssh/x#Root no: 1 line
        edit /etc/ssh/x"
    `)
    expect(row(root, { ...noText, type: 'unreadable' })).toMatchInlineSnapshot(`
      "change line:/etc/ssh/x#Root no: it cannot be read by this user
        edit /etc/ssh/x"
    `)
    expect(row(root, { ...noText, type: 'other' })).toMatchInlineSnapshot(`
      "change line:/etc/ssh/x#Root no: it is not a file that is there
        edit /etc/ssh/x"
    `)
    const binary = { type: 'file', content: Buffer.from('a\0b') }
    expect(row(root, binary)).toMatchInlineSnapshot(`
      "change line:/etc/ssh/x#Root no: it is not text: it holds NUL bytes
        edit /etc/ssh/x"
    `)
    const secret = line('/etc/x', { name: 'token', line: `t=${new Secret('token', hidden)}` })
    expect(row(secret, textOf('a\n'), { after: textOf(`t=${hidden}\n`) })).toMatchInlineSnapshot(`
      "create line:/etc/x#token: at the end
        edit /etc/x"
    `)
  },
}
