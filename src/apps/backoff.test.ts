import { beforeAll, describe, expect, test } from 'vitest'
import { bootForFile, labAvailable, labMissing } from '../../test/lab/fixture.ts'
import { app } from '../roles/app.ts'
import { backoffFolder } from '../model/place.ts'
import { start, stop } from './instances.ts'
import { releaseFolderOf, treesOf } from './paths.ts'
import { releaseOf, stage } from './release.ts'
import { unitOf } from './units.ts'

describe.skipIf(!labAvailable)(`an instance that ends ${labMissing}`, () => {
  const hosts = bootForFile(1)
  const shop = app('shop', { source: '.', port: 12_000 })
  const tree = { id: '3f2a1b9c4d5e' }
  const commands = {
    brief: 'echo begun; [ ! -e /srv/shop/data/well ] || exec sleep 1000; exit 3',
    long: 'exec sleep 1000',
  }
  const release = releaseOf(shop, tree, commands, 'A=1\n')
  const [brief, long] = Object.keys(commands).map((each) =>
    unitOf('shop', each, release.name, '1'),
  ) as [string, string]

  const run = async (script: string, input = ''): Promise<string> => {
    const { code, output } = await hosts()[0]!.exec(script, input)
    if (code !== 0) throw new Error(output)
    return output.trim()
  }
  /** For how long the next start would wait, in seconds. */
  const next = (unit: string): Promise<string> => run(`cat ${backoffFolder}/${unit}`)
  const restarts = (unit: string): Promise<string> => run(`systemctl show -P NRestarts ${unit}`)

  beforeAll(async () => {
    if (!labAvailable) return
    const { script, input } = stage(shop, release, '127.0.0.1')
    await run(
      `useradd shop; mkdir -p ${treesOf('shop')}/${tree.id} /srv/shop/releases /srv/shop/data
${script.text}`,
      input,
    )
    await run(start([brief, long])!.text)
  }, 120_000)

  test('is started later each time', async () => {
    await expect.poll(() => restarts(brief), { timeout: 60_000, interval: 500 }).toBe('4')
    expect(await run(`systemctl show -P ActiveState ${brief}`)).toBe('activating')
    const log = await run(`journalctl -o short-unix -u ${brief} --grep begun`)
    const begun = [...log.matchAll(/^(\d+\.\d+) .*begun$/gm)].map(([, at]) => Number(at))
    const waits = begun.slice(1).map((at, i) => at - begun[i]!)
    expect(waits).toHaveLength(3)
    for (const [i, least] of [1, 2, 4].entries()) expect(waits[i]).toBeGreaterThanOrEqual(least)
  }, 90_000)

  test('waits no longer when it is told to run', async () => {
    await run(`touch /srv/shop/data/well\n${start([brief])!.text}`)
    expect(await run(`systemctl is-active ${brief}`)).toBe('active')
    expect(await next(brief)).toBe('0')
  }, 30_000)

  test('begins with a second again when it ran for long, and when somebody starts it', async () => {
    const dies = async (before: string): Promise<string> => {
      const count = Number(await restarts(long))
      await run(`${before}; systemctl kill -s KILL ${long}`)
      await expect.poll(() => restarts(long), { timeout: 30_000 }).toBe(String(count + 1))
      const running = (): Promise<string> => run(`systemctl show -P ActiveState ${long}`)
      await expect.poll(running, { timeout: 30_000 }).toBe('active')
      return next(long)
    }
    expect([await dies(':'), await dies(':')]).toEqual(['1', '3'])
    expect(await dies(`touch -d '11 minutes ago' ${backoffFolder}/${long}`)).toBe('0')
    expect(await dies(':')).toBe('1')
    await run(`systemctl restart ${long}`)
    expect(await next(long)).toBe('0')
  }, 90_000)

  test('runs even if the waiting fails, and leaves nothing when it is stopped', async () => {
    await run(`echo nonsense >${backoffFolder}/${long}; systemctl kill -s KILL ${long}; sleep 2`)
    await expect
      .poll(() => run(`systemctl show -P ActiveState ${long}`), { timeout: 30_000 })
      .toBe('active')
    await run(stop([brief, long])!.text)
    expect(await run(`ls ${backoffFolder}`)).toBe('')
    expect(await run(`ls ${releaseFolderOf('shop', release.name)}`)).not.toBe('')
  }, 60_000)
})
