import type { Change, Kind } from '../model/kind.ts'
import { type Resource, idOf } from '../model/resource.ts'
import type { Noted } from './journal.ts'

/** An action that is due, with all the notes that it settles. */
export interface DueAction {
  readonly resource: Resource
  readonly action: string
  readonly notes: readonly Noted[]
}

/** Notes that a change makes needless: those for its own resource that it settles. */
export function settledBy({ resource, difference }: Change, noted: readonly Noted[]): Noted[] {
  const settled = difference.settles ?? []
  if (settled.length === 0) return []
  const id = idOf(resource)
  return noted.filter(({ target, action }) => target === id && settled.includes(action))
}

/** What will be noted at the end of a run: what is owed already and what its changes ask for. */
export function expectedNotes(changes: readonly Change[], owed: readonly Noted[]): Noted[] {
  const noted = new Set(owed)
  for (const change of changes) {
    if (change.difference.settles)
      for (const each of settledBy(change, [...noted])) noted.delete(each)
    for (const each of askedBy(change.resource)) noted.add(each)
  }
  return [...noted]
}

/** What a resource asks for when it has changed. */
export function askedBy(resource: Resource): Noted[] {
  return resource.notify.map(({ target, action }) => ({ target, action, cause: idOf(resource) }))
}

/** One action for each notified resource, in the order of the resources: the strongest asked for. */
export function dueActions(
  noted: readonly Noted[],
  resources: readonly Resource[],
  kinds: ReadonlyMap<string, Kind>,
): DueAction[] {
  if (noted.length === 0) return []
  const byTarget = new Map<string, Noted[]>()
  for (const each of noted) {
    const known = byTarget.get(each.target)
    if (known) known.push(each)
    else byTarget.set(each.target, [each])
  }
  return resources.flatMap((resource) => {
    const notes = byTarget.get(idOf(resource)) ?? []
    const names = Object.keys(kinds.get(resource.kind)?.actions ?? {})
    const action = names.findLast((name) => notes.some((each) => each.action === name))
    return action === undefined || resource.absent ? [] : [{ resource, action, notes }]
  })
}

/**
 * Whether a plan can promise an action: something that asks for it is sure to change, and no start
 * that may yet be needed settles it.
 */
export function isCertain(
  { resource, action, notes }: DueAction,
  changes: readonly Change[],
  owed: readonly Noted[],
): boolean {
  const places = new Map(changes.map((each, i) => [idOf(each.resource), i]))
  const place = (id: string): number => places.get(id) ?? -1
  const unknown = (at: number): boolean => changes[at]?.difference.verb === 'unknown'
  const own = place(idOf(resource))
  return notes.some((note) => {
    const cause = owed.includes(note) ? -1 : place(note.cause)
    return note.action === action && !unknown(cause) && !(unknown(own) && own > cause)
  })
}

/** As people read them: `restart service:nginx`. */
export function actionsOf(due: readonly DueAction[]): string[] {
  return due.map(({ resource, action }) => `${action} ${idOf(resource)}`)
}
