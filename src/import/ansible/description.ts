import { type Code, type Entry, call, list, object, print, textLiteral } from './code.ts'
import { dataOf } from './data.ts'
import type { Inventory } from './inventory.ts'
import type { Placed } from './plays.ts'
import type { Report } from './report.ts'
import { type Copies, RoleWriter } from './role.ts'
import { SourceFile } from './source-file.ts'
import { written } from './types.ts'
import { FleetVariables, RoleScope } from './variables.ts'
import { type Node, textOf } from './yaml.ts'

/** A description to be written: texts, and files to be copied, by their path in it. */
export type Files = Map<string, string | { readonly copy: string }>

/** Writes the roles, the variables and the fleet. */
export function describeFleet(
  placed: readonly Placed[],
  inventory: Inventory,
  report: Report,
): Files {
  const copies: Copies = new Map()
  const variables = new FleetVariables(inventory, report)
  const login = loginOf(placed, inventory)
  const roles = placed.map((each) => {
    const file = new SourceFile()
    const name = file.name(each.name)
    const rootLogin = [...each.hosts].every((host) => login(host) === 'root')
    const scope = new RoleScope(file, variables, each, [...each.hosts])
    const writer = new RoleWriter(
      { ...each, become: each.become ?? becomeOf(each, inventory), rootLogin },
      scope,
      report,
      copies,
    )
    const resources = writer.write()
    return { placed: each, name, text: roleText(each, name, scope, resources) }
  })
  const files: Files = new Map()
  const groups = roles.some(({ placed: { hosts } }) => groupFor(hosts, inventory) !== undefined)
  if (groups) variables.groups()
  files.set('fleet.ts', fleetText(roles, inventory, variables, login, report))
  if (variables.file.constants.length > 0) files.set('vars.ts', varsText(variables))
  for (const {
    placed: { name },
    text,
  } of roles)
    files.set(`roles/${name}.ts`, text)
  for (const [path, content] of copies) files.set(path, content)
  reportUnused(variables, report)
  return files
}

function varsText({ file }: FleetVariables): string {
  const imports = file.imports()
  return `${imports}${imports && '\n'}${file.declarations(false, true)}`
}

function roleText(
  placed: Placed,
  name: string,
  scope: RoleScope,
  resources: readonly Code[],
): string {
  const { file, vars } = scope
  const fn = file.use('role')
  const inside = file.declarations(true, false, 2)
  const body = print(list(resources.length === 0 ? [] : [...resources]), inside ? 2 : 0)
  const multi = body.includes('\n') || inside ? body : `[${body.slice(1, -1)}]`
  const text = `${inside}${multi}`
  const host = /(?<![\w.'])host\b/.test(text) ? '(host)' : '()'
  const rows = [...vars].map(
    ([key, { type, optional }]) => `  readonly ${key}${optional ? '?' : ''}: ${written(type)}\n`,
  )
  const shape = rows.length > 0 ? `interface Vars {\n${rows.join('')}}\n\n` : ''
  const typed = rows.length > 0 ? '<Vars>' : ''
  const limit =
    placed.maxUnavailable === undefined ? '' : `, { maxUnavailable: ${placed.maxUnavailable} }`
  const head = `export const ${name} = ${fn}${typed}(${textLiteral(placed.name)}, ${host} => `
  const outer = file.declarations(false, false)
  if (vars.size > 0 && shape.includes('Secret')) file.use('Secret')
  const made = inside
    ? `${head}{\n${inside}  return ${multi}\n}${limit})\n`
    : `${head}${multi}${limit})\n`
  return `${file.imports()}\n${shape}${outer}${outer && '\n'}${made}`
}

type Login = (host: string) => string | undefined

function loginOf(placed: readonly Placed[], inventory: Inventory): Login {
  return (host) => {
    const vars = inventory.hosts.get(host)
    const own = textOf(vars?.get('ansible_user') ?? vars?.get('ansible_ssh_user'))
    return (
      own ??
      placed.find((each) => each.hosts.has(host) && each.remoteUser !== undefined)?.remoteUser
    )
  }
}

function becomeOf({ hosts }: Placed, inventory: Inventory): string | undefined {
  const all = [...hosts].map((host) => textOf(inventory.hosts.get(host)?.get('ansible_become')))
  return all.length > 0 && all.every((each) => each === 'True') ? 'root' : undefined
}

/** The group whose members are exactly these, when there are too many to name. */
function groupFor(
  hosts: ReadonlySet<string>,
  { groups, hosts: all }: Inventory,
): string | undefined {
  if (hosts.size <= 4 || hosts.size === all.size) return undefined
  return [...groups].find(
    ([name, members]) =>
      name !== 'all' && members.length === hosts.size && members.every((each) => hosts.has(each)),
  )?.[0]
}

function fleetText(
  roles: readonly { placed: Placed; name: string }[],
  inventory: Inventory,
  variables: FleetVariables,
  login: Login,
  report: Report,
): string {
  const file = new SourceFile()
  file.use('fleet')
  const hosts = [...inventory.hosts].map(([name, vars]): Entry => {
    const own = hostName(name, vars, report)
    return [
      /^[A-Za-z_]\w*$/.test(own) ? own : textLiteral(own),
      hostCode(name, vars, variables, login, file, report),
    ]
  })
  const placements = roles.map(({ placed: { hosts: on, name }, name: own }) => {
    file.use(own, `./roles/${name}.ts`)
    const group = groupFor(on, inventory)
    if (group !== undefined) file.use('groups', './vars.ts')
    const where =
      on.size === inventory.hosts.size
        ? ["'*'"]
        : group !== undefined
          ? [`...groups${/^\w+$/.test(group) ? `.${group}` : `[${textLiteral(group)}]`}`]
          : [...on].map((each) => textLiteral(each.replaceAll('_', '-')))
    return call(`${own}.on`, ...where)
  })
  const body = print(
    object([
      ['hosts', breaking(object(hosts))],
      ['roles', list(placements)],
    ]),
    0,
    200,
  )
  return `${file.imports()}\nexport default fleet(${body})\n`
}

const breaking = (code: Code): Code => code

function hostName(name: string, vars: ReadonlyMap<string, Node>, report: Report): string {
  if (/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(name)) return name
  const place = [...vars.values()][0] ?? { file: 'inventory', line: 1 }
  report.leave(
    place,
    name,
    `a host cannot be called so: it is ${name.replaceAll('_', '-')} now, also where templates name it`,
  )
  return name.replaceAll('_', '-')
}

/** What says how to log in. */
const connection =
  /^ansible_(host|ssh_host|user|ssh_user|port|ssh_port|become|python_interpreter|become_method|become_user)$/

function hostCode(
  name: string,
  vars: ReadonlyMap<string, Node>,
  variables: FleetVariables,
  login: Login,
  file: SourceFile,
  report: Report,
): Code {
  const get = (...keys: readonly string[]): string | undefined =>
    keys.map((key) => textOf(vars.get(key))).find((each) => each !== undefined)
  const address = get('ansible_host', 'ansible_ssh_host')
  const user = login(name)
  const port = get('ansible_port', 'ansible_ssh_port')
  for (const [key, node] of vars)
    if (key.startsWith('ansible_') && !connection.test(key)) {
      const hidden = /pass/.test(key) ? 'it is a password' : `${key} is how Ansible reaches a host`
      report.note(
        node,
        key,
        hidden,
        /pass/.test(key)
          ? 'Fettle wants a key, and sudo without a password'
          : 'what ssh needs belongs in your ssh config',
      )
    }
  const own = [...variables.ofHosts].flatMap(([key, all]): Entry[] => {
    const node = all.get(name)
    if (!node) return []
    const data = dataOf(node, noNames, (hidden) => variables.hide(`${key}_${name}`, hidden, file))
    return [[key, data.code]]
  })
  return object([
    ...(address !== undefined && address !== name
      ? [['address', textLiteral(address)] as const]
      : []),
    ...(user === undefined ? [] : [['login', textLiteral(user)] as const]),
    ...(port !== undefined && /^\d+$/.test(port) ? [['port', port] as const] : []),
    ...(own.length > 0 ? [['vars', object(own)] as const] : []),
  ])
}

const fail = (): never => {
  throw new Error('a template in a var of a host was not seen before')
}
const noNames = {
  language: 'typescript',
  look: fail,
  value: fail,
  condition: fail,
  presence: fail,
} as const

function reportUnused({ inventory, used }: FleetVariables, report: Report): void {
  const byFile = new Map<string, Set<string>>()
  for (const vars of inventory.hosts.values())
    for (const [name, { file }] of vars)
      if (!used.has(name) && !name.startsWith('ansible_'))
        byFile.set(file, (byFile.get(file) ?? new Set()).add(name))
  for (const [file, names] of byFile)
    report.note(
      { file, line: 0 },
      'variables',
      `no task that was translated uses ${[...names].join(', ')}`,
    )
}
