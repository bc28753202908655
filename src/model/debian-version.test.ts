import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { compareVersions } from './debian-version.ts'

/** From the oldest on. */
const inOrder = [
  '1.0~~',
  '1.0~~a',
  '1.0~',
  '1.0~rc1-1',
  '1.0',
  '1.0-1~bpo12+1',
  '1.0-1',
  '1.0-1+b1',
  '1.0-1+deb12u1',
  '1.0-1+deb12u2',
  '1.0-1+deb12u10',
  '1.0-1.1',
  '1.0-10',
  '1.0a',
  '1.0+dfsg',
  '1.0.1',
  '1.2-1-1',
  '1.10',
  '9.99',
  '1:0.1',
  '1:3.15-4',
  '10:0',
]

test('versions are in the order of dpkg', () => {
  const found = [...inOrder].reverse().sort(compareVersions)
  expect(found).toEqual(inOrder)
  expect(compareVersions('1.0-1', '1.0-1')).toBe(0)
  expect(compareVersions('0:1.0', '1.0')).toBe(0)
  expect(compareVersions('1.0', '1.0-0')).toBe(0)
  expect(compareVersions('1.01', '1.1')).toBe(0)
})

const noDpkg = spawnSync('dpkg', ['--version']).status === 0 ? '' : 'there is no dpkg here'

test.skipIf(noDpkg)(`dpkg says so itself ${noDpkg}`, () => {
  for (const [i, version] of inOrder.slice(1).entries())
    expect(
      spawnSync('dpkg', ['--compare-versions', inOrder[i]!, 'lt', version]).status,
      `${inOrder[i]} < ${version}`,
    ).toBe(0)
})
