import { type Code, call, object, textLiteral } from './code.ts'
import { commandEntries } from './command-entries.ts'
import { Untranslatable } from './jinja-lexer.ts'
import type { RoleWork } from './role-work.ts'
import { TaskContext, asText, namesOf } from './task-context.ts'
import type { Task } from './tasks.ts'
import { listOf, textOf } from './yaml.ts'

const services = ['service', 'systemd', 'systemd_service', 'sysvinit']
const commands = ['command', 'shell']
const silent = ['debug', 'assert', 'meta', 'pause', 'set_fact', 'wait_for']

/** What `notify` may name. */
export class Handlers {
  readonly #role: RoleWork
  readonly #all: readonly Task[]
  /** The consts of commands that are handlers. */
  readonly #commands = new Map<Task, string>()

  constructor(role: RoleWork) {
    this.#role = role
    const flat = (all: readonly Task[]): Task[] =>
      all.flatMap((each) => (each.module === 'block' ? flat(each.children) : [each]))
    this.#all = flat(role.input.handlers)
  }

  /** Whether the task is something that can be asked for by others. */
  canBe(task: Task): boolean {
    if ([...task.keywords.keys()].some((key) => key === 'loop' || key.startsWith('with_')))
      return false
    return (
      commands.includes(task.module) ||
      (services.includes(task.module) &&
        /^(restarted|reloaded)$/.test(textOf(task.args.get('state')) ?? ''))
    )
  }

  /** What a task that names these asks for. */
  asked(task: Task, names: readonly string[]): Code[] {
    return names.flatMap((name) => {
      const found = this.#all.filter(
        (each) =>
          each.name === name ||
          listOf(each.keywords.get('listen')).some((topic) => textOf(topic) === name),
      )
      if (found.length === 0) {
        this.#role.report.leave(
          task,
          task.name,
          `it notifies ${name}, and there is no such handler`,
        )
        return []
      }
      return found.flatMap((each) => this.#attempt(each))
    })
  }

  /** The handler, or a remark about it. */
  #attempt(handler: Task): Code[] {
    try {
      return this.action(handler)
    } catch (error) {
      if (!(error instanceof Untranslatable)) throw error
      this.#role.report.leave(handler, `handler ${handler.name}`, error.message, error.remedy)
      return []
    }
  }

  /** What a task does, as something to be asked for. */
  action(handler: Task): Code[] {
    if (silent.includes(handler.module)) return []
    if (handler.keywords.has('when') && this.#all.includes(handler))
      throw new Untranslatable(
        'a handler with a condition is not translated',
        'put the condition where it is notified',
      )
    if (services.includes(handler.module)) return this.#service(handler)
    if (commands.includes(handler.module))
      return [call(this.#role.scope.file.use('trigger'), this.#command(handler))]
    throw new Untranslatable(
      `a handler that uses ${handler.module} is not translated`,
      'notify restarts, reloads and runs commands only',
    )
  }

  #service(handler: Task): Code[] {
    const context = new TaskContext(this.#role, handler)
    const state = context.word('state')
    context.ignore('enabled', 'daemon_reload', 'daemon-reload', 'daemon_reexec')
    if (state === undefined && !context.has('name')) {
      // Fettle has systemd read its units in the step that changes one.
      context.finish()
      return []
    }
    const name = context.need('name', 'service', 'unit')
    context.finish()
    if (state !== 'restarted' && state !== 'reloaded')
      throw new Untranslatable(`a handler with state: ${state} is not translated`)
    for (const each of namesOf(name) ?? [])
      this.#role.wanted.set(each.replace(/\.service$/, ''), handler)
    return [
      call(
        this.#role.scope.file.use(state === 'restarted' ? 'restart' : 'reload'),
        asText(name).replace(/\.service(['`])$/, '$1'),
      ),
    ]
  }

  #command(handler: Task): string {
    const known = this.#commands.get(handler)
    if (known !== undefined) return known
    const context = new TaskContext(this.#role, handler)
    const entries = [
      ...commandEntries(context),
      ['when', textLiteral('notified')] as const,
      ...context.common('login'),
    ]
    context.finish()
    const { file } = this.#role.scope
    const name = file.name(handler.name)
    const code = call(
      file.use('command'),
      textLiteral(this.#role.commandName(handler.name)),
      object(entries),
    )
    file.constants.push({ name, code, type: { kind: 'never' }, host: true, compared: false })
    this.#commands.set(handler, name)
    return name
  }

  /** Commands that are handlers are described like all else. */
  described(): Code[] {
    return [...this.#commands.values()]
  }
}
