import { createConnection } from 'node:net'
import { describe, expect, test } from 'vitest'
import { converges, failure, planned } from '../../test/lab/converges.ts'
import { bootForFile, labAvailable, labMissing } from '../../test/lab/fixture.ts'
import { rescue } from '../../test/lab/rescue.ts'
import { plan, settle } from '../../test/lab/settle.ts'
import { type Context, nothingPlanned } from '../model/kind.ts'
import { absent } from '../model/resource.ts'
import { admits, allow, deny, ruleset } from './firewall-rules.ts'
import { firewall, firewallKind } from './firewall.ts'
import { lockOutOf } from './lock-out.ts'
import { packages } from './package.ts'

describe('describing', () => {
  test.each([
    [allow({}), ['accept']],
    [allow({ port: 22 }), ['tcp dport 22 accept']],
    [allow({ port: [443, 80, '90-100', '95-110', 80] }), ['tcp dport { 80, 90-110, 443 } accept']],
    [
      allow({ port: 53, protocol: ['tcp', 'udp'], from: ['10.0.0.0/8', '10.1.2.3', 'fd00::/8'] }),
      [
        'ip saddr 10.0.0.0/8 tcp dport 53 accept',
        'ip saddr 10.0.0.0/8 udp dport 53 accept',
        'ip6 saddr fd00::/8 tcp dport 53 accept',
        'ip6 saddr fd00::/8 udp dport 53 accept',
      ],
    ],
    [
      deny({ from: ['192.0.2.1', '198.51.100.0/24', '192.0.2.1/32'], comment: "it's $HOME" }),
      [`ip saddr { 192.0.2.1, 198.51.100.0/24 } drop comment "it's $HOME"`],
    ],
    [allow({ interface: 'eth1', protocol: 'gre' }), ['iifname "eth1" meta l4proto 47 accept']],
    [allow({ interface: 'wg*' }), ['iifname "wg*" accept']],
  ])('%j', (rule, lines) => {
    const all = ruleset('drop', [rule]).split('\n')
    expect(all.slice(all.findIndex((each) => each.includes('dport 546')) + 1, -3)).toEqual(
      lines.map((each) => `    ${each}`),
    )
  })

  test('the policy', () => {
    expect(ruleset('drop', [])).toContain('policy drop;')
    expect(ruleset('accept', [])).toContain('policy accept;')
    expect(ruleset('reject', [])).toMatch(/policy drop;[^]*\n {4}reject\n {2}\}/)
  })

  test.each([
    { port: 0 },
    { port: 65536 },
    { port: '9-8' },
    { port: '22, 80' },
    { port: 22, protocol: 'icmp' },
    { protocol: 'tcp; accept' },
    { from: 'example.com' },
    { from: '10.0.0.0/33' },
    { from: '10.0.0' },
    { from: 'fe80::1%eth0' },
    { interface: 'e" accept' },
    { interface: 'a-name-too-long-for-it' },
    { comment: 'a "b' },
    { comment: 'a\nb' },
    { ports: 22, x: 1 },
  ])('%j is refused', (match) => {
    expect(() => firewall({ rules: [allow(match as never)] })).toThrow(/rules cannot have/)
  })

  test('and what is no rule, or no policy', () => {
    expect(() => firewall({ rules: [{ port: 22 } as never] })).toThrow(/rules/)
    expect(() => firewall({} as never)).toThrow(/rules/)
    expect(() => firewall({ rules: [], policy: 'deny' as never })).toThrow(/policy/)
  })
})

test.each([
  ['nothing', [], false],
  ['the port', [allow({ port: 22 })], true],
  ['a range', [allow({ port: '20-30' })], true],
  ['another port', [allow({ port: 80 })], false],
  ['udp', [allow({ port: 22, protocol: 'udp' })], false],
  ['any protocol', [allow({ from: '10.0.0.0/8' })], true],
  ['this network', [allow({ port: 22, from: ['192.0.2.0/24', '10.0.0.0/24'] })], true],
  ['another network', [allow({ port: 22, from: '10.0.1.0/24' })], false],
  ['another family', [allow({ port: 22, from: '::/0' })], false],
  ['kept out first', [deny({ from: '10.0.0.7' }), allow({ port: 22 })], false],
  ['let in first', [allow({ port: 22 }), deny({ from: '10.0.0.7' })], true],
  ['an interface', [allow({ port: 22, interface: 'eth0' })], undefined],
  ['an interface, then for all', [deny({ interface: 'eth0' }), allow({ port: 22 })], undefined],
])('whether a login is let in: %s', (_, rules, expected) => {
  const login = { from: '10.0.0.7', to: '10.0.0.1', port: 22 }
  expect(admits('drop', rules, login)).toBe(expected)
  expect(admits('drop', rules, { ...login, from: '::ffff:10.0.0.7' })).toBe(expected)
  expect(admits('drop', rules, { ...login, from: '127.0.0.1' })).toBe(true)
})

test('an IPv6 login, and a policy that accepts', () => {
  const login = { from: '2001:db8::7', to: '2001:db8::1', port: 22 }
  expect(admits('drop', [allow({ from: '2001:db8::/32' })], login)).toBe(true)
  expect(admits('reject', [allow({ from: '2001:db9::/32' })], login)).toBe(false)
  expect(admits('accept', [], login)).toBe(true)
  expect(admits('accept', [deny({ port: 22 })], login)).toBe(false)
})

const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** What the host prints where ssh is let in from everywhere. */
function difference(
  given: {
    readonly nft?: false
    readonly live?: string
    readonly loaded?: string
    readonly stale?: true
    readonly files?: 'there' | 'other'
    readonly unit?: string
    readonly login?: string
  },
  context: Context = nothingPlanned,
  gone = false,
): string | undefined {
  const described = firewall({ rules: [allow({ port: 22 })] })
  const resource = (gone ? absent(described) : described) as never
  const { live, loaded, files, unit = 'UnitFileState=enabled ActiveState=active' } = given
  const wanted = [...firewallKind.read!([resource])!.text.matchAll(/wanted="\$wanted "\d+:(\w+)/g)]
  const own = [
    given.login && `login ${given.login} 50000 10.0.0.1 22`,
    unit,
    given.nft !== false && 'there',
    live !== undefined && `live ${base64(live)}`,
    loaded !== undefined && `loaded aa ${base64(loaded)}`,
    files && `hash ${given.stale ? 'bb' : 'aa'}`,
  ].filter(Boolean)
  const paths = [
    '/etc/nftables.d/fettle.nft',
    '/etc/systemd/system/fettle-firewall.service',
    '/etc/systemd/system/nftables.service.d/fettle.conf',
  ]
  const stat = paths.map((each) => `${each}\0f\x00644\0root\0root\x001\0\0`).join('')
  const rows = wanted.map(([, hash], i) =>
    files === 'other' && i === 0 ? `0 ${'f'.repeat(64)} eA==\n` : `${i} ${hash}\n`,
  )
  const output = `${own.join('\n')}\n\0${files ? stat : ''}end\0${files ? rows.join('') : ''}`
  const [state] = firewallKind.parse(Buffer.from(output), [resource])
  const found = firewallKind.diff(resource, state!, context)
  return found && `${found.verb} ${found.summary}`
}

test('what differs', () => {
  const whole = { live: 'x', loaded: 'x', files: 'there' } as const
  const down = 'UnitFileState= ActiveState=inactive'
  expect(difference(whole)).toBeUndefined()
  expect(difference({ unit: down })).toBe('create drop all but 1 rule, its unit, enabled, started')
  expect(difference({ ...whole, files: 'other' })).toBe('change drop all but 1 rule')
  expect(difference({ ...whole, live: 'y' })).toBe(
    'change load the rules again, as they were changed in the kernel',
  )
  expect(difference({ loaded: 'x', files: 'there' })).toBe('change load the rules')
  expect(difference({ ...whole, stale: true })).toContain('nobody knows which ones')
  expect(difference({ ...whole, unit: 'UnitFileState=disabled ActiveState=active' })).toBe(
    'change enabled',
  )
  expect(difference({ nft: false, unit: down })).toBe(
    'change there is no nft here (package nftables)',
  )
  const brings = { earlier: new Map(), opaque: ['package:nftables'] }
  expect(difference({ nft: false, unit: down }, brings)).toBe(
    'unknown drop all but 1 rule, once package:nftables has brought nft',
  )
  expect(difference(whole, nothingPlanned, true)).toBe('remove its rules in the kernel, its files')
  expect(difference({ unit: down }, nothingPlanned, true)).toBeUndefined()
  expect(difference({ ...whole, login: '10.0.0.7' })).toBeUndefined()
})

describe.skipIf(!labAvailable)(`on a host ${labMissing}`, () => {
  const hosts = bootForFile()
  const ssh = allow({ port: 22 })
  const list = 'nft list table inet fettle'

  /** How a connection from here to that port ends. */
  function knock(port: number): Promise<'open' | 'refused' | 'silence'> {
    return new Promise((resolve) => {
      const host = String((hosts()[0]!.target as { address?: string }).address)
      const socket = createConnection({ host, port, timeout: 1500 })
      const done = (answer: 'open' | 'refused' | 'silence'): void => {
        socket.destroy()
        resolve(answer)
      }
      socket.on('connect', () => done('open'))
      socket.on('error', () => done('refused'))
      socket.on('timeout', () => done('silence'))
    })
  }

  test('rules hold at once; drift in the kernel and in the file is put right', async () => {
    const [host] = hosts()
    const needs = packages('nftables')
    const first = firewall({ rules: [ssh, allow({ port: 8080 })] })
    expect(await converges(host!, [...needs, first])).toEqual([
      expect.stringContaining('create package:nftables'),
      expect.stringContaining('unknown firewall:fettle: drop all but 2 rules'),
    ])
    await host!.exec('nft add table ip other; nft add chain ip other c')
    expect(await knock(22)).toBe('open')
    expect(await knock(8080)).toBe('refused')
    expect(await knock(9090)).toBe('silence')

    const second = firewall({
      policy: 'reject',
      rules: [
        allow({ port: 22, from: ['0.0.0.0/0', '::/0'], comment: "it's $HOME `x` é" }),
        allow({ port: [80, 443, '8000-8010'], protocol: ['tcp', 'udp', 'sctp'] }),
        allow({ protocol: ['esp', 'ah', 'gre', 'icmpv6', 'vrrp', 'ospf', 'ipip', 'icmp'] }),
        allow({ interface: 'wg*', from: ['10.0.0.0/8', '10.1.0.0/16', 'fd00::/8', 'fd00::1'] }),
        deny({ from: ['192.0.2.1', '198.51.100.0/24'] }),
        deny({ protocol: 'udplite', port: 1 }),
      ],
    })
    const [change] = await plan(host!, [second])
    expect(change!.difference.text!.after).toContain('udplite dport 1 drop')
    expect(await converges(host!, [second])).toEqual([
      'change firewall:fettle: reject all but 6 rules',
    ])
    expect(await knock(22)).toBe('open')
    expect(await knock(8080)).toBe('refused')
    const before = (await host!.exec(list)).output
    expect((await host!.exec('nft list tables')).output).toBe('table ip other\ntable inet fettle\n')

    const harms = [
      ['nft insert rule inet fettle input tcp dport 9999 accept', 'changed in the kernel'],
      [
        "nft flush chain inet fettle input \\; add chain inet fettle input '{ type filter hook input priority filter; policy accept; }'",
        'changed in the kernel',
      ],
      ['nft add set inet fettle more "{ type ipv4_addr; }"', 'changed in the kernel'],
      ['nft flush ruleset', 'load the rules'],
      ['echo "# x" >> /etc/nftables.d/fettle.nft', 'reject all but 6 rules'],
      ['systemctl disable fettle-firewall', 'enabled'],
      ['systemctl stop fettle-firewall', 'load the rules, started'],
      ['rm -r /var/lib/fettle/firewall', 'nobody knows'],
      ['sed -i s/inet/ip6/ /etc/systemd/system/fettle-firewall.service', 'its unit'],
      ['rm -r /etc/systemd/system/nftables.service.d', 'its unit'],
    ] as const
    for (const [harm, reason] of harms) {
      await host!.exec(harm)
      expect((await converges(host!, [second])).join(), harm).toContain(reason)
      expect((await host!.exec(list)).output, harm).toBe(before)
    }

    // Rules that are loaded get other handles.
    const handles = async (): Promise<string> =>
      (await host!.exec(`nft -a ${list.slice(4)}`)).output
    const loaded = await handles()
    const elsewhere = [
      ['systemctl disable fettle-firewall', 'enabled'],
      ['chmod 600 /etc/nftables.d/fettle.nft', 'mode 0600 -> 0644'],
      ['rm -r /etc/systemd/system/nftables.service.d', 'its unit'],
    ] as const
    for (const [harm, words] of elsewhere) {
      await host!.exec(harm)
      expect(await converges(host!, [second])).toEqual([`change firewall:fettle: ${words}`])
      expect(await handles(), harm).toBe(loaded)
    }
    await host!.exec('systemctl stop fettle-firewall; nft -f /etc/nftables.d/fettle.nft')
    expect(await converges(host!, [second])).toEqual([
      'change firewall:fettle: started, which loads the rules again',
    ])
    expect(await handles()).not.toBe(loaded)
  }, 180_000)

  test('they are there after a boot, and after nftables.service has flushed all', async () => {
    const [host] = hosts()
    const resource = firewall({ rules: [ssh] })
    await settle(host!, [resource])
    await host!.exec('systemctl enable --now nftables')
    expect(await planned(host!, [resource])).toEqual([])
    for (const verb of ['reload', 'restart', 'stop', 'start']) {
      expect((await host!.exec(`systemctl ${verb} nftables`)).code).toBe(0)
      expect(await planned(host!, [resource]), verb).toEqual([])
    }
    await host!.stop()
    await host!.start()
    expect(await planned(host!, [resource])).toEqual([])
    expect(await knock(22)).toBe('open')
    expect(await knock(9090)).toBe('silence')
    await host!.exec('systemctl disable --now nftables')
    await settle(host!, [resource])
  })

  test('rules that keep out this login are refused before anything is changed', async () => {
    const [host] = hosts()
    const before = (await host!.exec(list)).output
    for (const rules of [[], [allow({ port: 80 })], [allow({ port: 22, from: '192.0.2.0/24' })]]) {
      const error = await plan(host!, [firewall({ rules })]).catch((thrown: Error) => thrown)
      expect(error).toMatchObject({ code: 'locks-out' })
      expect(String(error)).toMatch(
        /rules would keep out the login that Fettle uses, from [\d.]+ to port 22/,
      )
    }
    expect(await planned(host!, [firewall({ rules: [], policy: 'accept' })])).toHaveLength(1)
    expect((await host!.exec(list)).output).toBe(before)
  })

  test('a login that became root with sudo is known as well', async () => {
    const [host] = hosts()
    await host!.exec(`useradd -m -s /bin/bash ops
      install -d -o ops -m 700 /home/ops/.ssh
      install -o ops -m 600 ~root/.ssh/authorized_keys /home/ops/.ssh/
      echo 'ops ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ops`)
    const ops = { ...host!, target: { ...host!.target, login: 'ops' } }
    await expect(plan(ops, [firewall({ rules: [] })])).rejects.toMatchObject({ code: 'locks-out' })
    expect(await planned(ops, [firewall({ rules: [ssh] })])).toEqual([])
  })

  test('the host gets its rules back that let one in', async () => {
    const [host] = hosts()
    await host!.exec('nft add table ip other; nft add chain ip other c')
    const resource = firewall({ rules: [ssh, allow({ port: 8080 })] })
    await settle(host!, [resource])
    const look = `nft list ruleset; systemctl is-enabled fettle-firewall; cat /etc/nftables.d/fettle.nft`
    const before = (await host!.exec(look)).output
    const guard = firewallKind.lockOut!(resource as never, 'root')!
    for (const harm of [
      'nft flush ruleset',
      'nft add rule inet fettle input drop; nft flush table ip other',
      'nft add table inet evil; nft add chain inet evil c "{ type filter hook input priority -5; policy drop; }"',
      'systemctl disable --now fettle-firewall; rm /etc/nftables.d/fettle.nft /etc/systemd/system/fettle-firewall.service',
    ]) {
      expect(await rescue(host!, guard, harm)).toBe('')
      expect((await host!.exec(look)).output, harm).toBe(before)
      expect(await planned(host!, [resource]), harm).toEqual([])
    }
    // And with none of ours before.
    await converges(host!, [absent(resource)])
    const none = (await host!.exec('nft list ruleset')).output
    await rescue(
      host!,
      guard,
      `mkdir -p /etc/nftables.d /var/lib/fettle; echo x > /etc/nftables.d/fettle.nft; nft add table inet fettle; nft add chain inet fettle input '{ type filter hook input priority 0; policy drop; }'`,
    )
    expect((await host!.exec('nft list ruleset')).output).toBe(none)
    expect(await knock(22)).toBe('open')
    expect(await planned(host!, [absent(resource)])).toEqual([])
    const file = lockOutOf('/etc/nftables.conf', 'root')!
    await rescue(host!, file, 'echo "flush ruleset" > /etc/nftables.conf; nft flush ruleset')
    expect((await host!.exec('nft list ruleset')).output).toBe(none)
  })

  test('what nft does not take is not loaded; gone is gone', async () => {
    const [host] = hosts()
    const resource = firewall({ rules: [ssh] })
    await settle(host!, [resource])
    const before = (await host!.exec(list)).output
    await host!.exec(
      'mv /usr/sbin/nft /usr/sbin/nft.real; printf \'#!/bin/sh\\ncase "$*" in *-c*) echo "$3:1:1-2: Error: no"; exit 1;; *) exec nft.real "$@";; esac\\n\' > /usr/sbin/nft; chmod 755 /usr/sbin/nft',
    )
    const more = firewall({ rules: [ssh, allow({ port: 80 })] })
    expect(await failure(host!, [more])).toContain('nft does not take the rules: 1:1-2: Error: no')
    await host!.exec('mv /usr/sbin/nft.real /usr/sbin/nft')
    expect((await host!.exec(list)).output).toBe(before)
    expect(await planned(host!, [resource])).toEqual([])
    expect(await converges(host!, [absent(more)])).toEqual([
      'remove firewall:fettle: its rules in the kernel, its files',
    ])
    expect((await host!.exec('nft list tables; ls /etc/nftables.d')).output).not.toContain('fettle')
    expect(await knock(9090)).toBe('refused')
  })
})
