import type { Adopted } from './verify.ts'
import { Call, Copied, type Value } from './call.ts'

/** How the host is reached, as it is written in the description. */
export interface Reached {
  readonly name: string
  readonly address: string | undefined
  readonly login: string | undefined
  readonly port: number | undefined
  /** Whether root logs in: nothing needs to be said then about who reads and changes things. */
  readonly asRoot: boolean
}

/** The files of a description, by path, as a person would have written them. */
export function sourcesOf(
  { roles, leftOut }: Adopted,
  host: Reached,
): Map<string, string | Buffer> {
  const files = new Map<string, string | Buffer>()
  files.set(
    'fleet.ts',
    fleetSource(
      roles.map(({ name }) => name),
      host,
    ),
  )
  for (const { name, about, calls } of roles) {
    files.set(`roles/${name}.ts`, roleSource(name, about, calls, host.asRoot))
    for (const copied of calls.flatMap(copiesIn)) files.set(`files/${copied.path}`, copied.content)
  }
  if (leftOut.length > 0)
    files.set(
      'left-out.md',
      [
        `# What is on ${host.name} and not in this description`,
        '',
        ...leftOut.map(({ what, why }) => `- ${what}: ${why}`),
        '',
      ].join('\n'),
    )
  return files
}

function copiesIn(value: Value): Copied[] {
  if (value instanceof Copied) return [value]
  if (value instanceof Call) return value.args.flatMap(copiesIn)
  return typeof value === 'object' ? Object.values(value).flatMap(copiesIn) : []
}

function fleetSource(roles: readonly string[], host: Reached): string {
  const { name, address, login, port } = host
  const places = roles.map((role) => `${variable(role)}.on(${text(name)})`)
  return [
    "import { fleet } from 'fettle'",
    ...roles.map((role) => `import { ${variable(role)} } from './roles/${role}.ts'`),
    '',
    'export default fleet({',
    `  hosts: { ${key(name)}: ${print({ address, login, port }, 4)} },`,
    `  roles: ${list('[', places, ']', 2, 9)},`,
    '})',
    '',
  ].join('\n')
}

function roleSource(name: string, about: string, calls: readonly Call[], asRoot: boolean): string {
  const used = new Set(['role', ...(asRoot ? [] : ['as']), ...calls.flatMap(namesIn)])
  const names = [...used].sort()
  const items = itemsOf(calls, asRoot ? 2 : 4, asRoot)
  const body = asRoot
    ? ['() => [', ...items.map((item) => `  ${item},`), '])']
    : ['() =>', "  as('root', [", ...items.map((item) => `    ${item},`), '  ]),', ')']
  return [
    `import ${list('{ ', names, ' }', 0, 7)} from 'fettle'`,
    '',
    `/** ${about} */`,
    `export const ${variable(name)} = role(${text(name)}, ${body.join('\n')}`,
    '',
  ].join('\n')
}

function namesIn(value: Value): string[] {
  if (value instanceof Call) return [value.name, ...value.args.flatMap(namesIn)]
  return typeof value === 'object' && !(value instanceof Copied)
    ? Object.values(value).flatMap(namesIn)
    : []
}

/** Calls one below the other; services of which the same is said are a list. */
function itemsOf(calls: readonly Call[], indent: number, nested: boolean): string[] {
  const items: string[] = []
  for (let i = 0; i < calls.length;) {
    const call = calls[i]!
    let end = i + 1
    while (end < calls.length && sameButName(call, calls[end]!)) end++
    if (call.name === 'service' && end - i >= 3) {
      const names = calls.slice(i, end).map((each) => text(each.args[0] as string))
      const rest = call.args.slice(1).map((each) => `, ${print(each, indent)}`)
      const map = `.map((name) => service(name${rest.join('')}))`
      items.push(`...${list('[', names, ']', indent, indent + 3 + map.length)}${map}`)
      i = end
    } else {
      const spread = call.name === 'packages' && !nested ? '...' : ''
      items.push(`${spread}${print(call, indent)}`)
      i++
    }
  }
  return items
}

const sameButName = (a: Call, b: Call): boolean =>
  a.name === b.name && JSON.stringify(a.args.slice(1)) === JSON.stringify(b.args.slice(1))

/** Longer lines are broken. Characters. */
const width = 96

/** A value as TypeScript. Its lines are indented by `indent`, its first one begins at `column`. */
function print(value: Value, indent: number, column: number = indent): string {
  if (typeof value === 'string') return text(value)
  if (value instanceof Copied) return text(`../files/${value.path}`)
  if (value instanceof Call) return printCall(value, indent, column)
  if (Array.isArray(value)) {
    const items = value.map((each: Value) => print(each, indent + 2))
    return list('[', items, ']', indent, column)
  }
  if (typeof value !== 'object') return String(value)
  const fields = Object.entries(value).filter((field) => field[1] !== undefined)
  const rows = fields.map(([name, each]) => {
    const before = `${key(name)}: `
    return `${before}${print(each, indent + 2, indent + 2 + before.length)}`
  })
  return rows.length === 0 ? '{}' : list('{ ', rows, ' }', indent, column)
}

/** The last argument may be an object or a list over several lines; the others stay beside the name. */
function printCall({ name, args }: Call, indent: number, column: number): string {
  const given = args.filter((each) => print(each, 0) !== '{}')
  const first = given.slice(0, -1).map((each) => `${print(each, indent)}, `)
  const before = `${name}(${first.join('')}`
  const last = given.at(-1)
  if (typeof last === 'object' && !before.includes('\n'))
    return `${before}${print(last, indent, column + before.length + 2)})`
  return list(
    `${name}(`,
    given.map((each) => print(each, indent + 2)),
    ')',
    indent,
    column,
  )
}

function list(
  open: string,
  items: readonly string[],
  close: string,
  indent: number,
  column: number = indent,
): string {
  const line = `${open}${items.join(', ')}${close}`
  if (line.length + column < width && !line.includes('\n')) return line
  const space = ' '.repeat(indent)
  return `${open.trimEnd()}\n${items.map((item) => `${space}  ${item},\n`).join('')}${space}${close.trimStart()}`
}

function text(value: string): string {
  const body = JSON.stringify(value).slice(1, -1).replaceAll('\\"', '"')
  return value.includes("'") && !value.includes('"')
    ? `"${body}"`
    : `'${body.replaceAll("'", "\\'")}'`
}

const key = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : text(name))

/** Names that mean something else in a description. */
const taken =
  /^(as|role|fleet|absent|file|group|link|unit|user|service|packages|template|reload|restart|directory|default|delete|new|in|do|if|for|case|class|with|void|this|null|true|false|enum|export|import|function|return|switch|try|typeof|var|while|yield|let|static|await|package|private|public|interface|protected|implements|super|throw|catch|finally|const|continue|break|debugger|else|extends|instanceof)$/

/** `shop-worker` as the name of a value: `shopWorker`. */
function variable(role: string): string {
  const name = role
    .replace(/[^A-Za-z0-9]+(.)?/g, (_, next: string | undefined) => (next ?? '').toUpperCase())
    .replace(/^(?=\d)/, '_')
  return taken.test(name) ? `${name}Role` : name
}
