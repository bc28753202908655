import { readFileSync } from 'node:fs'

/**
 * A process as it can be told from a later one with the same number: `pid:start`. Labels and lock
 * files carry it, so that what a killed process left behind is known to be nobody's.
 */
export function owner(pid: number = process.pid): string {
  return `${pid}:${startTime(pid) ?? ''}`
}

export function isAlive(who: string): boolean {
  const [pid = '', start = ''] = who.split(':')
  if (!/^\d+$/.test(pid)) return false
  try {
    process.kill(Number(pid), 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  return start === '' || startTime(Number(pid)) === start
}

/** In clock ticks since the machine started; undefined where there is no /proc. */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name of the program may hold spaces and brackets; fields are counted from its end.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
