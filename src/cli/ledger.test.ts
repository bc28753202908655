import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Secret } from '../base/secret.ts'
import type { BegunRecord, LedgerRecord, RunRecord } from '../wire/ledger.ts'
import { Ledger, provenance } from './ledger.ts'
import { Project } from './project.ts'

const folders: string[] = []
afterEach(() => folders.splice(0).forEach((each) => rmSync(each, { recursive: true })))

function project(): Project {
  const folder = mkdtempSync(join(tmpdir(), 'fettle-ledger-'))
  folders.push(folder)
  return new Project(join(folder, 'fleet.ts'))
}

const opening = (
  id: string,
  when: string,
): Omit<RunRecord, 'type' | 'result' | 'duration' | 'hosts'> => ({
  version: 1,
  id,
  who: { login: 'ann', machine: 'desk' },
  when,
  command: ['up'],
  planHash: 'abc',
})
const begun = (id: string, when: string): BegunRecord => ({
  ...opening(id, when),
  type: 'begun',
  planned: { web1: ['file:/x'] },
})
const run = (id: string, when: string): RunRecord => ({
  ...opening(id, when),
  type: 'run',
  result: 'done',
  duration: 1,
  hosts: [],
})
const all = (): boolean => true
const short = (records: readonly LedgerRecord[]): string[] =>
  records.map(({ id, type }) => `${type} ${id}`)

describe('the ledger', () => {
  test('is empty before the first run', () => {
    expect(new Ledger(project()).last(5, all)).toEqual([])
  })

  test('gives back what was written, oldest first, over months', () => {
    const ledger = new Ledger(project())
    const records = ['2025-12-31', '2026-01-01', '2026-01-02'].map((day, i) =>
      run(String(i), `${day}T10:00:00.000Z`),
    )
    for (const record of records) ledger.append(record)
    expect(ledger.last(5, all)).toEqual(records)
    expect(ledger.last(2, all)).toEqual(records.slice(1))
    expect(ledger.last(5, ({ id }) => id !== '1')).toEqual([records[0], records[2]])
  })

  test('shows a beginning only where no end follows', () => {
    const ledger = new Ledger(project())
    const times = ['2026-01-31T23:59:00.000Z', '2026-02-01T00:01:00.000Z'] as const
    ledger.append(begun('killed', times[0]))
    ledger.append(begun('whole', times[0]))
    ledger.append(run('whole', times[0]))
    ledger.append(begun('running', times[1]))
    expect(short(ledger.last(5, all))).toEqual(['begun killed', 'run whole', 'begun running'])
  })

  test('holds no secret', () => {
    const ledger = new Ledger(project())
    new Secret('token', 'abracadabra').toString()
    ledger.append({ ...run('1', '2026-01-01T00:00:00.000Z'), command: ['up', 'abracadabra'] })
    expect(ledger.last(1, all)[0]!.command).toEqual(['up', '«secret token»'])
  })
})

test('who ran it is known without git as well', async () => {
  for (const name of ['GLOBAL', 'SYSTEM']) vi.stubEnv(`GIT_CONFIG_${name}`, '/dev/null')
  const known = await provenance(project().folder)
  vi.unstubAllEnvs()
  expect(known).toEqual({
    who: { login: expect.any(String), machine: expect.any(String) },
  })
})

describe('the facts of the last run', () => {
  const facts = { hostname: 'web1' } as never

  test('are kept beside the description', () => {
    const here = project()
    here.keepFacts(new Map(), [['web1', facts]])
    here.keepFacts(here.knownFacts(), [['web2', facts]])
    expect([...here.knownFacts().keys()]).toEqual(['web1', 'web2'])
  })

  test('are read off the hosts again where the file is damaged', () => {
    const here = project()
    here.keepFacts(new Map(), [['web1', facts]])
    writeFileSync(here.path('cache', 'facts.json'), '{"web1"')
    expect(here.knownFacts()).toEqual(new Map())
  })
})
