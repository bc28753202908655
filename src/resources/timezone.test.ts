import { describe, expect, test } from 'vitest'
import { bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { plan, settle } from '../../test/lab/settle.ts'
import type { Context } from '../model/kind.ts'
import { absent } from '../model/resource.ts'
import { command } from './command.ts'
import { timezone, timezoneKind } from './timezone.ts'

const copenhagen = timezone('Europe/Copenhagen')
const absolute = '/usr/share/zoneinfo/Europe/Copenhagen'

/** A host as its read script prints it, by default one that is in Copenhagen. */
interface Printed {
  /** How find(1) calls it: l, f; undefined when nothing is there. */
  readonly letter?: string | undefined
  readonly target?: string
  readonly text?: string
  readonly known?: boolean
}

function summary(printed: Printed, { gone = false, opaque = [] as string[] } = {}) {
  const { letter = 'l', target = absolute, text = 'Europe/Copenhagen\n', known = true } = printed
  const there = !('letter' in printed) || printed.letter !== undefined
  const stat = there ? `/etc/localtime\0${letter}\x00777\0root\0root\x0033\0${target}\0` : ''
  const output = `${stat}end\0${known ? 'Europe/Copenhagen\n' : ''}\0${text}`
  const resource = (gone ? absent(copenhagen) : copenhagen) as never
  const [state] = timezoneKind.parse(Buffer.from(output), [resource])
  const context: Context = { earlier: new Map(), opaque }
  const found = timezoneKind.diff(resource, state!, context)
  return found && `${found.verb}: ${found.summary}`
}

const berlin = '/usr/share/zoneinfo/Europe/Berlin'
const utc = '/usr/share/zoneinfo/Etc/UTC'
const elsewhere = { target: berlin, text: 'Europe/Berlin\n' }
const after = { opaque: ['package:tzdata'] }

describe('what differs', () => {
  test.each<[string, Printed, string | undefined]>([
    ['as described', {}, undefined],
    ['a relative link', { target: `..${absolute}` }, undefined],
    ['no newline at the end', { text: 'Europe/Copenhagen' }, undefined],
    [
      'another zone',
      elsewhere,
      'change: Europe/Berlin -> Europe/Copenhagen, /etc/timezone: Europe/Berlin -> Europe/Copenhagen',
    ],
    ['only the link', { target: berlin }, 'change: Europe/Berlin -> Europe/Copenhagen'],
    ['a link to elsewhere', { target: '/mnt/zone' }, 'change: /mnt/zone -> Europe/Copenhagen'],
    ['no text, as Debian 13 has none', { text: '' }, undefined],
    [
      'another zone, no text',
      { target: berlin, text: '' },
      'change: Europe/Berlin -> Europe/Copenhagen',
    ],
    [
      'only the text',
      { text: 'Etc/UTC\nx\n' },
      'change: /etc/timezone: Etc/UTC -> Europe/Copenhagen',
    ],
    ['a copy', { letter: 'f', target: '' }, 'change: a file -> Europe/Copenhagen'],
    [
      'nothing there',
      { letter: undefined, text: '' },
      'create: no zone -> Europe/Copenhagen, /etc/timezone: nothing -> Europe/Copenhagen',
    ],
    [
      'an unknown zone',
      { ...elsewhere, known: false },
      'change: there is no time zone Europe/Copenhagen here (package tzdata)',
    ],
    [
      'its data is gone',
      { known: false },
      'change: there is no time zone Europe/Copenhagen here (package tzdata)',
    ],
  ])('%s', (_, printed, expected) => expect(summary(printed)).toBe(expected))

  test.each<[string, Printed, string | undefined]>([
    [
      'in this zone',
      {},
      'remove: Europe/Copenhagen -> Etc/UTC, /etc/timezone: Europe/Copenhagen -> Etc/UTC',
    ],
    ['its name is left', { target: utc }, 'remove: /etc/timezone: Europe/Copenhagen -> Etc/UTC'],
    ['another zone is left alone', elsewhere, undefined],
    ['UTC', { target: utc, text: 'Etc/UTC\n' }, undefined],
    ['nothing there', { letter: undefined, text: '' }, undefined],
    ['its data is gone', { known: false, text: 'Etc/UTC' }, 'remove: Europe/Copenhagen -> Etc/UTC'],
  ])('absent: %s', (_, printed, expected) =>
    expect(summary(printed, { gone: true })).toBe(expected),
  )

  test('after an opaque step: unknown only while the zone is', () => {
    expect(summary({ ...elsewhere, known: false }, after)).toBe(
      'unknown: Europe/Berlin -> Europe/Copenhagen, once package:tzdata has brought it',
    )
    expect(summary({ known: false }, after)).toBe(
      'unknown: data of Europe/Copenhagen, once package:tzdata has brought it',
    )
    expect(summary({ target: berlin }, after)).toBe('change: Europe/Berlin -> Europe/Copenhagen')
    expect(summary({}, after)).toBeUndefined()
  })
})

describe('names', () => {
  test.each(['Etc/GMT+1', 'America/Argentina/Buenos_Aires', 'America/Port-au-Prince', 'UTC'])(
    '%s',
    (name) => expect(timezone(name).name).toBe(name),
  )

  test('every zone that this machine knows', () => {
    for (const name of Intl.supportedValuesOf('timeZone')) expect(timezone(name).name).toBe(name)
  })

  test.each([
    '',
    'europe/copenhagen',
    '/Europe',
    'Europe/',
    '../passwd',
    'Europe/../X',
    'A b',
    "A'",
  ])('%j is refused', (name) => expect(() => timezone(name)).toThrow(/its name/))
})

describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile()

  test('from nothing, after drift, and back to UTC', async () => {
    const [host] = hosts()
    const date = async (): Promise<string> => (await host!.exec('date -d @0 +%H:%M')).output.trim()
    // As the system came: no file more than it had.
    expect(await plan(host!, [timezone('Etc/UTC')])).toEqual([])
    const files = 'ls -d /etc/timezone; readlink /etc/localtime'
    const bare = (await host!.exec(files)).output
    await settle(host!, [copenhagen])
    await settle(host!, [timezone('Etc/UTC')])
    expect((await host!.exec(files)).output).toBe(bare)
    await host!.exec('rm -f /etc/localtime /etc/timezone')

    const first = await settle(host!, [copenhagen])
    expect(first.planned).toEqual(['timezone:Europe/Copenhagen'])
    expect(first.made).toEqual(first.planned)
    expect(first.result.made[0]!.verb).toBe('create')
    expect(await plan(host!, [copenhagen])).toEqual([])
    expect(await date()).toBe('01:00')
    expect((await host!.exec('cat /etc/timezone; stat -c %a /etc/timezone')).output).toBe(
      'Europe/Copenhagen\n644\n',
    )
    // Others agree with what we wrote, and we with what they write.
    expect((await host!.exec('timedatectl show -p Timezone')).output.trim()).toBe(
      'Timezone=Europe/Copenhagen',
    )
    await host!.exec('timedatectl set-timezone UTC && timedatectl set-timezone Europe/Copenhagen')
    expect(await plan(host!, [copenhagen])).toEqual([])

    await host!.exec(`rm /etc/localtime; cp ${berlin} /etc/localtime`)
    expect((await plan(host!, [copenhagen]))[0]!.difference.summary).toBe(
      'a file -> Europe/Copenhagen',
    )
    await settle(host!, [copenhagen])
    await host!.exec('echo Europe/Berlin > /etc/timezone')
    await settle(host!, [copenhagen])
    expect(await plan(host!, [copenhagen])).toEqual([])

    const gone = absent(copenhagen)
    expect((await settle(host!, [gone])).result.made[0]!.verb).toBe('remove')
    expect(await plan(host!, [gone])).toEqual([])
    expect(await date()).toBe('00:00')
    expect((await host!.exec('cat /etc/timezone')).output).toBe('Etc/UTC\n')
  })

  test('a zone that is not there is an error and changes nothing', async () => {
    const [host] = hosts()
    const look = 'ls -li --full-time /etc/localtime /etc/timezone; ls -a /etc | grep fettle'
    const before = await host!.exec(look)
    for (const name of ['Europe/Kopenhagen', 'Europe']) {
      const failure = await settle(host!, [timezone(name)]).catch((error: Error) => error)
      expect(String(failure)).toContain(`there is no time zone ${name} on this host`)
      expect((await host!.exec(look)).output).toBe(before.output)
    }
  })

  test('an opaque step before it may bring the data; without it UTC still works', async () => {
    const [host] = hosts()
    await settle(host!, [copenhagen])
    await host!.exec('mv /usr/share/zoneinfo /var/tmp')
    const data = command('data', {
      run: 'mv /var/tmp/zoneinfo /usr/share/',
      creates: '/usr/share/zoneinfo',
      user: 'root',
    })
    const changes = await plan(host!, [data, copenhagen])
    expect(changes.map(({ difference }) => difference.verb)).toEqual(['run', 'unknown'])
    await settle(host!, [absent(copenhagen)])
    expect(await plan(host!, [absent(copenhagen)])).toEqual([])
    expect((await settle(host!, [data, copenhagen])).made).toEqual([
      'command:data',
      'timezone:Europe/Copenhagen',
    ])
    expect(await plan(host!, [data, copenhagen])).toEqual([])
  })

  test('a host has one', async () => {
    const [host] = hosts()
    await expect(plan(host!, [copenhagen, timezone('Europe/Berlin')])).rejects.toThrow(
      'path /etc/localtime on web1 is claimed twice',
    )
  })
})
