import { expect } from 'vitest'
import { Secret } from '../../../src/base/secret.ts'
import { absent } from '../../../src/model/resource.ts'
import { cron } from '../../../src/resources/cron.ts'
import { holding, noFile, written } from '../doings.ts'
import { type Table, hidden } from '../dry-run.ts'

const job = cron('backup', { schedule: '17 2 * * *', command: 'backup --all', runAs: 'deploy' })
const hasJob = written(job, noFile)('/etc/cron.d/backup')

export const table: Table = {
  wanted: job,
  nothing: noFile,
  there: hasJob,
  rows(row) {
    expect(row(job, noFile, { after: hasJob })).toMatchInlineSnapshot(`
      "create cron:backup: 17 2 * * * as deploy
        or fails: there is no user deploy to run it
        mkdir -p /etc/cron.d
        write /etc/cron.d/backup root:root 0644"
    `)
    expect(row(job, holding('x'), { after: hasJob })).toMatchInlineSnapshot(`
      "change cron:backup: content
        or fails: there is no user deploy to run it
        mkdir -p /etc/cron.d
        write /etc/cron.d/backup root:root 0644"
    `)
    expect(row(job, { ...hasJob, mode: '666' }, { after: hasJob })).toMatchInlineSnapshot(`
      "change cron:backup: mode 0666 -> 0644
        or fails: there is no user deploy to run it
        mkdir -p /etc/cron.d
        write /etc/cron.d/backup root:root 0644"
    `)
    const environment = { TOKEN: new Secret('token', hidden) }
    const secretive = cron('backup', { schedule: '@daily', command: 'backup', environment })
    expect(row(secretive, noFile)).toMatchInlineSnapshot(`
      "create cron:backup: @daily as root
        or fails: there is no user root to run it
        mkdir -p /etc/cron.d
        write /etc/cron.d/backup root:root 0600"
    `)
    expect(row(absent(job), hasJob, { after: noFile })).toMatchInlineSnapshot(`
      "remove cron:backup: file, 49 bytes
        rm -f /etc/cron.d/backup"
    `)
  },
}
