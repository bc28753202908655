import { describe, expect, test } from 'vitest'
import { converges, failure, planned } from '../../test/lab/converges.ts'
import { bootForFile, labAvailable, labMissing } from '../../test/lab/fixture.ts'
import { rescue } from '../../test/lab/rescue.ts'
import { settle } from '../../test/lab/settle.ts'
import { type Context, nothingPlanned } from '../model/kind.ts'
import { absent } from '../model/resource.ts'
import { command } from './command.ts'
import { file } from './file.ts'
import { type SshdConfig, withDropIn, written } from './sshd-config.ts'
import { linesOf } from './sshd-settings.ts'
import { sshd, sshdKind } from './sshd.ts'

const drop = '/etc/ssh/sshd_config.d'
const ours = `${drop}/00-fettle.conf`

describe('describing', () => {
  test('settings become lines', () => {
    expect(
      linesOf({
        PasswordAuthentication: false,
        AllowUsers: ['ann', 'bob'],
        Ciphers: ['a', 'b'],
        AuthenticationMethods: ['publickey,password', 'publickey'],
        MaxAuthTries: 3,
        UseDNS: undefined as never,
      }).map((each) => each.join(' ')),
    ).toEqual([
      'PasswordAuthentication no',
      'AllowUsers ann',
      'AllowUsers bob',
      'Ciphers a,b',
      'AuthenticationMethods publickey,password publickey',
      'MaxAuthTries 3',
    ])
  })

  test.each([
    {},
    { 'Password Authentication': 'no' },
    { Match: 'User a' },
    { Include: '/x' },
    { Banner: '/x\nPermitRootLogin yes' },
    { Banner: '' },
    { Port: [] },
    { Port: Number.NaN },
    { Banner: '/x', banner: '/y' },
    [],
  ])('%j is refused', (settings) => {
    expect(() => sshd(settings as never)).toThrow(/settings/)
  })

  test('a name that the folder would not take, or a Match on two lines', () => {
    expect(() => sshd({ UseDNS: 'no' }, { name: '../x' })).toThrow(/name/)
    expect(() => sshd({ UseDNS: 'no' }, { match: 'User a\nMatch all' })).toThrow(/match/)
  })
})

test('lines in the order in which sshd reads them', () => {
  const config: SshdConfig = {
    texts: new Map([
      ['/etc/ssh/sshd_config', 'Include /etc/ssh/sshd_config.d/*.conf\n# UseDNS a\nUseDNS=main\n'],
      [`${drop}/10.conf`, 'Match User x\n usedns "in match"\nMatch all\nUseDNS ten\n'],
    ]),
    included: new Map([[`${drop}/*.conf`, [`${drop}/10.conf`]]]),
  }
  const look = (from: SshdConfig): string[] =>
    written(from).map(({ keyword, words, where, match }) =>
      [keyword, words, where.replace('/etc/ssh/', ''), match].join(' '),
    )
  const others = [
    'usedns "in match" sshd_config.d/10.conf:2 User x',
    'usedns ten sshd_config.d/10.conf:4 ',
    'usedns main sshd_config:3 ',
  ]
  expect(look(config)).toEqual(others)
  const more = withDropIn(config, ours, '# x\nUseDNS ours\n')
  expect(look(more)).toEqual(['usedns ours sshd_config.d/00-fettle.conf:2 ', ...others])
  expect(look(withDropIn(more, ours, undefined))).toEqual(others)
})

const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** What the host prints about UseDNS no. */
function difference(
  given: {
    readonly now?: string
    readonly refused?: string
    readonly not?: string
    readonly file?: 'there' | 'other'
    readonly stale?: true
    readonly main?: string
    readonly third?: string
  },
  context: Context = nothingPlanned,
  gone = false,
): string | undefined {
  const described = sshd({ UseDNS: 'no' })
  const resource = (gone ? absent(described) : described) as never
  const { now, refused, not, main = 'Include /etc/ssh/sshd_config.d/*.conf\n', third } = given
  const wanted = /wanted="\$wanted "(\d+:\w+)/.exec(sshdKind.read!([resource])!.text)?.[1] ?? ''
  const hash = given.file === 'there' ? wanted.slice(2) : `${'f'.repeat(64)} eA==`
  const own = [
    given.stale && 'stale',
    now !== undefined && `now ${base64(`port 22\n${now}`)}`,
    refused !== undefined && `refused ${base64(refused)}`,
    not === undefined ? `alone 0 ${base64('usedns no\n')}` : `not 0 ${base64(not)}`,
    `file ${base64(main)} /etc/ssh/sshd_config`,
    third !== undefined && `include ${drop}/*.conf ${drop}/00-a.conf`,
    third !== undefined && `file ${base64(third)} ${drop}/00-a.conf`,
  ].filter(Boolean)
  const stat = `${ours}\0f\x00644\0root\0root\x0030\0\0end\x000 ${hash}\n`
  const output = `${own.join('\n')}\n\0${given.file ? stat : 'end\0'}`
  const [state] = sshdKind.parse(Buffer.from(output), [resource])
  const found = sshdKind.diff(resource, state!, context)
  return found && `${found.verb} ${found.summary}`
}

test('what differs', () => {
  const yes = 'usedns yes\n'
  const no = 'usedns no\n'
  expect(difference({ now: no, file: 'there' })).toBeUndefined()
  expect(difference({ now: yes })).toBe('create UseDNS yes -> no, reload')
  expect(difference({ now: no })).toBe('create UseDNS no (in its file), reload')
  expect(difference({ now: yes, file: 'other' })).toBe('change UseDNS yes -> no, reload')
  expect(difference({ now: no, file: 'there', stale: true })).toBe('change reload')
  expect(difference({})).toBe('change there is no sshd here (package openssh-server)')
  const brings = { earlier: new Map(), opaque: ['package:openssh-server'] }
  expect(difference({}, brings)).toContain('unknown UseDNS no, once package:openssh-server')
  expect(difference({ now: yes, not: '/dev/stdin: line 3: Bad value\nmore\n' })).toBe(
    'create sshd here does not take it: Bad value',
  )
  expect(difference({ refused: '/etc/ssh/sshd_config: line 3: Bad\n', file: 'there' })).toBe(
    'change sshd does not take its settings as they are: /etc/ssh/sshd_config: line 3: Bad',
  )
  expect(difference({ now: yes, main: 'Port 22\n' })).toContain('does not include')
  const before = { now: yes, third: 'UseDNS yes\n' }
  const first = `but ${drop}/00-a.conf:1 says UseDNS yes first`
  expect(difference({ ...before, file: 'there' })).toBe(`change UseDNS yes -> no, ${first}`)
  expect(difference(before)).toBe(`create UseDNS yes -> no, reload, ${first}`)
  const within = { now: no, file: 'there', third: 'Match User git\nUseDNS yes\n' } as const
  expect(difference(within)).toBe(
    `change but ${drop}/00-a.conf:2 says UseDNS yes for Match User git`,
  )
  expect(difference({ ...within, third: 'Match User git\nUseDNS no\n' })).toBeUndefined()
  expect(difference({ ...within, third: `# Kept by Fettle.\n${within.third}` })).toBeUndefined()
  const earlier = new Map([[`file:${drop}/00-a.conf`, { verb: 'remove', summary: '' } as const]])
  expect(difference({ ...before, file: 'there' }, { earlier, opaque: [] })).toBe(
    'unknown UseDNS no',
  )
  expect(difference({ now: no, file: 'there' }, { earlier, opaque: [] })).toBe(
    'unknown reload, for what is changed before',
  )
  expect(difference({ now: no, file: 'there' }, nothingPlanned, true)).toBe(
    'remove its settings, reload',
  )
  expect(difference({ now: no }, nothingPlanned, true)).toBeUndefined()
})

describe.skipIf(!labAvailable)(`on a host ${labMissing}`, () => {
  const hosts = bootForFile()
  const pid = 'cat /run/sshd.pid'

  test('settings hold, are reloaded, and drift is put right', async () => {
    const [host] = hosts()
    const process = (await host!.exec(pid)).output
    const resources = [
      sshd({
        PermitRootLogin: 'prohibit-password',
        X11Forwarding: false,
        LoginGraceTime: '1m',
        MaxAuthTries: 4,
        AcceptEnv: 'FETTLE_*',
        Ciphers: ['aes256-gcm@openssh.com', 'chacha20-poly1305@openssh.com'],
        Port: [22, 2222],
      }),
      sshd(
        { X11Forwarding: true, ForceCommand: `echo "it's $HOME"` },
        { name: 'git', match: 'User git' },
      ),
    ]
    // What a release itself says before the arrow is its own business.
    const made = (await converges(host!, resources)).map((row) =>
      row
        .replace(/AcceptEnv LANG LC_.*? ->/, 'AcceptEnv ... ->')
        .replace(/Ciphers \S+… ->/, 'Ciphers ... ->'),
    )
    expect(made).toEqual([
      'create sshd:fettle: X11Forwarding yes -> no, LoginGraceTime 120 -> 60, MaxAuthTries 6 -> 4, ' +
        'AcceptEnv ... -> FETTLE_*, Ciphers ... -> ' +
        'aes256-gcm@openssh.com,chacha20-poly1305@openssh.com, Port 22 -> 22 2222, reload',
      `create sshd:git: X11Forwarding yes, ForceCommand echo "it's $HOME" (in its file), reload`,
    ])
    // The same process listens on what is new.
    expect((await host!.exec(pid)).output).toBe(process)
    await expect
      .poll(async () => (await host!.exec("ss -Hltn 'sport = :2222' | wc -l")).output)
      .toBe('2\n')
    const seen = `sshd -T -C user=git,host=x,addr=1.2.3.4 | grep -E '^(x11forwarding|forcecommand)'`
    expect((await host!.exec(seen)).output).toBe(
      `x11forwarding yes\nforcecommand echo "it's $HOME"\n`,
    )
    await host!.exec(`sed -i s/MaxAuthTries.*// ${ours}; chmod 600 ${drop}/00-git.conf`)
    expect(await converges(host!, resources)).toEqual([
      'change sshd:fettle: MaxAuthTries 6 -> 4, reload',
      expect.stringContaining('change sshd:git'),
    ])
    await host!.exec(`touch ${drop}/lab.conf`)
    expect(await converges(host!, [resources[0]!])).toEqual(['change sshd:fettle: reload'])
    expect(await converges(host!, absent(resources))).toEqual([
      'remove sshd:fettle: its settings, reload',
      'remove sshd:git: its settings, reload',
    ])
    expect((await host!.exec(`ls ${drop}`)).output).toBe('lab.conf\n')
    await expect
      .poll(async () => (await host!.exec("ss -Hltn 'sport = :2222' | wc -l")).output)
      .toBe('0\n')
  })

  test('what sshd refuses never stays', async () => {
    const [host] = hosts()
    const sound = sshd({ MaxAuthTries: 5 })
    await settle(host!, [sound])
    const process = (await host!.exec(`${pid}; cat ${ours}`)).output
    for (const [settings, reason, plans] of [
      [
        { Nonsense: 'yes' },
        'Bad configuration option: Nonsense. Nothing was changed',
        'not take it',
      ],
      [{ X11Forwarding: 'maybe' }, 'unsupported option "maybe"', 'not take it'],
      // The main file switches that method off, which only the two together show.
      [
        { AuthenticationMethods: 'keyboard-interactive' },
        'Disabled method "keyboard-interactive"',
        'AuthenticationMethods',
      ],
    ] as const) {
      const resource = sshd(settings as never)
      expect((await planned(host!, [resource])).join()).toContain(plans)
      expect(await failure(host!, [resource])).toContain(reason)
      expect(
        (await host!.exec(`${pid}; cat ${ours}; sshd -t; ls -A ${drop} /run | grep fettle-`))
          .output,
      ).toBe(process)
    }
    // A file that was broken by hand is put right.
    await host!.exec(`echo Nonsense yes > ${ours}`)
    expect((await converges(host!, [sound])).join()).toContain('as they are')
    await host!.exec(`echo Nonsense yes > ${ours}`)
    await converges(host!, [absent(sound)])
  })

  test('a subsystem that the main file has too is taken where sshd lets the first one hold', async () => {
    const [host] = hosts()
    const resource = sshd({ Subsystem: 'sftp internal-sftp' })
    expect((await planned(host!, [resource])).join()).toContain('Subsystem')
    const version = Number(
      /OpenSSH_(\d+\.\d+)/.exec((await host!.exec('sshd -V 2>&1')).output)?.[1],
    )
    if (version < 9.5)
      expect(await failure(host!, [resource])).toContain("Subsystem 'sftp' already defined.")
    else {
      await converges(host!, [resource])
      expect((await host!.exec('sshd -T | grep ^subsystem')).output).toBe(
        'subsystem sftp internal-sftp\n',
      )
      await converges(host!, [absent(resource)])
    }
  })

  test('what others override is a difference that stays', async () => {
    const [host] = hosts()
    const resource = sshd({ PasswordAuthentication: 'no', AllowUsers: ['root'] })
    const other = `${drop}/00-another.conf`
    await host!.exec(`printf 'PasswordAuthentication yes\\nAllowUsers eve\\n' > ${other}`)
    expect(await planned(host!, [resource])).toEqual([
      `create sshd:fettle: PasswordAuthentication yes -> no, AllowUsers eve -> root, reload, but ${other}:1 says PasswordAuthentication yes first`,
    ])
    expect(await failure(host!, [resource])).toContain('PasswordAuthentication yes -> no')
    expect(await planned(host!, [resource])).toEqual([
      `change sshd:fettle: PasswordAuthentication yes -> no, AllowUsers eve root -> root, but ${other}:1 says PasswordAuthentication yes first`,
    ])
    expect(await failure(host!, [resource])).toContain(`do not hold: ${other}:1 says`)
    // Once it is removed by the same run, all is well.
    expect(await converges(host!, [absent(file(other, {})), resource])).toEqual([
      `remove file:${other}: file, 42 bytes`,
      'unknown sshd:fettle: PasswordAuthentication no, AllowUsers root',
    ])
    await host!.exec(`printf 'Match User eve\\n  PasswordAuthentication yes\\n' > ${other}`)
    expect(await failure(host!, [resource])).toContain(
      'says PasswordAuthentication yes for Match User eve',
    )
    await host!.exec(`rm ${other}`)
    await converges(host!, [absent(resource)])
  })

  test('a later package brings it; without, the plan says so', async () => {
    const [host] = hosts()
    const resource = sshd({ MaxAuthTries: 5 })
    await host!.exec('mv /usr/sbin/sshd /usr/sbin/sshd.away')
    try {
      expect(await planned(host!, [resource])).toEqual([
        'change sshd:fettle: there is no sshd here (package openssh-server)',
      ])
    } finally {
      await host!.exec('mv /usr/sbin/sshd.away /usr/sbin/sshd')
    }
    const opaque = command('x', { run: 'touch /srv/x', creates: '/srv/x' })
    expect((await settle(host!, [opaque, resource])).made).toEqual(['command:x', 'sshd:fettle'])
    await converges(host!, [absent(resource)])
  })

  test('the host gets back to what one could log in with', async () => {
    const [host] = hosts()
    const resource = sshd({ Port: 2222 })
    const guard = sshdKind.lockOut!(resource as never, 'root')!
    expect(guard.paths).toEqual([ours])
    const port = "ss -Hltn 'sport = :22' | wc -l"
    const before = (await host!.exec(port)).output
    await rescue(
      host!,
      guard,
      `echo Port 2222 > ${ours}; systemctl reload ssh; sleep 0.5; [ "$(${port})" = 0 ]`,
    )
    await expect.poll(async () => (await host!.exec(port)).output).toBe(before)
    expect((await host!.exec(`ls ${ours}`)).code).not.toBe(0)
  })
})
