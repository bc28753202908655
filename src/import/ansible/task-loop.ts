import { type Code, call, print } from './code.ts'
import { parseExpression as parsed } from './jinja-expression.ts'
import { Untranslatable } from './jinja-lexer.ts'
import { dataOf } from './data.ts'
import type { Task } from './tasks.ts'
import { int, itemOf, only, union } from './types.ts'
import { type Translate, type Value, level, within } from './value.ts'
import { type Node, dictOf, textOf } from './yaml.ts'

/** What a task is done for, again and again. */
export interface TaskLoop {
  /** The list. */
  readonly code: string
  readonly names: ReadonlyMap<string, Value>
  readonly uses: readonly string[]
  /** The parameters of the function over the list, as far as the body uses them. */
  parameters(body: Code): string
  /** `packages(list)` in place of `list.map((item) => packages(item))`. */
  collapse(body: readonly Code[]): Code | undefined
}

const forms = ['loop', 'with_items', 'with_list', 'with_dict', 'with_flattened']

/** A loop of a kind that is not followed. */
export const isMissedLoop = (task: Task): boolean =>
  [...task.keywords.keys()].some((key) => key.startsWith('with_') && !forms.includes(key))

export function loopOf(task: Task, scope: Translate): TaskLoop | undefined {
  const form = forms.find((each) => task.keywords.has(each))
  if (form === undefined) return undefined
  const list = listOfLoop(task.keywords.get(form)!, form, scope)
  const control = dictOf(task.keywords.get('loop_control'))
  const name = textOf(control.get('loop_var')) ?? 'item'
  const index = textOf(control.get('index_var'))
  const unknown = [...control.keys()].find(
    (each) => !['loop_var', 'index_var', 'label', 'pause', 'extended_allitems'].includes(each),
  )
  if (unknown !== undefined) throw new Untranslatable(`loop_control: ${unknown} is not translated`)
  const type = itemOf(list.type)
  const samples = list.samples?.flatMap((each) => (Array.isArray(each) ? (each as unknown[]) : []))
  const item: Value = {
    code: name,
    level: level.last,
    type,
    host: list.host,
    ...(samples && { samples }),
  }
  const names = new Map([[name, item]])
  if (index !== undefined)
    names.set(index, { code: index, level: level.last, type: int, host: false })
  return {
    code: within(list, level.last),
    names,
    uses: [name],
    parameters(body) {
      const text = print(body)
      const mentions = (word: string): boolean => new RegExp(`(?<![\\w.])${word}(?!\\w)`).test(text)
      if (index !== undefined && mentions(index)) return `${name}, ${index}`
      return mentions(name) ? name : ''
    },
    collapse([body]) {
      if (!body || typeof body === 'string' || body.form !== 'call' || body.of !== 'packages')
        return undefined
      return body.args.length === 1 && body.args[0] === name
        ? call('packages', list.code)
        : undefined
    },
  }
}

function listOfLoop(node: Node, form: string, scope: Translate): Value {
  if (form === 'with_dict') {
    const text = textOf(node)
    if (text === undefined)
      throw new Untranslatable(
        'a dict that is written in the task is not followed',
        'make it a variable',
      )
    const inside = /^\s*\{\{([^]*)\}\}\s*$/.exec(text)?.[1] ?? text
    return valueOfDict(inside, scope)
  }
  const data = dataOf(node, scope, () => {
    throw new Untranslatable('the list is encrypted')
  })
  if (!only(data.type, 'list'))
    throw new Untranslatable('what the loop goes over is not known to be a list')
  const code = typeof data.code === 'string' ? data.code : print(data.code, 4)
  const value: Value = {
    code,
    level: data.level,
    type: data.type,
    host: data.host,
    ...(data.samples && { samples: data.samples }),
  }
  const inner = itemOf(data.type)
  if (
    form === 'loop' ||
    form === 'with_list' ||
    !only(union([inner]), 'list') ||
    inner.kind === 'never'
  )
    return value
  // `with_items` takes lists in the list apart.
  const samples = value.samples?.map((each) => (each as unknown[]).flat())
  return {
    ...value,
    code: `${within(value, level.last)}.flat()`,
    type: inner,
    ...(samples && { samples }),
  }
}

function valueOfDict(text: string, scope: Translate): Value {
  const dict = scope.value(parsed(text))
  const items = scope.value({
    type: 'filter',
    of: { type: 'given', value: dict },
    name: 'dict2items',
    args: { list: [], named: new Map() },
  })
  const samples = dict.samples?.map((each) =>
    Object.entries(each as object).map(([key, value]: [string, unknown]) => ({ key, value })),
  )
  return { ...items, ...(samples && { samples }) }
}
