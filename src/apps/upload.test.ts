import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Delivery, commit, git, write } from '../../test/lab/delivery.ts'
import { bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { describeApp } from '../model/app.ts'
import type { AppOptions } from '../model/app-options.ts'
import { buildHere } from './build-here.ts'
import { pruneTrees } from './retention.ts'
import { noTrees, uploadProblem, uploadStep } from './upload.ts'

describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile(1)
  let at: Delivery
  beforeAll(() => {
    if (labAvailable) at = new Delivery(hosts()[0]!)
  })
  afterAll(() => at?.remove())

  const site: AppOptions = { source: '.', processes: { web: 'true' } }

  test(
    'a tree arrives as it was, whatever its files are called',
    { timeout: 300_000 },
    async () => {
      const names = [
        'page',
        'a b',
        "it's",
        'say "hi"',
        'two\nlines',
        'back\\slash',
        'ümlaut',
        '-dash',
        '*',
        '.hidden/x',
        `${'long/'.repeat(40)}${'n'.repeat(200)}`,
      ]
      const folder = at.repository(Object.fromEntries(names.map((name) => [name, `of ${name}`])))
      write(folder, { empty: '', twin: 'of a b' })
      chmodSync(join(folder, 'a b'), 0o755)
      symlinkSync('a b', join(folder, 'link'))
      symlinkSync(`/nowhere/${'x'.repeat(150)}`, join(folder, 'far'))
      commit(folder)
      const options = { ...site, source: folder }
      await at.prepare('shop', options)
      const { snapshot } = await at.deliver('shop', options)
      const list = `find . -mindepth 1 ! -type d -printf '%p %y %m %l\\0' | LC_ALL=C sort -z; find . -type f -print0 | LC_ALL=C sort -z | xargs -0 cat`
      const here = execFileSync(
        'sh',
        [
          '-c',
          `git archive HEAD | (mkdir ../out && cd ../out && tar -x --no-same-permissions && chmod -R go-w . && ${list})`,
        ],
        { cwd: folder },
      ).toString()
      const tree = `/srv/shop/trees/${snapshot.id}`
      expect(await at.on(`cd ${tree} && { ${list}; }`)).toBe(here)
      expect(await at.on(`find ${tree} ! -user root -o -perm /022 ! -type l`)).toBe('')
      // Times are made of contents: the same wherever it is delivered.
      expect(await at.on(`stat -c %Y ${tree}/empty`)).toBe('1320012610\n')
      expect(await at.on('ls -A /srv/shop/trees')).toBe(
        ['', '.files', '.source'].map((each) => `${snapshot.id}${each}\n`).join(''),
      )
      expect(await at.have('shop')).toMatchObject({ trees: [snapshot.id] })
      // The second time nothing is sent.
      expect((await at.deliver('shop', options)).sent).toBe(0)
    },
  )

  test(
    'only what differs is sent, and interrupted uploads leave nothing',
    { timeout: 300_000 },
    async () => {
      const folder = at.repository({
        page: '1',
        'a.bin': randomBytes(3_000_000),
        'b.bin': randomBytes(1_000_000),
      })
      const options = { ...site, source: folder }
      await at.prepare('diff', options)
      const first = await at.deliver('diff', options)
      expect(first.sent).toBeGreaterThan(4_000_000)
      write(folder, { page: '2', 'sub/small': 'x' })
      git(folder, 'mv', 'a.bin', 'moved.bin')
      commit(folder)

      const snapshot = await at.snapshotOf(folder)
      const whole = await uploadStep({ name: 'diff' }, snapshot, noTrees)
      // Cut off in the middle: tar fails, nothing is there.
      const [cut] = await at.run({ ...whole, input: whole.input.subarray(0, 2_000_000) })
      expect(cut!.code).not.toBe(0)
      expect(uploadProblem('diff', 'web1', cut!)).toMatchObject({ code: 'upload-failed' })
      expect((await at.have('diff')).trees).toEqual([first.snapshot.id])
      // The host lost its power in the middle, or between upload and build.
      await at.on(
        `cd /srv/diff/trees && mkdir -p .new/source .old-x aaaaaaaaaaaa.source && touch .new/source/x aaaaaaaaaaaa.files`,
      )
      const second = await at.deliver('diff', options)
      expect(second.sent).toBeLessThan(2000)
      expect((await at.on('ls -A /srv/diff/trees')).trim().split('\n')).toHaveLength(6)
      expect(
        await at.on(
          `cd /srv/diff/trees; cmp ${first.snapshot.id}/a.bin ${second.snapshot.id}/moved.bin; cat ${second.snapshot.id}/page`,
        ),
      ).toBe('2')
      expect((await at.have('diff')).trees).toEqual([second.snapshot.id, first.snapshot.id])

      // What is not what it was is not built upon, and sending all of it puts that right.
      write(folder, { page: '3' })
      commit(folder)
      await at.on(`cd /srv/diff/trees && echo bad >> ${second.snapshot.id}.source/b.bin`)
      await expect(at.deliver('diff', options)).rejects.toMatchObject({
        message: expect.stringContaining('not those that were sent'),
      })
      const third = await at.snapshotOf(folder)
      const [again] = await at.run(await uploadStep({ name: 'diff' }, third, noTrees))
      expect(again!.code).toBe(0)

      // One that a release stands on stays.
      await at.on(
        `mkdir -p /srv/diff/releases/r.1 && ln -s ../../trees/${first.snapshot.id} /srv/diff/releases/r.1/tree`,
      )
      await at.run({ script: pruneTrees({ name: 'diff' }, []) })
      expect((await at.have('diff')).trees).toEqual([first.snapshot.id])
      expect((await at.on('ls -A /srv/diff/trees')).trim().split('\n')).toHaveLength(3)
    },
  )

  test(
    'a build has its own copy; one that fails leaves nothing but its log',
    { timeout: 300_000 },
    async () => {
      const folder = at.repository({ page: '1', data: 'source' })
      const options = (command: string, more = {}): AppOptions => ({
        ...site,
        source: folder,
        build: { command, ...more },
      })
      await at.prepare('built', options(':'))
      const bad = options(
        'echo changed >>data; ls /srv/built/trees; touch "$HOME/cache"; id -un; sleep 60 & echo the end; exit 7',
      )
      await expect(at.deliver('built', bad)).rejects.toMatchObject({
        code: 'build-failed',
        message: expect.stringContaining('exit code 7'),
        log: expect.stringMatching(/^[0-9a-f]{12}\nbuilt-build\nthe end$/),
      })
      expect(
        await at.on('ls -A /srv/built/trees; ls /srv/built/build; pgrep -u built-build; :'),
      ).toBe('cache\n')
      await expect(at.deliver('built', options('sleep 60', { timeout: 1 }))).rejects.toMatchObject({
        message: expect.stringContaining('within 1 s'),
      })
      await expect(
        at.deliver('built', options('ln -s /etc out', { output: 'out' })),
      ).rejects.toMatchObject({
        log: expect.stringContaining('no folder out'),
      })
      expect(await at.on('ls -A /srv/built/trees; ls -d /etc/passwd')).toBe('/etc/passwd\n')
      const good = options(
        'echo changed >>data; mkdir -p out/sub; for i in 1 2; do printf %s "${i}"; done >out/where; pwd >>out/where; chmod 0666 out/where; chmod 0700 out/sub; touch out/sub/x; chmod 4755 out/sub/x',
        { output: 'out' },
      )
      const { snapshot } = await at.deliver('built', good)
      const tree = `/srv/built/trees/${snapshot.id}`
      expect(
        await at.on(
          `cd ${tree}; cat where; find . -printf '%p %u %m\\n' | sort; cat ../${snapshot.id}.source/data`,
        ),
      ).toBe(`12${tree}\n. root 755\n./sub root 755\n./sub/x root 755\n./where root 644\nsource`)
    },
  )

  test('what is built here is only shipped', { timeout: 300_000 }, async () => {
    const folder = at.repository({ page: '1' })
    const options: AppOptions = {
      ...site,
      source: folder,
      build: { command: 'mkdir dist; echo made >dist/page', where: 'here', output: 'dist' },
    }
    const described = describeApp('here', options)
    await at.prepare('here', options)
    const source = await at.snapshotOf(folder)
    const snapshot = await buildHere(described, undefined, source)
    expect(snapshot.id).toBe(source.id)
    await at.deliver('here', options, snapshot)
    expect(await at.on(`cd /srv/here/trees/${snapshot.id}; ls; cat page`)).toBe('page\nmade\n')
    const failing = describeApp('here', {
      ...options,
      build: { command: 'echo no; exit 3', where: 'here' },
    })
    await expect(buildHere(failing, undefined, source)).rejects.toMatchObject({
      code: 'build-failed',
      log: 'no',
    })
  })
})
