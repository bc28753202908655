import { describe, expect, test } from 'vitest'
import type { LockedPackage } from '../model/lock.ts'
import { closureScript, lockedAs, parseBasis, parseClosure } from './package-closure.ts'
import { packages } from './package.ts'

const row = (
  name: string,
  architecture: string,
  {
    priority = 'optional',
    essential = 'no',
    depends = '',
    provides = '',
    status = 'installed',
  } = {},
): string => [status, priority, essential, name, architecture, '1.0', depends, provides].join('\t')

const basis = parseBasis(
  Buffer.from(`Get:1 http://x
== basis
debian 12\tamd64
${[
  row('dpkg', 'amd64', { essential: 'yes', depends: ', libc6 (>= 2), tar | star' }),
  row('libc6', 'amd64', { depends: 'virtual-crypt' }),
  row('libcrypt1', 'amd64', { provides: 'virtual-crypt (= 1), other' }),
  row('tar', 'amd64', { priority: 'required' }),
  row('cron', 'amd64', { priority: 'important' }),
  row('logrotate', 'all', { priority: 'important', depends: 'libpopt0' }),
  row('libpopt0', 'amd64'),
  row('nginx', 'amd64'),
  row('star', 'amd64', { status: 'config-files' }),
  row('libc6', 'i386'),
].join('\n')}
== auto
logrotate
libpopt0
`),
)

const locked = (version: string, ...needs: string[]): LockedPackage => ({
  version,
  origin: 'Debian/stable',
  needs,
})

const answer = (policy: string, rest: string): Buffer =>
  Buffer.from(`Hit:1\n== policy\n${policy}\n${rest}`)
const closure = `== closure
Inst libc6-dev (2.0 Debian:12.9/stable, Debian-Security:12/stable-security [amd64])
Inst web [0.9] (1:1.0 localhost [all]) []
Inst mail (3.0 Tiny [amd64])
Inst libc6:i386 (2.0 Debian:12.9/stable [i386])

== control
Package: libc6-dev
Version: 2.0
Architecture: amd64
Depends: libc6 (= 2.0)

Package: web
Version: 1:1.0
Architecture: all
Depends: missing | mta:any, web
Recommends: libc6-dev (>= 1)

Package: web
Version: 0.9
Architecture: all
Depends: mail

Package: mail
Version: 3.0
Architecture: amd64
Provides: mta (= 1)

Package: libc6
Version: 2.0
Architecture: i386
`

describe('what packages come to', () => {
  test('the base is what is essential or important, not what came along with something', () => {
    expect(basis.release).toBe('debian 12 amd64')
    expect(basis.base.map(({ name }) => name).sort()).toEqual([
      'cron',
      'dpkg',
      'libc6',
      'libc6:i386',
      'libcrypt1',
      'tar',
    ])
  })

  test('what apt would bring, from where, and what needs what', () => {
    const choice = { keep: new Map() }
    const found = parseClosure(answer('', closure), basis, choice)
    expect(Object.fromEntries(found.packages)).toEqual({
      'libc6-dev': {
        version: '2.0',
        origin: 'Debian/stable, Debian-Security/stable-security',
        needs: ['libc6:i386'],
      },
      web: { version: '1:1.0', origin: 'localhost', needs: ['libc6-dev', 'mail'] },
      mail: { version: '3.0', origin: 'Tiny', needs: [] },
      'libc6:i386': { version: '2.0', origin: 'Debian/stable', needs: [] },
    })
    expect(found.exact).toEqual(['libc6'])
    expect(found.failed).toBeUndefined()
  })

  test('what is kept stays, gone or not, and yields only where it may', () => {
    const keep = new Map([
      ['web', locked('0.8', 'mail')],
      ['mail', locked('2.0')],
      ['libc6-dev', locked('2.0')],
    ])
    const policy =
      'web:\n  Version table:\n     1:1.0 500\n        500 http://x Packages\n     0.8 100\n        100 /var/lib/dpkg/status\nmail:\n  Version table:\n     2.0 1001\n        500 http://x Packages\nlibc6-dev:\n  Version table:\n     2.0 500\n        500 http://x Packages'
    const choice = { keep, yielding: ['mail'] }
    const found = parseClosure(answer(policy, closure), basis, choice)
    expect(found.gone).toEqual([{ name: 'web', version: '0.8', there: ['1:1.0'] }])
    const after = lockedAs(found, choice)
    expect(after.get('web')).toEqual(locked('0.8', 'mail'))
    expect(after.get('mail')!.version).toBe('3.0')
    expect(after.get('libc6-dev')!.origin).toBe('Debian/stable')
  })

  test('why apt cannot', () => {
    const found = parseClosure(answer('', '== failed\nweb : Depends: x\n'), basis, {
      keep: new Map(),
    })
    expect(found.failed).toBe('web : Depends: x')
    expect(found.packages.size).toBe(0)
  })

  test('a described version rules where none is kept; values are quoted', () => {
    const wanted = packages(['web'], { version: '1.*' }) as never
    const fresh = closureScript(wanted, ['libc6'], basis, { keep: new Map() })
    expect(fresh.text).toContain("ask 'web=1.*' libc6")
    const kept = closureScript(wanted, [], basis, {
      keep: new Map([['web', locked("1.0'; id #")]]),
    })
    expect(kept.text).toContain('ask web\n')
    expect(kept.text).toContain(String.raw`Pin: version 1.0'\''; id #`)
  })
})
