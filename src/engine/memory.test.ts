import { expect, test } from 'vitest'
import type { Kind } from '../model/kind.ts'
import type { Resource } from '../model/resource.ts'
import { memoryAfter, memoryOf, orphansOf } from './memory.ts'

const kinds = new Map([['thing', { name: 'thing', remembers: () => ({}) } as unknown as Kind]])
const thing = (name: string): Resource => ({
  kind: 'thing',
  name,
  desired: {},
  absent: false,
  user: undefined,
  after: [],
  notify: [],
  at: undefined,
})
const things = (names: string): Resource[] => names.split('').map(thing)
const remembered = (names: string): readonly string[] => memoryOf(things(names), kinds).lines

test.each([
  ['what left stays where it was', 'abcde', 'ace', 'abcde'],
  ['also the first ones and the last ones', 'abcde', 'c', 'abcde'],
  ['behind what it was behind, where the others are in another order now', 'abcd', 'ca', 'cdab'],
  ['with what is new in between', 'abc', 'axc', 'abxc'],
  ['all of it left', 'abc', '', 'abc'],
  ['nothing left', 'abc', 'cba', 'cba'],
])('%s', (_, before, described, after) => {
  const all = things(described)
  const left = new Set(
    [...before].filter((each) => !described.includes(each)).map((x) => `thing:${x}`),
  )
  const memory = memoryAfter(remembered(before), all, all, left, kinds)
  expect(memory).toEqual(remembered(after))
  const { removable } = orphansOf(memory, all, kinds)
  expect(removable.map(({ name }) => name)).toEqual(
    [...after].reverse().filter((each) => !described.includes(each)),
  )
})

test.each([
  ['what stands in a folder before the folder', '/a/b /a /a/b/c /ab', '/ab /a/b/c /a/b /a'],
  ['however deep', '/x/y/z /a /x', '/x/y/z /x /a'],
])('%s', (_, before, removed) => {
  const claiming = {
    name: 'thing',
    remembers: () => ({}),
    claims: ({ name }: Resource) => [{ what: `path ${name}` }],
  } as unknown as Kind
  const all = new Map([['thing', claiming]])
  const { lines } = memoryOf(before.split(' ').map(thing), all)
  const { removable } = orphansOf(lines, [], all)
  expect(removable.map(({ name }) => name).join(' ')).toBe(removed)
})

test('what needs another to be removed goes before it, whichever was described first', () => {
  const remembers = (): object => ({})
  const kinds = new Map<string, Kind>(
    Object.entries({ table: ['chair', 'house'], chair: ['house'], house: [] }).map(
      ([name, leavesBefore]) => [name, { name, remembers, leavesBefore } as unknown as Kind],
    ),
  )
  const described = ['table', 'house', 'chair', 'table2'].map((each) => ({
    ...thing(each),
    kind: each.replace(/\d/, ''),
  }))
  const { removable } = orphansOf(memoryOf(described, kinds).lines, [], kinds)
  expect(removable.map(({ name }) => name)).toEqual(['table2', 'table', 'chair', 'house'])
})
