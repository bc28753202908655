import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Report } from './report.ts'
import { shortForm } from './words.ts'
import { type Dict, type Node, type ReadYaml, Unreadable, dictOf, listOf, textOf } from './yaml.ts'

/** A task, or a block of them. */
export interface Task {
  readonly file: string
  readonly line: number
  readonly name: string
  /** Without its collection: `template`; `block` for a block, and for tasks that are included. */
  readonly module: string
  readonly args: ReadonlyMap<string, Node>
  /** What a command runs, and what is not `key=value`. */
  readonly free: Node | undefined
  readonly children: readonly Task[]
  readonly keywords: ReadonlyMap<string, Node>
}

/** Where the parts of a role, or of a play, are. */
export interface Folders {
  /** Where `tasks/`, `templates/` and `files/` are looked for, best first. */
  readonly roots: readonly string[]
}

/** What a task may say beside its module. */
const keywords = new Set(
  'name when loop loop_control notify register vars become become_user become_method become_flags tags environment ignore_errors changed_when failed_when delegate_to delegate_facts run_once no_log listen args async poll retries until delay check_mode diff any_errors_fatal throttle timeout connection remote_user port collections module_defaults action local_action rescue always debugger ignore_unreachable'.split(
    ' ',
  ),
)
const freeForm = new Set([
  'command',
  'shell',
  'raw',
  'script',
  'meta',
  'include_tasks',
  'import_tasks',
  'include',
  'include_vars',
  'import_playbook',
])

/** Tasks as they are written, blocks and files that they include followed. */
export class TaskReader {
  readonly #yaml: ReadYaml
  readonly #report: Report

  constructor(yaml: ReadYaml, report: Report) {
    this.#yaml = yaml
    this.#report = report
  }

  /** The tasks of a file; one that cannot be read is in the report. */
  file(path: string, folders: Folders): Task[] {
    try {
      return this.list(this.#yaml(path), folders)
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error
      this.#report.leave(error.place, 'tasks', error.message, 'correct the file and import again')
      return []
    }
  }

  list(node: Node | undefined, folders: Folders): Task[] {
    return listOf(node).flatMap((each) => {
      if (each.kind === 'dict') return [this.#task(each, folders)]
      this.#report.leave(each, 'tasks', 'this is not a task')
      return []
    })
  }

  #task(node: Dict, folders: Folders): Task {
    const { file, line } = node
    const name = textOf(node.entries.get('name')) ?? ''
    const known = new Map(
      [...node.entries].filter(([key]) => keywords.has(key) || key.startsWith('with_')),
    )
    const base = {
      file,
      line,
      keywords: known,
      children: [],
      free: undefined,
      args: new Map<string, Node>(),
    }
    if (node.entries.has('block'))
      return {
        ...base,
        name,
        module: 'block',
        children: this.list(node.entries.get('block'), folders),
      }
    const own = [...node.entries.keys()].filter((key) => !known.has(key))
    const action = textOf(node.entries.get('action') ?? node.entries.get('local_action'))
    if (own.length !== 1 && action === undefined)
      return { ...base, name: name || 'task', module: '?', free: node }
    const [full = '', value] =
      own[0] === undefined ? splitAction(action!, node) : [own[0], node.entries.get(own[0])]
    const module = full.split('.').at(-1)!
    const made = {
      ...base,
      name: name || module,
      module,
      ...argumentsOf(module, value, dictOf(node.entries.get('args'))),
    }
    return /^(include|import)_tasks$|^include$/.test(module) ? this.#included(made, folders) : made
  }

  /** The tasks of another file stand where they are included. */
  #included(task: Task, folders: Folders): Task {
    const path = textOf(task.free ?? task.args.get('file'))
    if (path === undefined || path.includes('{{')) return task
    const places = [
      dirname(task.file),
      ...folders.roots.flatMap((root) => [join(root, 'tasks'), root]),
    ]
    const found = places.map((place) => join(place, path)).find((each) => existsSync(each))
    if (found === undefined) return task
    return { ...task, module: 'block', children: this.file(found, folders) }
  }
}

function splitAction(text: string, { file, line }: Dict): [string, Node] {
  const [, module = '', rest = ''] = /^(\S+)\s*([^]*)$/.exec(text) ?? []
  return [module, { kind: 'scalar', value: rest, text: rest, file, line }]
}

function argumentsOf(
  module: string,
  value: Node | undefined,
  more: ReadonlyMap<string, Node>,
): Pick<Task, 'args' | 'free'> {
  if (value?.kind === 'dict')
    return {
      args: new Map([...value.entries, ...more]),
      free: value.entries.get('cmd') ?? value.entries.get('_raw_params'),
    }
  if (value?.kind !== 'scalar' || value.value === null)
    return { args: more, free: value?.kind === 'list' ? value : undefined }
  const { file, line } = value
  const isCommand = freeForm.has(module)
  const { options, rest } = shortForm(
    value.text,
    isCommand ? ['chdir', 'creates', 'removes', 'executable', 'stdin', 'warn', 'file'] : undefined,
  )
  const node = (text: string): Node => ({ kind: 'scalar', value: text, text, file, line })
  const args = new Map<string, Node>([
    ...[...options].map(([key, text]) => [key, node(text)] as const),
    ...more,
  ])
  // A command is taken as it is written: blanks and newlines in it count.
  const free = isCommand && options.size === 0 ? value.text : rest
  return { args, free: free === '' ? undefined : node(free.trim()) }
}
