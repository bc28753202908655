import { type Code, type Entry, call, choice, list, object, textLiteral } from './code.ts'
import { dataOf } from './data.ts'
import { Untranslatable } from './jinja-lexer.ts'
import type { RoleWork } from './role-work.ts'
import { isTemplate, textOfText, valueOfText } from './strings.ts'
import type { Task } from './tasks.ts'
import { has, itemOf, only } from './types.ts'
import { type Value, level, literal, printed, within } from './value.ts'
import { type Node, dictOf, textOf } from './yaml.ts'

/** What a task says, asked for bit by bit: what nobody asked for is reported. */
export class TaskContext {
  readonly task: Task
  readonly role: RoleWork
  readonly #used = new Set<string>()

  constructor(role: RoleWork, task: Task) {
    this.role = role
    this.task = task
  }

  /** The name of a function of Fettle, imported. */
  use(name: string): string {
    return this.role.scope.file.use(name)
  }

  has(...names: readonly string[]): boolean {
    return names.some((name) => this.task.args.has(name))
  }

  /** An argument under the first of its names that is there. */
  take(...names: readonly string[]): Node | undefined {
    names.forEach((name) => this.#used.add(name))
    const found = names.map((name) => this.task.args.get(name)).find((each) => each !== undefined)
    return found?.kind === 'scalar' && found.value === null && found.tag === undefined
      ? undefined
      : found
  }

  /** Takes what means nothing here. */
  ignore(...names: readonly string[]): void {
    this.take(...names)
  }

  /** A text; undefined: it is not there, or `omit`. */
  text(...names: readonly string[]): Value | undefined {
    const node = this.take(...names)
    if (node === undefined) return undefined
    const value = this.textOfNode(node)
    return only(value.type, 'missing') ? undefined : value
  }

  need(...names: readonly string[]): Value {
    const found = this.text(...names)
    if (!found) throw new Untranslatable(`${names[0]} is missing`)
    return found
  }

  textOfNode(node: Node): Value {
    if (node.kind === 'scalar' && node.tag === 'vault') return this.#hidden(node)
    const text = textOf(node)
    if (text === undefined)
      throw new Untranslatable('a text was expected where a list or dict stands')
    if (node.kind === 'scalar' && node.tag === 'unsafe') return literal(text)
    const value = valueOfText(text, this.role.scope.translate)
    if (value.constant !== undefined && value.constant !== null)
      return literal(String(value.constant))
    if (has(value.type, 'missing') || only(value.type, 'string')) return value
    return textOfText(text, this.role.scope.translate)
  }

  /** Anything; what is encrypted becomes a secret. */
  valueOfNode(node: Node): Value {
    const { code, ...data } = dataOf(node, this.role.scope.translate, () => this.#hidden(node).code)
    if (typeof code !== 'string')
      throw new Untranslatable(
        'lists and dicts in vars of a task are not followed',
        'make them variables of the role',
      )
    const [sample] = data.samples ?? []
    const constant =
      node.kind === 'scalar' && data.samples?.length === 1 && !isTemplate(node.text)
        ? { constant: sample as string }
        : {}
    return {
      code,
      level: data.level,
      type: data.type,
      host: data.host,
      ...constant,
      ...(data.samples && { samples: data.samples }),
    }
  }

  #hidden(node: Node): Value {
    const name = this.task.name.toUpperCase().replace(/[^A-Z0-9]+/g, '_')
    this.role.report.leave(
      node,
      this.task.name,
      'a value is encrypted with ansible-vault and was not read',
      `set ${name} in the environment of whoever runs Fettle`,
    )
    this.use('Secret')
    return {
      code: `Secret.env('${name}')`,
      level: level.last,
      type: { kind: 'secret' },
      host: false,
    }
  }

  /** A yes or no that is known now. */
  flag(...names: readonly string[]): boolean | undefined {
    const node = this.take(...names)
    if (node === undefined) return undefined
    if (node.kind === 'scalar' && typeof node.value === 'boolean') return node.value
    const { constant, samples } = this.textOfNode(node)
    const known = constant ?? (samples?.length === 1 ? samples[0] : undefined)
    if (known === undefined) throw new Untranslatable(`${names[0]} is computed`)
    return ['yes', 'on', '1', 'true', 't', 'y'].includes(String(known).toLowerCase())
  }

  /** A word that is known now, such as a state. */
  word(...names: readonly string[]): string | undefined {
    const value = this.text(...names)
    if (value === undefined) return undefined
    const known =
      value.constant ??
      (value.samples && new Set(value.samples).size === 1 ? value.samples[0] : undefined)
    if (known === undefined)
      throw new Untranslatable(`${names[0]} is computed`, 'write the cases as conditions')
    return String(known)
  }

  /** A list of texts: written as one, as `a,b`, or named by a variable. */
  list(...names: readonly string[]): Code | undefined {
    const node = this.take(...names)
    if (node === undefined) return undefined
    if (node.kind === 'list') return list(node.items.map((each) => asText(this.textOfNode(each))))
    const text = textOf(node) ?? ''
    if (!isTemplate(text))
      return list(
        text
          .split(',')
          .map((each) => each.trim())
          .filter(Boolean)
          .map(textLiteral),
      )
    const value = valueOfText(text, this.role.scope.translate)
    if (only(value.type, 'list') && only(itemOf(value.type), 'string', 'never')) return value.code
    if (only(value.type, 'string') && value.samples?.every((each) => !String(each).includes(',')))
      return list([asText(value)])
    throw new Untranslatable(`${names[0]} is not known to be a list of texts`)
  }

  /** Permissions as octal text. */
  mode(...names: readonly string[]): Code | undefined {
    const node = this.take(...names)
    if (node === undefined) return undefined
    if (node.kind === 'scalar' && typeof node.value === 'number')
      return textLiteral(octal(node.value))
    const text = textOf(node) ?? ''
    const value = valueOfText(text, this.role.scope.translate)
    if (only(value.type, 'missing')) return undefined
    if (typeof value.constant === 'string') return textLiteral(permissions(value.constant))
    if (only(value.type, 'int')) return `${within(value, level.last)}.toString(8).padStart(4, '0')`
    if (!only(value.type, 'string', 'missing'))
      throw new Untranslatable('mode is not known to be a text or a number')
    return value.code
  }

  /** A path without what Fettle leaves out of paths. */
  path(...names: readonly string[]): Value {
    return cleanPath(this.need(...names))
  }

  get notify(): Code[] {
    return this.role.notifications(this.task)
  }

  /** Who changes it: of the task, else of the play; undefined: who logs in. */
  get become(): string | undefined {
    const { keywords } = this.task
    const own = keywords.get('become')
    if (own?.kind === 'scalar' && own.value === false) return undefined
    const user = textOf(keywords.get('become_user'))
    if (user !== undefined && isTemplate(user)) throw new Untranslatable('become_user is computed')
    const wanted = own?.kind === 'scalar' && own.value === true
    return wanted || this.role.input.become !== undefined
      ? (user ?? this.role.input.become ?? 'root')
      : undefined
  }

  /** `user` and `notify`, which all resources take. `kind`: who changes it when nothing is said. */
  common(kind: 'root' | 'login', extra: readonly Code[] = []): Entry[] {
    const { become } = this
    const notify = [...this.notify, ...extra]
    const plain = kind === 'root' ? 'root' : this.role.input.rootLogin ? 'root' : undefined
    const user = become ?? (kind === 'root' ? 'root' : undefined)
    return [
      ...(user !== undefined && user !== plain ? [['user', textLiteral(user)] as const] : []),
      ...(notify.length === 0
        ? []
        : [['notify', notify.length === 1 ? notify[0]! : list(notify)] as const]),
    ]
  }

  note(why: string, todo = ''): void {
    this.role.report.note(this.task, this.task.name, why, todo)
  }

  left(why: string, todo = ''): void {
    this.role.report.leave(this.task, this.task.name, why, todo)
  }

  /** Reports all that the translation did not look at. */
  finish(): void {
    for (const [name, node] of this.task.args)
      if (!this.#used.has(name))
        this.left(`${name}: ${textOf(node) ?? node.kind} is not translated`)
    if (this.task.free && !this.#used.has('free'))
      this.left(`${textOf(this.task.free) ?? 'its text'} is not translated`)
    for (const [name, node] of this.task.keywords) this.#keyword(name, node)
  }

  #keyword(name: string, node: Node): void {
    if (translatedKeywords.has(name) || name.startsWith('with_')) return
    const text = textOf(node) ?? ''
    if (name === 'tags')
      return this.role.report.note(
        { file: this.task.file, line: 0 },
        'tags',
        'there are no tags',
        'choose with --role and --only',
      )
    // What a guard asks may fail: that is its answer.
    if (
      (name === 'failed_when' || name === 'ignore_errors') &&
      [...this.role.probes.values()].includes(this.task)
    )
      return undefined
    if (name === 'no_log')
      return text === 'False'
        ? undefined
        : this.note('no_log: plans show what it holds', 'make what is secret a Secret')
    if (
      name === 'changed_when' ||
      name === 'check_mode' ||
      name === 'become_method' ||
      name === 'any_errors_fatal'
    )
      return undefined
    if (name === 'ignore_errors' && text === 'False') return undefined
    this.left(`${name}: ${text || node.kind} is not translated`)
  }

  /** The free text of a command. */
  free(): Node | undefined {
    this.#used.add('free').add('cmd').add('_raw_params').add('argv')
    return this.task.free ?? this.task.args.get('cmd') ?? this.task.args.get('argv')
  }

  environment(): Entry[] {
    const all = dictOf(this.task.keywords.get('environment'))
    if (all.size === 0) return []
    return [
      ['environment', object([...all].map(([key, node]) => [key, asText(this.textOfNode(node))]))],
    ]
  }
}

const translatedKeywords = new Set(
  'name when loop loop_control notify register vars become become_user environment args listen action block'.split(
    ' ',
  ),
)

const octal = (value: number): string => value.toString(8).padStart(4, '0')

/** `u=rw,g=r,o=` as 0640. */
function permissions(text: string): string {
  if (/^[0-7]{3,4}$/.test(text)) return text
  if (/^0o?[0-7]{3,5}$/.test(text)) return text.replace(/^0o?/, '').padStart(4, '0').slice(-4)
  const bits = { r: 4, w: 2, x: 1 } as Readonly<Record<string, number>>
  const parts = new Map<string, number>()
  for (const each of text.split(',')) {
    const [, who = '', what = ''] = /^([ugoa]+)=([rwx]*)$/.exec(each.trim()) ?? []
    if (who === '')
      throw new Untranslatable(
        `mode ${text} says only what is added or taken away`,
        'say the whole mode, such as 0644',
      )
    for (const one of who.replace('a', 'ugo'))
      parts.set(
        one,
        [...what].reduce((sum, bit) => sum + bits[bit]!, 0),
      )
  }
  if (parts.size < 3)
    throw new Untranslatable(
      `mode ${text} does not say all of it`,
      'say the whole mode, such as 0644',
    )
  return `0${parts.get('u')}${parts.get('g')}${parts.get('o')}`
}

/** The value as code that is a text. */
export function asText(value: Value): string {
  if (typeof value.constant === 'string') return textLiteral(value.constant)
  const { type } = value
  if (only(type, 'string', 'missing')) return value.code
  if (only(type, 'secret')) return `\`\${${value.code}}\``
  const text = printed(value, { language: 'typescript', look: () => undefined })
  return only(text.type, 'string') ? text.code : `\`\${${text.code}}\``
}

export function cleanPath(value: Value): Value {
  if (typeof value.constant !== 'string') {
    if (!value.code.startsWith('`')) return value
    const code = value.code.replace(/\/+`$/, '`').replaceAll(/([^:])\/{2,}/g, '$1/')
    return { ...value, code }
  }
  const path = value.constant
    .replaceAll(/\/{2,}/g, '/')
    .replaceAll('/./', '/')
    .replace(/(.)\/$/, '$1')
  if (path.startsWith('~'))
    throw new Untranslatable('a path below a home (~) is not absolute', 'write the whole path')
  return literal(path)
}

export const namesOf = (value: Value): string[] | undefined =>
  value.constant !== undefined ? [String(value.constant)] : value.samples?.map(String)

/** The code of a call with options, which are left out when there are none. */
export function resource(of: string, names: readonly Code[], entries: readonly Entry[]): Code {
  return { form: 'call', of, args: entries.length === 0 ? names : [...names, object(entries)] }
}

/** An option, when it has a value. */
export const option = (key: string, value: Code | Value | undefined): Entry[] =>
  value === undefined
    ? []
    : [
        [
          key,
          typeof value === 'object' && 'type' in value ? asText(value as Value) : (value as Code),
        ],
      ]

/** The resource, wanted gone where `state` says so, which may differ from item to item. */
export function stateful(context: TaskContext, make: () => Code): Code {
  const state = context.text('state')
  const states = [...new Set(state ? namesOf(state) : ['present'])]
  const odd = states.find((each) => !['present', 'absent'].includes(each))
  if (odd !== undefined) throw new Untranslatable(`state: ${odd} is not translated`)
  if (states.length === 0)
    throw new Untranslatable('state is computed', 'write the cases as conditions')
  const made = make()
  if (states.length === 1) return states[0] === 'absent' ? call(context.use('absent'), made) : made
  return choice(
    `${within(state!, level.compare)} === 'absent'`,
    call(context.use('absent'), made),
    made,
  )
}
