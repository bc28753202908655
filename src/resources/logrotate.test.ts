import { describe, expect } from 'vitest'
import { converges, failure, planned } from '../../test/lab/converges.ts'
import { bootForFile, labAvailable, test } from '../../test/lab/fixture.ts'
import { plan, settle } from '../../test/lab/settle.ts'
import { Secret } from '../base/secret.ts'
import { type Context, type Difference, nothingPlanned } from '../model/kind.ts'
import { type Resource, absent } from '../model/resource.ts'
import { type LogrotateOptions, logrotate, logrotateKind } from './logrotate.ts'
import { packages } from './package.ts'

const files = '/var/log/shop/*.log'
const content = `# Kept by Fettle.
"/var/log/shop/*.log" {
  weekly
  rotate 4
  missingok
  notifempty
  compress
  delaycompress
}
`

function difference(
  there: string | undefined,
  resource: Resource,
  context: Context = nothingPlanned,
  able = 'able\n',
): Difference | undefined {
  const path = '/etc/logrotate.d/shop'
  const stat = there === undefined ? '' : `${path}\0f\x00644\0root\0root\x00${there.length}\0\0`
  const row =
    there === undefined ? '' : `0 ${'0'.repeat(64)} ${Buffer.from(there).toString('base64')}\n`
  const [state] = logrotateKind.parse(Buffer.from(`${able}\0${stat}end\0${row}`), [
    resource as never,
  ])
  return logrotateKind.diff(resource as never, state!, context)
}

describe('what differs', () => {
  const shop = (more: Partial<LogrotateOptions> = {}): Resource =>
    logrotate('shop', { files, ...more })
  const afterCommand = { ...nothingPlanned, opaque: ['command:x'] }
  const afterPackage: Context = {
    earlier: new Map([['package:logrotate', { verb: 'create', summary: '' }]]),
    opaque: ['package:logrotate'],
  }
  test('is the file, whose text is shown', () => {
    const created = { verb: 'create', text: { before: '', after: content } }
    const summary = '/var/log/shop/*.log weekly, 4 kept'
    expect(difference(undefined, shop())).toEqual({ ...created, summary })
    expect(difference(undefined, shop(), afterPackage, '')).toEqual({ ...created, summary })
    expect(difference(undefined, shop(), afterCommand)).toEqual({ ...created, summary })
    expect(difference(undefined, shop(), afterCommand, '')).toEqual({
      verb: 'unknown',
      summary: `${summary}, once command:x has brought logrotate`,
    })
    expect(difference(undefined, shop(), nothingPlanned, '')).toEqual({
      ...created,
      summary: `${summary}, but logrotate is not installed`,
    })
    expect(difference('x', shop())).toMatchObject({ verb: 'change', summary: 'content' })
    expect(difference('x', absent(shop()), nothingPlanned, '')).toMatchObject({
      verb: 'remove',
      summary: 'file, 1 byte',
    })
    expect(difference(undefined, absent(shop()))).toBe(undefined)
  })

  test('has what is described in it', () => {
    const all = shop({
      files: ['/a b', '/c'],
      when: 'daily',
      rotate: 14,
      compress: false,
      create: '0640 www-data adm',
      options: ['su deploy deploy', 'copytruncate'],
      postrotate: 'a\n b\n',
    })
    expect(difference(undefined, all)?.text?.after).toBe(`# Kept by Fettle.
"/a b" "/c" {
  daily
  rotate 14
  missingok
  notifempty
  nocompress
  create 0640 www-data adm
  su deploy deploy
  copytruncate
  sharedscripts
  postrotate
a
 b
  endscript
}
`)
  })

  test.each<[Partial<LogrotateOptions>, string]>([
    [{ files: [] }, 'files'],
    [{ files: 'x.log' }, 'files'],
    [{ files: '/a"b' }, 'files'],
    [{ files: '/a {' }, 'files'],
    [{ files: '/a\n/b' }, 'files'],
    [{ when: 'hourly' as never }, 'when'],
    [{ rotate: -1 }, 'rotate'],
    [{ create: 'yes' }, 'create'],
    [{ create: '0640 a b c' }, 'create'],
    [{ postrotate: 'a\n  endscript\n}' }, 'postrotate'],
    [{ options: ['daily\nrotate 1'] }, 'options'],
    [{ options: ['}'] }, 'options'],
    [{ options: ['a }'] }, 'options'],
  ])('refuses %j', (more, field) => expect(() => shop(more)).toThrow(`logrotate:shop: ${field}`))
  test.each(['a.conf', '../x', '-x', ''])('no file is called %j', (name) =>
    expect(() => logrotate(name, { files })).toThrow(/its name/),
  )
})

describe.skipIf(!labAvailable)('logs on a host', () => {
  const hosts = bootForFile()
  const run = async (script: string): Promise<string> => (await hosts()[0]!.exec(script)).output

  test('are rotated as described', async () => {
    const [web1] = hosts()
    const shop = (more: Partial<LogrotateOptions> = {}): Resource =>
      logrotate('shop', { files: '/var/log/shop $(id)/*.log', ...more })
    expect(await failure(web1!, [shop()])).toContain("describe packages('logrotate') before")
    await converges(web1!, packages(['logrotate'], { recommends: false }))
    await run('cd /var/log; mkdir "shop \\$(id)"; cd shop*; echo 1 >a.log; echo 2 >b.log')
    const word = new Secret('token', 't0ken-4711')
    const wanted = shop({
      rotate: 2,
      create: '0600 daemon games',
      postrotate: `echo it\\'s ${word} >>/srv/done`,
    })
    const [made] = await plan(web1!, [wanted])
    expect(made!.difference.text!.after).not.toContain('4711')
    expect(await converges(web1!, [wanted])).toHaveLength(1)
    expect(
      await run('stat -c %a /etc/logrotate.d/shop; ls -A /etc/logrotate.d | grep fettle'),
    ).toBe('600\n')
    for (let i = 0; i < 4; i++)
      await run(
        `cd /var/log/shop*; for each in a b; do echo ${i} >>$each.log; done; logrotate -f /etc/logrotate.conf`,
      )
    expect(
      await run(
        'cd /var/log/shop*; ls; stat -c "%a %U %G" a.log; cat a.log.1; zcat a.log.2.gz; sort /srv/done | uniq -c | tr -s " "',
      ),
    ).toBe(
      "a.log\na.log.1\na.log.2.gz\nb.log\nb.log.1\nb.log.2.gz\n600 daemon games\n3\n2\n 4 it's t0ken-4711\n",
    )
    await run('echo weekly >/etc/logrotate.d/shop; chmod 666 /etc/logrotate.d/shop')
    expect(await converges(web1!, [wanted])).toEqual([
      'change logrotate:shop: content, mode 0666 -> 0600',
    ])
    expect(await converges(web1!, [absent(wanted)])).toHaveLength(1)
    expect(await run('ls /etc/logrotate.d/shop')).toContain('No such file')
  })

  test('what logrotate does not take never takes its place', async () => {
    const [web1] = hosts()
    const at = (more: Partial<LogrotateOptions>): Resource =>
      logrotate('kept', { files: '/var/log/kept.log', ...more })
    await settle(web1!, [at({})])
    const before = await run('cat /etc/logrotate.d/kept')
    const bad = (more: Partial<LogrotateOptions>): Promise<string> => failure(web1!, [at(more)])
    expect(await bad({ options: ['nosuch'] })).toContain("it: unknown option 'nosuch'")
    expect(await bad({ create: '0644 nosuch adm' })).toContain("it: unknown user 'nosuch'")
    await run('mkdir -m 777 /var/log/open; touch /var/log/open/x')
    expect(await bad({ files: '/var/log/open/x' })).toContain('insecure permissions')
    expect(await run('cat /etc/logrotate.d/kept; ls -A /etc/logrotate.d | grep fettle')).toBe(
      before,
    )
    expect(await planned(web1!, [at({})])).toEqual([])
    await converges(web1!, [at({ files: '/var/log/open/x', options: ['su root root'] })])
  })
})
