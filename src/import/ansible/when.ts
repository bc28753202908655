import { Untranslatable } from './jinja-lexer.ts'
import type { Guard, RoleWork } from './role-work.ts'
import { conditionOfText } from './strings.ts'
import type { Task } from './tasks.ts'
import { bool } from './types.ts'
import { type Value, level, literal, made, within } from './value.ts'
import { type Node, listOf, textOf } from './yaml.ts'

/** The condition of a task. */
export interface When {
  readonly test: Value | undefined
  readonly guards: readonly Guard[]
  /** It asks whether other tasks have changed something: the names that these register. */
  readonly changed: readonly string[]
}

export function whenOf(task: Task, role: RoleWork): When {
  const names = changedNames(task)
  if (names.length > 0) return { test: undefined, guards: [], changed: names }
  const guards: Guard[] = []
  const tests: Value[] = []
  for (const node of listOf(task.keywords.get('when'))) {
    const guard = guardOf(textOf(node) ?? '', role.probes)
    if (guard) guards.push(guard)
    else tests.push(testOf(node, role))
  }
  if (tests.some((each) => each.constant === false))
    return { test: literal(false), guards, changed: [] }
  const open = tests.filter((each) => each.constant !== true)
  const [first] = open
  const test =
    open.length < 2
      ? first
      : made(open.map((each) => within(each, level.and)).join(' && '), bool, open, level.and)
  return { test, guards, changed: [] }
}

function testOf(node: Node, role: RoleWork): Value {
  if (node.kind === 'scalar' && typeof node.value === 'boolean') return literal(node.value)
  const text = textOf(node)
  if (text === undefined) throw new Untranslatable('its condition is not a text')
  try {
    return conditionOfText(text, role.scope.translate)
  } catch (error) {
    if (!(error instanceof Untranslatable)) throw error
    throw new Untranslatable(
      `its condition (${text}): ${error.message}`,
      error.remedy ?? 'write the condition in TypeScript, with host.vars and host.facts',
    )
  }
}

/** `check.rc != 0`, `not file.stat.exists`, `'x' not in check.stdout`: known forms of looking first. */
function guardOf(text: string, probes: ReadonlyMap<string, Task>): Guard | undefined {
  const probe = (name: string | undefined): Task | undefined =>
    name ? probes.get(name) : undefined
  const code =
    /^(\w+)\.rc\s*(==|!=|>)\s*0$/.exec(text.trim()) ??
    /^(\w+)\s+is\s+(failed|succeeded|success)$/.exec(text.trim())
  const looked = probe(code?.[1])
  if (code && looked)
    return {
      field: code[2] === '==' || code[2]!.startsWith('succe') ? 'onlyIf' : 'unless',
      probe: looked,
    }
  const stat =
    /^(?:not\s+(\w+)\.stat\.exists|(\w+)\.stat\.exists\s*(?:==\s*(?:false|False)|is\s+false))$/.exec(
      text.trim(),
    )
  const there = probe(stat?.[1] ?? stat?.[2])
  if (there) return { field: 'creates', probe: there }
  const said = /^(['"])([^'"]+)\1\s+(not\s+)?in\s+(\w+)\.stdout$/.exec(text.trim())
  const printer = probe(said?.[4])
  if (said && printer)
    return { field: said[3] ? 'unless' : 'onlyIf', probe: printer, printed: said[2]! }
  return undefined
}

/** The names in `x is changed` and `x.changed`, when nothing else is asked. */
export function changedNames(task: Task): string[] {
  const all = listOf(task.keywords.get('when')).map((each) => textOf(each) ?? '')
  const names = all
    .flatMap((text) => text.split(/\s+or\s+/))
    .map(
      (text) =>
        /^\(?\s*(\w+)(?:\.changed|\s+is\s+changed|\s*\|\s*changed)\s*\)?$/.exec(text.trim())?.[1],
    )
  return all.length === 1 && names.every((each) => each !== undefined) ? (names as string[]) : []
}
