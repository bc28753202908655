import { observe } from '../engine/observe.ts'
import { type Kind, nothingPlanned } from '../model/kind.ts'
import { type Resource, idOf } from '../model/resource.ts'
import type { Session } from '../transport/machine.ts'
import { Call } from './call.ts'
import type { Draft, Entry, LeftOut } from './draft.ts'

/** What is described, for good: a role with its calls. */
export interface Adopted {
  readonly roles: readonly {
    readonly name: string
    readonly about: string
    readonly calls: readonly Call[]
  }[]
  readonly leftOut: readonly LeftOut[]
}

/**
 * Reads what was drafted as a plan does, and keeps of each entry the first way that is true of the
 * host: what a plan would change is left out instead.
 */
export async function verify(
  draft: Draft,
  session: Session,
  kinds: ReadonlyMap<string, Kind>,
): Promise<Adopted> {
  const all = draft.roles.flatMap(({ entries }) =>
    entries.flatMap(({ ways }) => ways.flat().flatMap((call) => resourcesOf(call) ?? [])),
  )
  const { states } = await observe(session, all, kinds)
  const fault = (resource: Resource): string | undefined =>
    kinds.get(resource.kind)!.diff(resource, states.get(idOf(resource)), nothingPlanned)?.summary
  const leftOut: LeftOut[] = []
  const roles = draft.roles.map(({ name, about, entries }) => {
    const calls = entries.flatMap((each) => {
      const chosen = choose(each, fault)
      if ('why' in chosen) leftOut.push(chosen)
      return 'why' in chosen ? [] : chosen.calls
    })
    return { name, about, calls }
  })
  return withoutLooseEnds({ roles, leftOut: [...draft.leftOut, ...leftOut] })
}

/** As root, whoever logs in; undefined where it cannot be described like that. */
function resourcesOf(call: Call): Resource[] | undefined {
  try {
    return call.resources().map((each) => ({ ...each, user: each.user ?? 'root' }))
  } catch {
    return undefined
  }
}

function choose(
  { ways }: Entry,
  fault: (resource: Resource) => string | undefined,
): { calls: readonly Call[] } | LeftOut {
  let first: LeftOut | undefined
  for (const way of ways) {
    const calls = way.flatMap((call) => withoutFaults(call, fault))
    const made = calls.map((call) => ({ call, resources: resourcesOf(call) }))
    const wrong = made.flatMap(({ call, resources }) =>
      resources === undefined
        ? [{ what: String(call.args[0]), why: 'its form is one that cannot be described' }]
        : resources.flatMap((each) => {
            const why = fault(each)
            return why === undefined
              ? []
              : [{ what: idOf(each), why: `a plan would change it: ${why}` }]
          }),
    )
    if (wrong.length === 0) return { calls }
    first ??= wrong[0]
  }
  return first!
}

/** Of several packages in one call those that are as they should be. */
function withoutFaults(call: Call, fault: (resource: Resource) => string | undefined): Call[] {
  if (call.name !== 'packages') return [call]
  const good = call.args.filter((name) =>
    (resourcesOf(new Call('packages', name)) ?? []).every((each) => fault(each) === undefined),
  )
  return good.length === 0 ? [] : [new Call('packages', ...good)]
}

/** Nobody notifies a service that was left out. */
function withoutLooseEnds({ roles, leftOut }: Adopted): Adopted {
  const described = new Set(
    roles.flatMap(({ calls }) => calls.flatMap((call) => (resourcesOf(call) ?? []).map(idOf))),
  )
  const loose = (call: Call): boolean =>
    (resourcesOf(call) ?? []).some(({ notify }) =>
      notify.some(({ target }) => !described.has(target)),
    )
  return {
    leftOut,
    roles: roles
      .map((role) => ({
        ...role,
        calls: role.calls.map((call) => (loose(call) ? quiet(call) : call)),
      }))
      .filter(({ calls }) => calls.length > 0),
  }
}

function quiet(call: Call): Call {
  const [name, options] = call.args
  return new Call(call.name, name, { ...(options as object), notify: undefined })
}
