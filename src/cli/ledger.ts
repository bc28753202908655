import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { systemClock } from '../base/clock.ts'
import { problem } from '../base/errors.ts'
import { type LedgerRecord, type RunRecord, isBeginning } from '../wire/ledger.ts'
import type { Project } from './project.ts'
import { json } from './render/json.ts'

/** The record of runs beside a description: `.fettle/ledger/YYYY-MM.jsonl`, a run a line. */
export class Ledger {
  readonly #project: Project

  constructor(project: Project) {
    this.#project = project
  }

  append(record: LedgerRecord): void {
    const folder = this.#project.ofHosts('ledger')
    mkdirSync(folder, { recursive: true })
    // One write of one line: two people who append at once do not mix.
    appendFileSync(join(folder, `${record.when.slice(0, 7)}.jsonl`), `${json(record, 0)}\n`)
  }

  /** The last so many runs, oldest first; a beginning without an end stands for its run. */
  last(number: number, wanted: (record: LedgerRecord) => boolean): LedgerRecord[] {
    const found: LedgerRecord[] = []
    const ended = new Set<string>()
    for (const file of this.#files().reverse())
      for (const record of this.#read(file).reverse()) {
        const repeated = isBeginning(record) && ended.has(record.id)
        ended.add(record.id)
        if (!repeated && wanted(record)) found.unshift(record)
        if (found.length >= number) return found
      }
    return found
  }

  #files(): string[] {
    const folder = this.#project.ofHosts('ledger')
    if (!existsSync(folder)) return []
    return readdirSync(folder)
      .filter((name) => name.endsWith('.jsonl'))
      .sort()
      .map((name) => join(folder, name))
  }

  #read(file: string): LedgerRecord[] {
    return readFileSync(file, 'utf8')
      .split('\n')
      .flatMap((line, i) => {
        if (line.trim() === '') return []
        try {
          return [JSON.parse(line) as LedgerRecord]
        } catch (error) {
          throw problem('ledger-broken', {
            path: file,
            line: i + 1,
            reason: error instanceof Error ? error.message : String(error),
          })
        }
      })
  }
}

/** What every record says of a run that begins now. */
export async function openingRecord(
  folder: string,
): Promise<Pick<RunRecord, 'version' | 'id' | 'who' | 'commit' | 'dirty' | 'when' | 'command'>> {
  return {
    version: 1,
    id: randomUUID(),
    ...(await provenance(folder)),
    when: systemClock.now().toISOString(),
    command: process.argv.slice(2),
  }
}

/** Who runs Fettle and on which commit of the description. */
export async function provenance(
  folder: string,
): Promise<Pick<RunRecord, 'who' | 'commit' | 'dirty'>> {
  const [commit, status, email] = await Promise.all([
    git(folder, ['rev-parse', 'HEAD']),
    git(folder, ['status', '--porcelain', '--', '.']),
    git(folder, ['config', 'user.email']),
  ])
  const who = { login: userInfo().username, machine: hostname(), ...(email ? { email } : {}) }
  return { who, ...(commit ? { commit, dirty: status !== '' } : {}) }
}

/** What git prints, or undefined where there is no git, no repository or no answer. */
async function git(folder: string, words: readonly string[]): Promise<string | undefined> {
  return promisify(execFile)('git', ['-C', folder, ...words]).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  )
}
