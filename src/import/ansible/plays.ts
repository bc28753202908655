import { existsSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { type Inventory, hostsOf, readVars, varsFiles } from './inventory.ts'
import type { Report } from './report.ts'
import { type Task, TaskReader } from './tasks.ts'
import { type Dict, type Node, type ReadYaml, dictOf, listOf, textOf } from './yaml.ts'

/** A role with all that it needs, and the hosts that it is placed on. */
export interface Placed {
  readonly name: string
  readonly tasks: readonly Task[]
  readonly handlers: readonly Task[]
  readonly roots: readonly string[]
  readonly over: readonly ReadonlyMap<string, Node>[]
  readonly under: readonly ReadonlyMap<string, Node>[]
  readonly become: string | undefined
  readonly hosts: Set<string>
  readonly maxUnavailable: number | undefined
  readonly remoteUser: string | undefined
}

const playKeywords = new Set(
  'name hosts vars vars_files roles tasks pre_tasks post_tasks handlers become become_user become_method gather_facts gather_subset remote_user serial collections any_errors_fatal strategy'.split(
    ' ',
  ),
)

/** What a play has for all its parts. */
interface Play {
  readonly node: Dict
  readonly hosts: readonly string[]
  readonly vars: readonly ReadonlyMap<string, Node>[]
  readonly become: string | undefined
  readonly maxUnavailable: number | undefined
  readonly remoteUser: string | undefined
}

interface Role {
  readonly name: string
  readonly folder: string
  readonly params: ReadonlyMap<string, Node>
  readonly when: Node | undefined
  readonly node: Node
}

/** Reads the plays of a playbook, and the roles that they use. */
export class PlayReader {
  readonly #placed = new Map<string, Placed>()
  readonly #inventory: Inventory
  readonly #yaml: ReadYaml
  readonly #report: Report
  readonly #tasks: TaskReader

  constructor(inventory: Inventory, yaml: ReadYaml, report: Report) {
    this.#inventory = inventory
    this.#yaml = yaml
    this.#report = report
    this.#tasks = new TaskReader(yaml, report)
  }

  /** The roles, in the order in which they are applied. */
  read(playbook: string): Placed[] {
    this.#playbook(playbook)
    return [...this.#placed.values()]
  }

  #playbook(path: string): void {
    for (const node of listOf(this.#yaml(path))) {
      if (node.kind !== 'dict') {
        this.#report.leave(node, 'playbook', 'this is not a play')
        continue
      }
      const other = [...node.entries].find(([key]) => /(^|\.)import_playbook$/.test(key))
      if (other) this.#imported(path, other[1])
      else this.#play(node, path)
    }
  }

  #imported(path: string, node: Node): void {
    const file = join(dirname(path), textOf(node) ?? '')
    if (existsSync(file) && extname(file) !== '') this.#playbook(file)
    else this.#report.leave(node, 'import_playbook', `there is no playbook ${textOf(node) ?? ''}`)
  }

  #play(node: Dict, path: string): void {
    const folder = dirname(path)
    const name = textOf(node.entries.get('name')) ?? ''
    const pattern = listOf(node.entries.get('hosts'))
      .map((each) => textOf(each) ?? '')
      .join(',')
    const hosts = pattern.includes('{{') ? undefined : hostsOf(pattern, this.#inventory)
    if (!hosts || hosts.length === 0) {
      const why =
        pattern === 'localhost'
          ? 'it runs on the machine that runs Ansible'
          : `no host of the inventory fits hosts: ${pattern}`
      return this.#report.leave(
        node,
        name || `play of ${pattern}`,
        why,
        'say with --inventory where the hosts are',
      )
    }
    const play = this.#settings(node, folder, hosts)
    const roles = listOf(node.entries.get('roles')).flatMap((each) => this.#role(each, folder))
    const all = this.#withDependencies(roles, folder)
    const handlers = [
      ...all.flatMap((role) => this.#handlers(role)),
      ...this.#tasks.list(node.entries.get('handlers'), { roots: [folder] }),
    ]
    const own = slug(name) || slug(basename(path, extname(path)))
    const part = (key: string): Task[] =>
      this.#tasks.list(node.entries.get(key), { roots: [folder] })
    const before = part('pre_tasks')
    this.#place(play, {
      name: `${own}-before`,
      tasks: before,
      handlers,
      roots: [folder],
      over: play.vars,
      under: [],
    })
    for (const role of all) this.#placeRole(play, role, handlers, folder)
    this.#place(play, {
      name: own,
      tasks: [...part('tasks'), ...part('post_tasks')],
      handlers,
      roots: [folder],
      over: play.vars,
      under: [],
    })
  }

  #settings(node: Dict, folder: string, hosts: readonly string[]): Play {
    const get = (key: string): string | undefined => textOf(node.entries.get(key))
    for (const [key, value] of node.entries)
      if (!playKeywords.has(key) && key !== 'tags')
        this.#report.leave(value, get('name') ?? 'play', `${key} of a play is not translated`)
    const files = listOf(node.entries.get('vars_files')).flatMap((each) => {
      const path = textOf(each) ?? ''
      const found = [join(folder, path), join(folder, 'vars', path)].find((one) => existsSync(one))
      if (found && !path.includes('{{')) return [readVars(found, this.#yaml, this.#report)]
      this.#report.leave(
        each,
        'vars_files',
        `the file ${path} is not known`,
        'put what it says in vars.ts',
      )
      return []
    })
    const serial = get('serial')
    if (serial !== undefined && !/^[1-9]\d*$/.test(serial))
      this.#report.leave(
        node,
        get('name') ?? 'play',
        `serial: ${serial} is not a number of hosts`,
        'role(..., { maxUnavailable })',
      )
    const become = get('become') === 'True' ? (get('become_user') ?? 'root') : undefined
    return {
      node,
      hosts,
      vars: [...files.toReversed(), dictOf(node.entries.get('vars'))],
      become,
      maxUnavailable:
        serial !== undefined && /^[1-9]\d*$/.test(serial) ? Number(serial) : undefined,
      remoteUser: get('remote_user'),
    }
  }

  #role(node: Node, folder: string): Role[] {
    const entries = dictOf(node)
    const full = textOf(node) ?? textOf(entries.get('role') ?? entries.get('name')) ?? ''
    const name = full.split('/').at(-1)!.split('.').at(-1)!
    const places = [
      join(folder, 'roles', full),
      join(folder, 'roles', name),
      join(folder, full),
      join(folder, '..', 'roles', name),
    ]
    const found = places.find((each) => existsSync(each))
    if (!found) {
      this.#report.leave(
        node,
        `role ${full}`,
        'there is no such role beside the playbook',
        'install it there, or describe what it makes true',
      )
      return []
    }
    const known = ['role', 'name', 'vars', 'tags', 'when', 'become', 'become_user']
    const params = new Map([...entries].filter(([key]) => !known.includes(key)))
    for (const [key, value] of dictOf(entries.get('vars'))) params.set(key, value)
    return [{ name, folder: found, params, when: entries.get('when'), node }]
  }

  /** Roles with those that they depend on before them, each once. */
  #withDependencies(roles: readonly Role[], folder: string): Role[] {
    const found: Role[] = []
    const add = (role: Role, above: readonly string[]): void => {
      if (above.includes(role.folder)) return
      const meta = main(role.folder, 'meta').flatMap((file) => [
        ...readVars(file, this.#yaml, this.#report),
      ])
      for (const each of listOf(new Map(meta).get('dependencies')))
        for (const needed of this.#role(each, folder)) add(needed, [...above, role.folder])
      if (!found.some((each) => keyOf(each) === keyOf(role))) found.push(role)
    }
    for (const role of roles) add(role, [])
    return found
  }

  #handlers({ folder }: Role): Task[] {
    return main(folder, 'handlers').flatMap((file) => this.#tasks.file(file, { roots: [folder] }))
  }

  #placeRole(play: Play, role: Role, handlers: readonly Task[], playFolder: string): void {
    const { folder, when } = role
    const tasks = main(folder, 'tasks').flatMap((file) =>
      this.#tasks.file(file, { roots: [folder] }),
    )
    const vars = (kind: string): ReadonlyMap<string, Node> =>
      new Map(main(folder, kind).flatMap((file) => [...readVars(file, this.#yaml, this.#report)]))
    const conditional: Task[] = [
      {
        file: role.node.file,
        line: role.node.line,
        name: 'block',
        module: 'block',
        args: new Map(),
        free: undefined,
        children: tasks,
        keywords: new Map(when ? [['when', when]] : []),
      },
    ]
    this.#place(
      play,
      {
        name: role.name,
        tasks: when ? conditional : tasks,
        handlers,
        roots: [folder, playFolder],
        over: [role.params, vars('vars'), ...play.vars],
        under: [vars('defaults')],
      },
      keyOf(role),
    )
  }

  #place(
    play: Play,
    part: Pick<Placed, 'name' | 'tasks' | 'handlers' | 'roots' | 'over' | 'under'>,
    key: string = part.name,
  ): void {
    if (part.tasks.length === 0) return
    const varsKey = play.vars
      .flatMap((each) => [...each.values()].map(({ file, line }) => `${file}:${line}`))
      .join()
    const whole = `${key} ${varsKey} ${play.become ?? ''}`
    const known = this.#placed.get(whole)
    if (known) return play.hosts.forEach((each) => known.hosts.add(each))
    const names = [...this.#placed.values()].map(({ name }) => name)
    let name = slug(part.name) || 'tasks'
    for (let i = 2; names.includes(name); i++) name = `${slug(part.name)}-${i}`
    const { become, maxUnavailable, remoteUser } = play
    this.#placed.set(whole, {
      ...part,
      name,
      become,
      maxUnavailable,
      remoteUser,
      hosts: new Set(play.hosts),
    })
  }
}

const keyOf = ({ folder, params, when }: Role): string =>
  JSON.stringify([
    folder,
    [...params].map(([key, node]) => [key, node.file, node.line, textOf(node)]),
    when && textOf(when),
  ])

/** `main.yml` of a part of a role, or all files of a folder `main`. */
const main = (folder: string, part: string): string[] =>
  varsFiles(join(folder, part), 'main').filter(
    (each) => !each.endsWith('.json') || part !== 'tasks',
  )

/** A name for files and roles. */
export const slug = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
