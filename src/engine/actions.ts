import type { Kind } from '../model/kind.ts'
import { type Resource, idOf } from '../model/resource.ts'
import type { Noted } from './journal.ts'

/** An action that is due, with all the notes that it settles. */
export interface DueAction {
  readonly resource: Resource
  readonly action: string
  readonly notes: readonly Noted[]
}

/** One action for each notified resource, in the order of the resources: the strongest asked for. */
export function dueActions(
  noted: readonly Noted[],
  resources: readonly Resource[],
  kinds: ReadonlyMap<string, Kind>,
): DueAction[] {
  return resources.flatMap((resource) => {
    const notes = noted.filter(({ target }) => target === idOf(resource))
    const names = Object.keys(kinds.get(resource.kind)?.actions ?? {})
    const action = names.findLast((name) => notes.some((each) => each.action === name))
    return action === undefined || resource.absent ? [] : [{ resource, action, notes }]
  })
}

/** As people read them: `restart service:nginx`. */
export function actionsOf(due: readonly DueAction[]): string[] {
  return due.map(({ resource, action }) => `${action} ${idOf(resource)}`)
}
