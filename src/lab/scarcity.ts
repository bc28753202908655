import { readFileSync, writeFileSync } from 'node:fs'

const path = '/proc/sys/fs/inotify/max_user_instances'

/** Enough for some 140 hosts; systemd and what runs under it take 7 for each. */
export const enoughInotify = 1024

/** How many inotify instances a user of this machine may have; undefined where there is no limit. */
export function inotifyInstances(): number | undefined {
  try {
    return Number(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}

/**
 * Linux allows 128 by default, which ends at 18 hosts with a systemd that cannot start. Root may
 * raise it, until the next boot; for anybody else the error of a host that did not start says so.
 */
export function raiseInotify(report: (line: string) => void): void {
  const limit = inotifyInstances()
  if (limit === undefined || limit >= enoughInotify || process.getuid?.() !== 0) return
  try {
    writeFileSync(path, String(enoughInotify))
    report(`Raised fs.inotify.max_user_instances of this machine from ${limit} to ${enoughInotify}`)
  } catch {
    // A machine that refuses has hosts enough for most labs all the same.
  }
}
