import { type Entry, textLiteral } from './code.ts'
import { Untranslatable } from './jinja-lexer.ts'
import { type TaskContext, asText, option } from './task-context.ts'
import type { Task } from './tasks.ts'
import { type Value, joined, literal } from './value.ts'
import { quoted, shellWords } from './words.ts'

/** What to run, where and with what: the fields that all commands have. */
export function commandEntries(context: TaskContext): Entry[] {
  const run = commandLine(context)
  return [
    ['run', asText(run)],
    ...option('cwd', context.text('chdir')),
    ...context.environment(),
    ...option('input', context.text('stdin')),
  ]
}

/** What a POSIX shell has to run to do the same. */
export function commandLine(context: TaskContext): Value {
  const node = context.free()
  context.ignore('warn', 'stdin_add_newline', 'strip_empty_ends')
  if (!node) throw new Untranslatable('what is to be run is missing')
  const shell = context.task.module === 'shell'
  if (node.kind === 'list') {
    const words = node.items.map((each) => context.textOfNode(each))
    if (!words.every((each) => typeof each.constant === 'string'))
      throw new Untranslatable('argv with computed words is not translated')
    return literal(words.map((each) => quoted(String(each.constant))).join(' '))
  }
  const line = context.textOfNode(node)
  if (shell) {
    const other = context.word('executable')
    if (other === undefined || /\/(da)?sh$/.test(other)) return line
    if (typeof line.constant !== 'string')
      throw new Untranslatable(`a computed line for ${other} is not translated`)
    return literal(`${other.split('/').at(-1)} -c ${quoted(line.constant)}`)
  }
  return withoutShell(line)
}

const special = /[$`&|;<>()*?[\]#~{}!\\\n]/

/** `command` runs words, without a shell that would see something in them. */
function withoutShell(line: Value): Value {
  if (typeof line.constant === 'string') {
    if (!special.test(line.constant)) return line
    const words = shellWords(line.constant)
    if (!words) throw new Untranslatable('a quote in it has no end')
    return literal(words.map(quoted).join(' '))
  }
  const fixed = line.code.replace(/\$\{[^{}]*\}/g, '')
  if (special.test(fixed.slice(1, -1)))
    throw new Untranslatable(
      'it has signs that mean something to a shell, and computed parts',
      'write it as a command of Fettle, with quotes',
    )
  return joined([line], { language: 'typescript', look: () => undefined })
}

/** A command that only looks, as the guard of another one. */
export function probeLine(context: TaskContext, probe: Task, printed: string | undefined): string {
  void probe
  const line = commandLine(context)
  if (printed === undefined) return asText(line)
  if (typeof line.constant !== 'string')
    throw new Untranslatable('what a computed command prints is not followed')
  return textLiteral(`${line.constant} | grep -qF -- ${quoted(printed)}`)
}
