import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { dirname, extname, join } from 'node:path'
import { type Report } from './report.ts'
import { shortForm } from './words.ts'
import { type Node, type ReadYaml, Unreadable, dictOf, plainValue } from './yaml.ts'

/** The hosts, what each of them is told, and who belongs to which group. */
export interface Inventory {
  readonly hosts: ReadonlyMap<string, ReadonlyMap<string, Node>>
  readonly groups: ReadonlyMap<string, readonly string[]>
}

interface Group {
  readonly hosts: string[]
  readonly children: string[]
  readonly vars: Map<string, Node>
}

/** What an inventory says before groups are followed. */
class Raw {
  readonly groups = new Map<string, Group>()
  readonly hosts = new Map<string, Map<string, Node>>()

  group(name: string): Group {
    const found = this.groups.get(name) ?? { hosts: [], children: [], vars: new Map() }
    this.groups.set(name, found)
    return found
  }

  host(name: string): Map<string, Node> {
    const found = this.hosts.get(name) ?? new Map<string, Node>()
    this.hosts.set(name, found)
    return found
  }
}

/** Reads inventories, and the group_vars and host_vars beside them and beside the playbook. */
export function readInventory(
  paths: readonly string[],
  playbookFolder: string,
  yaml: ReadYaml,
  report: Report,
): Inventory {
  const raw = new Raw()
  for (const path of paths.flatMap(filesOf)) readOne(raw, path, yaml)
  const folders = [
    ...new Set([
      ...paths.map((path) => (statSync(path).isDirectory() ? path : dirname(path))),
      playbookFolder,
    ]),
  ]
  const groups = new Map<string, readonly string[]>([['all', [...raw.hosts.keys()]]])
  for (const name of raw.groups.keys())
    if (name !== 'all') groups.set(name, membersOf(raw, name, []))
  const grouped = new Set(
    [...groups].filter(([name]) => name !== 'all').flatMap(([, members]) => members),
  )
  const alone = [...raw.hosts.keys()].filter((each) => !grouped.has(each))
  if (!groups.has('ungrouped')) groups.set('ungrouped', alone)
  const order = [...raw.groups.keys()]
    .filter((name) => name !== 'all')
    .sort((a, b) => depth(raw, a) - depth(raw, b) || (a < b ? -1 : 1))
  const vars = (kind: string, name: string): ReadonlyMap<string, Node>[] =>
    folders.flatMap((folder) =>
      varsFiles(join(folder, kind), name).map((file) => readVars(file, yaml, report)),
    )
  const shared = new Map<string, ReadonlyMap<string, Node>[]>()
  const groupVars = (name: string): ReadonlyMap<string, Node>[] => {
    const known = shared.get(name) ?? vars('group_vars', name)
    shared.set(name, known)
    return known
  }
  const hosts = new Map(
    [...raw.hosts].map(([host, own]) => {
      const mine = order.filter((name) => groups.get(name)?.includes(host))
      const layers = [
        raw.groups.get('all')?.vars ?? new Map<string, Node>(),
        ...mine.map((name) => raw.groups.get(name)!.vars),
        ...groupVars('all'),
        ...mine.flatMap(groupVars),
        own,
        ...vars('host_vars', host),
      ]
      return [host, new Map(layers.flatMap((each) => [...each]))] as const
    }),
  )
  return { hosts, groups }
}

function filesOf(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path, { withFileTypes: true })
    .filter(
      (each) => each.isFile() && !/^\.|\.(cfg|md|txt|pyc?|orig|bak|retry)$|~$/.test(each.name),
    )
    .map((each) => join(path, each.name))
    .sort()
}

function membersOf(raw: Raw, name: string, above: readonly string[]): string[] {
  const group = raw.groups.get(name)
  if (!group || above.includes(name)) return []
  return [
    ...new Set([
      ...group.hosts,
      ...group.children.flatMap((each) => membersOf(raw, each, [...above, name])),
    ]),
  ]
}

function depth(raw: Raw, name: string, seen: readonly string[] = []): number {
  const parents = [...raw.groups].filter(
    ([parent, { children }]) => children.includes(name) && !seen.includes(parent),
  )
  return Math.max(0, ...parents.map(([parent]) => 1 + depth(raw, parent, [...seen, name])))
}

/** The files that hold the variables of a group or host: `web`, `web.yml`, or all in the folder `web`. */
export function varsFiles(folder: string, name: string): string[] {
  return ['', '.yml', '.yaml', '.json'].flatMap((end) => {
    const path = join(folder, `${name}${end}`)
    if (!existsSync(path)) return []
    if (!statSync(path).isDirectory()) return [path]
    return readdirSync(path, { withFileTypes: true, recursive: true })
      .filter((each) => each.isFile() && !each.name.startsWith('.'))
      .map((each) => join(each.parentPath, each.name))
      .sort()
  })
}

/** The variables of a file; one that cannot be read is in the report. */
export function readVars(file: string, yaml: ReadYaml, report: Report): ReadonlyMap<string, Node> {
  try {
    return dictOf(yaml(file))
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    report.leave(
      error.place,
      'variables',
      error.message,
      'put what it says in vars.ts, secrets as Secret.env(...)',
    )
    return new Map()
  }
}

function readOne(raw: Raw, path: string, yaml: ReadYaml): void {
  if (['.yml', '.yaml', '.json'].includes(extname(path))) return readTree(raw, dictOf(yaml(path)))
  const text = readFileSync(path, 'utf8')
  if (text.startsWith('#!') && isExecutable(path)) return readScript(raw, path)
  readIni(raw, path, text)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** A script prints its hosts as JSON, as Ansible asks for them. */
function readScript(raw: Raw, path: string): void {
  const { status, stdout, stderr } = spawnSync(path, ['--list'], {
    encoding: 'utf8',
    cwd: dirname(path),
  })
  const fail = (reason: string): never => {
    throw new Unreadable(reason, { file: path, line: 1 })
  }
  if (status !== 0) fail(`the inventory script failed: ${stderr.trim().split('\n').at(-1) ?? ''}`)
  let said: Record<string, unknown> = {}
  try {
    said = JSON.parse(stdout) as Record<string, unknown>
  } catch {
    fail('the inventory script did not print JSON')
  }
  const node = (value: unknown): Node => nodeOf(value, path)
  for (const [name, each] of Object.entries(said)) {
    if (name === '_meta') {
      const all = ((each as { hostvars?: object }).hostvars ?? {}) as Record<string, object>
      for (const [host, vars] of Object.entries(all))
        for (const [key, value] of Object.entries(vars)) raw.host(host).set(key, node(value))
      continue
    }
    const {
      hosts = [],
      children = [],
      vars = {},
    } = (Array.isArray(each) ? { hosts: each } : each) as {
      hosts?: string[]
      children?: string[]
      vars?: object
    }
    const group = raw.group(name)
    group.hosts.push(...hosts)
    hosts.forEach((host) => raw.host(host))
    group.children.push(...children)
    for (const [key, value] of Object.entries(vars)) group.vars.set(key, node(value))
  }
}

function nodeOf(value: unknown, file: string, line = 1): Node {
  const place = { file, line }
  if (Array.isArray(value))
    return { kind: 'list', items: value.map((each) => nodeOf(each, file, line)), ...place }
  if (typeof value === 'object' && value !== null)
    return {
      kind: 'dict',
      entries: new Map(Object.entries(value).map(([key, each]) => [key, nodeOf(each, file, line)])),
      ...place,
    }
  return { kind: 'scalar', value: value as string, text: String(value), ...place }
}

function readTree(raw: Raw, tree: ReadonlyMap<string, Node>): void {
  for (const [name, node] of tree) {
    const parts = dictOf(node)
    const group = raw.group(name)
    for (const [pattern, vars] of dictOf(parts.get('hosts')))
      for (const host of expanded(pattern)) {
        group.hosts.push(host)
        for (const [key, value] of dictOf(vars)) raw.host(host).set(key, value)
        raw.host(host)
      }
    for (const [key, value] of dictOf(parts.get('vars'))) group.vars.set(key, value)
    const children = dictOf(parts.get('children'))
    group.children.push(...children.keys())
    readTree(raw, children)
  }
}

function readIni(raw: Raw, file: string, text: string): void {
  let name = 'ungrouped'
  let part = 'hosts'
  for (const [i, written] of text.split('\n').entries()) {
    const line = written.trim()
    const place = { file, line: i + 1 }
    if (line === '' || /^[#;]/.test(line)) continue
    const header = /^\[([^:\]]+)(?::(\w+))?\]/.exec(line)
    if (header) {
      name = header[1]!
      part = header[2] ?? 'hosts'
      raw.group(name)
    } else if (part === 'children') raw.group(name).children.push((raw.group(line), line))
    else if (part === 'vars') {
      const [key = '', value = ''] = [
        line.slice(0, line.indexOf('=')),
        line.slice(line.indexOf('=') + 1),
      ]
      raw.group(name).vars.set(key.trim(), iniValue(value.trim(), place))
    } else readHostLine(raw, name, line, place)
  }
}

function readHostLine(
  raw: Raw,
  group: string,
  line: string,
  place: { file: string; line: number },
): void {
  const [pattern = '', ...rest] = line.replace(/\s#.*$/, '').split(/\s+/)
  const { options } = shortForm(rest.join(' '))
  for (const host of expanded(pattern)) {
    raw.group(group).hosts.push(host)
    const vars = raw.host(host)
    for (const [key, value] of options) vars.set(key, iniValue(value, place))
  }
}

/** A value as Python reads it: numbers and True are such, `yes` and all else are texts. */
function iniValue(text: string, place: { file: string; line: number }): Node {
  const quoted = /^(["'])([^]*)\1$/.exec(text)
  const known = /^(True|False|-?(0|[1-9]\d*)(\.\d+)?)$/.test(text)
    ? plainValue(text)
    : text === 'None'
      ? null
      : text
  return { kind: 'scalar', value: quoted ? quoted[2]! : known, text, ...place }
}

/** `web[01:03]` as web01, web02, web03. */
function expanded(pattern: string): string[] {
  const found = /^(.*?)\[(\w+):(\w+)(?::(\d+))?\](.*)$/.exec(pattern)
  if (!found) return [pattern.replace(/^(\w[\w.-]*):\d+$/, '$1')]
  const [, before = '', from = '', to = '', step = '1', after = ''] = found
  const numbers = /^\d+$/.test(from)
  const code = (text: string): number => (numbers ? Number(text) : text.charCodeAt(0))
  const all: string[] = []
  for (let at = code(from); at <= code(to); at += Number(step))
    all.push(numbers ? String(at).padStart(from.length, '0') : String.fromCharCode(at))
  return all.flatMap((each) => expanded(`${before}${each}${after}`))
}

/** The hosts that a pattern of a play means, in the order of the inventory. */
export function hostsOf(pattern: string, { hosts, groups }: Inventory): string[] | undefined {
  const names = (word: string): string[] | undefined => {
    if (word === '*' || word === 'all') return [...hosts.keys()]
    if (hosts.has(word)) return [word]
    if (groups.has(word)) return [...groups.get(word)!]
    if (!/[*?]/.test(word)) return undefined
    const fits = new RegExp(
      `^${word
        .replace(/[.+^$()|\\{}]/g, '\\$&')
        .replaceAll('*', '.*')
        .replaceAll('?', '.')}$`,
    )
    return [
      ...[...hosts.keys()].filter((each) => fits.test(each)),
      ...[...groups].flatMap(([name, all]) => (fits.test(name) ? all : [])),
    ]
  }
  let found: string[] = []
  for (const word of pattern
    .split(/[,:]/)
    .map((each) => each.trim())
    .filter(Boolean)) {
    const sign = /^[!&]/.test(word) ? word[0] : ''
    const some = names(sign ? word.slice(1) : word)
    if (!some) return undefined
    if (sign === '!') found = found.filter((each) => !some.includes(each))
    else if (sign === '&') found = found.filter((each) => some.includes(each))
    else found.push(...some)
  }
  return [...hosts.keys()].filter((each) => found.includes(each))
}
