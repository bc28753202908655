import { describe, expect, test } from 'vitest'
import { reveal } from '../base/secret.ts'
import { sh } from '../base/shell.ts'
import { problem } from '../base/errors.ts'
import { bootForFile, labAvailable, labMissing } from '../../test/lab/fixture.ts'
import type { Frame, Limit, Session } from '../transport/machine.ts'
import { SshMachine } from '../transport/ssh.ts'
import { Hold } from './hold.ts'
import { type Journal, parseJournal, readJournal } from './journal.ts'
import { type Runner, runnerText } from './lease.ts'
import { awaitTurn } from './turn.ts'

const limit: Limit = {
  seconds: 20,
  error: () => problem('host-timeout', { host: 'web1', seconds: 20, state: '' }),
}
const runner = (id: string): Runner => ({
  id,
  login: id,
  machine: 'desk',
  process: 1,
  space: 'here',
  when: '2026-01-02T03:04:05.000Z',
})

/** A run as far as others meet it. */
interface Party {
  readonly session: Session
  readonly hold: Hold
  journal: Journal
}

describe.skipIf(!labAvailable)(`a host that runs have to themselves ${labMissing}`, () => {
  const hosts = bootForFile(1)
  const exec = async (script: string): Promise<string> => (await hosts()[0]!.exec(script)).output
  const lease = 'cd /var/lib/fettle; ls lease beat 2>/dev/null'

  async function party(id: string, login = 'root', beat?: number): Promise<Party> {
    const machine = new SshMachine({ ...hosts()[0]!.target, login })
    const session = machine.open()
    return {
      session,
      hold: new Hold(machine, session, runner(id), beat),
      journal: await look(session),
    }
  }
  async function look(session: Session): Promise<Journal> {
    const script = readJournal('')
    const [answer] = await session.run([{ script: sh`me=$(id -un); ${script}` }], limit)
    return parseJournal(answer!.output)
  }
  const step = (script: string, user = 'root'): Frame => ({ script: sh`eval ${script}`, user })
  const code = (promise: Promise<unknown>): Promise<string> =>
    promise.then(
      () => 'nothing was thrown',
      (error: { code: string }) => error.code,
    )
  async function turn(options: { takeOver?: boolean; hasEnded?: boolean } = {}): Promise<{
    runner: Runner | undefined
    waited: number
    seconds: number
  }> {
    const { session, journal } = await party('next')
    let waited = 0
    const begun = Date.now()
    const found = await awaitTurn(session, journal.lease!, {
      takeOver: options.takeOver ?? false,
      hasEnded: () => options.hasEnded ?? false,
      report: () => (waited += 1),
    }).finally(() => session.close())
    return { runner: found, waited, seconds: (Date.now() - begun) / 1000 }
  }
  const clean = (): Promise<string> => exec('rm -rf /var/lib/fettle /srv/*')

  test('is taken, seen by others, and given back', async () => {
    await clean()
    const [one, two] = [await party('one'), await party('two')]
    expect(one.journal).toMatchObject({ runs: 0, lease: undefined })
    await one.hold.take(one.journal, limit)
    const seen = await look(two.session)
    expect(seen).toMatchObject({ runs: 1, lease: { runner: runner('one'), busy: false } })
    expect(seen.lease!.left).toBeGreaterThan(50)
    const refused = await two.hold.take(two.journal, limit).catch((error: Error) => error)
    expect(refused).toMatchObject({ code: 'lease-held' })
    expect((refused as Error).message).toContain(runnerText(runner('one')))
    await one.hold.release(limit)
    expect(await exec(lease)).toBe('')
    expect(await code(two.hold.take(two.journal, limit))).toBe('host-moved')
    expect(await exec(lease)).toBe('')
    await two.hold.take(await look(two.session), limit)
    expect(await exec(lease)).toBe('beat\nlease\n')
    await two.hold.release(limit)
  })

  test('goes to one of many that want it at the same moment', async () => {
    await clean()
    const all = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((id) => party(id)))
    const ends = await Promise.all(all.map(({ hold, journal }) => code(hold.take(journal, limit))))
    expect(ends.filter((each) => each === 'nothing was thrown')).toHaveLength(1)
    expect(ends.filter((each) => each === 'lease-held')).toHaveLength(5)
    expect(await exec('cat /var/lib/fettle/runs')).toBe('1\n')
  })

  test.each(['', 'half', '\\0\\0\\0\\0'])(
    'is free where the lease was cut short: “%s”',
    async (rest) => {
      await clean()
      await exec(
        `mkdir -p /var/lib/fettle; printf '${rest}' | tee /var/lib/fettle/lease >/var/lib/fettle/runs`,
      )
      const one = await party('one')
      expect(one.journal).toMatchObject({ runs: 0, lease: undefined })
      await one.hold.take(one.journal, limit)
      await one.hold.release(limit)
    },
  )

  test('is waited for while its run does a step, until its lease expires', async () => {
    await clean()
    const one = await party('one')
    await one.hold.take(one.journal, limit)
    const done = one.hold.ask([step('echo begun >/srv/log; sleep 2; echo ended >>/srv/log')], limit)
    await exec('until [ -e /srv/log ]; do sleep 0.05; done')
    const { runner: found, waited } = await turn({ hasEnded: true })
    expect([found?.id, waited > 0]).toEqual(['one', true])
    expect(await exec('cat /srv/log')).toBe('begun\nended\n')
    await done.catch(() => undefined)
    expect(await code(one.hold.ask([step('echo late >>/srv/log')], limit))).toBe('lease-lost')
    expect(await exec('cat /srv/log')).toBe('begun\nended\n')
  })

  test('of a run elsewhere is waited for until its term has passed, and no longer', async () => {
    await clean()
    const one = await party('one')
    await one.hold.take(one.journal, limit)
    await exec("touch -d '57 seconds ago' /var/lib/fettle/beat")
    const { runner: found, seconds } = await turn()
    expect(found?.id).toBe('one')
    expect(seconds).toBeGreaterThan(1.5)
    expect(seconds).toBeLessThan(8)
  })

  test('is not waited for where the run shows that it lives', async () => {
    await clean()
    const one = await party('one', 'root', 0.5)
    await one.hold.take(one.journal, limit)
    await exec("touch -d '30 seconds ago' /var/lib/fettle/beat")
    const { session, journal } = await party('next')
    const lease = { ...journal.lease!, left: 30 }
    const options = { takeOver: false, hasEnded: () => false, report: () => undefined }
    const error = await awaitTurn(session, lease, options).catch((thrown: Error) => thrown)
    expect(error).toMatchObject({ code: 'lease-held' })
    expect((error as Error).message).toContain('one@desk')
    await one.hold.stopBeating()
    await one.hold.release(limit)
  })

  test('a long step is bridged by signs of life, which end with the run', async () => {
    await clean()
    const one = await party('one', 'root', 0.3)
    await one.hold.take(one.journal, limit)
    const age = 'echo $(( $(date +%s) - $(stat -c %Y /var/lib/fettle/beat) ))'
    await exec("touch -d '50 seconds ago' /var/lib/fettle/beat")
    const long = one.hold.ask([step('sleep 2')], limit)
    await new Promise((resolve) => setTimeout(resolve, 1500))
    expect(Number(await exec(age))).toBeLessThan(3)
    await long
    await one.hold.stopBeating()
    // The last one may still be on its way to the host.
    const later = async (): Promise<number> =>
      Number(await exec(`touch -d '50 seconds ago' /var/lib/fettle/beat; sleep 1; ${age}`))
    await expect.poll(later, { timeout: 20_000 }).toBeGreaterThan(45)
    await one.hold.release(limit)
  })

  test.each([
    ['a clock that was put back', "touch -d '2 hours' /var/lib/fettle/beat", 60],
    ['no sign of life at all', 'rm /var/lib/fettle/beat', -1],
  ])('%s: the lease says no more than its term', async (_, harm, most) => {
    await clean()
    const one = await party('one')
    await one.hold.take(one.journal, limit)
    await exec(harm)
    expect((await look((await party('two')).session)).lease!.left).toBeLessThanOrEqual(most)
    await one.hold.release(limit)
  })

  const ticks = 'while :; do echo x >>/srv/ticks; sleep 0.05; done'
  const silent = async (): Promise<void> =>
    expect(
      await exec('a=$(wc -l </srv/ticks); sleep 0.4; echo $(( $(wc -l </srv/ticks) - a ))'),
    ).toBe('0\n')

  test.each([
    ['as root', 'root', 'root', ticks],
    ['with sudo', 'ops', 'root', ticks],
    ['that cannot be asked to end', 'root', 'root', `trap '' TERM HUP; ${ticks}`],
    ['with sudo, that cannot be asked to end', 'ops', 'root', `trap '' TERM HUP; ${ticks}`],
    [
      'with what it put in the background',
      'root',
      'root',
      `( ${ticks} ) & sleep 0.1; setsid sleep 60`,
    ],
    ['of another user', 'root', 'nobody', ticks],
  ])(
    'a take-over ends a step %s, and the run says that it lost the host',
    async (_, login, user, script) => {
      await clean()
      await exec(`mkdir -p /srv && chmod 0777 /srv
      id ops >/dev/null 2>&1 || { useradd -m -s /bin/bash ops; install -d -o ops -m 700 /home/ops/.ssh
        install -o ops -m 600 ~root/.ssh/authorized_keys /home/ops/.ssh/
        echo 'ops ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ops; }`)
      const one = await party('one', login)
      await one.hold.take(one.journal, limit)
      const lost = code(one.hold.ask([step(script, user)], limit))
      await exec('until [ -e /srv/ticks ]; do sleep 0.05; done')
      const { runner: found } = await turn({ takeOver: true })
      expect(found?.id).toBe('one')
      await silent()
      expect(await lost).toBe('lease-lost')
      expect(await exec(lease)).toBe('')
      await one.hold.stopBeating()
    },
  )

  test('a shell that was killed leaves its step running, which counts until it has ended', async () => {
    await clean()
    const one = await party('one')
    await one.hold.take(one.journal, limit)
    const lost = code(one.hold.ask([step(ticks)], limit))
    await exec('until [ -e /srv/ticks ]; do sleep 0.05; done')
    await exec(`kill -KILL ${one.journal.shell.split(' ')[0]}`)
    expect((await look((await party('two')).session)).lease).toMatchObject({ busy: true })
    await turn({ takeOver: true })
    await silent()
    await lost
    await one.hold.stopBeating()
  })

  test('processes of others stay when their numbers are those of the shell by now', async () => {
    await clean()
    const one = await party('one')
    await one.hold.take(one.journal, limit)
    await exec('setsid sleep 300 >/dev/null 2>&1 & echo $! >/srv/pid')
    const other = (await exec('cat /srv/pid')).trim()
    await exec(
      `cd /var/lib/fettle; set -- $(cat lease); echo "$1 ${other} 12345 ${other} $5" >lease`,
    )
    expect((await turn({ takeOver: true })).runner?.id).toBe('one')
    expect(await exec(`kill -0 ${other} && echo lives; kill ${other}`)).toBe('lives\n')
    await one.hold.stopBeating()
  })

  test('a login without rights can read who has the host', async () => {
    await clean()
    const one = await party('one')
    await one.hold.take(one.journal, limit)
    await exec('id plain >/dev/null 2>&1 || useradd -m plain')
    const script = reveal(sh`me=plain; ${readJournal('')}`.text)
    const { output } = await hosts()[0]!.exec(`runuser -u plain -- sh -s`, script)
    expect(parseJournal(Buffer.from(output)).lease).toMatchObject({ runner: { id: 'one' } })
    await one.hold.release(limit)
    await one.hold.stopBeating()
  })
})
