import { expect } from 'vitest'
import { Secret } from '../../../src/base/secret.ts'
import { absent } from '../../../src/model/resource.ts'
import { timer } from '../../../src/resources/timer.ts'
import { holding, noFile, written } from '../doings.ts'
import { type Table, hidden } from '../dry-run.ts'

const backup = timer('backup', { command: 'backup --all', onCalendar: 'daily' })
const secretive = timer('backup', {
  command: 'backup --all',
  onCalendar: 'daily',
  environment: { TOKEN: new Secret('token', hidden) },
})
const noTimer = { files: [noFile, noFile, noFile], stale: false, enabled: '', active: 'inactive' }
const timerFiles = ['service', 'timer', 'env'].map((each) => `/etc/systemd/system/backup.${each}`)
const hasTimer = {
  files: timerFiles.map(written(backup, noTimer)),
  stale: false,
  enabled: 'enabled',
  active: 'active',
}

export const table: Table = {
  wanted: backup,
  nothing: noTimer,
  there: hasTimer,
  rows(row) {
    expect(row(backup, noTimer, { after: hasTimer })).toMatchInlineSnapshot(`
      "create timer:backup: daily as root
        or fails: there is no user root to run it
        or fails: systemd does not know the time daily (see systemd.time(7))
        write /etc/systemd/system/backup.service root:root 0644
        write /etc/systemd/system/backup.timer root:root 0644
        systemctl daemon-reload
        systemctl enable -q backup.timer
        systemctl restart backup.timer"
    `)
    const files = hasTimer.files
    expect(row(backup, { ...hasTimer, files: files.with(0, holding('x')) })).toMatchInlineSnapshot(`
      "change timer:backup: command
        or fails: there is no user root to run it
        or fails: systemd does not know the time daily (see systemd.time(7))
        write /etc/systemd/system/backup.service root:root 0644
        systemctl daemon-reload
        systemctl enable -q backup.timer
        systemctl start backup.timer"
    `)
    expect(row(backup, { ...hasTimer, files: files.with(1, holding('x')) })).toMatchInlineSnapshot(`
      "change timer:backup: times
        or fails: there is no user root to run it
        or fails: systemd does not know the time daily (see systemd.time(7))
        write /etc/systemd/system/backup.timer root:root 0644
        systemctl daemon-reload
        systemctl enable -q backup.timer
        systemctl restart backup.timer"
    `)
    expect(row(backup, { ...hasTimer, files: files.with(2, holding('x')) })).toMatchInlineSnapshot(`
      "change timer:backup: environment removed
        or fails: there is no user root to run it
        or fails: systemd does not know the time daily (see systemd.time(7))
        rm -f /etc/systemd/system/backup.env
        systemctl daemon-reload
        systemctl enable -q backup.timer
        systemctl start backup.timer"
    `)
    expect(row(secretive, noTimer)).toMatchInlineSnapshot(`
      "create timer:backup: daily as root
        or fails: there is no user root to run it
        or fails: systemd does not know the time daily (see systemd.time(7))
        write /etc/systemd/system/backup.service root:root 0644
        write /etc/systemd/system/backup.timer root:root 0644
        write /etc/systemd/system/backup.env root:root 0600
        systemctl daemon-reload
        systemctl enable -q backup.timer
        systemctl restart backup.timer"
    `)
    expect(row(backup, { ...hasTimer, stale: true }, { after: hasTimer })).toMatchInlineSnapshot(`
      "change timer:backup: daemon-reload
        or fails: there is no user root to run it
        or fails: systemd does not know the time daily (see systemd.time(7))
        systemctl daemon-reload
        systemctl enable -q backup.timer
        systemctl start backup.timer"
    `)
    expect(row(backup, { ...hasTimer, enabled: 'disabled', active: 'inactive' }))
      .toMatchInlineSnapshot(`
      "change timer:backup: disabled -> enabled, inactive -> active
        or fails: there is no user root to run it
        or fails: systemd does not know the time daily (see systemd.time(7))
        systemctl daemon-reload
        systemctl enable -q backup.timer
        systemctl start backup.timer"
    `)
    expect(row(absent(backup), hasTimer, { after: noTimer })).toMatchInlineSnapshot(`
      "remove timer:backup: backup.service, backup.timer
        systemctl disable --now backup.timer
        systemctl stop backup.timer
        rm -f /etc/systemd/system/backup.service
        rm -f /etc/systemd/system/backup.timer
        systemctl daemon-reload"
    `)
    expect(row(absent(backup), { ...noTimer, active: 'active' })).toMatchInlineSnapshot(`
      "remove timer:backup: backup.timer
        systemctl disable --now backup.timer
        systemctl stop backup.timer
        systemctl daemon-reload"
    `)
  },
}
