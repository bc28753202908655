import { describe, expect, test } from 'vitest'
import { converges, failure, planned } from '../../test/lab/converges.ts'
import { bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { plan, settle } from '../../test/lab/settle.ts'
import { type Context, nothingPlanned } from '../model/kind.ts'
import { type Resource, absent } from '../model/resource.ts'
import { locale, localeKind } from './locale.ts'
import { packages } from './package.ts'

const danish = locale('da_DK.UTF-8')
const first = locale('da_DK.UTF-8', { default: true })

/** A host as its read script prints it, by default one that has the locale. */
interface Printed {
  readonly list?: string
  readonly settings?: string
  /** What is in /etc/locale.conf, where that is what the other file is a link to. */
  readonly later?: string
  readonly all?: string
  readonly supported?: string
}

function summary(
  {
    list = 'da_DK.UTF-8 UTF-8\n',
    settings,
    later,
    all = 'C\nC.utf8\nda_DK.utf8\n',
    supported = 'da_DK.UTF-8 UTF-8\n',
  }: Printed,
  resource: Resource,
  context: Context = nothingPlanned,
): string | undefined {
  const rows = [list, settings, later].map((text, i) =>
    text === undefined ? '' : `${i} file ${Buffer.from(text).toString('base64')}\n`,
  )
  const output = [rows.join(''), later === undefined ? '' : 'link\n', all, supported].join('\0')
  const [state] = localeKind.parse(Buffer.from(output), [resource as never])
  const found = localeKind.diff(resource as never, state!, context)
  return found && `${found.verb}: ${found.summary}`
}

describe('what differs', () => {
  const lacking = { list: '', all: 'C\nda_DK\nda_DK.iso88591\n' }
  const nothing = { ...lacking, supported: '' }
  test.each<[string, Printed, Resource, string | undefined]>([
    ['as described', {}, danish, undefined],
    ['not generated', { all: 'C\n' }, danish, 'create: generate it'],
    ['not listed', { list: '' }, danish, 'change: list it in /etc/locale.gen'],
    [
      'commented out',
      { list: '# da_DK.UTF-8 UTF-8\n' },
      danish,
      'change: list it in /etc/locale.gen',
    ],
    ['neither', lacking, danish, 'create: generate it, list it in /etc/locale.gen'],
    [
      'no package',
      nothing,
      danish,
      'change: there is no locale da_DK.UTF-8 here (package locales)',
    ],
    ['all that there are (locales-all)', { list: '', supported: '' }, danish, undefined],
    ['default', { settings: '# x\nLANG=da_DK.UTF-8\nLC_TIME=C\n' }, first, undefined],
    ['default in quotes', { settings: 'LANG="da_DK.UTF-8"' }, first, undefined],
    [
      'another default',
      { settings: 'LANG=C.UTF-8\n' },
      first,
      'change: LANG C.UTF-8 -> da_DK.UTF-8 in /etc/default/locale',
    ],
    ['no default', {}, first, 'change: LANG unset -> da_DK.UTF-8 in /etc/default/locale'],
    [
      'a default of a later system',
      { settings: 'LANG=a', later: 'LANG=b' },
      first,
      'change: LANG b -> da_DK.UTF-8 in /etc/locale.conf',
    ],
    ['built in', { ...nothing, all: 'C.utf8\n' }, locale('C.UTF-8'), undefined],
    [
      'built in, and supported',
      { list: '', supported: 'C.UTF-8 UTF-8' },
      locale('C.UTF-8'),
      undefined,
    ],
    [
      'built in, as the default',
      nothing.all === '' ? {} : { ...nothing, all: 'C.utf8\n' },
      locale('C.UTF-8', { default: true }),
      'change: LANG unset -> C.UTF-8 in /etc/default/locale',
    ],
    [
      'another set',
      { ...lacking, list: 'da_DK ISO-8859-1', supported: 'da_DK ISO-8859-1' },
      locale('da_DK'),
      undefined,
    ],
  ])('%s', (_, printed, resource, expected) => expect(summary(printed, resource)).toBe(expected))

  test.each<[string, Printed, Resource, string | undefined]>([
    [
      'there',
      { settings: 'LANG=da_DK.UTF-8' },
      first,
      'remove: its line in /etc/locale.gen, what was generated, LANG in /etc/default/locale',
    ],
    [
      'not as the default',
      { settings: 'LANG=da_DK.UTF-8' },
      danish,
      'remove: its line in /etc/locale.gen, what was generated',
    ],
    ['commented out', { list: '# da_DK.UTF-8 UTF-8\n', all: 'C' }, danish, undefined],
    ['another default', { list: '', all: '', settings: 'LANG=C' }, first, undefined],
    ['built in', {}, locale('C.UTF-8'), undefined],
  ])('absent: %s', (_, printed, resource, expected) =>
    expect(summary(printed, absent(resource))).toBe(expected),
  )

  test('after an opaque step: unknown only while the locale is', () => {
    const context = { earlier: new Map(), opaque: ['package:locales'] }
    expect(summary(nothing, danish, context)).toBe(
      'unknown: generate it, once package:locales has brought it',
    )
    expect(summary(lacking, danish, context)).toMatch(/^create: /)
    expect(summary({}, danish, context)).toBeUndefined()
  })
})

test.each(['en_US.UTF-8', 'de_DE@euro', 'ca_ES.UTF-8@valencia', 'ast_ES', 'C.UTF-8'])(
  '%s is a name',
  (name) => expect(locale(name).name).toBe(name),
)

test.each(['', 'en', 'en_us', 'C', 'en_US.UTF-8 UTF-8', 'en_US;id', "en_US'", '-a', 'en_US\n'])(
  '%j is refused',
  (name) => expect(() => locale(name)).toThrow(/its name/),
)

describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile()

  test('with its package from nothing, as the default, after drift, and gone', async () => {
    const [host] = hosts()
    expect(await failure(host!, [danish])).toContain(
      'there is no locale da_DK.UTF-8 on this host: is the package locales installed',
    )
    const all = [
      ...packages(['locales'], { recommends: false }),
      first,
      locale('sr_RS@latin'),
      locale('de_DE@euro'),
    ]
    const before = await plan(host!, all)
    expect(before.slice(1).map(({ difference }) => difference.verb)).toEqual(
      Array.from({ length: 3 }, () => 'unknown'),
    )
    const settled = await settle(host!, all)
    expect(settled.made).toEqual(settled.planned)
    expect(await planned(host!, all)).toEqual([])
    expect((await host!.exec('locale -a; grep -v "^#" /etc/locale.gen')).output).toBe(
      'C\nC.utf8\nPOSIX\nda_DK.utf8\nde_DE.iso885915@euro\nde_DE@euro\nsr_RS.utf8@latin\nsr_RS@latin\n\n\n' +
        'da_DK.UTF-8 UTF-8\nde_DE@euro ISO-8859-15\nsr_RS@latin UTF-8\n',
    )
    expect(
      (await host!.exec('. /etc/default/locale; LC_ALL=$LANG locale decimal_point')).output,
    ).toBe(',\n')
    // On Debian 13 a link to /etc/locale.conf.
    const settings = (await host!.exec('printf %s "$(readlink -f /etc/default/locale)"')).output
    // Others agree with what we wrote, and we with what they write.
    await host!.exec('locale-gen; update-locale LANG=C.UTF-8 LC_TIME=C.UTF-8')
    expect(await converges(host!, all)).toEqual([
      `change locale:da_DK.UTF-8: LANG C.UTF-8 -> da_DK.UTF-8 in ${settings}`,
    ])
    await host!.exec('update-locale LANG=da_DK.UTF-8')
    expect(await planned(host!, all)).toEqual([])
    expect((await host!.exec('grep LC_TIME /etc/default/locale')).output).toBe('LC_TIME=C.UTF-8\n')

    await host!.exec(
      'sed -i "s/^da_DK/# &/" /etc/locale.gen; localedef --delete-from-archive de_DE@euro',
    )
    expect(await converges(host!, all)).toEqual([
      'change locale:da_DK.UTF-8: list it in /etc/locale.gen',
      'create locale:de_DE@euro: generate it',
    ])
    expect(await converges(host!, absent(all.slice(1)))).toHaveLength(3)
    expect(
      (await host!.exec('locale -a; grep -v "^#" /etc/locale.gen; cat /etc/default/locale')).output,
    ).toMatch(/^C\nC.utf8\nPOSIX\n\n\n[^]*LC_TIME/)
    expect((await host!.exec('grep -c LANG= /etc/default/locale')).output).toBe('0\n')
  })

  test('where the file of settings is a link, as later systems have it', async () => {
    const [host] = hosts()
    await host!.exec(
      'rm -f /etc/default/locale /etc/locale.conf; ln -s ../locale.conf /etc/default/locale',
    )
    const builtIn = locale('C.UTF-8', { default: true })
    await converges(host!, [builtIn])
    expect((await host!.exec('cat /etc/locale.conf; readlink /etc/default/locale')).output).toBe(
      'LANG=C.UTF-8\n../locale.conf\n',
    )
    await converges(host!, [absent(builtIn)])
    expect((await host!.exec('cat /etc/locale.conf')).output).toBe('')
  })

  test('a locale that is not there is an error; a host has one default', async () => {
    const [host] = hosts()
    const wrong = [locale('nb_NO.UTF-8'), locale('xx_XX.UTF-8')]
    expect(await failure(host!, wrong)).toContain('there is no locale xx_XX.UTF-8 on this host')
    expect((await host!.exec('locale -a | grep nb')).output).toBe('')
    await expect(plan(host!, [first, locale('C.UTF-8', { default: true })])).rejects.toThrow(
      'default locale on web1 is claimed twice',
    )
  })
})
