import type { Kind, LockOut } from '../model/kind.ts'
import { type Resource, idOf } from '../model/resource.ts'
import { expectedNotes } from './actions.ts'
import type { HostPlan } from './plan.ts'

/** What of a run may lock us out of its host. */
export class Risk {
  readonly #plan: HostPlan
  readonly #kinds: ReadonlyMap<string, Kind>
  readonly #login: string
  /** Ids of what may lock us out when it changes. */
  readonly #risky: ReadonlySet<string>

  constructor(plan: HostPlan, kinds: ReadonlyMap<string, Kind>, login: string | undefined) {
    this.#plan = plan
    this.#kinds = kinds
    this.#login = plan.journal.login || (login ?? 'root')
    this.#risky = new Set(
      plan.resources.filter((each) => this.lockOutOf(each)).map((each) => idOf(each)),
    )
  }

  has(id: string): boolean {
    return this.#risky.has(id)
  }

  lockOutOf(resource: Resource): LockOut | undefined {
    return this.#kinds.get(resource.kind)!.lockOut?.(resource, this.#login)
  }

  /** How the host would put back what this run may break: for all changes and actions together. */
  lockOuts(): LockOut[] {
    const { all, resources, changes } = this.#plan
    const notes = expectedNotes(changes, this.#plan.owed)
    const asked = new Set(notes.map(({ target }) => target))
    const notified = all.filter((each) => asked.has(idOf(each)))
    const causes = this.#plan.owed.map(({ cause }) => cause)
    const owing = resources.filter((each) => causes.includes(idOf(each)))
    return [...changes.map(({ resource }) => resource), ...notified, ...owing].flatMap(
      (each) => this.lockOutOf(each) ?? [],
    )
  }
}
