import { describe, expect, test } from 'vitest'
import type { Context } from '../model/kind.ts'
import { absent } from '../model/resource.ts'
import { nativeVerifier } from './mariadb-session.ts'
import { type MariadbUserOptions, mariadbUser, mariadbUserKind } from './mariadb-user.ts'

const password = 'correct horse'
const own = {
  grantee: "'shop'@'localhost'",
  plugin: 'mysql_native_password',
  verifier: nativeVerifier(password),
  other: 0,
  locked: null as string | null,
}

interface Case {
  readonly options?: MariadbUserOptions
  readonly gone?: boolean
  readonly now?: Partial<typeof own> | undefined
  readonly held?: readonly string[]
  readonly output?: string
  readonly opaque?: string[]
}

function words({
  options = { password },
  gone,
  held = ['USAGE'],
  output,
  opaque = [],
  ...rest
}: Case) {
  const now = 'now' in rest ? rest.now : {}
  const rows = now
    ? [
        { ...own, ...now },
        ...held.map((privilege) => ({ holder: own.grantee, privilege, grantable: 'NO' })),
      ]
    : []
  const printed = output ?? [...rows.map((row) => JSON.stringify(row)), 'ended 0', ''].join('\n')
  const user = mariadbUser('shop', options)
  const resource = (gone ? absent(user) : user) as never
  const [state] = mariadbUserKind.parse(Buffer.from(printed), [resource])
  const context: Context = { earlier: new Map(), opaque }
  const found = mariadbUserKind.diff(resource, state!, context)
  return found && `${found.verb}: ${found.summary}`
}

const none = { now: undefined }

describe('what differs', () => {
  test.each<[string, Case, string | undefined]>([
    ['as described', {}, undefined],
    ['another password', { options: { password: 'x' } }, 'change: password'],
    ['locked', { now: { locked: 'true' } }, 'change: password'],
    ['another way in', { now: { other: 1 } }, 'change: password'],
    ['another plugin', { now: { plugin: 'ed25519' } }, 'change: password'],
    ['no password is described', { options: {} }, 'change: by the local socket'],
    ['by the socket', { options: {}, now: { plugin: 'unix_socket', verifier: '' } }, undefined],
    [
      'privileges',
      { options: { password, privileges: ['process'] }, held: ['SUPER'] },
      'change: +process, -super',
    ],
    ['none there', { ...none }, 'create: password'],
    [
      'none there, after an opaque step',
      { ...none, opaque: ['a:b'] },
      'unknown: password, unless a:b brings it',
    ],
    ['to go', { gone: true }, 'remove: the user and its privileges'],
    ['gone', { gone: true, ...none }, undefined],
    ['no server', { output: 'missing\n' }, 'change: there is no MariaDB on this host'],
    ['no server and none wanted', { output: 'missing\n', gone: true }, undefined],
    [
      'a server that is down',
      { output: 'ERROR 2002 (HY000): no socket\nended 1\n' },
      'change: MariaDB does not answer: ERROR 2002 (HY000): no socket',
    ],
  ])('%s', (_, given, expected) => expect(words(given)).toBe(expected))

  test('what cannot be told is an error', () =>
    expect(() => words({ output: 'ERROR 1064 (42000): no\nended 1\n' })).toThrow(
      'MariaDB does not say: ERROR 1064',
    ))
})

test('what the server keeps of a password', () =>
  // As `SELECT PASSWORD('mariadb')` prints it.
  expect(nativeVerifier('mariadb')).toBe('*54958E764CE10E50764C2EECBB71D01F08549980'))
