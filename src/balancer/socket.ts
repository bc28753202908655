import { type Shell, sh } from '../base/shell.ts'
import { adminSocket, masterSocket } from './description.ts'

/** What HAProxy that runs says of one slot. */
export interface SlotStats {
  readonly host: string
  readonly slot: number
  /** `UP`, `UP 1/3`, `DOWN`, `DOWN 1/2`, `MAINT`, `DRAIN`, `NOLB`... */
  readonly status: string
  /** Requests that it answers just now, and that wait for it. */
  readonly current: number
  readonly queue: number
  /** Since HAProxy was started or reloaded. */
  readonly requests: number
  /** Requests of which an answer of the instance has begun, whatever its status. */
  readonly answered: number
  readonly responses5xx: number
  /** Connections that could not be made, and answers that broke off. */
  readonly connectionErrors: number
  readonly responseErrors: number
  /** `L7OK`, `L7STS`, `L4CON`...; `* ` before it while a check is under way; empty: not checked yet. */
  readonly checkStatus: string
  /** Until the answer began and until it ended, in milliseconds: the mean of its last 1024 requests. */
  readonly responseTime: number
  readonly totalTime: number
}

const statuses = ['1xx', '2xx', '3xx', '4xx', '5xx', 'other']

/** Asks HAProxy that runs about the slots of an app; as root. */
export function readStats(app: string): Shell {
  return sh`printf 'show stat %s 4 -1\n' ${`app-${app}`} | socat -t 10 - ${`UNIX-CONNECT:${adminSocket}`}`
}

/**
 * Prints how many workers are left of before a reload; as root. They still answer over connections that
 * they have, do not hear of slots any more, and so may send a request to one that takes none by now.
 */
export const countOldWorkers: Shell = sh`printf 'show proc\n' | socat -t 5 - ${`UNIX-CONNECT:${masterSocket}`} 2>/dev/null | awk '/^# /{ old = /old workers/ } old && $1 ~ /^[0-9]+$/ { count++ } END { print count + 0 }'`

/** Throws an Error with what was said instead. */
export function parseStats(output: string): readonly SlotStats[] {
  const [head = '', ...rows] = output.split('\n').filter((row) => row.trim() !== '')
  if (!head.startsWith('# pxname,')) throw new Error(head || 'HAProxy does not answer')
  const names = head.slice(2).split(',')
  return rows.flatMap((row) => {
    const cells = row.split(',')
    const text = (name: string): string => cells[names.indexOf(name)] ?? ''
    const number = (name: string): number => Number(text(name))
    const [, host, slot] = /^(.+)-(\d+)$/.exec(text('svname')) ?? []
    if (host === undefined) return []
    return {
      host,
      slot: Number(slot),
      status: text('status'),
      current: number('scur'),
      queue: number('qcur'),
      requests: number('stot'),
      answered: statuses.reduce((sum, each) => sum + number(`hrsp_${each}`), 0),
      responses5xx: number('hrsp_5xx'),
      connectionErrors: number('econ'),
      responseErrors: number('eresp'),
      checkStatus: text('check_status'),
      responseTime: number('rtime'),
      totalTime: number('ttime'),
    }
  })
}
