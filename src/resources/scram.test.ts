import { expect, test } from 'vitest'
import { isVerifierOf, scramVerifier } from './scram.ts'

// The example of RFC 7677, section 3: its salt and count, and what its signature is checked with.
const kept =
  'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU='

test('the example of the standard', () => {
  expect(scramVerifier('pencil', Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'))).toBe(kept)
  expect(isVerifierOf(kept, 'pencil')).toBe(true)
  expect(isVerifierOf(kept, 'Pencil')).toBe(false)
})

test.each(['', 'md5d41d8cd98f00b204e9800998ecf8427e', 'SCRAM-SHA-256$4096:x', kept.slice(0, -4)])(
  '%j is of no password',
  (other) => expect(isVerifierOf(other, 'pencil')).toBe(false),
)

test.each([
  ['I\u00adX', 'IX'],
  ['a\u00a0b', 'a b'],
  ['\u2168', 'IX'],
])('%j is the same as %j', (one, other) =>
  expect(isVerifierOf(scramVerifier(one), other)).toBe(true),
)

test('each has a salt of its own', () => {
  expect(scramVerifier('a')).not.toBe(scramVerifier('a'))
})
