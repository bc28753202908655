import { expect, test } from 'vitest'
import { nothingPlanned } from '../model/kind.ts'
import { absent } from '../model/resource.ts'
import {
  type MariadbDatabaseOptions,
  mariadbDatabase,
  mariadbDatabaseKind,
} from './mariadb-database.ts'

interface Case {
  readonly options?: MariadbDatabaseOptions
  readonly gone?: boolean
  readonly there?: boolean
  /** `user@host pattern: PRIVILEGE, ...`. */
  readonly grants?: readonly string[]
}

function words({ options = {}, gone, there = true, grants = [] }: Case): string | undefined {
  const row = { name: 'a_b', charset: 'utf8mb4', collation: 'utf8mb4_general_ci', tables: 3 }
  const held = grants.flatMap((grant) => {
    const [, user, host, pattern, privileges = ''] = /^(.*)@(.*) (.*): (.*)$/.exec(grant)!
    return privileges.split(', ').map((privilege) => ({
      grantee: `'${user}'@'${host}'`,
      pattern,
      privilege,
      grantable: 'NO',
    }))
  })
  const rows = [...(there ? [row] : []), ...held].map((each) => JSON.stringify(each))
  const database = mariadbDatabase('a_b', options)
  const resource = (gone ? absent(database) : database) as never
  const output = Buffer.from([...rows, 'ended 0', ''].join('\n'))
  const [state] = mariadbDatabaseKind.parse(output, [resource])
  const found = mariadbDatabaseKind.diff(resource, state!, nothingPlanned)
  return found && `${found.verb}: ${found.summary}`
}

const reads = String.raw`x@localhost a\_b: SELECT, SHOW VIEW`
const destroy = { gone: true, options: { destroy: true } }

test.each<[string, Case, string | undefined]>([
  ['as described', { options: { access: { x: 'read' } }, grants: [reads] }, undefined],
  [
    'named with its host',
    { options: { access: { 'x@localhost': 'read' } }, grants: [reads] },
    undefined,
  ],
  ['nobody', {}, undefined],
  [
    'none there',
    { there: false, options: { charset: 'utf8mb4', access: { x: 'all' } } },
    'create: utf8mb4, x: all, nobody else',
  ],
  ['somebody more', { grants: [reads] }, 'change: x -select and show view'],
  ['somebody less', { options: { access: { 'x@10.%': 'all' } } }, 'change: x@10.% +all'],
  [
    'another level',
    {
      options: { access: { x: 'read' } },
      grants: [String.raw`x@localhost a\_b: SELECT, SHOW VIEW, DROP`],
    },
    'change: x -drop',
  ],
  [
    'a pattern that stands for others too',
    { options: { access: { x: 'read' } }, grants: [reads, 'y@% a_b: SELECT'] },
    'change: y@% -select on all that is like a_b',
  ],
  ['another database', { grants: ['x@localhost other: SELECT'] }, undefined],
  [
    'charset and collation',
    { options: { charset: 'latin1', collation: 'latin1_bin' } },
    'change: charset utf8mb4 -> latin1, collation utf8mb4_general_ci -> latin1_bin',
  ],
  [
    'a charset with its own collation',
    { options: { charset: 'latin1' } },
    'change: charset utf8mb4 -> latin1 and its collation',
  ],
  [
    'to go, with privileges on it',
    { ...destroy, grants: [reads] },
    'remove: drop it and ALL ITS DATA (3 tables), with the privileges on it',
  ],
  ['to go', destroy, 'remove: drop it and ALL ITS DATA (3 tables)'],
  [
    'gone, its privileges are left',
    { ...destroy, there: false, grants: [reads] },
    'remove: privileges on it',
  ],
  ['gone', { ...destroy, there: false }, undefined],
])('%s', (_, given, expected) => expect(words(given)).toBe(expected))
