import * as fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { count, paintFor, seconds, visible } from './style.ts'

describe('text for a terminal', () => {
  test('holds no control characters, whatever it held before', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(visible(text)).not.toMatch(/\p{Cc}/u)
      }),
    )
  })

  test('is as it was where there was nothing to hide', () => {
    const harmless = fc.string({ unit: 'grapheme' }).filter((text) => !/\p{Cc}/u.test(text))
    fc.assert(fc.property(harmless, (text) => visible(text) === text))
  })

  test('shows what stood there', () => {
    expect(visible('a\n\t\x1b[2J\x7f\x9b')).toBe('a\\n\\t\\u001b[2J\\u007f\\u009b')
  })
})

describe('colours', () => {
  const painted = (isTTY: boolean, env: Record<string, string>): boolean => {
    for (const name of ['NO_COLOR', 'FORCE_COLOR', 'TERM']) vi.stubEnv(name, env[name] ?? '')
    const paint = paintFor({ isTTY })
    vi.unstubAllEnvs()
    return paint('red', 'x') !== 'x'
  }

  test.each([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { TERM: 'dumb' }, false],
    [false, { FORCE_COLOR: '1' }, true],
    [true, { FORCE_COLOR: '0' }, false],
  ])('terminal %j with %j: %j', (isTTY, env, expected) => {
    expect(painted(isTTY, env)).toBe(expected)
  })
})

test('numbers read as people write them', () => {
  expect([count(1, 'change'), count(0, 'host'), count(2, 'host')]).toEqual([
    '1 change',
    '0 hosts',
    '2 hosts',
  ])
  expect([seconds(0.1234), seconds(12.34)]).toEqual(['0.12 s', '12.3 s'])
})
