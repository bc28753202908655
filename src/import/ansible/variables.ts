import { type Code, list, object, textLiteral } from './code.ts'
import { dataOf, holdsTemplate } from './data.ts'
import { translator } from './expression.ts'
import { magic } from './facts.ts'
import type { Inventory } from './inventory.ts'
import { Untranslatable } from './jinja-lexer.ts'
import type { Report } from './report.ts'
import { SourceFile } from './source-file.ts'
import {
  type Type,
  listOfType,
  propertyName,
  typeOfNode,
  typeOfText,
  union,
  word,
} from './types.ts'
import { type Scope, type Translate, type Value, level, literal, within } from './value.ts'
import type { Node } from './yaml.ts'

/** The variables of the inventory: those that are the same everywhere are consts of `vars.ts`. */
export class FleetVariables {
  readonly file: SourceFile = new SourceFile()
  readonly inventory: Inventory
  readonly report: Report
  /** Those that differ, by their name in `host.vars`, and what each host has. */
  readonly ofHosts: Map<string, ReadonlyMap<string, Node>> = new Map()
  readonly used: Set<string> = new Set()
  readonly #names = new Map<string, string>()
  readonly #shared = new Map<Node, Value>()
  #groups: Value | undefined

  constructor(inventory: Inventory, report: Report) {
    this.inventory = inventory
    this.report = report
  }

  /** What each of these hosts is told of a name. */
  definitions(name: string, hosts: readonly string[]): (Node | undefined)[] {
    return hosts.map((host) => this.inventory.hosts.get(host)?.get(name))
  }

  /** The name of a var in `host.vars`. */
  hostVar(name: string): string {
    const known = this.#names.get(name) ?? this.file.name(name)
    this.#names.set(name, known)
    const all = [...this.inventory.hosts].flatMap(([host, vars]) => {
      const node = vars.get(name)
      return node ? [[host, node] as const] : []
    })
    this.ofHosts.set(known, new Map(all))
    return known
  }

  /** A const of `vars.ts`, or undefined when it differs from host to host. */
  shared(name: string, node: Node, scope: Translate): Value | undefined {
    const known = this.#shared.get(node)
    if (known) return known
    const data = dataOf(node, scope, (hidden) => this.hide(name, hidden, this.file))
    if (data.host) return undefined
    const value = constant(this.file, name, data)
    this.#shared.set(node, value)
    return value
  }

  groups(): Value {
    if (this.#groups) return this.#groups
    const entries = [...this.inventory.groups].filter(([, hosts]) => hosts.length > 0)
    const code = object(
      entries.map(([name, hosts]) => [
        propertyName(name),
        list(hosts.map((each) => textLiteral(each))),
      ]),
    )
    const type: Type = {
      kind: 'dict',
      fields: new Map(entries.map(([name]) => [name, listOfType(word)])),
    }
    this.file.constants.push({ name: 'groups', code, type, host: false, compared: false })
    this.#groups = { code: 'groups', level: level.last, type, host: false }
    return this.#groups
  }

  /** What is encrypted becomes a secret from outside. */
  hide(name: string, node: Node, file: SourceFile): string {
    const variable = name.toUpperCase().replace(/[^A-Z0-9]+/g, '_')
    this.report.leave(
      node,
      name,
      'it is encrypted with ansible-vault and was not read',
      `set ${variable} in the environment of whoever runs Fettle`,
    )
    file.use('Secret')
    return `Secret.env('${variable}')`
  }
}

function constant(file: SourceFile, name: string, data: ReturnType<typeof dataOf>): Value {
  const made = {
    name: file.name(name, data.type),
    code: data.code,
    type: data.type,
    host: data.host,
    compared: false,
  }
  file.constants.push(made)
  return {
    code: made.name,
    level: level.last,
    type: data.type,
    host: data.host,
    ...(data.samples && { samples: data.samples }),
    widen: () => (made.compared = true),
  }
}

/** Variables of a play or role, best first, beside those of the inventory. */
export interface Layers {
  /** Over those of the inventory: of the play, of the role, of who calls it. */
  readonly over: readonly ReadonlyMap<string, Node>[]
  /** Under them: the role's defaults. */
  readonly under: readonly ReadonlyMap<string, Node>[]
}

/** The names that the tasks of a role may use, as code in the role's file. */
export class RoleScope implements Scope {
  readonly language = 'typescript'
  readonly translate: Translate
  readonly file: SourceFile
  /** What the role asks of `host.vars`. */
  readonly vars: Map<string, { type: Type; optional: boolean }> = new Map()
  readonly #fleet: FleetVariables
  readonly #layers: Layers
  readonly #hosts: readonly string[]
  readonly #known = new Map<string, Value>()
  readonly #working = new Set<string>()
  #frames: Map<string, Value>[] = []
  /** Answers `lookup('file', ...)`. */
  answer: (name: string, args: readonly Value[]) => Value | undefined = () => undefined

  constructor(file: SourceFile, fleet: FleetVariables, layers: Layers, hosts: readonly string[]) {
    this.file = file
    this.#fleet = fleet
    this.#layers = layers
    this.#hosts = hosts
    this.translate = translator({
      language: 'typescript',
      look: (name) => this.look(name),
      call: (name, args) => this.call(name, args),
    })
  }

  call(name: string, args: readonly Value[]): Value | undefined {
    return this.answer(name, args)
  }

  /** Does the work with more names. */
  inFrame<Result>(names: ReadonlyMap<string, Value>, work: () => Result): Result {
    this.#frames = [new Map(names), ...this.#frames]
    try {
      return work()
    } finally {
      this.#frames = this.#frames.slice(1)
    }
  }

  /** A const of the role from here on. */
  set(name: string, node: Node): void {
    const data = dataOf(node, this.translate, (hidden) => this.#fleet.hide(name, hidden, this.file))
    this.#known.set(name, constant(this.file, name, data))
  }

  /** What a task found out, which is not known before. */
  register(name: string): void {
    const unknown = (): never => {
      throw new Untranslatable(`${name} is what a task found out while it ran`)
    }
    this.#known.set(name, {
      code: name,
      level: level.last,
      type: { kind: 'dict', fields: new Map() },
      host: true,
      field: unknown,
    })
  }

  look(name: string): Value | undefined {
    for (const frame of this.#frames) {
      const found = frame.get(name)
      if (found) return found
    }
    const known = this.#known.get(name)
    if (known) return known
    if (name === 'groups') return this.#groups()
    const found = this.#define(name)
    if (found) this.#known.set(name, found)
    return found
  }

  #groups(): Value {
    const value = this.#fleet.groups()
    if (this.file !== this.#fleet.file) this.file.use('groups', '../vars.ts')
    return value
  }

  #define(name: string): Value | undefined {
    if (this.#working.has(name)) throw new Untranslatable(`${name} is defined by itself`)
    this.#working.add(name)
    try {
      const over = this.#layers.over.find((each) => each.has(name))?.get(name)
      if (over) return this.#own(name, over)
      const under = this.#layers.under.find((each) => each.has(name))?.get(name)
      const nodes = this.#fleet.definitions(name, this.#hosts)
      if (nodes.every((each) => each === undefined))
        return under ? this.#own(name, under) : magic(name)
      this.#fleet.used.add(name)
      if (nodes.every((each) => each !== undefined && each === nodes[0]))
        return this.#same(name, nodes[0]!)
      return this.#differing(name, nodes, under)
    } finally {
      this.#working.delete(name)
    }
  }

  #own(name: string, node: Node): Value {
    const data = dataOf(node, this.translate, (hidden) => this.#fleet.hide(name, hidden, this.file))
    // What is only another name for something needs no const.
    if (data.host && typeof data.code === 'string' && /^host(\.\w+)+$/.test(data.code))
      return { code: data.code, level: level.last, type: data.type, host: true }
    return constant(this.file, name, data)
  }

  #same(name: string, node: Node): Value {
    const everywhere = [...this.#fleet.inventory.hosts.values()].every((vars) => {
      const other = vars.get(name)
      return other === undefined || other === node
    })
    if (!everywhere && !holdsTemplate(node)) return this.#hostVar(name, [node], false)
    // Its templates must not use what is the role's own.
    const outer = new RoleScope(this.#fleet.file, this.#fleet, { over: [], under: [] }, [
      ...this.#fleet.inventory.hosts.keys(),
    ])
    const found = attempt(() => this.#fleet.shared(name, node, outer.translate))
    if (!found) return this.#own(name, node)
    if (this.file !== this.#fleet.file) this.file.use(found.code, '../vars.ts')
    return found
  }

  #hostVar(name: string, nodes: readonly Node[], optional: boolean): Value {
    const own = this.#fleet.hostVar(name)
    const type = union(nodes.map((each) => typeOfNode(each, typeOfText)))
    this.vars.set(own, { type, optional })
    const code = `host.vars.${own}${optional ? '!' : ''}`
    return {
      code,
      level: level.last,
      type,
      host: true,
      ...(optional && { present: `'${own}' in host.vars` }),
    }
  }

  #differing(name: string, nodes: readonly (Node | undefined)[], under: Node | undefined): Value {
    const defined = nodes.filter((each) => each !== undefined)
    const complete = defined.length === nodes.length
    if (!defined.some(holdsTemplate)) {
      const value = this.#hostVar(name, defined, !complete)
      if (complete || !under) return value
      const other = this.#own(name, under)
      const code = `${value.present!} ? ${value.code} : ${within(other, level.choice)}`
      return this.#choice(name, code, union([value.type, other.type]))
    }
    const all = [...new Set(nodes)].map((node) => ({
      node,
      hosts: this.#hosts.filter((_, i) => nodes[i] === node),
    }))
    const values = all.map(({ node }) =>
      (node ?? under) ? this.#own(name, (node ?? under)!) : literal(''),
    )
    const code = values
      .map((value, i) => {
        const hosts = all[i]!.hosts.map((each) => textLiteral(each)).join(', ')
        return i === values.length - 1
          ? within(value, level.choice)
          : `[${hosts}].includes(host.name) ? ${within(value, level.choice + 1)} : `
      })
      .join('')
    return this.#choice(name, code, union(values.map((each) => each.type)))
  }

  #choice(name: string, code: Code, type: Type): Value {
    return constant(this.file, name, {
      code,
      type,
      host: true,
      level: level.choice,
      samples: undefined,
    })
  }
}

/** What uses names of a role is not for all roles. */
function attempt<Result>(work: () => Result): Result | undefined {
  try {
    return work()
  } catch (error) {
    if (error instanceof Untranslatable) return undefined
    throw error
  }
}
