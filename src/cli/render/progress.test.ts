import { Writable } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { problem } from '../../base/errors.ts'
import { Secret } from '../../base/secret.ts'
import type { HostResult, RunEvent } from '../../engine/events.ts'
import { LiveProgress, PlainProgress, failureLines } from './progress.ts'

const plain = (_: unknown, text: string): string => text

const result = (host: string, more: Partial<HostResult> = {}): HostResult => ({
  host,
  status: 'done',
  made: [],
  left: [],
  seconds: 1.5,
  ...more,
})

const ended = (each: HostResult): RunEvent => ({
  type: 'host-ended',
  host: each.host,
  result: each,
})

describe('progress in a pipe', () => {
  const told = (...events: RunEvent[]): string => {
    let text = ''
    const progress = new PlainProgress((each) => (text += each))
    for (const event of events) progress.event(event)
    progress.end()
    return text
  }

  test('is a line for each thing that happened, whatever the names hold', () => {
    const made = {
      id: 'file:/a\nb\x1b[2J',
      verb: 'create',
      summary: '3 bytes',
      seconds: 0.25,
    } as const
    expect(
      told(
        { type: 'step-begun', host: 'web1', ids: ['file:/a'] },
        { type: 'made', host: 'web1', made },
        { type: 'needless', host: 'web1', id: 'service:x' },
        ended(result('web1', { made: [made, { ...made, verb: 'action' }] })),
      ),
    ).toBe(
      'web1  + file:/a\\nb\\u001b[2J  3 bytes  (0.25 s)\n' +
        'web1  = service:x  already so\n' +
        'web1  done: 1 change, 1 action in 1.50 s\n',
    )
  })

  test('says how each host ended', () => {
    const left = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => `file:/${name}`)
    expect(
      told(
        ended(result('web1', { status: 'failed', left })),
        ended(result('web2', { status: 'stopped', left: ['file:/a'] })),
        ended(result('web3', { status: 'untouched', left: ['file:/a'] })),
      ),
    ).toBe(
      'web1  FAILED after 0 changes; left: file:/a, file:/b, file:/c, file:/d, file:/e and 2 more\n' +
        'web2  stopped after 0 changes; left: file:/a\n' +
        'web3  untouched, because the run ended before its turn; left: file:/a\n',
    )
  })
})

describe('progress on a terminal', () => {
  /** All that is drawn, a text for each time, with the times that pass given by hand. */
  function drawn(
    hosts: readonly string[],
    size: { columns: number; rows: number },
    ...steps: (readonly RunEvent[])[]
  ): string[] {
    const frames: string[] = []
    const stream = Object.assign(
      new Writable({
        write(chunk: Buffer, _, done) {
          frames.push(chunk.toString())
          done()
        },
      }),
      size,
    ) as unknown as NodeJS.WriteStream
    const totals = new Map(hosts.map((host) => [host, 4]))
    const progress = new LiveProgress(stream, plain, totals)
    for (const events of steps) {
      for (const event of events) progress.event(event)
      progress.tick()
    }
    progress.end()
    return frames.map((frame) => stripVTControlCharacters(frame))
  }
  const begun: RunEvent = { type: 'step-begun', host: 'web1', ids: ['command:build'] }
  const output = (text: string): RunEvent => ({
    type: 'output',
    host: 'web1',
    chunk: Buffer.from(text),
  })

  test('shows the last line that a step printed, once it is whole or stands for a while', () => {
    const frames = drawn(
      ['web1'],
      { columns: 80, rows: 24 },
      [begun, output('first\nsec')],
      [output('ond\nthird')],
      [],
    )
    expect(frames.map((each) => each.trimEnd().replace(/^.* (?=0)/, ''))).toEqual([
      '0/4  command:build  first',
      '0/4  command:build  second',
      '0/4  command:build  third',
      '0/4  command:build  third',
    ])
  })

  test('shows no secret, even where it comes in two pieces', () => {
    new Secret('token', 'open sesame').toString()
    const frames = drawn(
      ['web1'],
      { columns: 80, rows: 24 },
      [begun, output('say open se')],
      [output('same\n')],
    )
    expect(frames.join('')).not.toContain('open se')
    expect(frames.join('')).toContain('say «secret token»')
  })

  test('never draws a line that would wrap, nor more than fit, until it ends', () => {
    const hosts = Array.from({ length: 30 }, (_, i) => `web${i + 1}`)
    const long = Array.from({ length: 9 }, (_, i) => `file:/a/rather/long/path/${i}`)
    const size = { columns: 60, rows: 10 }
    const frames = drawn(hosts, size, [
      { type: 'step-begun', host: 'web1', ids: long },
      ended(result('web2', { status: 'failed', left: long })),
    ])
    const lines = frames.map((frame) => frame.trimEnd().split('\n'))
    expect(lines[0]!).toHaveLength(7)
    expect(Math.max(...lines[0]!.map((line) => line.length))).toBeLessThanOrEqual(60)
    expect(lines[1]!).toHaveLength(30)
    expect(lines[1]![1]).toContain('and 4 more')
  })
})

test('failures are told once more at the end, with what to do', () => {
  const error = problem('host-timeout', { host: 'web2', seconds: 5, state: 'Nothing was changed.' })
  const results = [result('web1'), result('web2', { status: 'failed', error })]
  expect(failureLines(results, plain)).toEqual([
    '',
    'web2',
    '  error host-timeout',
    '    web2 did not answer within 5 s.',
    '    Nothing was changed.',
    '    Look at the host (`fettle ssh web2`), then run again, if need be with a longer --timeout.',
  ])
})
