import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { timeoutsIn } from './ssh-config.ts'

describe('what an ssh config says about ConnectTimeout', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fettle-ssh-config-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const found = (text: string): number[] => {
    writeFileSync(join(folder, 'config'), text)
    return timeoutsIn(join(folder, 'config'), folder)
  }

  test.each([
    ['Host *\n  User me\n', []],
    ['# ConnectTimeout 5\nHost far\n  connecttimeout 40\nHost *\n  ConnectTimeout=3\n', [40, 3]],
    ['ConnectTimeout "7"\n', [7]],
    ['ConnectTimeout none\n', [0]],
    ['Include more/*.conf not-there\n', [12]],
    ['Include config\n', []],
  ])('%j', (text, seconds) => {
    mkdirSync(join(folder, 'more'), { recursive: true })
    writeFileSync(join(folder, 'more', 'a.conf'), 'Host a\nConnectTimeout 12\n')
    writeFileSync(join(folder, 'more', 'b'), 'ConnectTimeout 13\n')
    expect(found(text)).toEqual(seconds)
  })

  test('nothing where there is none', () => {
    expect(timeoutsIn(join(folder, 'none'), folder)).toEqual([])
  })
})
