import type { FettleError } from '../base/errors.ts'

/** What happens during a run, as it happens. Resource ids name what it happens to. */
export type RunEvent =
  | { readonly type: 'step-begun'; readonly host: string; readonly ids: readonly string[] }
  | { readonly type: 'output'; readonly host: string; readonly chunk: Buffer }
  | { readonly type: 'made'; readonly host: string; readonly made: Made }
  | { readonly type: 'needless'; readonly host: string; readonly id: string }
  | { readonly type: 'host-ended'; readonly host: string; readonly result: HostResult }

/** One change that was made and read back, or one action that was done. */
export interface Made {
  readonly id: string
  readonly verb: 'create' | 'change' | 'remove' | 'run' | 'action'
  readonly summary: string
  /** A unified diff without headers, secrets redacted. */
  readonly diff?: string
  readonly seconds: number
}

/** How a run ended on one host. */
export interface HostResult {
  readonly host: string
  /** `stopped`: interrupted between steps. `untouched`: an earlier batch failed. */
  readonly status: 'done' | 'failed' | 'stopped' | 'untouched'
  readonly made: readonly Made[]
  /** Ids of planned changes that were not made. */
  readonly left: readonly string[]
  readonly error?: FettleError
  readonly seconds: number
}
