import { describe, expect, test } from 'vitest'
import type { Context } from '../model/kind.ts'
import { absent } from '../model/resource.ts'
import {
  type PostgresDatabaseOptions,
  postgresDatabase,
  postgresDatabaseKind,
} from './postgres-database.ts'

const outer = { name: 'shop', owner: 'shop', encoding: 'UTF8', locale: 'C.UTF-8' }
const inner = { name: 'shop', tables: 0, extensions: ['plpgsql'], access: [] as string[] }

interface Case {
  readonly options?: PostgresDatabaseOptions
  readonly gone?: boolean
  readonly there?: boolean
  readonly closed?: boolean
  readonly now?: Partial<typeof outer & typeof inner>
  readonly opaque?: string[]
}

function words({ options = {}, gone, there = true, closed, now, opaque = [] }: Case) {
  const pick = (from: object): string =>
    JSON.stringify(
      Object.fromEntries(
        Object.entries(from).map(([key, value]) => [key, now?.[key as 'owner'] ?? value]),
      ),
    )
  const rows = there ? [pick(outer), ...(closed ? [] : [pick(inner)])] : []
  const output = ['{"up": true}', ...rows, 'ended 0', ''].join('\n')
  const database = postgresDatabase('shop', options)
  const resource = (gone ? absent(database) : database) as never
  const [state] = postgresDatabaseKind.parse(Buffer.from(output), [resource])
  const context: Context = { earlier: new Map(), opaque }
  const found = postgresDatabaseKind.diff(resource, state!, context)
  return found && `${found.verb}: ${found.summary}`
}

const many = Array.from({ length: 10 }, (_, i) => `report +select on public.t${i}`)

describe('what differs', () => {
  test.each<[string, Case, string | undefined]>([
    ['as described', { options: { owner: 'shop', extensions: ['plpgsql'] } }, undefined],
    [
      'none there',
      {
        there: false,
        options: { owner: 'shop', extensions: ['a', 'b'], access: { x: 'read' } },
      },
      'create: owner shop, extensions a, b, x: read, nobody else',
    ],
    [
      'none there, after an opaque step',
      { there: false, opaque: ['package:x'] },
      'unknown: nobody else, unless package:x brings it',
    ],
    ['another owner', { options: { owner: 'x' } }, 'change: owner shop -> x'],
    [
      'another owner, and others have access',
      { options: { owner: 'x', access: { y: 'read' } } },
      'change: owner shop -> x, and access to what that user makes',
    ],
    ['an extension', { options: { extensions: ['b', 'a'] } }, 'change: extension b, a'],
    ['a locale in other letters', { options: { locale: 'C.utf8', encoding: 'utf-8' } }, undefined],
    [
      'what cannot be changed',
      { options: { encoding: 'LATIN1' } },
      'change: encoding UTF8 -> LATIN1 is not possible: dump it, drop it and restore it',
    ],
    [
      'privileges',
      { now: { access: ['everybody -connect on database'] } },
      'change: everybody -connect on database',
    ],
    [
      'many privileges',
      { now: { access: many } },
      `change: ${many.slice(0, 8).join(', ')}, 2 more privileges`,
    ],
    ['one that lets nobody in', { closed: true }, 'change: it allows no connections'],
    [
      'to go',
      { gone: true, now: { tables: 1 }, options: { destroy: true } },
      'remove: drop it and ALL ITS DATA (1 table)',
    ],
    ['gone', { gone: true, there: false, options: { destroy: true } }, undefined],
  ])('%s', (_, given, expected) => expect(words(given)).toBe(expected))
})

test.each<[PostgresDatabaseOptions, RegExp]>([
  [{ owner: 'a', access: { a: 'read' } }, /access cannot name a, its owner/],
  [{ access: { a: 'all' as never } }, /access/],
  [{ owner: 'public' }, /owner/],
  [{ extensions: ['a\nb'] }, /extensions/],
])('%j is refused', (options, words) =>
  expect(() => postgresDatabase('shop', options)).toThrow(words),
)
