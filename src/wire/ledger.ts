import type { HostResult, Made } from '../engine/events.ts'

/** What both records of a run say. Readers take any version up to the one they know. */
interface Opening {
  readonly version: 1
  readonly id: string
  /** Who ran it: login name and machine, and the address that git knows them by. */
  readonly who: { readonly login: string; readonly machine: string; readonly email?: string }
  /** When it began, ISO 8601 in UTC. */
  readonly when: string
  /** The words of the command line. */
  readonly command: readonly string[]
  /** The commit of the description; left out when it is not in git. */
  readonly commit?: string
  /** Whether the description had changes that were not committed. */
  readonly dirty?: boolean
}

/** Written before the first change: a run that is killed is on record too. */
export interface BegunRecord extends Opening {
  readonly type: 'begun'
  readonly planHash: string
  /** Ids of what was planned, by host. */
  readonly planned: Readonly<Record<string, readonly string[]>>
}

/** Written at the end of a run, with the id of its beginning. */
export interface RunRecord extends Opening {
  readonly type: 'run'
  readonly planHash: string
  readonly result: 'done' | 'failed' | 'stopped'
  /** Seconds. */
  readonly duration: number
  readonly hosts: readonly HostRecord[]
}

/** What was changed about what an app serves with: a line when it begins, and one at its end. */
export interface DeployRecord extends Opening {
  readonly type: 'deploy'
  readonly app: string
  readonly action: 'deploy' | 'rollback' | 'scale' | 'restart' | 'maintenance'
  /** `begun` without a later record of the same id: it was killed, or still runs. */
  readonly result: 'begun' | 'done' | 'failed' | 'stopped'
  readonly hosts: readonly string[]
  /** What is to serve: a release, or what else is asked for, such as `on`. */
  readonly to?: string
  /** The release that served before; of several the first host's. */
  readonly from?: string
  /** Commits of the app: what served before, and what was to serve. */
  readonly range?: { readonly from?: string; readonly to?: string }
  /** Of these commits a line each, newest first. */
  readonly changelog?: readonly string[]
  /** Seconds, in the order in which they ended. */
  readonly phases?: readonly DeployPhase[]
  readonly duration?: number
  readonly error?: { readonly code: string; readonly what: string; readonly state: string }
}

export interface DeployPhase {
  readonly phase: string
  readonly hosts: readonly string[]
  readonly seconds: number
}

export type LedgerRecord = BegunRecord | RunRecord | DeployRecord

/** Whether the record of its end follows, when there is one. */
export function isBeginning(record: LedgerRecord): boolean {
  return record.type === 'begun' || (record.type === 'deploy' && record.result === 'begun')
}

export interface HostRecord {
  readonly host: string
  readonly result: HostResult['status'] | 'unreachable'
  readonly duration: number
  /** What was made, in order, with its diff. */
  readonly changes: readonly Made[]
  /** What was planned and not made. */
  readonly left: readonly string[]
  readonly error?: { readonly code: string; readonly what: string }
}

export function hostRecord({ host, status, made, left, error, seconds }: HostResult): HostRecord {
  return {
    host,
    result: status,
    duration: round(seconds),
    changes: made.map((each) => ({ ...each, seconds: round(each.seconds) })),
    left,
    ...(error ? { error: { code: error.code, what: error.message } } : {}),
  }
}

const round = (seconds: number): number => Math.round(seconds * 1000) / 1000
