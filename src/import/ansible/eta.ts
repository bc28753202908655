import { translator } from './expression.ts'
import { Untranslatable } from './jinja-lexer.ts'
import type { LexerOptions } from './jinja-lexer.ts'
import { type Assignment, type Loop, type Part, parseTemplate } from './jinja-template.ts'
import { loopVariable } from './loop-variable.ts'
import { overOf } from './loops.ts'
import { endingOf } from './template-end.ts'
import { type Type, has, union } from './types.ts'
import { type Scope, type Translate, type Value, printed, within, level } from './value.ts'

/** A template for Eta, and what it has to be given. */
export interface EtaTemplate {
  readonly text: string
  /** The values by name, as code of the role that renders it. */
  readonly values: ReadonlyMap<string, string>
}

/** Words that a template cannot take for its own variables. */
const taken = [
  'it',
  'options',
  'include',
  'includeAsync',
  'layout',
  'output',
  'capture',
  'captureAsync',
  'block',
  'blockAsync',
]

/** Translates a template of Jinja2, as Ansible renders it, to one of Eta that renders the same bytes. */
export function translateTemplate(
  source: string,
  scope: Scope,
  options: Partial<LexerOptions> = {},
): EtaTemplate {
  const { parts, newlines } = parseTemplate(source, options)
  const writer = new EtaWriter(scope)
  let text = writer.write(parts)
  if (newlines > 0) text += ending(parts, newlines, writer)
  return { text: escaped(text), values: writer.values }
}

/** Stands for a newline of the source that goes inside of the tag before it. */
const broken = '\u0000'

/** The newlines that Ansible puts back at the end, as far as they are missing there. */
function ending(parts: readonly Part[], newlines: number, writer: EtaWriter): string {
  const how = endingOf(parts, (part) => writer.typeOf(part))
  if (newlines === 1 && how !== 'unknown') return how === 'yes' ? '' : '\n'
  const last = parts.findLast((part) => part.type !== 'break')
  const text = last?.type === 'text' ? last.text : ''
  if (text.trimEnd() !== '' && text.length - text.replace(/\n+$/, '').length === newlines - 1)
    return '\n'
  return `<%= '\\n'.repeat(Math.max(0, ${newlines} - /\\n*$/.exec(__eta.res)[0].length)) %>`
}

/** Stands for a `<` of the text, which together with a `%` of the text is not to open a tag. */
const less = '\u0002'

const literal = (text: string): string => text.replaceAll('<', less)

const escaped = (text: string): string =>
  text
    .replaceAll(` %>${broken}`, '\n%>')
    .replaceAll(broken, '')
    .replaceAll(`${less}%`, "<%= '<%' %>")
    .replaceAll(less, '<')

class EtaWriter {
  readonly values: Map<string, string> = new Map()
  readonly #outer: Scope
  readonly #names = new Set<string>(taken)
  readonly #types = new Map<Part, Type>()
  #frames: Map<string, Value>[] = [new Map()]
  /** What the variables of a frame are called. */
  readonly #called = new Map<string, string>()
  #depth = '0'
  #loops = 0
  readonly #translate: Translate

  constructor(outer: Scope) {
    this.#outer = outer
    this.#translate = translator({
      language: 'eta',
      look: (name) => this.#look(name),
      ...(outer.call && { call: () => undefined }),
    })
  }

  typeOf(part: Part): Type {
    return this.#types.get(part) ?? { kind: 'string' }
  }

  write(parts: readonly Part[]): string {
    return parts.map((part) => this.#part(part)).join('')
  }

  #part(part: Part): string {
    if (part.type === 'text') return literal(part.text)
    if (part.type === 'break') return broken
    try {
      if (part.type === 'output') return this.#output(part)
      if (part.type === 'if') return this.#if(part)
      return part.type === 'for' ? this.#for(part) : this.#set(part)
    } catch (error) {
      if (error instanceof Untranslatable) error.line ??= part.line
      throw error
    }
  }

  #output(part: Part & { type: 'output' }): string {
    const value = printed(this.#translate.value(part.value), this.#translate)
    this.#types.set(part, value.type)
    if (typeof value.constant === 'string' || typeof value.constant === 'number')
      return literal(String(value.constant))
    return `<%= ${value.code} %>`
  }

  #if(part: Part & { type: 'if' }): string {
    let text = ''
    const before = new Map(this.#frames[0])
    const after: Map<string, Value>[] = []
    let complete = false
    for (const { test, body } of part.branches) {
      const condition = test && this.#translate.condition(test)
      if (condition?.constant === false) continue
      this.#frames[0] = new Map(before)
      const always = condition === undefined || condition.constant === true
      if (text === '' && always) {
        // The only branch that is ever taken: its text stands there by itself.
        const only = this.write(body)
        return only.replace(broken, '')
      }
      text += text === '' ? '<% ' : '<% } else '
      text += always ? '{ %>' : `if (${condition.code}) { %>`
      text += this.write(body)
      after.push(this.#frames[0])
      complete = always
      if (always) break
    }
    this.#frames[0] = merged(complete ? after : [before, ...after])
    return text === '' ? '' : `${text}<% } %>${part.newline ? broken : ''}`
  }

  #for(part: Loop): string {
    const over = overOf(part, this.#translate)
    const list = this.#names.has('items') ? this.#fresh('items') : 'items'
    const usesLoop = mentions(part.body, 'loop')
    const simple = /^[\w.]+$/.test(over.list.code)
    const named = part.otherwise.length > 0 || usesLoop
    const items = named && !simple ? this.#fresh(list) : within(over.list, level.last)
    const depth = this.#depth
    this.#depth = String(++this.#loops)
    this.#frames.unshift(new Map())
    const names = part.names.map((name) => this.#fresh(name))
    part.names.forEach((name, i) => this.#frames[0]!.set(name, local(names[i]!, over.types[i]!)))
    const index = usesLoop ? this.#fresh('i') : ''
    if (usesLoop) this.#frames[0]!.set('loop', loopVariable(index, items))
    let body = ''
    if (part.only) {
      const condition = this.#translate.condition(part.only)
      if (usesLoop) throw new Untranslatable('a loop with a condition counts only what passes it')
      body = `<% if (${condition.code}) { %>${this.write(part.body)}<% } %>`
    } else body = this.write(part.body)
    this.#frames.shift()
    this.#depth = depth
    if (part.only && part.otherwise.length > 0)
      throw new Untranslatable('else of a loop with a condition')
    const each = names.length === 1 ? names[0]! : `[${names.join(', ')}]`
    const head = usesLoop
      ? `const [${index}, ${each}] of ${items}.entries()`
      : `const ${each} of ${items}`
    const declared = named && !simple ? `const ${items} = ${over.list.code}; ` : ''
    const text = `<% ${declared}for (${head}) { %>${body}<% } %>`
    const otherwise =
      part.otherwise.length > 0
        ? `<% if (${items}.length === 0) { %>${this.write(part.otherwise)}<% } %>`
        : ''
    return `${text}${otherwise}${part.newline ? broken : ''}`
  }

  /** What a block sets is seen in the block of a loop, and in what stands in it. */
  #set(part: Assignment): string {
    const value = this.#translate.value(part.value)
    if (has(value.type, 'missing'))
      throw new Untranslatable(`${part.name} is set to what may be missing`)
    const place = `${this.#depth} ${part.name}`
    const name = this.#called.get(place) ?? this.#fresh(part.name)
    this.#called.set(place, name)
    this.#frames[0]!.set(part.name, local(name, value.type))
    return `<% var ${name} = ${value.code} %>`
  }

  #look(name: string): Value | undefined {
    for (const frame of this.#frames) {
      const found = frame.get(name)
      if (found) return found
    }
    const found = this.#outer.look(name)
    if (!found || found.constant !== undefined || found.type.kind === 'missing') return found
    return { ...found, ...this.#given(name, found) }
  }

  /** The value is passed to the template, under its name or as a part of the host. */
  #given(name: string, { code, present }: Value): Partial<Value> {
    if (/^host(\.\w+)+$/.test(code) || (present && /^'\w+' in host\.vars$/.test(present))) {
      this.values.set('host', 'host')
      return {
        code: `it.${code}`,
        ...(present && { present: present.replace(' in host', ' in it.host') }),
      }
    }
    const key = /^[A-Za-z_$][\w$]*$/.test(code) ? code : camel(name)
    this.values.set(key, code)
    if (present) throw new Untranslatable(`${name} may be missing`)
    return { code: `it.${key}`, level: level.last }
  }

  #fresh(name: string): string {
    const base = reserved.has(name) ? `${name}_` : name
    let free = base
    for (let i = 2; this.#names.has(free); i++) free = `${base}${i}`
    this.#names.add(free)
    return free
  }
}

const local = (code: string, type: Type): Value => ({ code, level: level.last, type, host: true })

function merged(all: readonly ReadonlyMap<string, Value>[]): Map<string, Value> {
  const names = new Set(all.flatMap((each) => [...each.keys()]))
  return new Map(
    [...names].map((name) => {
      const values = all.map((each) => each.get(name))
      if (values.some((each) => each?.code !== values[0]?.code))
        throw new Untranslatable(`${name} is set in some branches only`)
      return [name, local(values[0]!.code, union(values.map((each) => each!.type)))]
    }),
  )
}

function mentions(parts: readonly Part[], name: string): boolean {
  return JSON.stringify(parts).includes(`"name":"${name}"`)
}

/** `app_name` as `appName`. */
export const camel = (name: string): string =>
  name.replace(/_+([a-zA-Z0-9])/g, (_, letter: string) => letter.toUpperCase()).replace(/_+$/, '')

/** Words that JavaScript keeps for itself. */
export const reserved: ReadonlySet<string> = new Set(
  'arguments await break case catch class const continue debugger default delete do else enum eval export extends false finally for function if implements import in instanceof interface let new null package private protected public return static super switch this throw true try typeof undefined var void while with yield'.split(
    ' ',
  ),
)
