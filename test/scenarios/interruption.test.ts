import { describe, expect, test } from 'vitest'
import { bootForFile, labAvailable, labMissing } from '../lab/fixture.ts'
import { Folder, steady } from './cli.ts'

describe.skipIf(!labAvailable)(`a run that is interrupted ${labMissing}`, () => {
  const hosts = bootForFile(2)
  const exec = async (script: string): Promise<string> => (await hosts()[0]!.exec(script)).output

  /** Three steps; the second one waits until /srv/go is there. */
  const threeSteps = (): Folder =>
    new Folder(hosts()).describe(
      hosts().slice(0, 1),
      `const cron = service('cron')
      return [
        cron,
        file('/srv/first', { content: 'x', notify: fettle.restart(cron) }),
        command('waits', {
          run: ': > /srv/begun; until [ -e /srv/go ]; do sleep 0.1; done; : > /srv/waited',
          creates: '/srv/waited',
        }),
        file('/srv/last', { content: 'x' }),
      ]`,
    )
  const clean = (): Promise<string> => exec('rm -rf /srv/* /var/lib/fettle; ls -A /srv')
  const begun = (): Promise<string> => exec('until [ -e /srv/begun ]; do sleep 0.05; done')

  test('by one Ctrl-C finishes the step in hand, says what is left, and the next run does it', async () => {
    await clean()
    const folder = threeSteps()
    const run = folder.start(['up', '--lab', '--yes'])
    await begun()
    run.child.kill('SIGINT')
    await run.until('Stopping after the step in hand')
    await exec(': > /srv/go')
    const { code, stdout, stderr } = await run.ended
    expect(code).toBe(130)
    expect(steady(stdout).split('\n').slice(-4)).toEqual([
      'web1  + file:/srv/first  1 byte  (N s)',
      expect.stringMatching(/^web1 {2}> command:waits/),
      'web1  stopped after 2 changes; left: file:/srv/last, restart service:cron',
      '',
    ])
    expect(stderr).toMatchInlineSnapshot(`
      "
      Stopping after the step in hand (once more: at once).
      error interrupted
        Interrupted.
        Every step that was begun is done and read back. Left: web1 file:/srv/last, web1 restart service:cron.
        Run again to do what is left.
      "
    `)
    expect(folder.ledger().map(({ type, result }) => [type, result])).toEqual([
      ['begun', undefined],
      ['run', 'stopped'],
    ])
    const next = await folder.fettle(['up', '--lab', '--yes'])
    expect(steady(next.stdout)).toMatchInlineSnapshot(`
      "web1
        + file:/srv/last  1 byte
            +x
            \\ No newline at end of file
        ! restart service:cron  asked for by an interrupted run

      1 change and 1 action on 1 host. Plan HASH
      web1  + file:/srv/last  1 byte  (N s)
      web1  ! service:cron  restart for file:/srv/first  (N s)
      web1  done: 1 change, 1 action in N s
      "
    `)
    expect((await folder.fettle(['plan', '--lab'])).stdout).toContain(
      'Nothing to change on 1 host.',
    )
  })

  test('by Ctrl-C on a terminal keeps the connection for the step in hand', async () => {
    await clean()
    const run = threeSteps().start(['up', '--lab', '--yes'], { terminal: true, input: 'open' })
    await begun()
    run.child.stdin!.write('\x03')
    await run.until('Stopping after the step in hand')
    await exec(': > /srv/go')
    const { code, stdout } = await run.ended
    expect(code).toBe(130)
    expect(stdout).toContain('stopped after 2 changes; left: file:/srv/last, restart service:cron')
    expect(await exec('ls /srv')).toBe('begun\nfirst\ngo\nwaited\n')
  })

  test('by Ctrl-C as JSON is one document with the same exit code', async () => {
    await clean()
    const folder = threeSteps()
    const run = folder.start(['up', '--lab', '--yes', '--json'])
    await begun()
    run.child.kill('SIGINT')
    await run.until('Stopping')
    await exec(': > /srv/go')
    const { code, stdout } = await run.ended
    expect(code).toBe(130)
    expect(JSON.parse(stdout)).toEqual(folder.ledger().at(-1))
    expect(JSON.parse(stdout)).toMatchObject({ type: 'run', result: 'stopped' })
  })

  test('by a second Ctrl-C ends at once, and the next run finishes', async () => {
    await clean()
    const folder = threeSteps()
    const run = folder.start(['up', '--lab', '--yes'])
    await begun()
    run.child.kill('SIGINT')
    await run.until('Stopping after the step in hand')
    run.child.kill('SIGINT')
    expect((await run.ended).code).toBe(130)
    await exec(': > /srv/go; until [ -e /srv/waited ]; do sleep 0.05; done')
    const { stdout, code } = await folder.fettle(['up', '--lab', '--yes'])
    expect(code).toBe(0)
    expect(stdout).toContain('! restart service:cron  asked for by an interrupted run')
    expect(stdout).toContain('done: 1 change, 1 action')
  })

  test('by the end of Fettle itself is on record, and the next run finishes', async () => {
    await clean()
    const folder = threeSteps()
    const run = folder.start(['up', '--lab', '--yes'])
    await begun()
    run.child.kill('SIGKILL')
    await run.ended
    const log = await folder.fettle(['log', '--lab'])
    expect(log.stdout).toContain('no end on record: it still runs, or was killed')
    expect(log.stdout).toContain(
      'web1  planned: file:/srv/first, command:waits, file:/srv/last, restart service:cron',
    )
    await exec(': > /srv/go; until [ -e /srv/waited ]; do sleep 0.05; done')
    const next = await folder.fettle(['up', '--lab', '--yes'])
    expect(next.code).toBe(0)
    expect(next.stderr).toMatch(
      /^web1: the run of .+, begun .+ UTC, was interrupted; what it left undone is in this plan\.\n$/,
    )
    expect(await exec('ls /srv /var/lib/fettle/pending')).toBe(
      '/srv:\nbegun\nfirst\ngo\nlast\nwaited\n\n/var/lib/fettle/pending:\n',
    )
  })
})
