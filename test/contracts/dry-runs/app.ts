import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { appKept } from '../../../src/resources/app.ts'
import type { Table } from '../dry-run.ts'

const wanted = appKept('shop')
const nothing = { place: false, left: [], running: 0, releases: 0 }
const prepared = { ...nothing, place: true }
const serves = { place: true, left: ['units', 'trees', 'data'], running: 3, releases: 2 }

export const table: Table = {
  wanted,
  nothing,
  there: prepared,
  rows(row) {
    expect(row(wanted, nothing, { after: prepared })).toMatchInlineSnapshot(`
      "create app:shop: not deployed yet
        mkdir -p /var/lib/fettle/apps/shop
        chmod 0755 /var/lib/fettle/apps/shop"
    `)
    // What is deployed is not the description's to say.
    expect(row(wanted, serves)).toBe('no change')
    expect(row(absent(wanted), serves, { after: nothing })).toMatchInlineSnapshot(`
      "remove app:shop: its 3 instances, WHICH STILL RUN, 2 releases, ALL ITS DATA
        or fails: a deploy of it begins just now: nothing was removed
        or fails: a deploy of it goes on, or was interrupted less than a minute ago: nothing was removed
        rm -f "$each"
        systemctl stop $all "fettle-build-$app.service" "fettle-release-$app.service" 9>&-
        or fails: these do not end: $(echo $running)
        rm -f "$each"
        rm -f /var/lib/systemd/timers/stamp-"$app".job.*.timer /run/fettle/backoff/"$app".*.????????????.??????@*.service
        systemctl daemon-reload
        rm -rf "$place""
    `)
    const words = (state: object): string => row(absent(wanted), state).split('\n')[0]!
    expect(words({ ...serves, running: 1, releases: 1, left: ['units', 'lease'] })).toBe(
      'remove app:shop: NOT NOW, as a deploy of it goes on, its 1 instance, WHICH STILL RUNS, 1 release',
    )
    expect(words(prepared)).toBe('remove app:shop: what is left of it')
    // Interrupted after most of it was done.
    expect(words({ ...nothing, left: ['data'] })).toBe('remove app:shop: ALL ITS DATA')
  },
}
