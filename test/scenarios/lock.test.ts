import { beforeAll, beforeEach, describe, expect } from 'vitest'
import { type TinyPackage, publish } from '../lab/debian.ts'
import { bootForFile, labAvailable, labMissing, labVersion, test } from '../lab/fixture.ts'
import { type Ended, Folder } from './cli.ts'

const old: readonly TinyPackage[] = [
  { name: 'shop', version: '1.0', fields: 'Depends: libshop, tool | other\nRecommends: nice' },
  { name: 'libshop', version: '1.0' },
  { name: 'tool', version: '1.0' },
  { name: 'other', version: '1.0' },
  { name: 'nice', version: '1.0' },
  { name: 'extra', version: '1.0', fields: 'Depends: libextra (= 1.0)' },
  { name: 'libextra', version: '1.0' },
]
const newer: readonly TinyPackage[] = [
  { name: 'shop', version: '1.1', fields: 'Depends: libshop (>= 1.1), tool | other' },
  { name: 'tool', version: '1.1' },
  { name: 'extra', version: '2.0', fields: 'Depends: libextra (= 2.0)' },
  { name: 'libextra', version: '2.0' },
]

describe.skipIf(!labAvailable)(`fettle.lock ${labMissing}`, () => {
  const hosts = bootForFile()
  const run = async (script: string): Promise<string> => (await hosts()[0]!.exec(script)).output
  const versions = (): Promise<string> =>
    run(
      "dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\\n' extra libextra libshop nice other shop tool 2>/dev/null | sed -n 's/ installed$//p'",
    )
  let folder: Folder
  const fettle = (...words: string[]): Promise<Ended> => folder.fettle([...words, '--lab'])
  const described = (names: string): Folder =>
    folder.describe(
      hosts(),
      `  return [${names.startsWith('packages') ? names : `packages(${names})`}]`,
    )

  beforeAll(async () => {
    if (!labAvailable) return
    await run(
      'for each in main security; do echo "deb [trusted=yes] copy:/srv/$each ./"; done >/etc/apt/sources.list; apt-get clean',
    )
  })

  /** What the sources have; apt's lists on the host are as old as they were. */
  async function sources(
    main: readonly TinyPackage[],
    security: readonly TinyPackage[] = [],
  ): Promise<void> {
    await publish(hosts()[0]!, '/srv/main', main)
    await publish(hosts()[0]!, '/srv/security', security)
    await run(
      "sed -i '1i Label: Tiny' /srv/main/Release; sed -i '1i Label: Tiny-Security' /srv/security/Release; rm -f /var/cache/apt/archives/*.deb",
    )
  }
  const update = (): Promise<string> => run('apt-get update && touch /var/lib/apt/lists/partial')

  beforeEach(async () => {
    if (!labAvailable) return
    folder = new Folder(hosts())
    await run(
      "dpkg -P $(dpkg-query -W -f '${Package} ' extra libextra libshop nice other shop tool 2>/dev/null) 2>/dev/null",
    )
    await sources(old)
    await update()
  })

  test('is written with all that comes along, and installed exactly, whatever is newest', async () => {
    described("'shop'")
    const locked = await fettle('lock')
    expect(locked.stdout).toContain(`debian ${labVersion} amd64\n  + libshop  1.0`)
    expect(locked.stdout).toContain('fettle.lock: 4 added.')
    expect(folder.read('fettle.lock')).toBe(`{
  "version": 1,
  "releases": {
    "debian ${labVersion} amd64": {
      "libshop": { "version": "1.0", "origin": "Tiny", "needs": [] },
      "nice": { "version": "1.0", "origin": "Tiny", "needs": [] },
      "shop": { "version": "1.0", "origin": "Tiny", "needs": ["libshop", "nice", "tool"] },
      "tool": { "version": "1.0", "origin": "Tiny", "needs": [] }
    }
  }
}
`)
    await sources([...old, ...newer], [{ name: 'libshop', version: '1.1' }])
    await update()
    const plan = await fettle('plan')
    expect(plan.stdout).toContain('install 1.0, with 3 more: libshop, nice, tool')
    expect((await fettle('up', '--yes')).code).toBe(0)
    expect(await versions()).toBe('libshop 1.0\nnice 1.0\nshop 1.0\ntool 1.0\n')
    expect(await run('apt-mark showmanual shop libshop nice tool')).toBe('shop\n')
    expect((await fettle('plan')).stdout).toContain('nothing to change')
    // A host that has it all answers the same.
    const before = folder.read('fettle.lock')
    expect((await fettle('lock')).stdout).toContain('as it was')
    expect(folder.read('fettle.lock')).toBe(before)
  })

  test('what is described later has to be added, which changes nothing else', async () => {
    described("'shop'")
    await fettle('lock')
    await sources([...old, ...newer], [{ name: 'libshop', version: '1.1' }])
    described("'shop', 'extra'")
    const refused = await fettle('up', '--yes')
    expect(refused.code).toBe(1)
    expect(refused.stdout).toContain(
      `fettle.lock says no version of extra for debian ${labVersion} amd64.`,
    )
    expect(await versions()).toBe('')
    const added = await fettle('lock')
    expect(added.stdout).toMatch(/\+ extra {5}2\.0 .*\n {2}\+ libextra {2}2\.0/)
    expect(added.stdout).toContain('fettle.lock: 2 added.')
    expect((await fettle('up', '--yes')).code).toBe(0)
    expect(await versions()).toBe(
      'extra 2.0\nlibextra 2.0\nlibshop 1.0\nnice 1.0\nshop 1.0\ntool 1.0\n',
    )
    // What nobody describes any more goes.
    described("'extra'")
    expect((await fettle('lock')).stdout).toContain('fettle.lock: 4 removed.')
    expect(folder.read('fettle.lock')).not.toContain('shop')
  })

  test('what somebody else upgraded goes back, and is still marked as automatic', async () => {
    described("'shop'")
    await fettle('lock')
    await fettle('up', '--yes')
    await sources([...old, ...newer], [{ name: 'libshop', version: '1.1' }])
    await update()
    await run('apt-get install -y shop=1.1 tool=1.1; apt-mark auto libshop tool')
    expect((await fettle('plan')).stdout).toMatch(
      /~ package:shop {2}1\.1 -> 1\.0 \(downgrade\), libshop 1\.1 -> 1\.0 \(downgrade\), tool 1\.1 -> 1\.0 \(downgrade\)\n/,
    )
    expect((await fettle('up', '--yes')).code).toBe(0)
    expect(await versions()).toBe('libshop 1.0\nnice 1.0\nshop 1.0\ntool 1.0\n')
    expect(await run('apt-mark showauto libshop tool')).toBe('libshop\ntool\n')
    // The package itself may be right, and what it needs not.
    await run('apt-get install -y tool=1.1')
    expect((await fettle('plan')).stdout).toMatch(
      /~ package:shop {2}tool 1\.1 -> 1\.0 \(downgrade\)\n/,
    )
    await fettle('up', '--yes')
    expect((await fettle('plan')).stdout).toContain('nothing to change')
  })

  test('upgrades are shown and taken: one, those for security, all', async () => {
    described("'shop', 'extra'")
    await fettle('lock')
    await fettle('up', '--yes')
    expect((await fettle('outdated')).stdout).toContain('Nothing is outdated (6 locked packages).')
    await sources([...old, ...newer], [{ name: 'libshop', version: '1.1' }])
    const outdated = await fettle('outdated')
    expect(outdated.stdout).toMatch(/libshop +1\.0 +1\.1 +Tiny-Security/)
    expect(outdated.stdout).toMatch(/shop +1\.0 +1\.1 +Tiny\n/)
    expect(outdated.stdout).toContain('5 packages outdated, 1 of them for security')
    const before = folder.read('fettle.lock')
    expect((await fettle('lock', '--upgrade', '--security')).stdout).toMatch(
      /~ libshop {2}1\.0 -> 1\.1 {2}Tiny-Security\n\nfettle\.lock: 1 changed\./,
    )
    expect(folder.read('fettle.lock')).toBe(
      before.replace(
        '"libshop": { "version": "1.0", "origin": "Tiny"',
        '"libshop": { "version": "1.1", "origin": "Tiny-Security"',
      ),
    )
    expect((await fettle('plan')).stdout).toMatch(/~ package:shop +libshop 1\.0 -> 1\.1\n/)
    await fettle('up', '--yes')
    // It cannot come without a dependency that is locked too: that one yields.
    expect((await fettle('lock', '--upgrade', 'extra')).stdout).toMatch(
      /~ extra +1\.0 -> 2\.0 .*\n {2}~ libextra +1\.0 -> 2\.0 .*\n\nfettle\.lock: 2 changed\./,
    )
    expect((await fettle('lock', '--upgrade', 'extr')).stderr).toContain('Write extra.')
    expect((await fettle('lock', '--upgrade')).stdout).toMatch(/~ shop[^]*~ tool/)
    expect((await fettle('up', '--yes')).code).toBe(0)
    expect(await versions()).toBe(
      'extra 2.0\nlibextra 2.0\nlibshop 1.1\nnice 1.0\nshop 1.1\ntool 1.1\n',
    )
    expect((await fettle('plan')).stdout).toContain('nothing to change')
  })

  test('a version that no source has any more is an error before anything is changed', async () => {
    described("'shop'")
    await fettle('lock')
    await sources(
      [...newer, ...old.filter(({ name }) => name !== 'shop')],
      [{ name: 'libshop', version: '1.1' }],
    )
    // The lists are older than that: it turns out when they are brought up to date.
    const late = await fettle('up', '--yes')
    expect(late.code).toBe(1)
    expect(late.stdout).toMatch(
      /no source of this host has shop 1\.0 \(there is 1\.1\) as in fettle\.lock: run `fettle lock --upgrade shop`/,
    )
    expect(await versions()).toBe('')
    const early = await fettle('up', '--yes')
    expect(early.code).toBe(1)
    expect(early.stdout).toContain(
      `No source of debian ${labVersion} amd64 has shop 1.0 (there is 1.1) any more.`,
    )
    expect(early.stdout).toContain('Run `fettle lock --upgrade shop` and look at the diff')
    const asked = await fettle('lock')
    expect(asked.stdout).toMatch(
      /No source has 1 locked version any more:\n {2}shop {2}1\.0, there is 1\.1/,
    )
    expect((await fettle('outdated')).stdout).toMatch(/shop +1\.0 \(gone\) +1\.1/)
    // The same for what it needs.
    await sources(
      old.filter(({ name }) => name !== 'libshop'),
      [{ name: 'libshop', version: '1.1' }],
    )
    await update()
    expect((await fettle('plan')).stdout).toContain('has libshop 1.0 (there is 1.1) any more.')
    expect(await versions()).toBe('')
  })

  test('a version that the lists do not know yet is looked for in the sources', async () => {
    described("'shop'")
    await sources([...newer, ...old], [{ name: 'libshop', version: '1.1' }])
    await fettle('lock')
    await sources(old)
    await update()
    await sources([...newer, ...old], [{ name: 'libshop', version: '1.1' }])
    expect((await fettle('plan')).stdout).toMatch(/\+ package:shop {2}install 1\.1\n/)
    expect((await fettle('up', '--yes')).code).toBe(0)
    expect(await versions()).toBe('libshop 1.1\nshop 1.1\ntool 1.1\n')
  })

  test('a snapshot is a source of what the mirror has no more', async () => {
    described("'shop'")
    await fettle('lock')
    await run(
      `rm -rf /srv/snapshot; mkdir /srv/snapshot; cp -r /srv/main /srv/snapshot/20220101T000000Z; cp -r /srv/main /srv/snapshot/day; sed -i '1i Valid-Until: Sat, 01 Jan 2022 00:00:00 UTC' /srv/snapshot/*/Release`,
    )
    await sources(
      [...newer, ...old.filter(({ name }) => name !== 'shop')],
      [{ name: 'libshop', version: '1.1' }],
    )
    await update()
    const source = (uri: string): Folder =>
      folder.describe(
        hosts(),
        `  return [
    fettle.aptRepository('snapshot', { uris: '${uri}', suites: './', options: { Trusted: 'yes' } }),
    packages('shop'),
  ]`,
      )
    source('copy:/srv/snapshot/day')
    expect((await fettle('up', '--yes')).stdout).toMatch(/Release file .*is expired/)
    source('copy:/srv/snapshot/20220101T000000Z')
    expect((await fettle('plan')).stdout).toMatch(/\+ package:shop +install 1\.0\n/)
    expect((await fettle('up', '--yes')).code).toBe(0)
    expect(await versions()).toBe('libshop 1.0\nnice 1.0\nshop 1.0\ntool 1.0\n')
    expect((await fettle('plan')).stdout).toContain('nothing to change')
    await run('rm -rf /etc/apt/sources.list.d/snapshot.sources')
  })

  test('a described version and the lock must agree, and nothing comes that is not locked', async () => {
    described("'extra', 'tool'")
    await sources([...old, ...newer])
    await fettle('lock')
    described("packages('extra'), packages(['tool'], { version: '1.0*' })")
    expect((await fettle('plan')).stdout).toContain(
      'package:tool is described in version 1.0*, and fettle.lock says 1.1.',
    )
    expect((await fettle('lock')).stdout).toMatch(
      /~ tool {2}1\.1 -> 1\.0 \(downgrade\) {2}Tiny\n\nfettle\.lock: 1 changed/,
    )
    const whole = folder.read('fettle.lock')
    folder.write('fettle.lock', whole.replace(/.*"libextra":.*\n/, ''))
    const refused = await fettle('up', '--yes')
    expect(refused.code).toBe(1)
    expect(refused.stdout).toContain(
      'With the versions of fettle.lock apt cannot install package:extra: extra : Depends: libextra (= 2.0) but it is not installable',
    )
    expect(await versions()).toBe('')
    expect((await fettle('lock')).stdout).toContain('+ libextra  2.0')
    expect(folder.read('fettle.lock')).toBe(whole)
    expect((await fettle('up', '--yes')).code).toBe(0)
    expect(await versions()).toBe('extra 2.0\nlibextra 2.0\ntool 1.0\n')
    folder.write('fettle.lock', '<<<<<<< HEAD\n')
    const broken = await fettle('plan')
    expect(broken.code).toBe(2)
    expect(broken.stderr).toContain('it has marks of a merge')
  })
})
