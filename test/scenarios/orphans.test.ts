import { beforeEach, describe, expect, test } from 'vitest'
import { absent, idOf } from '../../src/model/resource.ts'
import type { Resource } from '../../src/model/resource.ts'
import { authorizedKeys } from '../../src/resources/authorized-keys.ts'
import { block } from '../../src/resources/block.ts'
import { command } from '../../src/resources/command.ts'
import { cron } from '../../src/resources/cron.ts'
import { directory } from '../../src/resources/directory.ts'
import { file } from '../../src/resources/file.ts'
import { group } from '../../src/resources/group.ts'
import { hostEntry } from '../../src/resources/host-entry.ts'
import { line } from '../../src/resources/line.ts'
import { link } from '../../src/resources/link.ts'
import { mount } from '../../src/resources/mount.ts'
import { packages } from '../../src/resources/package.ts'
import { service } from '../../src/resources/service.ts'
import { sysctl } from '../../src/resources/sysctl.ts'
import { timer } from '../../src/resources/timer.ts'
import { unit } from '../../src/resources/unit.ts'
import { user } from '../../src/resources/user.ts'
import { Secret } from '../../src/base/secret.ts'
import { type Run, made, read, run } from '../contracts/run.ts'
import { bootForFile, labAvailable, labMissing } from '../lab/fixture.ts'

const worker = unit('orphan.service', {
  sections: {
    Service: { ExecStart: '/bin/sleep infinity' },
    Install: { WantedBy: 'multi-user.target' },
  },
})
const everything: Resource[] = [
  ...packages('hello'),
  group('crew'),
  user('ann', { groups: ['crew'] }),
  authorizedKeys('ann', { keys: [`ssh-ed25519 ${'A'.repeat(68)} ann`] }),
  directory('/srv/orphan'),
  file('/srv/orphan/file', { content: 'one\n' }),
  file('/srv/orphan/secret', {
    content: `password=${new Secret('password', 's3cret')}\n`,
    mode: '0600',
  }),
  link('/srv/orphan/link', { to: 'file' }),
  line('/srv/orphan.conf', { line: 'port=1' }),
  block('/srv/orphan.conf', { name: 'more', content: 'a\nb\n' }),
  worker,
  service('orphan', { after: worker }),
  timer('tick', { command: 'true', onCalendar: 'daily', environment: { TOKEN: 'plain' } }),
  cron('job', { schedule: '@daily', command: 'true' }),
  sysctl('net.ipv4.tcp_keepalive_time', 7100),
  hostEntry('10.9.8.7', 'orphan.example'),
  mount('/srv/mounted', { device: 'tmpfs', type: 'tmpfs' }),
  command('once', { run: 'touch /srv/once', creates: '/srv/once' }),
]
const removable = everything.filter(({ kind }) => kind !== 'command').map(idOf)

describe.skipIf(!labAvailable)(`what leaves the description ${labMissing}`, () => {
  const hosts = bootForFile(1)
  const target = (): [ReturnType<typeof hosts>[0]['target']] => [hosts()[0]!.target]
  const orphansOf = ({ surveyed: [first] }: Run): string[] =>
    first && 'plan' in first
      ? [...first.plan.orphans.map(({ resource }) => idOf(resource)), ...first.plan.strays]
      : []

  beforeEach(async () => {
    const { results } = await run(target(), () => everything)
    expect(results[0]!.error).toBeUndefined()
  }, 120_000)

  test('is listed, the last one first, and nothing happens to it', async () => {
    const left = await run(target(), () => [])
    expect(orphansOf(left)).toEqual(removable.toReversed())
    expect(made(left)).toEqual([])
    expect(orphansOf(await read(target(), () => []))).toEqual(removable.toReversed())
  })

  test('is removed where that is wished for, just as if it were described as gone', async () => {
    const gone = await read(target(), () =>
      everything
        .filter((each) => each.kind !== 'command')
        .toReversed()
        .map((each) => absent({ ...each, after: [] })),
    )
    const difference = ({ surveyed: [first] }: Run): string[] =>
      first && 'plan' in first
        ? first.plan.changes
            .map(
              ({ resource, difference: { verb, summary } }) =>
                `${idOf(resource)} ${verb} ${summary}`,
            )
            .sort()
        : []
    const left = await run(target(), () => [], { orphans: 'remove' })
    expect(difference(left)).toEqual(difference(gone))
    expect(left.results[0]!.error).toBeUndefined()
    expect(made(left)).toEqual(
      removable
        .toReversed()
        .map((id) => expect.stringMatching(id.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))),
    )
    const { output } = await hosts()[0]!.exec(
      'cat /var/lib/fettle/managed; ls -d /srv/orphan /etc/cron.d/job 2>/dev/null',
    )
    expect(output).toBe('')
    expect(orphansOf(await read(target(), () => []))).toEqual([])
  })

  test('is forgotten where that is wished for, and stays', async () => {
    const left = await run(target(), () => [], { orphans: 'keep' })
    expect(made(left)).toEqual([])
    expect(orphansOf(await read(target(), () => []))).toEqual([])
    expect((await hosts()[0]!.exec('cat /srv/orphan/file')).output).toBe('one\n')
  })

  test('is not what was not asked about', async () => {
    const some = await read(target(), () => [file('/srv/other')], { only: ['file:/srv/*'] })
    expect(orphansOf(some)).toEqual(['file:/srv/orphan/secret', 'file:/srv/orphan/file'])
    await run(target(), () => [file('/srv/other')], { only: ['file:/srv/*'] })
    expect(orphansOf(await read(target(), () => [file('/srv/other')]))).toEqual(
      removable.toReversed(),
    )
  })

  test('is no orphan when something else is described in its place, or it is gone', async () => {
    await hosts()[0]!.exec('rm /etc/cron.d/job')
    const instead = [link('/srv/orphan/file', { to: '/etc/motd' })]
    const left = orphansOf(await read(target(), () => instead))
    expect(left.filter((id) => id !== 'file:/srv/other')).toEqual(
      removable.toReversed().filter((id) => !/cron|orphan.file/.test(id)),
    )
  })

  test('is remembered without what is nobody’s business', async () => {
    const { output } = await hosts()[0]!.exec('cat /var/lib/fettle/managed')
    expect(output).toContain('/srv/orphan/secret')
    expect(output).not.toMatch(/s3cret|plain|once/)
  })
})
