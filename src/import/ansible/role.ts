import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { type Code, and, arrow, list, note, textLiteral } from './code.ts'
import { translateTemplate } from './eta.ts'
import { Handlers } from './handlers.ts'
import { Untranslatable } from './jinja-lexer.ts'
import { isMissedLoop, loopOf } from './task-loop.ts'
import { modules } from './modules.ts'
import type { Report } from './report.ts'
import type { Guard, RoleInput, RoleWork } from './role-work.ts'
import { TaskContext } from './task-context.ts'
import type { Task } from './tasks.ts'
import { type RoleScope } from './variables.ts'
import { type Value, level } from './value.ts'
import { changedNames, whenOf } from './when.ts'
import { isVault, listOf, textOf } from './yaml.ts'

/** Files of the result that are not written by hand, by their path in it. */
export type Copies = Map<string, string | { readonly copy: string }>

/** Writes the resources of a role. */
export class RoleWriter implements RoleWork {
  readonly input: RoleInput
  readonly scope: RoleScope
  readonly report: Report
  readonly copies: Copies
  readonly handlers: Handlers
  /** Services that are described, and those that a notification needs to be. */
  readonly services: Set<string> = new Set()
  readonly wanted: Map<string, Task> = new Map()
  /** Names of commands, each of which is there once. */
  readonly #commands = new Set<string>()
  /** What `notify` of a task gets beside its own: those that ask whether it changed anything. */
  readonly #askers = new Map<string, Task[]>()
  readonly probes: Map<string, Task> = new Map()
  guards: readonly Guard[] = []

  constructor(input: RoleInput, scope: RoleScope, report: Report, copies: Copies) {
    this.input = input
    this.scope = scope
    this.report = report
    this.copies = copies
    this.handlers = new Handlers(this)
    scope.answer = (name, args) => this.#lookup(name, args)
  }

  /** The resources of all tasks, and of the commands that are handlers. */
  write(): Code[] {
    this.#findAskers(this.input.tasks)
    const resources = this.tasks(this.input.tasks)
    for (const task of this.#asked)
      if (!this.#answered.has(task))
        resources.push(
          this.leave(
            task,
            new Untranslatable('the task whose changes it waits for was not translated'),
          ),
        )
    const commands = this.handlers.described()
    const services = [...this.wanted].flatMap(([name, task]) => {
      if (this.services.has(name)) return []
      this.scope.file.use('service')
      this.report.note(
        task,
        task.name,
        `what is notified is described too: service('${name}') is kept running and enabled`,
      )
      return [`service(${textLiteral(name)})`]
    })
    return [...resources, ...services, ...commands]
  }

  tasks(all: readonly Task[]): Code[] {
    return all.flatMap((task) => this.#task(task))
  }

  #task(task: Task): Code[] {
    try {
      const made = this.#translated(task)
      if (made.length === 0) return []
      const [first, ...rest] = made
      return task.name === task.module || task.module === 'block'
        ? made
        : [note([oneLine(task.name)], first!), ...rest]
    } catch (error) {
      if (!(error instanceof Untranslatable)) throw error
      return [this.leave(task, error)]
    }
  }

  /** Reports the task, and leaves a comment where it would stand. */
  leave(task: Task, error: Untranslatable): Code {
    this.report.leave(task, task.name, error.message, error.remedy)
    // Named from the playbook, so that it is the same wherever this is called.
    const place = relative(this.input.roots.at(-1)!, task.file)
    const known = place.startsWith('..') ? `line ${task.line}` : `${place}:${task.line}`
    return note([`TODO ${oneLine(task.name)} (${known}): ${oneLine(error.message)}`])
  }

  #translated(task: Task): Code[] {
    if (isMissedLoop(task)) throw new Untranslatable('this kind of loop is not translated')
    const vars = new Map<string, Value>()
    const known = task.keywords.get('vars')
    if (known?.kind === 'dict')
      for (const [name, node] of known.entries)
        vars.set(name, new TaskContext(this, task).valueOfNode(node))
    return this.scope.inFrame(vars, () => {
      const loop = loopOf(task, this.scope.translate)
      if (!loop) return this.#conditional(task)
      const inner = this.scope.inFrame(loop.names, () => this.#conditional(task))
      if (inner.length === 0) return []
      const collapsed = loop.collapse(inner)
      if (collapsed !== undefined) return [collapsed]
      const body = inner.length === 1 ? inner[0]! : list(inner)
      const parameters = loop.parameters(body)
      return [{ form: 'call', of: `${loop.code}.map`, args: [arrow(`(${parameters})`, body)] }]
    })
  }

  /** The resources, if the condition is not known to be false. */
  #conditional(task: Task): Code[] {
    const { test, changed, guards } = whenOf(task, this)
    if (test?.constant === false) {
      this.report.note(task, task.name, 'its condition is never true here, so it was left out')
      return []
    }
    if (changed.length > 0 && this.#asked.has(task)) return []
    this.guards = guards
    const made = this.#made(task, changed)
    if (!test || test.constant === true || made.length === 0) return made
    const code = test.level < level.and ? `(${test.code})` : test.code
    const [only] = made
    const alone = made.length === 1 && (typeof only === 'string' || only!.form !== 'note')
    return [and(code, alone ? only! : list(made))]
  }

  #made(task: Task, changed: readonly string[]): Code[] {
    if (task.module === 'block') return this.#block(task)
    const context = new TaskContext(this, task)
    const registered = textOf(task.keywords.get('register'))
    if (registered !== undefined) this.scope.register(registered)
    const module = modules[task.module]
    if (!module)
      throw new Untranslatable(
        task.module === '?'
          ? 'it is not clear which module it names'
          : `the module ${task.module} is not translated`,
        'describe what it makes true, or write a kind of your own',
      )
    const elsewhere = ['delegate_to', 'run_once', 'local_action'].find((each) =>
      task.keywords.has(each),
    )
    if (elsewhere !== undefined && !dropped.has(task.module))
      throw new Untranslatable(
        `${elsewhere}: it is not done on each host`,
        'place it in a role of the host that it is for',
      )
    if (changed.length > 0 && !onlyReads(task))
      throw new Untranslatable('it depends on whether another task changed something')
    const made = module(context)
    if (this.guards.length > 0 && !['command', 'shell'].includes(task.module))
      throw new Untranslatable('its condition asks what a command found out')
    context.finish()
    return made === undefined ? [] : Array.isArray(made) ? (made as Code[]) : [made as Code]
  }

  #block(task: Task): Code[] {
    for (const part of ['rescue', 'always'])
      if (task.keywords.has(part))
        this.report.leave(
          task,
          task.name,
          `its ${part} is not translated`,
          'Fettle stops at what fails, and a new run does the rest',
        )
    return this.tasks(task.children.map((each) => inherit(each, task)))
  }

  /** What a task asks for when it has changed something. */
  notifications(task: Task): Code[] {
    const names = listOf(task.keywords.get('notify')).map((each) => textOf(each) ?? '')
    const asked = this.handlers.asked(task, names)
    const registered = textOf(task.keywords.get('register'))
    const askers = registered === undefined ? [] : (this.#askers.get(registered) ?? [])
    askers.forEach((each) => this.#answered.add(each))
    return [...asked, ...askers.flatMap((each) => this.handlers.action(each))]
  }

  /** Tasks that ask `x is changed`, and restart or run something then: the task `x` notifies them. */
  readonly #asked = new Set<Task>()
  /** Those of them that were asked for. */
  readonly #answered = new Set<Task>()

  #findAskers(all: readonly Task[]): void {
    for (const task of all) {
      this.#findAskers(task.children)
      const names = changedNames(task)
      if (names.length === 0 || !this.handlers.canBe(task)) continue
      this.#asked.add(task)
      for (const name of names) this.#askers.set(name, [...(this.#askers.get(name) ?? []), task])
    }
  }

  /** A name for a command that no other command of the role has. */
  commandName(wanted: string): string {
    let free = oneLine(wanted)
    for (let i = 2; this.#commands.has(free); i++) free = `${oneLine(wanted)} ${i}`
    this.#commands.add(free)
    return free
  }

  /** Finds a file of `templates/` or `files/`. */
  find(folder: 'templates' | 'files', name: string): string | undefined {
    const places = name.startsWith('/')
      ? ['']
      : this.input.roots.flatMap((root) => [join(root, folder), root])
    return places.map((place) => join(place, name)).find((each) => existsSync(each))
  }

  /** All files whose names fit, when a name is known only in part. */
  fitting(folder: 'templates' | 'files', pattern: RegExp): string[] {
    return this.input.roots.flatMap((root) => {
      const base = join(root, folder)
      if (!existsSync(base)) return []
      return readdirSync(base, { withFileTypes: true, recursive: true })
        .filter((each) => each.isFile())
        .map((each) => relative(base, join(each.parentPath, each.name)))
        .filter((each) => pattern.test(each))
    })
  }

  /** Translates a template into the result; gives what has to be passed to it. */
  template(source: string, name: string): ReadonlyMap<string, string> {
    const text = this.#text(source)
    try {
      const made = translateTemplate(text, this.scope)
      this.copies.set(this.#place('templates', name, '.eta'), made.text)
      return made.values
    } catch (error) {
      if (error instanceof Untranslatable && error.line !== undefined) {
        this.report.leave(
          { file: source, line: error.line },
          `template ${name}`,
          error.message,
          error.remedy ?? 'write this part of the template by hand',
        )
        throw new Untranslatable(
          `its template ${name}, line ${error.line}: ${error.message}`,
          error.remedy,
        )
      }
      throw error
    }
  }

  /** A file whose text is rendered without any values. */
  plainTemplate(source: string, name: string): void {
    const text = this.#text(source)
    this.copies.set(this.#place('templates', name, '.eta'), text.replaceAll('<%', "<%= '<%' %>"))
  }

  /** Copies a file into the result. */
  file(source: string, name: string): void {
    if (isVault(readFileSync(source, 'latin1').slice(0, 40)))
      throw new Untranslatable(
        'the file is encrypted with ansible-vault and was not copied',
        'decrypt it outside of git and use Secret.file(...)',
      )
    this.copies.set(this.#place('files', name), { copy: source })
  }

  /** The path of a file of the result, as the role's file names it. */
  pathOf(folder: 'templates' | 'files', name: string, end = ''): string {
    return `../${this.#place(folder, name, end)}`
  }

  #place(folder: string, name: string, end = ''): string {
    const short = folder === 'templates' ? name.replace(/\.j2$/, '') : name
    return `${folder}/${this.input.name}/${short.replace(/^(\.\.?\/|\/)+/, '')}${end}`
  }

  #text(source: string): string {
    const text = readFileSync(source, 'utf8')
    if (isVault(text))
      throw new Untranslatable(
        'the file is encrypted with ansible-vault and was not copied',
        'decrypt it outside of git and use Secret.file(...)',
      )
    return text
  }

  /** `lookup('file', 'keys/ada.pub')`: the text of a file here. */
  #lookup(name: string, args: readonly Value[]): Value | undefined {
    const [what, path] = args
    if (
      (name !== 'lookup' && name !== 'query') ||
      what?.constant !== 'file' ||
      !path ||
      args.length !== 2
    )
      return undefined
    const names = path.constant !== undefined ? [String(path.constant)] : path.samples?.map(String)
    if (!names) throw new Untranslatable('which file is looked up is not known')
    for (const each of names) {
      const found = this.find('files', each)
      if (!found) throw new Untranslatable(`there is no file ${each}`)
      this.file(found, each)
    }
    this.scope.file.use('template')
    const place =
      path.constant !== undefined
        ? textLiteral(this.pathOf('files', names[0]!))
        : `\`${this.pathOf('files', '')}\${${path.code}}\``
    return {
      code: `template(${place}).trimEnd()`,
      level: level.last,
      type: { kind: 'string', end: 'open' },
      host: false,
    }
  }
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim()

/** What a block says counts for the tasks in it. */
function inherit(task: Task, block: Task): Task {
  const inherited = new Map(task.keywords)
  for (const key of [
    'become',
    'become_user',
    'environment',
    'ignore_errors',
    'delegate_to',
    'run_once',
  ])
    if (!inherited.has(key) && block.keywords.has(key)) inherited.set(key, block.keywords.get(key)!)
  return { ...task, keywords: inherited }
}

/** A unit that changed is read again in the step that changes it. */
const onlyReads = ({ module, args }: Task): boolean =>
  ['systemd', 'systemd_service'].includes(module) && !args.has('name') && args.has('daemon_reload')

/** Modules that change nothing, wherever they run. */
const dropped = new Set([
  'debug',
  'assert',
  'fail',
  'pause',
  'wait_for',
  'set_fact',
  'meta',
  'setup',
])
