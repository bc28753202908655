import { describe, expect, test } from 'vitest'
import { describeApp } from '../model/app.ts'
import type { AppOptions } from '../model/app-options.ts'
import { parseProcfile, processesOf } from './procfile.ts'
import { runtimeOf } from './runtimes.ts'
import { sourceFiles } from './source-files.ts'

test('a Procfile', () => {
  expect(
    parseProcfile(
      '# ours\r\nweb: node a.js --at $HOST:$PORT\n\n worker :  run\nrelease:migrate',
      'Procfile',
    ),
  ).toEqual({ web: 'node a.js --at $HOST:$PORT', worker: 'run', release: 'migrate' })
})

test.each([
  ['web node', 1, 'no colon'],
  ['web: x\n\nWeb: y', 3, 'name of a process'],
  ['web:', 1, 'no command'],
  ['web: x\nweb: y', 2, 'twice'],
])('%j is broken in line %d', (text, line, reason) => {
  expect(() => parseProcfile(text, 'shop/Procfile')).toThrow(reason)
  expect(() => parseProcfile(text, 'shop/Procfile')).toThrow(`shop/Procfile, line ${line}`)
})

describe('processes', () => {
  const of = (texts: Readonly<Record<string, string>>, options: Partial<AppOptions> = {}) => {
    const files = sourceFiles(Object.keys(texts), (path) => texts[path])
    return processesOf(files, runtimeOf(files), describeApp('shop', { source: '.', ...options }))
  }
  const node = { 'package.json': '{}', 'server.js': '' }

  test('its Procfile is over what is known, its description over both', () => {
    expect(of(node)).toEqual({ web: 'node server.js' })
    const both = { ...node, Procfile: 'web: a\nworker: b' }
    expect(of(both)).toEqual({ web: 'a', worker: 'b' })
    expect(of(both, { processes: { worker: 'c' } })).toEqual({ web: 'a', worker: 'c' })
  })

  test('domains need a web', () => {
    const domains = 'shop.example.com'
    expect(() => of({ Procfile: 'worker: a' }, { domains })).toThrow('in its Procfile')
    expect(() => of({ 'package.json': '{}' }, { domains })).toThrow('no process web')
    expect(of({ Procfile: 'worker: a' })).toEqual({ worker: 'a' })
  })

  test('a built site is served from its output', () => {
    const web = of({ 'public/index.html': '' }, { build: { command: 'x', output: 'dist' } })['web']
    expect(web).toContain('DocumentRoot \\"$PWD\\"')
  })
})
