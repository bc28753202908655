import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { labAvailable, labMissing } from '../lab/fixture.ts'
import { Folder, steady } from './cli.ts'

describe.skipIf(!labAvailable)(`the first quarter of an hour ${labMissing}`, () => {
  test('init, lab up, plan, up, up again, log, lab down', async () => {
    const folder = new Folder()
    const ok = async (...words: string[]): Promise<string> => {
      const { code, stdout, stderr } = await folder.fettle(words)
      expect({ words, code, stderr: words[0] === 'lab' ? '' : stderr }).toEqual({
        words,
        code: 0,
        stderr: '',
      })
      return stdout
    }
    try {
      expect(await ok('init')).toContain('npx fettle lab up')
      expect(await ok('lab', 'up')).toMatch(/^web1 +10\.\S+ +running\nweb2 +10\.\S+ +running\n$/)
      expect(steady(await ok('plan', '--lab'))).toMatch(/^web1, web2\n/)
      expect(steady(await ok('up', '--lab', '--yes'))).toMatch(/\nweb1 {2}done: .*\n/)
      expect(await ok('up', '--lab', '--yes')).toContain('Nothing to change on 2 hosts.')
      const get = String.raw`exec 3<>/dev/tcp/localhost/80; printf 'GET / HTTP/1.0\r\n\r\n' >&3; cat <&3`
      expect(await ok('run', '--lab', '--', 'bash', '-c', get)).toContain('Hello')
      expect(await ok('log', '--lab')).toMatch(/ {2}done in .* s {2}/)
      expect(await ok('lab', 'list')).toContain('running')
    } finally {
      await folder.fettle(['lab', 'down'])
    }
    expect(await ok('lab', 'list')).toBe('No lab hosts.\n')
    expect(readFileSync(join(folder.path, '.gitignore'), 'utf8')).toContain('.fettle/lab/')
    expect(existsSync(join(folder.path, '.fettle', 'lab', 'ledger'))).toBe(true)
  }, 180_000)
})
