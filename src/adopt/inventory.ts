/** What `inventoryScript` found on a host, as plain data. */
export interface Inventory {
  readonly hostname: string
  readonly packages: ReadonlyMap<string, Package>
  readonly manual: readonly string[]
  readonly held: readonly string[]
  /** Manual packages that some repository has. */
  readonly fetchable: ReadonlySet<string>
  /** Configuration of packages that differs from what they brought; true: it is gone. */
  readonly conffiles: ReadonlyMap<string, boolean>
  /** Other files of packages that were changed. */
  readonly verify: readonly string[]
  /** What no package owns. */
  readonly unowned: readonly Found[]
  /** Everything that was looked at, by path. */
  readonly all: ReadonlyMap<string, Found>
  /** Files that are as a package has them, though no package owns them. */
  readonly stock: ReadonlySet<string>
  readonly contents: ReadonlyMap<string, Buffer>
  readonly users: readonly Account[]
  readonly groups: readonly Group[]
  /** Users and groups that the distribution or a package made. */
  readonly known: ReadonlySet<string>
  readonly units: ReadonlyMap<string, Unit>
  readonly zone: string
  readonly hosts: string
  /** Rules in the kernel. */
  readonly firewallRules: number
}

export interface Package {
  readonly priority: string
  readonly section: string
  readonly depends: readonly string[]
  readonly provides: readonly string[]
}

export interface Found {
  readonly type: 'file' | 'link' | 'directory'
  /** Octal with four digits. */
  readonly mode: string
  readonly owner: string
  readonly group: string
  readonly size: number
  readonly target: string
  readonly path: string
}

export interface Account {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly comment: string
  readonly home: string
  readonly shell: string
  readonly password: 'set' | 'locked' | 'none' | 'empty'
  readonly ended: boolean
  readonly homeThere: boolean
  readonly keys: Buffer | undefined
}

export interface Group {
  readonly name: string
  readonly gid: number
  readonly members: readonly string[]
}

export interface Unit {
  /** `enabled`, `disabled`, `masked`, `static`...; empty: no unit file. */
  readonly state: string
  readonly active: string
  readonly sub: string
  /** The package that brought it. */
  readonly package: string | undefined
  /** Its package enabled it when it was installed. */
  readonly enabledByPackage: boolean
}

/** Takes apart what `inventoryScript` printed. Throws when it is not whole. */
export function parseInventory(output: Buffer): Inventory {
  const sections = new Map<string, string[]>()
  let rows: string[] = []
  for (const row of output.toString('utf8').split('\n')) {
    const name = /^==fettle== (\S+)$/.exec(row)?.[1]
    if (name !== undefined) sections.set(name, (rows = []))
    else if (row !== '') rows.push(row)
  }
  if (!sections.has('end')) throw new Error('the answer was cut short')
  const of = (name: string): string[] => sections.get(name) ?? []
  const unowned = of('unowned').flatMap(found)
  const count = (row: string): number => Number(row) || 0
  return {
    hostname: of('hostname')[0] ?? '',
    packages: new Map(of('packages').flatMap(packageOf)),
    manual: of('manual'),
    held: of('held'),
    fetchable: new Set(of('fetchable')),
    conffiles: new Map(of('conffiles').flatMap(conffileOf)),
    verify: of('verify').map((row) => row.replace(/^\S+ +/, '')),
    unowned,
    all: new Map(
      of('owned')
        .flatMap(found)
        .map((each) => [each.path, each]),
    ),
    stock: stockOf(of('sums'), [...of('stock'), ...of('ucf')]),
    contents: new Map(of('contents').map(contentOf)),
    users: usersOf(of('passwd'), of('shadow'), of('homes')),
    groups: of('group').map(groupOf),
    known: new Set(of('known')),
    units: unitsOf(of('unit-files'), of('units'), of('helper'), of('packaged-units')),
    zone: of('zone')[0]?.replace(/^.*\/usr\/share\/zoneinfo\//, '') ?? '',
    hosts: of('hosts').join('\n'),
    firewallRules: of('firewall').reduce((sum, row) => sum + count(row), 0),
  }
}

const names = (list: string): string[] =>
  list
    .split(/[,|]/)
    .map((each) => each.trim().replace(/[ (:].*$/, ''))
    .filter(Boolean)

function packageOf(row: string): [string, Package][] {
  const [name = '', status, priority = '', section = '', depends = '', provides = ''] =
    row.split('\t')
  if (status !== 'installed') return []
  return [[name, { priority, section, depends: names(depends), provides: names(provides) }]]
}

/** As md5sum says it: `/etc/x: FAILED`, `/etc/x: FAILED open or read`. */
function conffileOf(row: string): [string, boolean][] {
  const match = /^(\/.*): FAILED( open or read)?$/.exec(row)
  return match ? [[match[1]!, match[2] !== undefined]] : []
}

const types = { f: 'file', l: 'link', d: 'directory' } as const

function found(row: string): Found[] {
  const [letter = '', mode = '', owner = '', group = '', size = '', target = '', ...rest] =
    row.split('\t')
  const type = types[letter as keyof typeof types]
  if (!type) return []
  const path = rest.join('\t')
  return [{ type, mode: mode.padStart(4, '0'), owner, group, size: Number(size), target, path }]
}

function stockOf(sums: readonly string[], originals: readonly string[]): Set<string> {
  const name = (path: string): string => path.slice(path.lastIndexOf('/') + 1)
  const split = (row: string): [string, string] => {
    const [sum = '', path = ''] = row.split(/ +[ *]?(.*)/s)
    return [sum, path]
  }
  const known = new Set(originals.map(split).map(([sum, path]) => `${sum} ${name(path)}`))
  return new Set(
    sums
      .map(split)
      .filter(([sum, path]) => known.has(`${sum} ${name(path)}`))
      .map(([, path]) => path),
  )
}

function contentOf(row: string): [string, Buffer] {
  const at = row.lastIndexOf('\t')
  return [row.slice(0, at), Buffer.from(row.slice(at + 1), 'base64')]
}

function usersOf(
  passwd: readonly string[],
  shadow: readonly string[],
  homes: readonly string[],
): Account[] {
  const states = new Map(
    shadow.map((row) => row.split(':')).map(([name = '', ...rest]) => [name, rest]),
  )
  const kept = new Map(
    homes.map((row) => row.split('\t')).map(([name = '', ...rest]) => [name, rest]),
  )
  return passwd.map((row) => {
    const [name = '', , uid, gid, comment = '', home = '', shell = ''] = row.split(':')
    const [password = 'none', ended = ''] = states.get(name) ?? []
    const keys = kept.get(name)?.[1]
    return {
      name,
      uid: Number(uid),
      gid: Number(gid),
      comment,
      home,
      shell,
      password: password as Account['password'],
      ended: ended !== '',
      homeThere: kept.has(name),
      keys: keys ? Buffer.from(keys, 'base64') : undefined,
    }
  })
}

function groupOf(row: string): Group {
  const [name = '', , gid, members = ''] = row.split(':')
  return { name, gid: Number(gid), members: members.split(',').filter(Boolean) }
}

function unitsOf(
  files: readonly string[],
  loaded: readonly string[],
  helper: readonly string[],
  packaged: readonly string[],
): Map<string, Unit> {
  const words = (row: string): string[] => row.trim().split(/\s+/)
  const states = new Map(files.map(words).map(([name = '', state = '']) => [name, state]))
  const running = new Map(
    loaded.map(words).map(([name = '', , active = '', sub = '']) => [name, [active, sub]]),
  )
  const owners = new Map(
    packaged.map((row) => {
      const [list = '', path = ''] = row.split(/:(\/.*)/s)
      return [path.slice(path.lastIndexOf('/') + 1), list.replace(/(:[^.]*)?\.list$/, '')] as const
    }),
  )
  const enabled = new Set(helper.map((name) => name.replace(/\.dsh-also$/, '')))
  return new Map(
    [...new Set([...states.keys(), ...running.keys()])].map((name) => {
      const [active = 'inactive', sub = ''] = running.get(name) ?? []
      return [
        name,
        {
          state: states.get(name) ?? '',
          active,
          sub,
          package: owners.get(name),
          enabledByPackage: enabled.has(name),
        },
      ]
    }),
  )
}
