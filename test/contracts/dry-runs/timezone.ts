import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { timezone } from '../../../src/resources/timezone.ts'
import { noInode } from '../doings.ts'
import { type Table, opaque } from '../dry-run.ts'

const zone = timezone('Europe/Copenhagen')
const noZone = { link: noInode, known: true, text: '' }
const inZone = (name: string) => ({
  link: { ...noInode, type: 'link', target: `/usr/share/zoneinfo/${name}` },
  known: true,
  text: name,
})

export const table: Table = {
  wanted: zone,
  nothing: noZone,
  there: inZone('Europe/Copenhagen'),
  rows(row) {
    const after = inZone('Europe/Copenhagen')
    expect(row(zone, noZone, { after })).toMatchInlineSnapshot(`
      "create timezone:Europe/Copenhagen: no zone -> Europe/Copenhagen, /etc/timezone: nothing -> Europe/Copenhagen
        or fails: there is no time zone Europe/Copenhagen on this host: is the package tzdata installed, and the name right?
        write /etc/timezone
        ln -sT /usr/share/zoneinfo/Europe/Copenhagen "$new"
        mv -fT "$new" /etc/localtime"
    `)
    expect(row(zone, inZone('Etc/UTC'), { after })).toMatchInlineSnapshot(`
      "change timezone:Europe/Copenhagen: Etc/UTC -> Europe/Copenhagen, /etc/timezone: Etc/UTC -> Europe/Copenhagen
        or fails: there is no time zone Europe/Copenhagen on this host: is the package tzdata installed, and the name right?
        write /etc/timezone
        ln -sT /usr/share/zoneinfo/Europe/Copenhagen "$new"
        mv -fT "$new" /etc/localtime"
    `)
    expect(row(zone, { ...after, text: 'Etc/UTC' }, { after })).toMatchInlineSnapshot(`
      "change timezone:Europe/Copenhagen: /etc/timezone: Etc/UTC -> Europe/Copenhagen
        or fails: there is no time zone Europe/Copenhagen on this host: is the package tzdata installed, and the name right?
        write /etc/timezone
        ln -sT /usr/share/zoneinfo/Europe/Copenhagen "$new"
        mv -fT "$new" /etc/localtime"
    `)
    expect(row(zone, { ...noZone, known: false })).toMatchInlineSnapshot(`
      "change timezone:Europe/Copenhagen: there is no time zone Europe/Copenhagen here (package tzdata)
        or fails: there is no time zone Europe/Copenhagen on this host: is the package tzdata installed, and the name right?
        write /etc/timezone
        ln -sT /usr/share/zoneinfo/Europe/Copenhagen "$new"
        mv -fT "$new" /etc/localtime"
    `)
    expect(row(zone, { ...noZone, known: false }, { context: opaque })).toMatchInlineSnapshot(
      `"unknown timezone:Europe/Copenhagen: no zone -> Europe/Copenhagen, once package:x has brought it"`,
    )
    expect(row(absent(zone), after, { after: inZone('Etc/UTC') })).toMatchInlineSnapshot(`
      "remove timezone:Europe/Copenhagen: Europe/Copenhagen -> Etc/UTC, /etc/timezone: Europe/Copenhagen -> Etc/UTC
        write /etc/timezone
        ln -sT /usr/share/zoneinfo/Etc/UTC "$new"
        mv -fT "$new" /etc/localtime"
    `)
    expect(row(absent(zone), inZone('Asia/Tokyo'))).toMatchInlineSnapshot(`"no change"`)
  },
}
