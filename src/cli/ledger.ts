import { execFile } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { problem } from '../base/errors.ts'
import type { RunRecord } from '../wire/ledger.ts'
import type { Project } from './project.ts'

/** The record of runs beside a description: `.fettle/ledger/YYYY-MM.jsonl`, a run a line. */
export class Ledger {
  readonly #project: Project

  constructor(project: Project) {
    this.#project = project
  }

  append(record: RunRecord): void {
    const folder = this.#project.path('ledger')
    mkdirSync(folder, { recursive: true })
    // One write of one line: two people who append at once do not mix.
    appendFileSync(join(folder, `${record.when.slice(0, 7)}.jsonl`), `${JSON.stringify(record)}\n`)
  }

  /** The last so many runs, oldest first. */
  last(number: number, wanted: (record: RunRecord) => boolean): RunRecord[] {
    const found: RunRecord[] = []
    for (const file of this.#files().reverse()) {
      const records = this.#read(file).filter(wanted)
      found.unshift(...records.slice(Math.max(0, records.length - (number - found.length))))
      if (found.length >= number) break
    }
    return found
  }

  #files(): string[] {
    const folder = this.#project.path('ledger')
    if (!existsSync(folder)) return []
    return readdirSync(folder)
      .filter((name) => name.endsWith('.jsonl'))
      .sort()
      .map((name) => join(folder, name))
  }

  #read(file: string): RunRecord[] {
    return readFileSync(file, 'utf8')
      .split('\n')
      .flatMap((line, i) => {
        if (line.trim() === '') return []
        try {
          return [JSON.parse(line) as RunRecord]
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
