import type { Payload } from '../transport/machine.ts'
import type { Shell } from '../base/shell.ts'
import type { Check, Fields } from './schema.ts'
import type { Resource } from './resource.ts'

/**
 * Everything that Fettle knows about one kind of resource. Nothing here does anything: scripts are
 * values that the engine sends to a host, and `diff` is a pure function. The guide "Write a
 * resource" walks through one.
 */
export interface Kind<Desired extends object = any, State = any> {
  readonly name: string
  /** What a name must look like. */
  readonly named: Check
  /** One check per field; the words about them stand at the interface of `Desired`. */
  readonly fields: Fields<Desired>
  /** Who reads and changes it where the description does not say: root, or the login user. */
  readonly user: 'root' | 'login'
  /**
   * A change may alter more on the host than its own resource (a package brings files and units),
   * so what comes later and is not there yet cannot be known until it has run.
   */
  readonly opaque?: boolean
  /**
   * Changes next to each other are made in one step: `together`, such as one apt transaction; or
   * `in order`, one after the other up to the first that fails. Left out: each has a step of its own.
   */
  readonly batch?: 'together' | 'in order'
  /** What no other resource may claim on the same host; the id itself need not be listed. */
  claims?(resource: Resource<Desired>): readonly Claim[]
  /**
   * The resource with what it must know of the paths that other resources of its host claim; asked
   * once, before anything is read. Throws when it cannot bear one of them. Left out: it need not know.
   */
  among?(resource: Resource<Desired>, others: () => readonly string[]): Resource<Desired>
  /**
   * Paths that it wants to know of: what stands there comes first in what `parse` gets, as
   * `statPaths` prints it. Those of all kinds are looked at in one go, which is what makes them cheap.
   */
  paths?(resources: readonly Resource<Desired>[]): readonly string[]
  /** Units that it wants to know of, by their exact names: next comes what `showUnits` prints of them. */
  units?(resources: readonly Resource<Desired>[]): readonly string[]
  /** One script that reads the rest of all of these; it must not change anything. */
  read?(resources: readonly Resource<Desired>[]): Shell | undefined
  /**
   * The states from what was printed, in the order of the resources. Throws an Error with the
   * reason when that cannot be told; it becomes `read-failed`, and the host is left alone.
   */
  parse(output: Buffer, resources: readonly Resource<Desired>[]): readonly State[]
  /** What must change for the state to be as described; undefined when nothing. Pure. */
  diff(resource: Resource<Desired>, state: State, context: Context): Difference | undefined
  /** The step that makes the changes: several only where `batch` is set. */
  apply(changes: readonly Change<Desired, State>[]): Step
  /**
   * What was read back, with what lies outside the host as it was seen when the change was planned:
   * a branch that moves on during a run is no fault of the change. Left out: nothing lies outside.
   */
  asPlanned?(seen: State, after: State): State
  /**
   * What a change came to, for the record, where the plan could not say it all. `after` is the state
   * that was read back. Left out: the plan's own words.
   */
  outcome?(change: Change<Desired, State>, after: State): string
  /**
   * What a `notify` may ask of it, by name, weakest first: of several that are asked for in one
   * run only the last is done, as a restart makes a reload needless.
   */
  readonly actions?: Readonly<Record<string, (resource: Resource<Desired>) => Shell>>
  /**
   * As much of what is described as its removal takes, for the host to remember in the clear: when
   * it has left the description, removal is what is offered. Left out: it can be named, and no more.
   * `nothing`: nothing stays on the host that could be removed. Undefined is as if left out, for one.
   */
  readonly remembers?: 'nothing' | ((resource: Resource<Desired>) => Desired | undefined)
  /**
   * Kinds of what its removal needs. When both left the description it goes first, whatever their order
   * was. With all of what those need in turn.
   */
  readonly leavesBefore?: readonly string[]
  /**
   * How a change of it may lock us out of the host, and how the host puts back what it had. The
   * engine arms it before the change and disarms it after a new login. Left out: it cannot.
   */
  lockOut?(resource: Resource<Desired>, login: string): LockOut | undefined
}

/** What a host needs to get back, by itself, to where one could log in. Runs as root. */
export interface LockOut {
  /** Files and directories that are put back as they were; those that were not there are removed. */
  readonly paths: readonly string[]
  /** Prints what is to be kept beside files, such as the rules in the kernel. */
  readonly save?: Shell
  /** Makes it hold again when the paths are back; its input is what `save` printed. */
  readonly restore?: Shell
}

/** Something that only one resource of a host may own; shared claims bear with each other. */
export interface Claim {
  readonly what: string
  readonly shared?: boolean
}

/** What is planned before this resource, so that a kind can say what it cannot know yet. */
export interface Context {
  /** The earlier planned changes on this host, in order, by resource id. */
  readonly earlier: ReadonlyMap<string, Difference>
  /** Ids of those among them whose kind is opaque. */
  readonly opaque: readonly string[]
}

/** The context in which everything can be known. */
export const nothingPlanned: Context = { earlier: new Map(), opaque: [] }

/** How a state differs from what is described, for people and for machines. */
export interface Difference {
  /** `unknown`: whether and how it differs is known only after an earlier step has run. */
  readonly verb: 'create' | 'change' | 'remove' | 'run' | 'unknown'
  /** A few words, such as `mode 0644 -> 0600`. */
  readonly summary: string
  /** Texts to show a line diff of; they may hold secret marks. */
  readonly text?: { readonly before: string; readonly after: string }
  /** Own actions that this makes needless when they were asked for before, as a start does a restart. */
  readonly settles?: readonly string[]
  /**
   * Something that is not planned to change before is in the way of this removal. What left the
   * description is removed after all else then, not before.
   */
  readonly waits?: boolean
}

/** One resource with its state and how it must change. */
export interface Change<Desired = unknown, State = unknown> {
  readonly resource: Resource<Desired>
  readonly state: State
  readonly difference: Difference
}

/** What a host is asked to run to make changes. A script that fails must exit non-zero. */
export interface Step {
  readonly script: Shell
  readonly input?: Payload | undefined
}

/** Says that an opaque step before it decides; the usual answer of a kind whose subject is not there yet. */
export function unknownAfter(context: Context, wanted: string): Difference {
  return {
    verb: 'unknown',
    summary: `${wanted}, unless ${context.opaque.at(-1)} brings it`,
  }
}
