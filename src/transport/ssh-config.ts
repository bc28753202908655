import { readFileSync, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, dirname, join } from 'node:path'

let known: readonly number[] | undefined

/**
 * What the ssh config here says about ConnectTimeout, for whichever hosts, in seconds. A word on the
 * command line would win over it, so it is only given where there is none. Not asked of `ssh -G`: that
 * is a process for each host.
 */
export function ownTimeouts(): readonly number[] {
  const own = join(homedir(), '.ssh')
  return (known ??= [
    ...timeoutsIn(join(own, 'config'), own),
    ...timeoutsIn('/etc/ssh/ssh_config', '/etc/ssh'),
  ])
}

/** `folder`: where the files are that it includes. */
export function timeoutsIn(file: string, folder: string, depth = 0): number[] {
  return rowsOf(file).flatMap((row) => {
    const [, word = '', rest = ''] = /^\s*(\w+)(?:\s*=\s*|\s+)(.*)/.exec(row) ?? []
    const values = rest.match(/[^"\s]+/g) ?? []
    if (/^connecttimeout$/i.test(word)) return [Number(values[0]) || 0]
    if (!/^include$/i.test(word) || depth > 3) return []
    const paths = values.map((each) => each.replace(/^~(?=\/)/, homedir()))
    return paths
      .flatMap((each) => matching(each.startsWith('/') ? each : join(folder, each)))
      .flatMap((each) => timeoutsIn(each, folder, depth + 1))
  })
}

/** The files that a path with * in its last part stands for. */
function matching(path: string): string[] {
  if (!basename(path).includes('*')) return [path]
  const pattern = basename(path).replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
  const fits = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`)
  try {
    const names = readdirSync(dirname(path)).filter((name) => fits.test(name))
    return names.map((name) => join(dirname(path), name))
  } catch {
    return []
  }
}

function rowsOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n')
  } catch {
    return []
  }
}
