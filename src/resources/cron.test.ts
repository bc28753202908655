import { describe, expect, test } from 'vitest'
import { bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { plan, settle } from '../../test/lab/settle.ts'
import { Secret } from '../base/secret.ts'
import { absent } from '../model/resource.ts'
import { cron, schedule } from './cron.ts'

describe('schedules', () => {
  test.each([
    '* * * * *',
    '17 2 * * *',
    ' 0\t4  1,15 */2 mon-fri ',
    '*/5 0-6/2,22 * jan,JUL 0',
    '59 23 31 12 7',
    '@daily',
    '@reboot',
  ])('%j is fine', (text) => {
    expect(schedule(text)).toBeUndefined()
  })

  test.each([
    ['', undefined],
    ['* * * *', undefined],
    ['* * * * * *', undefined],
    ['60 * * * *', 'minute'],
    ['* 24 * * *', 'hour'],
    ['* * 0 * *', 'day of the month'],
    ['* * * 13 *', 'month'],
    ['* * * mon *', 'month'],
    ['* * * * 8', 'day of the week'],
    ['5-1 * * * *', 'minute'],
    ['5/10 * * * *', 'minute'],
    ['*/0 * * * *', 'minute'],
    ['*/70 * * * *', 'minute'],
    ['1,,2 * * * *', 'minute'],
    ['-1 * * * *', 'minute'],
    ['1- * * * *', 'minute'],
    ['1;x * * * *', 'minute'],
    ['* * * * *\n* * * * * root rm', undefined],
    ['@Daily', undefined],
    ['@midnightly', undefined],
    [7, undefined],
  ])('%j is refused', (text, field) => {
    const complaint = schedule(text)
    expect(complaint?.problem).toContain(field ?? 'cannot be')
  })
})

describe('describing', () => {
  const job = { schedule: '@daily', command: 'x' }
  test.each([
    ['a.b', job],
    ['-a', job],
    ['a/b', job],
    ['', job],
    ['a', { ...job, command: 'x\ny' }],
    ['a', { ...job, command: ' ' }],
    ['a', { ...job, command: String.raw`date +\%F` }],
    ['a', { ...job, command: String.raw`sed 's/\\//'` }],
    ['a', { ...job, command: 'x'.repeat(1000) }],
    ['a', { ...job, runAs: 'a b' }],
    ['a', { ...job, environment: { A: 'x\ny' } }],
    ['a', { ...job, environment: { A: `"'` } }],
    ['a', { ...job, environment: { 'A-B': 'x' } }],
    ['a', { ...job, environment: { A: 'x'.repeat(1000) } }],
  ])('%j with %j is refused', (name, options) => {
    expect(() => cron(name, options)).toThrow(/cron:/)
  })
})

describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile()

  test('writes, repairs and removes the file', async () => {
    const [host] = hosts()
    const secret = new Secret('PASS', `50%'x`)
    const resources = [
      cron('hostile', {
        schedule: '17 2 * * *',
        command: ` echo "it's $HOME" %x\\n %F \\ # x\t`,
        runAs: 'daemon',
        environment: { MAILTO: 'a@b.c', EMPTY: '', QUOTED: '" $x % \\' },
      }),
      cron('secret', { schedule: '@daily', command: 'x', environment: { PASS: secret } }),
    ]
    const first = await settle(host!, resources)
    expect(first.made).toEqual(['cron:hostile', 'cron:secret'])
    expect(first.planned).toEqual(first.made)
    expect(first.result.made[0]!.summary).toBe('17 2 * * * as daemon')
    expect(
      (await host!.exec('cd /etc/cron.d; cat hostile secret; stat -c "%a %U" hostile secret'))
        .output,
    ).toBe(
      [
        '# Kept by Fettle.',
        'MAILTO="a@b.c"',
        'EMPTY=""',
        `QUOTED='" $x % \\'`,
        `17 2 * * * daemon echo "it's $HOME" \\%x\\n \\%F \\ # x`,
        '# Kept by Fettle.',
        `PASS="50%'x"`,
        '@daily root x',
        '644 root',
        '600 root',
        '',
      ].join('\n'),
    )
    expect(await plan(host!, resources)).toEqual([])

    await host!.exec('cd /etc/cron.d; echo "# x" >> hostile; chmod 666 secret')
    const drift = await plan(host!, resources)
    expect(drift.map(({ difference }) => difference.summary)).toEqual([
      'content',
      'mode 0666 -> 0600',
    ])
    await settle(host!, resources)
    expect(await plan(host!, resources)).toEqual([])
    expect((await settle(host!, absent(resources))).made).toHaveLength(2)
    expect(await plan(host!, absent(resources))).toEqual([])
  })

  test('a job of nobody is refused', async () => {
    const [host] = hosts()
    const job = cron('lost', { schedule: '@daily', command: 'x', runAs: 'nosuch' })
    const failure = await settle(host!, [job]).catch((error: Error) => error)
    expect(String(failure)).toContain('there is no user nosuch to run it')
    expect((await plan(host!, [job]))[0]!.difference.verb).toBe('create')
  })
})
