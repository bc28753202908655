import { describe, expect, test } from 'vitest'
import type { Resource } from '../../src/model/resource.ts'
import { file } from '../../src/resources/file.ts'
import { link } from '../../src/resources/link.ts'
import { packages } from '../../src/resources/package.ts'
import { type Run, made, offered, planned, read, run } from '../contracts/run.ts'
import { bootForFile, labAvailable, labMissing } from '../lab/fixture.ts'

describe.skipIf(!labAvailable)(`two projects on one host ${labMissing}`, () => {
  const hosts = bootForFile(1)
  const up = async (
    project: string | undefined,
    resources: readonly Resource[],
    orphans: 'list' | 'remove' | 'keep' = 'list',
  ): Promise<Run> => {
    const named = project === undefined ? {} : { project }
    const done = await run([hosts()[0]!.target], () => resources, { ...named, orphans })
    expect(done.results[0]!.error).toBe(undefined)
    return done
  }
  const look = (project: string, resources: readonly Resource[]): Promise<Run> =>
    read([hosts()[0]!.target], () => resources, { project })
  const shared = ({ surveyed: [first] }: Run): unknown[] =>
    first && 'plan' in first ? first.plan.shared.map(({ project, ids }) => [project, ...ids]) : []
  const named = (...names: string[]): Resource[] =>
    names.map((name) => file(`/srv/${name}`, { content: `${name}\n` }))
  const there = async (): Promise<string> => {
    const { output } = await hosts()[0]!.exec('ls /srv; command -v hello')
    return output.trim().split(/\s+/).join(' ')
  }
  const hello = packages('hello')

  test('neither sees what is the other’s as an orphan; what both describe is named', async () => {
    await up('shop', [...hello, ...named('a', 'both')])
    expect(offered(await up('infra', [...named('b', 'both'), ...hello]))).toEqual([])
    const again = await look('shop', [...hello, ...named('a', 'both')])
    expect(planned(again)).toEqual([])
    expect(offered(again)).toEqual([])
    expect(shared(again)).toEqual([['infra', 'file:/srv/both', 'package:hello']])
    // By the path too, whatever kind it is.
    const [other] = [link('/srv/b', { to: 'a' })]
    expect(shared(await look('shop', [other!]))).toEqual([['infra', 'file:/srv/b']])
  }, 120_000)

  test('what one of them drops stays for as long as the other describes it', async () => {
    expect(offered(await look('shop', []))).toEqual(['file:/srv/a file, 2 bytes'])
    const left = await up('shop', [], 'remove')
    expect(made(left)).toEqual(['remove file:/srv/a'])
    expect(await there()).toBe('b both /usr/bin/hello')
    const infra = await look('infra', [...named('b', 'both'), ...hello])
    expect([planned(infra), offered(infra), shared(infra)]).toEqual([[], [], []])
    // Nobody else describes it any more.
    expect(made(await up('infra', named('b'), 'remove'))).toEqual([
      'remove package:hello',
      'remove file:/srv/both',
    ])
    expect(await there()).toBe('b')
  }, 120_000)

  test('one that is given a name takes over what it had without', async () => {
    await up(undefined, named('c', 'd'))
    expect(offered(await look('shop', named('c')))).toEqual(['file:/srv/d file, 2 bytes'])
    await up('shop', named('c'), 'keep')
    const { output } = await hosts()[0]!.exec('cat /var/lib/fettle/managed')
    expect(
      output
        .trim()
        .split('\n')
        .map((row) => JSON.parse(row) as object),
    ).toMatchObject([
      { name: '/srv/c', by: 'shop' },
      { name: '/srv/b', by: 'infra' },
    ])
    // Nothing to do and nothing to remember, though the file holds more than what is described.
    const [first] = (await look('shop', named('c'))).surveyed
    expect(first && 'plan' in first && first.plan.memory).toEqual({})
  }, 120_000)
})
