import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { sshd } from '../../../src/resources/sshd.ts'
import { noFile, written } from '../doings.ts'
import { type Table, opaque, planned } from '../dry-run.ts'

const ssh = sshd({ PasswordAuthentication: 'no' })
const setting = (now: string) => ({ keyword: 'PasswordAuthentication', now: [now], wanted: ['no'] })
const noSettings = {
  there: true,
  file: noFile,
  stale: false,
  refusesNow: undefined,
  refuses: undefined,
  included: true,
  settings: [setting('yes')],
  overrides: [],
}
const dropIn = '/etc/ssh/sshd_config.d/00-fettle.conf'

export const table: Table = {
  wanted: ssh,
  nothing: noSettings,
  there: { ...noSettings, file: written(ssh, noSettings)(dropIn), settings: [setting('no')] },
  rows(row) {
    const file = written(ssh, noSettings)(dropIn)
    const after = { ...noSettings, file, settings: [setting('no')] }
    expect(row(ssh, noSettings, { after })).toMatchInlineSnapshot(`
      "create sshd:fettle: PasswordAuthentication yes -> no, reload
        or fails: there is no sshd here (package openssh-server)
        mkdir -m 0755 /run/sshd
        mkdir -p -m 0755 "\${path%/*}"
        or fails: sshd does not take these settings: $(first "$reason"). Nothing was changed
        write /etc/ssh/sshd_config.d/00-fettle.conf root:root 0644
        systemctl reload "$unit.service"
        or fails: $unit did not reload; its log is above
        systemctl daemon-reload
        systemctl restart ssh.socket"
    `)
    expect(row(ssh, { ...noSettings, settings: [setting('no')] }, { after }))
      .toMatchInlineSnapshot(`
      "create sshd:fettle: PasswordAuthentication no (in its file), reload
        or fails: there is no sshd here (package openssh-server)
        mkdir -m 0755 /run/sshd
        mkdir -p -m 0755 "\${path%/*}"
        or fails: sshd does not take these settings: $(first "$reason"). Nothing was changed
        write /etc/ssh/sshd_config.d/00-fettle.conf root:root 0644
        systemctl reload "$unit.service"
        or fails: $unit did not reload; its log is above
        systemctl daemon-reload
        systemctl restart ssh.socket"
    `)
    expect(row(ssh, { ...after, stale: true }, { after })).toMatchInlineSnapshot(`
      "change sshd:fettle: reload
        or fails: there is no sshd here (package openssh-server)
        mkdir -m 0755 /run/sshd
        systemctl reload "$unit.service"
        or fails: $unit did not reload; its log is above
        systemctl daemon-reload
        systemctl restart ssh.socket"
    `)
    expect(row(ssh, { ...noSettings, there: false })).toMatchInlineSnapshot(`
      "change sshd:fettle: there is no sshd here (package openssh-server)
        or fails: there is no sshd here (package openssh-server)
        mkdir -m 0755 /run/sshd
        mkdir -p -m 0755 "\${path%/*}"
        or fails: sshd does not take these settings: $(first "$reason"). Nothing was changed
        write /etc/ssh/sshd_config.d/00-fettle.conf root:root 0644
        systemctl reload "$unit.service"
        or fails: $unit did not reload; its log is above
        systemctl daemon-reload
        systemctl restart ssh.socket"
    `)
    expect(row(ssh, { ...noSettings, there: false }, { context: opaque })).toMatchInlineSnapshot(
      `"unknown sshd:fettle: PasswordAuthentication no, once package:x has brought it"`,
    )
    expect(row(ssh, { ...noSettings, refuses: 'line 1: no such thing' })).toMatchInlineSnapshot(`
      "create sshd:fettle: sshd here does not take it: line 1: no such thing
        or fails: there is no sshd here (package openssh-server)
        mkdir -m 0755 /run/sshd
        mkdir -p -m 0755 "\${path%/*}"
        or fails: sshd does not take these settings: $(first "$reason"). Nothing was changed
        write /etc/ssh/sshd_config.d/00-fettle.conf root:root 0644
        systemctl reload "$unit.service"
        or fails: $unit did not reload; its log is above
        systemctl daemon-reload
        systemctl restart ssh.socket"
    `)
    const overrides = [
      { keyword: 'PasswordAuthentication', words: 'yes', where: '/etc/ssh/sshd_config line 3' },
    ]
    const overruled = { ...noSettings, file, overrides }
    expect(row(ssh, overruled)).toMatchInlineSnapshot(`
      "change sshd:fettle: PasswordAuthentication yes -> no, but /etc/ssh/sshd_config line 3 says PasswordAuthentication yes first
        or fails: there is no sshd here (package openssh-server)
        mkdir -m 0755 /run/sshd
        or fails: the settings are in place, but do not hold: /etc/ssh/sshd_config line 3 says PasswordAuthentication yes first. Change or remove it there
        systemctl reload "$unit.service"
        or fails: $unit did not reload; its log is above
        systemctl daemon-reload
        systemctl restart ssh.socket"
    `)
    expect(
      row(ssh, overruled, { context: planned('file:/etc/ssh/sshd_config') }),
    ).toMatchInlineSnapshot(`"unknown sshd:fettle: PasswordAuthentication no"`)
    expect(
      row(ssh, after, { context: planned('file:/etc/ssh/sshd_config') }),
    ).toMatchInlineSnapshot(`"unknown sshd:fettle: reload, for what is changed before"`)
    expect(row(absent(ssh), { ...after, settings: [] })).toMatchInlineSnapshot(`
      "remove sshd:fettle: its settings, reload
        or fails: there is no sshd here (package openssh-server)
        mkdir -m 0755 /run/sshd
        mkdir -p -m 0755 "\${path%/*}"
        rm -f /etc/ssh/sshd_config.d/00-fettle.conf
        systemctl reload "$unit.service"
        or fails: $unit did not reload; its log is above
        systemctl daemon-reload
        systemctl restart ssh.socket"
    `)
    // The file is gone, and sshd still goes by it.
    expect(row(absent(ssh), { ...noSettings, stale: true, settings: [] })).toMatchInlineSnapshot(`
      "change sshd:fettle: reload
        or fails: there is no sshd here (package openssh-server)
        mkdir -m 0755 /run/sshd
        systemctl reload "$unit.service"
        or fails: $unit did not reload; its log is above
        systemctl daemon-reload
        systemctl restart ssh.socket"
    `)
  },
}
