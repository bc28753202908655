import type { Call } from './call.ts'

/** One thing to describe: the first of the ways that is true of the host as it is. */
export interface Entry {
  readonly ways: readonly (readonly Call[])[]
}

/** A role with what it describes, in order. */
export interface RoleDraft {
  readonly name: string
  /** What it is, for the comment above it. */
  readonly about: string
  readonly entries: readonly Entry[]
}

/** What is on the host and not in the description, and why. */
export interface LeftOut {
  readonly what: string
  readonly why: string
}

/** What one part of a host comes to. */
export interface Part {
  readonly entries: readonly Entry[]
  readonly leftOut: readonly LeftOut[]
}

export interface Draft {
  readonly roles: readonly RoleDraft[]
  readonly leftOut: readonly LeftOut[]
}

export const entry = (...calls: readonly Call[]): Entry => ({ ways: [calls] })
