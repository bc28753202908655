import { describe, expect, test } from 'vitest'
import type { Context, Difference } from '../model/kind.ts'
import { absent } from '../model/resource.ts'
import { type PostgresUserOptions, postgresUser, postgresUserKind } from './postgres-user.ts'
import { scramVerifier } from './scram.ts'

const plain = {
  name: 'shop',
  login: true,
  superuser: false,
  createDatabases: false,
  createUsers: false,
  replication: false,
  verifier: null as string | null,
  memberOf: [] as string[],
  owns: [] as string[],
  granted: [] as string[],
}

interface Case {
  readonly options?: PostgresUserOptions
  readonly gone?: boolean
  /** What is different about the user; undefined: there is none. */
  readonly now?: Partial<typeof plain> | undefined
  readonly output?: string
  readonly earlier?: Record<string, Difference>
  readonly opaque?: string[]
}

function words({ options = {}, gone, output, earlier = {}, opaque = [], ...rest }: Case) {
  const now = 'now' in rest ? rest.now : {}
  const row = now ? `${JSON.stringify({ ...plain, ...now })}\n` : ''
  const printed = output ?? `{"up": true}\n${row}ended 0\n`
  const user = postgresUser('shop', options)
  const resource = (gone ? absent(user) : user) as never
  const [state] = postgresUserKind.parse(Buffer.from(printed), [resource])
  const context: Context = { earlier: new Map(Object.entries(earlier)), opaque }
  const found = postgresUserKind.diff(resource, state!, context)
  return found && `${found.verb}: ${found.summary}`
}

const password = 'correct horse'
const verifier = scramVerifier(password)
const none = { now: undefined }
const dropped = { verb: 'remove', summary: '' } as const
const down = 'psql: error: connection to server failed: No such file\n\tIs it running?\nended 2\n'

describe('what differs', () => {
  test.each<[string, Case, string | undefined]>([
    ['as described', {}, undefined],
    ['the password', { options: { password }, now: { verifier } }, undefined],
    ['a password that is not described', { now: { verifier } }, undefined],
    ['no password yet', { options: { password } }, 'change: password'],
    ['another password', { options: { password: 'other' }, now: { verifier } }, 'change: password'],
    [
      'one in the old form',
      { options: { password }, now: { verifier: 'md5abc' } },
      'change: password',
    ],
    ['none there', { ...none, options: { password } }, 'create: login, password'],
    ['a group', { ...none, options: { login: false } }, 'create: no login'],
    [
      'flags',
      { options: { createDatabases: true }, now: { superuser: true } },
      'change: nosuperuser, createdb',
    ],
    [
      'groups',
      { options: { memberOf: ['b', 'a'] }, now: { memberOf: ['b', 'c'] } },
      'change: joins a, leaves c',
    ],
    ['groups that are not described', { now: { memberOf: ['c'] } }, undefined],
    ['gone already', { ...none, gone: true }, undefined],
    ['to go', { gone: true }, 'remove: the user'],
    [
      'to go with privileges',
      { gone: true, now: { granted: ['a', 'b'] } },
      'remove: the user, with its privileges in a, b',
    ],
    [
      'an owner',
      { gone: true, now: { owns: ['a', 'b'] }, earlier: { 'postgres-database:b': dropped } },
      'remove: it owns objects in a, which have to go to somebody else first',
    ],
    [
      'an owner of what goes',
      { gone: true, now: { owns: ['a'] }, earlier: { 'postgres-database:a': dropped } },
      'remove: the user',
    ],
    [
      'none there, after an opaque step',
      { ...none, opaque: ['package:x'] },
      'unknown: login, unless package:x brings it',
    ],
    ['no server', { output: 'missing\n' }, 'change: there is no PostgreSQL on this host'],
    ['no server and none wanted', { output: 'missing\n', gone: true }, undefined],
    [
      'a server that is down',
      { output: down },
      'change: PostgreSQL does not answer: connection to server failed: No such file Is it running?',
    ],
    [
      'one that is to be started',
      { output: down, earlier: { 'postgres-server:15/main': dropped } },
      'unknown: login, once postgres-server:15/main has been made',
    ],
  ])('%s', (_, given, expected) => expect(words(given)).toBe(expected))

  test('what cannot be told is an error', () =>
    expect(() => words({ output: '{"up": true}\npsql:<stdin>:2: ERROR:  no\nended 3\n' })).toThrow(
      'PostgreSQL does not say: ERROR: no',
    ))
})

test.each(['', 'pg_x', 'public', 'postgres', 'a\nb', 'ä'.repeat(32), 'a\ufffe'])(
  '%j is refused',
  (name) => expect(() => postgresUser(name)).toThrow(/its name/),
)
