/** What apt says that an installation would come to. */
export interface Foresight {
  readonly installs: readonly Foreseen[]
  readonly removes: readonly string[]
}

export interface Foreseen {
  readonly name: string
  /** The version that is installed; undefined where none is. */
  readonly from: string | undefined
  readonly to: string
}

const installing: readonly string[] = [
  'The following NEW packages will be installed:',
  'The following packages will be upgraded:',
  'The following packages will be DOWNGRADED:',
]
const removing = 'The following packages will be REMOVED:'

/** Reads the lists that `apt-get -V install` shows: a heading, then a line for each, indented. */
export function parseForesight(text: string): Foresight {
  const installs: Foreseen[] = []
  const removes: string[] = []
  let heading = ''
  for (const row of text.split('\n')) {
    if (!row.startsWith(' ')) heading = row.trim()
    // `nginx (1.22)`, `nginx (1.18 => 1.22)`; where one goes just `nginx`, with a star if its
    // configuration does too.
    const found = /^ +([^ *]+)\*?(?: \((\S+)(?: => (\S+))?\))?$/.exec(row.trimEnd())
    if (!found) continue
    const [, name = '', one = '', other] = found
    if (heading === removing) removes.push(name)
    else if (installing.includes(heading) && one !== '')
      installs.push({ name, from: other && one, to: other ?? one })
  }
  return { installs, removes }
}

/** Nothing of it was done, for this reason; undefined when all could be. */
export function refusalOf(text: string): string | undefined {
  const unmet = /^ (\S+ : (?:Pre)?Depends: .*)$/m.exec(text)
  const error = /^E: (.*)$/m.exec(text)
  return error ? (unmet?.[1] ?? error[1]) : undefined
}

/** The versions that sources have, newest first, by name: from what `apt-cache policy` prints. */
export function parsePolicy(text: string): Map<string, string[]> {
  const versions = new Map<string, string[]>()
  let [name, version] = ['', '']
  for (const row of text.split('\n')) {
    const head = /^(\S+):$/.exec(row)
    const entry = /^ (?:\*\*\*|   ) (\S+) -?\d+$/.exec(row)
    if (head) name = head[1]!
    else if (entry) version = entry[1]!
    else if (/^ {8,}-?\d+ (?!\/var\/lib\/dpkg\/status)/.test(row)) {
      const known = versions.get(name) ?? []
      if (!known.includes(version)) versions.set(name, [...known, version])
    }
  }
  return versions
}
