import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { locale } from '../../../src/resources/locale.ts'
import { noText, textOf } from '../doings.ts'
import { type Table, opaque } from '../dry-run.ts'

const danish = locale('da_DK.UTF-8', { default: true })
const noLocale = {
  charset: 'UTF-8',
  generated: false,
  list: textOf('# da_DK.UTF-8 UTF-8\n'),
  path: '/etc/default/locale',
  settings: noText,
}
const hasLocale = {
  ...noLocale,
  generated: true,
  list: textOf('da_DK.UTF-8 UTF-8\n'),
  settings: textOf('LANG=da_DK.UTF-8\n'),
}

export const table: Table = {
  wanted: danish,
  nothing: noLocale,
  there: hasLocale,
  rows(row) {
    expect(row(danish, noLocale, { after: hasLocale })).toMatchInlineSnapshot(`
      "create locale:da_DK.UTF-8: generate it, list it in /etc/locale.gen, LANG unset -> da_DK.UTF-8 in /etc/default/locale
        or fails: there is no locale da_DK.UTF-8 on this host: is the package locales installed, and the name right?
        localedef -i da_DK -c -f UTF-8 -A /usr/share/locale/locale.alias da_DK.UTF-8
        edit /etc/locale.gen
        edit /etc/default/locale"
    `)
    expect(row(danish, { ...hasLocale, settings: textOf('LANG=C\n') }, { after: hasLocale }))
      .toMatchInlineSnapshot(`
      "change locale:da_DK.UTF-8: LANG C -> da_DK.UTF-8 in /etc/default/locale
        edit /etc/default/locale"
    `)
    expect(row(danish, { ...hasLocale, list: noLocale.list }, { after: hasLocale }))
      .toMatchInlineSnapshot(`
      "change locale:da_DK.UTF-8: list it in /etc/locale.gen
        edit /etc/locale.gen"
    `)
    expect(row(danish, { ...noLocale, charset: undefined })).toMatchInlineSnapshot(`
      "change locale:da_DK.UTF-8: there is no locale da_DK.UTF-8 here (package locales)
        or fails: there is no locale da_DK.UTF-8 on this host: is the package locales installed, and the name right?
        localedef -i da_DK -c -f '' -A /usr/share/locale/locale.alias da_DK.UTF-8
        edit /etc/default/locale"
    `)
    expect(
      row(danish, { ...noLocale, charset: undefined }, { context: opaque }),
    ).toMatchInlineSnapshot(
      `"unknown locale:da_DK.UTF-8: generate it, once package:x has brought it"`,
    )
    expect(row(absent(danish), hasLocale)).toMatchInlineSnapshot(`
      "remove locale:da_DK.UTF-8: its line in /etc/locale.gen, what was generated, LANG in /etc/default/locale
        edit /etc/default/locale
        edit /etc/locale.gen
        localedef --delete-from-archive da_DK.utf8"
    `)
    const german = { ...hasLocale, settings: textOf('LANG=de_DE.UTF-8\n') }
    expect(row(absent(danish), german)).toMatchInlineSnapshot(`
      "remove locale:da_DK.UTF-8: its line in /etc/locale.gen, what was generated
        edit /etc/locale.gen
        localedef --delete-from-archive da_DK.utf8"
    `)
  },
}
