import { describe, expect, test } from 'vitest'
import { bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { plan, settle } from '../../test/lab/settle.ts'
import { Secret } from '../base/secret.ts'
import { absent } from '../model/resource.ts'
import { timer } from './timer.ts'

describe('describing', () => {
  const job = { command: 'x', onCalendar: 'daily' }
  test.each([
    ['a.timer', job],
    ['a@b', job],
    ['a/b', job],
    ['', job],
    ['a', { command: 'x' }],
    ['a', { ...job, every: '5min' }],
    ['a', { command: 'x', every: 'soon' }],
    ['a', { command: 'x', every: '5min', persistent: true }],
    ['a', { command: '', onCalendar: 'daily' }],
    ['a', { command: `x ${new Secret('T', 'swordfish')}`, onCalendar: 'daily' }],
    ['a', { command: 'x', onCalendar: [] }],
    ['a', { command: 'x', onCalendar: 'daily\nUnit=x' }],
    ['a', { ...job, randomizedDelay: '5 parsecs' }],
    ['a', { ...job, runAs: 'a b' }],
    ['a', { ...job, environment: { 'A B': 'x' } }],
  ])('%j %j is refused', (name, options) => {
    expect(() => timer(name, options as never)).toThrow(/timer:/)
  })

  test.each(['15min', '1h 30min', '2 weeks', '1.5h'])('every %s is fine', (every) => {
    expect(timer('a', { command: 'x', every }).name).toBe('a')
  })
})

describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile()
  const folder = '/etc/systemd/system'

  test('command and variables arrive as they are', async () => {
    const [host] = hosts()
    const hostile = `it's "$HOME" \`id\` \\ \\n %h %% $$ \${x} é`
    const secret = new Secret('TOKEN', `se'cr"et $x \\ %\nsecond`)
    const resource = timer('hostile', {
      command: `printf '%s|' "$A" "$B" "$USER" 'it'"'"'s' "\${x-unset}" 100% > '/tmp/out put'\nprintf '%s\\n' "tab\there" '\\n' >> '/tmp/out put'`,
      onCalendar: ['*-*-* 02:00:00', 'Mon..Fri 12:00'],
      runAs: 'daemon',
      environment: { A: hostile, B: `x${secret}` },
    })
    const first = await settle(host!, [resource])
    expect(first.result.made[0]).toMatchObject({
      verb: 'create',
      summary: '*-*-* 02:00:00, Mon..Fri 12:00 as daemon',
    })
    expect(await plan(host!, [resource])).toEqual([])
    const { output } = await host!.exec(
      `systemctl start hostile; cat '/tmp/out put'; stat -c '%a %n' ${folder}/hostile.*; systemctl show hostile | grep -c 'se.cr'`,
    )
    expect(output).toBe(
      `${hostile}|x${secret.reveal()}|daemon|it's|unset|100%|tab\there\n\\n\n` +
        `600 ${folder}/hostile.env\n644 ${folder}/hostile.service\n644 ${folder}/hostile.timer\n0\n`,
    )
    await settle(host!, [absent(resource)])
  })

  test('is enabled and active, repaired, changed, removed; nothing runs by itself', async () => {
    const [host] = hosts()
    const described = (
      every: string,
      environment?: Record<string, string>,
    ): ReturnType<typeof timer> =>
      timer('tick', { command: 'echo x >> /tmp/ticks', every, ...(environment && { environment }) })
    const resource = described('15min', { A: '1' })
    expect((await settle(host!, [resource])).made).toEqual(['timer:tick'])
    expect(
      (await host!.exec('systemctl is-enabled tick.timer; systemctl is-active tick.timer')).output,
    ).toBe('enabled\nactive\n')
    expect(await plan(host!, [resource])).toEqual([])

    const drifts: [string, string][] = [
      ['systemctl disable --now -q tick.timer', 'disabled -> enabled, inactive -> active'],
      ['systemctl stop tick.timer', 'inactive -> active'],
      [`echo '#' >> ${folder}/tick.service`, 'command'],
      [`chmod 666 ${folder}/tick.env`, 'environment: mode 0666 -> 0600'],
      [`sed -i s/15min/1min/ ${folder}/tick.timer; systemctl daemon-reload`, 'times'],
      [`cd ${folder}; cp tick.timer x; sleep 0.01; mv x tick.timer`, 'daemon-reload'],
      [`rm ${folder}/tick.*; systemctl daemon-reload`, 'every 15min as root'],
    ]
    for (const [drift, summary] of drifts) {
      await host!.exec(drift)
      expect((await plan(host!, [resource])).map(({ difference }) => difference.summary)).toEqual([
        summary,
      ])
      await settle(host!, [resource])
      expect(await plan(host!, [resource])).toEqual([])
    }

    const changed = described('2h')
    const [found] = await plan(host!, [changed])
    expect(found!.difference.summary).toBe('command, times, environment removed')
    expect(found!.difference.text!.after).toContain(`# ${folder}/tick.timer\n[Unit]`)
    await settle(host!, [changed])
    expect(await plan(host!, [changed])).toEqual([])
    expect(
      (await host!.exec('systemctl show -p TimersMonotonic tick.timer; cat /tmp/ticks')).output,
    ).toMatch(/OnUnitActiveUSec=2h[^]*No such file/)

    expect((await settle(host!, [absent(changed)])).result.made[0]!.summary).toBe(
      'tick.service, tick.timer',
    )
    expect(await plan(host!, [absent(changed)])).toEqual([])
    expect(
      (await host!.exec(`find ${folder} | grep tick; systemctl is-active tick.timer`)).output,
    ).toBe('inactive\n')
  })

  test('runs at its times', async () => {
    const [host] = hosts()
    const often = timer('often', { command: 'echo x >> /tmp/often', every: '1s' })
    await settle(host!, [often])
    await expect
      .poll(async () => (await host!.exec('wc -l < /tmp/often')).output.trim(), { timeout: 15_000 })
      .toMatch(/^([2-9]|\d\d+)$/)
    expect(await plan(host!, [often])).toEqual([])
    await settle(host!, [absent(often)])
  })

  test.each([
    [{ onCalendar: ['daily', 'dail'] }, 'systemd does not know the time dail'],
    [{ onCalendar: 'daily', runAs: 'nosuch' }, 'there is no user nosuch to run it'],
  ])('%j is an error, and nothing takes its place', async (options, reason) => {
    const [host] = hosts()
    const wrong = timer('wrong', { command: 'true', ...options })
    const failure = await settle(host!, [wrong]).catch((error: Error) => error)
    expect(String(failure)).toContain(reason)
    expect((await host!.exec(`ls ${folder} | grep wrong`)).output).toBe('')
  })
})
