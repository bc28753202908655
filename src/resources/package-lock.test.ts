import { describe, expect, test } from 'vitest'
import type { Context } from '../model/kind.ts'
import type { Lock, LockedPackage } from '../model/lock.ts'
import { type Resource, absent } from '../model/resource.ts'
import { lockedPackageKind, packages } from './package.ts'
import { packageLockOut } from './package-lock-out.ts'

const locked = (version: string, ...needs: string[]): LockedPackage => ({
  version,
  origin: 'Debian/stable',
  needs,
})
const lock: Lock = new Map([
  [
    'debian 12 amd64',
    new Map([
      ['aa', locked('1.1', 'lib', 'some')],
      ['bb', locked('1.0', 'lib')],
      ['lib', locked('2.0')],
      ['some', locked('1.0')],
      ['cc:i386', locked('1.0')],
    ]),
  ],
])
const kind = lockedPackageKind(lock)
const nothing: Context = { earlier: new Map(), opaque: [] }

function differences(
  output: string,
  resources: readonly Resource[],
  context: Context = nothing,
): string[] {
  const states = kind.parse(Buffer.from(output), resources as never)
  return resources.map((each, i) => {
    const found = kind.diff(each as never, states[i]!, context)
    return found ? `${found.verb}: ${found.summary}` : 'right'
  })
}

const host = (...rows: string[]): string =>
  ['', 'dpkg:amd64\tinstalled\t1.21', ...rows, 'release\t\tdebian 12', ''].join('\n')
const row = (name: string, version: string, status = 'installed'): string =>
  `${name}\t${status}\t${version}`
const policy = (versions: Record<string, string[]>): string =>
  `\n== policy\n${Object.entries(versions)
    .map(
      ([name, all]) =>
        `${name}:\n  Installed: (none)\n  Candidate: x\n  Version table:\n${all.map((each) => `     ${each} 1001\n         -1 http://x y Packages\n`).join('')}`,
    )
    .join('')}`
const apt = (text: string): string => `\n== apt\n${text}\n`

describe('what differs from the lock', () => {
  const [aa, bb, cc] = [packages('aa'), packages('bb'), packages('cc:i386')]
  const right = [row('aa:amd64', '1.1'), row('lib:amd64', '2.0'), row('some:all', '1.0')]
  test.each([
    ['all as locked', host(...right), aa, ['right']],
    ['what it may bring need not be there', host(row('aa:amd64', '1.1')), aa, ['right']],
    ['missing: known without any list', host(), aa, ['create: install 1.1']],
    ['older', host(row('aa:amd64', '1.0')), aa, ['change: 1.0 -> 1.1']],
    ['newer', host(row('aa:amd64', '1.10')), aa, ['change: 1.10 -> 1.1 (downgrade)']],
    [
      'half there',
      host(row('aa:amd64', '1.1', 'half-configured')),
      aa,
      ['change: half-configured -> installed'],
    ],
    [
      'what two need differs: said once',
      host(row('bb:amd64', '1.0'), row('aa:amd64', '1.1'), row('lib:amd64', '1.9')),
      [...bb, ...aa],
      ['change: lib 1.9 -> 2.0', 'right'],
    ],
    [
      'another architecture',
      host(row('cc:i386', '0.9'), row('cc:amd64', '1.0')),
      cc,
      ['change: 0.9 -> 1.0'],
    ],
    ['its own architecture, said', host(row('aa:amd64', '1.1')), packages('aa:amd64'), ['right']],
    ['gone as described', host(row('zz:amd64', '3')), absent(packages('zz')), ['remove: 3']],
    [
      'what comes along',
      host(row('lib:amd64', '1.9')) +
        policy({ aa: ['1.1'], lib: ['2.0', '1.9'], some: ['1.0'] }) +
        apt(
          'The following packages will be REMOVED:\n   enemy\nThe following NEW packages will be installed:\n   aa (1.1)\n   some (1.0)\nThe following packages will be upgraded:\n   lib (1.9 => 2.0)',
        ),
      aa,
      ['create: install 1.1, lib 1.9 -> 2.0, with 1 more: some, which also removes enemy'],
    ],
    [
      'lists older than the lock',
      host(row('aa:amd64', '1.0')) +
        policy({ aa: ['1.0'], lib: ['1.0'] }) +
        apt("E: Version '1.1' for 'aa' was not found"),
      aa,
      ['change: 1.0 -> 1.1'],
    ],
  ] satisfies [string, string, Resource[], string[]][])('%s', (_, output, wanted, expected) => {
    expect(differences(output, wanted)).toEqual(expected)
  })

  const gone =
    host() +
    policy({ aa: ['1.2', '1.0'], lib: ['2.0'], some: ['1.0'] }) +
    apt("E: Version '1.1' for 'aa' was not found")
  test.each([
    ['not locked', host(), packages('aa', 'zz', 'yy'), /no version of zz, yy for debian 12 amd64/],
    [
      'another release',
      host().replace('debian 12', 'debian 13'),
      aa,
      /no version of aa for debian 13 amd64/,
    ],
    [
      'another version is described',
      host(),
      packages(['aa'], { version: '2.*' }),
      /version 2\.\*, and fettle\.lock says 1\.1/,
    ],
    ['gone', gone, aa, /has aa 1\.1 \(there is 1\.2, 1\.0\) any more/],
    [
      'what it needs is gone',
      host() +
        policy({ aa: ['1.1'], lib: ['2.1'], some: ['1.0'] }) +
        apt(' aa : Depends: lib but it is not installable\nE: Unable to correct problems'),
      aa,
      /has lib 2\.0 \(there is 2\.1\) any more/,
    ],
    [
      'all is there, and it cannot be',
      host() +
        policy({ aa: ['1.1'], lib: ['2.0'], some: ['1.0'] }) +
        apt(' aa : Depends: other but it is not installable\nE: Unable to correct problems'),
      aa,
      /package:aa: aa : Depends: other but it is not installable/,
    ],
  ] satisfies [string, string, Resource[], RegExp][])(
    '%s is an error',
    (_, output, wanted, reason) => {
      expect(() => differences(output, wanted)).toThrow(reason)
    },
  )

  test('a version that is gone may be in a source that is planned before', () => {
    const context = (id: string): Context => ({
      earlier: new Map([[id, { verb: 'create', summary: '' }]]),
      opaque: [id],
    })
    expect(differences(gone, aa, context('apt-repository:x'))).toEqual(['create: install 1.1'])
    expect(differences(gone, aa, context('command:x'))).toEqual([
      'unknown: 1.1, unless command:x brings it',
    ])
    expect(() => differences(gone, aa, context('package:x'))).toThrow(/any more/)
  })
})

test('packages through which one logs in say what is put back', () => {
  expect(packageLockOut('nginx', 'root')).toBeUndefined()
  const ssh = packageLockOut('openssh-server', 'root')!
  expect(ssh.paths).toContain('/usr/sbin/sshd')
  expect(String(ssh.restore)).toContain('ssh.socket')
  expect(packageLockOut('sudo', 'ops')!.paths).toContain('/etc/sudoers.d')
  expect(String(packageLockOut('nftables', 'root')!.save)).toContain('nft list tables')
})
