import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { sudo } from '../../../src/resources/sudo.ts'
import { holding, noFile, written } from '../doings.ts'
import { type Table, opaque } from '../dry-run.ts'

const rule = sudo('deploy', { commands: ['/usr/bin/systemctl restart shop'], noPassword: true })
const noRule = { file: noFile, there: true, included: true }

export const table: Table = {
  wanted: rule,
  nothing: noRule,
  there: { ...noRule, file: written(rule, noRule)('/etc/sudoers.d/deploy') },
  rows(row) {
    const after = { ...noRule, file: written(rule, noRule)('/etc/sudoers.d/deploy') }
    expect(row(rule, noRule, { after })).toMatchInlineSnapshot(`
      "create sudo:deploy: deploy: /usr/bin/systemctl restart shop as root, without a password
        or fails: there is no visudo here (package sudo)
        mkdir -p -m 0750 /etc/sudoers.d
        write /etc/sudoers.d/deploy root:root 0440 once it is valid"
    `)
    expect(row(rule, { ...noRule, file: holding('x', { mode: '440' }) }, { after }))
      .toMatchInlineSnapshot(`
      "change sudo:deploy: deploy: /usr/bin/systemctl restart shop as root, without a password
        or fails: there is no visudo here (package sudo)
        mkdir -p -m 0750 /etc/sudoers.d
        write /etc/sudoers.d/deploy root:root 0440 once it is valid"
    `)
    const open = { ...noRule, file: { ...after.file, mode: '644' } }
    expect(row(rule, open, { after })).toMatchInlineSnapshot(`
      "change sudo:deploy: mode 0644 -> 0440
        or fails: there is no visudo here (package sudo)
        mkdir -p -m 0750 /etc/sudoers.d
        write /etc/sudoers.d/deploy root:root 0440 once it is valid"
    `)
    expect(row(rule, { ...noRule, there: false })).toMatchInlineSnapshot(`
      "change sudo:deploy: there is no visudo here (package sudo)
        or fails: there is no visudo here (package sudo)
        mkdir -p -m 0750 /etc/sudoers.d
        write /etc/sudoers.d/deploy root:root 0440 once it is valid"
    `)
    expect(row(rule, { ...noRule, there: false }, { context: opaque })).toMatchInlineSnapshot(
      `"unknown sudo:deploy: deploy: /usr/bin/systemctl restart shop as root, without a password, once package:x has brought sudo"`,
    )
    expect(row(rule, { ...after, included: false })).toMatchInlineSnapshot(`
      "change sudo:deploy: deploy: /usr/bin/systemctl restart shop as root, without a password, but /etc/sudoers does not include /etc/sudoers.d
        fails: the rule is in place, but /etc/sudoers does not include /etc/sudoers.d: add the line @includedir /etc/sudoers.d to it"
    `)
    expect(row(rule, { ...noRule, included: false })).toMatchInlineSnapshot(`
      "create sudo:deploy: deploy: /usr/bin/systemctl restart shop as root, without a password, but /etc/sudoers does not include /etc/sudoers.d
        or fails: there is no visudo here (package sudo)
        mkdir -p -m 0750 /etc/sudoers.d
        write /etc/sudoers.d/deploy root:root 0440 once it is valid"
    `)
    expect(row(absent(rule), after, { after: noRule })).toMatchInlineSnapshot(`
      "remove sudo:deploy: deploy: /usr/bin/systemctl restart shop as root, without a password
        rm -f /etc/sudoers.d/deploy"
    `)
  },
}
