import type { Code } from './code.ts'
import type { Report } from './report.ts'
import type { Task } from './tasks.ts'
import type { RoleScope } from './variables.ts'

/** A role of Ansible, or the tasks of a play, to be written as a role of Fettle. */
export interface RoleInput {
  readonly name: string
  readonly tasks: readonly Task[]
  readonly handlers: readonly Task[]
  /** Where its `templates/` and `files/` are, best first. */
  readonly roots: readonly string[]
  /** Who changes the hosts where tasks do not say: of the play; undefined: who logs in. */
  readonly become: string | undefined
  /** Whether everybody logs in as root. */
  readonly rootLogin: boolean
}

/** What an earlier command found out, as the guard of a later one. */
export interface Guard {
  readonly field: 'unless' | 'onlyIf' | 'creates'
  readonly probe: Task
  /** Only what the command prints counts: this must be in it. */
  readonly printed?: string
}

/** The role in the making, as what translates its tasks sees it. */
export interface RoleWork {
  readonly input: RoleInput
  readonly scope: RoleScope
  readonly report: Report
  /** Services that are described, and those that a notification needs to be. */
  readonly services: Set<string>
  readonly wanted: Map<string, Task>
  /** Tasks that only look, by what they register. */
  readonly probes: Map<string, Task>
  /** The guards of the task in hand. */
  guards: readonly Guard[]
  /** What a task asks for when it has changed something. */
  notifications(task: Task): Code[]
  commandName(wanted: string): string
  find(folder: 'templates' | 'files', name: string): string | undefined
  fitting(folder: 'templates' | 'files', pattern: RegExp): string[]
  template(source: string, name: string): ReadonlyMap<string, string>
  plainTemplate(source: string, name: string): void
  file(source: string, name: string): void
  pathOf(folder: 'templates' | 'files', name: string, end?: string): string
}
