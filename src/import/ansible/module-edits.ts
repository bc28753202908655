import { type Code, type Entry, call, textLiteral } from './code.ts'
import { Untranslatable } from './jinja-lexer.ts'
import { isTemplate } from './strings.ts'
import { type TaskContext, asText, option, resource } from './task-context.ts'
import type { Value } from './value.ts'

/** The texts that a simple pattern fits at the start of a line; undefined: it is not simple. */
export function beginnings(pattern: string): string[] | undefined {
  if (!pattern.startsWith('^')) return undefined
  let rest = pattern.slice(1).replace(/\.\*\$?$|\$$/, '')
  let all = ['']
  while (rest !== '') {
    const found = /^(?:\((?:\?:)?((?:[^()\\]|\\.)*)\)|\\(.)|([^\\()[\]{}*+?.^$|]))(\?)?/.exec(rest)
    if (!found) return undefined
    const [whole, choice, escaped, plain, optional] = found
    if (escaped && /[a-zA-Z0-9]/.test(escaped)) return undefined
    const options =
      choice !== undefined
        ? choice.split('|').map((each) => each.replace(/\\(\W)/g, '$1'))
        : [escaped ?? plain!]
    if (choice !== undefined && /[[\]{}*+?.^$]|\\\w/.test(choice.replace(/\\\W/g, '')))
      return undefined
    all = all.flatMap((start) => [
      ...(optional ? [start] : []),
      ...options.map((each) => start + each),
    ])
    rest = rest.slice(whole.length)
    if (/^[*+{]/.test(rest) || all.length > 20) return undefined
  }
  return all.includes('') ? undefined : all
}

export function line(context: TaskContext): Code {
  context.ignore('backup', 'create', 'firstmatch', 'unsafe_writes')
  const path = context.path('path', 'dest', 'destfile', 'name')
  const pattern = context.word('regexp', 'regex')
  if (context.flag('backrefs'))
    throw new Untranslatable('backrefs are not translated', 'say the whole line')
  const starts = pattern === undefined ? undefined : beginnings(pattern)
  if (pattern !== undefined && !starts)
    throw new Untranslatable(
      `the pattern ${pattern} is more than how a line begins`,
      'line(path, { line, startsWith: [...] }) replaces lines that begin so',
    )
  if (context.word('state') === 'absent') return absentLine(context, path, pattern)
  const after = context.word('insertafter')
  const before = context.word('insertbefore')
  if ((after !== undefined && after !== 'EOF') || (before !== undefined && before !== 'BOF'))
    context.note('a new line is put at the end of the file', "at: 'start' puts it at the start")
  const startsWith =
    starts &&
    (starts.length === 1 ? textLiteral(starts[0]!) : `[${starts.map(textLiteral).join(', ')}]`)
  return resource(
    context.use('line'),
    [asText(path)],
    [
      ['line', asText(context.need('line', 'value'))],
      ...option('startsWith', startsWith),
      ...(before === 'BOF' ? [['at', textLiteral('start')] as const] : []),
      ...option('validate', context.text('validate')),
      ...rest(context),
      ...context.common('login'),
    ],
  )
}

function absentLine(context: TaskContext, path: Value, pattern: string | undefined): Code {
  const value = context.text('line', 'value')
  if (!value || pattern !== undefined)
    throw new Untranslatable(
      'lines that fit a pattern are removed',
      'absent(line(path, { line })) removes one that is known',
    )
  return call(
    context.use('absent'),
    resource(
      context.use('line'),
      [asText(path)],
      [['line', asText(value)], ...context.common('login')],
    ),
  )
}

/** Owner and mode of a file that is edited, which is kept by somebody else. */
function rest(context: TaskContext): Entry[] {
  for (const name of ['owner', 'group', 'mode'])
    if (context.has(name)) {
      context.ignore(name)
      context.note(`${name} of the edited file stays as it is`)
    }
  return []
}

export function block(context: TaskContext): Code | readonly Code[] {
  context.ignore('backup', 'create')
  const path = context.path('path', 'dest', 'destfile', 'name')
  const marker = context.word('marker') ?? '# {mark} ANSIBLE MANAGED BLOCK'
  const [begin, end] = [
    context.word('marker_begin') ?? 'BEGIN',
    context.word('marker_end') ?? 'END',
  ]
  if (typeof path.constant !== 'string' || isTemplate(marker))
    throw new Untranslatable('a block in a computed file is not translated')
  const text = context.text('block', 'content')
  const after = context.word('insertafter')
  const before = context.word('insertbefore')
  if ((after !== undefined && after !== 'EOF') || (before !== undefined && before !== 'BOF'))
    context.note('a new block is put at the end of the file')
  const marks = [begin, end].map((each) => marker.replaceAll('{mark}', each))
  const old = marks.map((each) => `^${each.replace(/[\\/.*[\]^$]/g, '\\$&')}$`)
  const common = context.common('login')
  const cleanup = resource(
    context.use('command'),
    [textLiteral(context.role.commandName(`old block in ${path.constant}`))],
    [
      ['run', textLiteral(`sed -i '/${old[0]}/,/${old[1]}/d' ${path.constant}`)],
      ['onlyIf', textLiteral(`grep -q '${old[0]}' ${path.constant}`)],
      ...common,
    ],
  )
  context.note(
    "the block between Ansible's markers is removed by a command, and written again between Fettle's",
    'remove the command once it has run everywhere',
  )
  if (!text || text.constant === '' || context.word('state') === 'absent') return [cleanup]
  const comment = /^(\S+)\s/.exec(marker)?.[1] ?? '#'
  const made = resource(
    context.use('block'),
    [textLiteral(path.constant)],
    [
      ['name', textLiteral(context.task.name)],
      ['content', asText(text)],
      ...(comment === '#' ? [] : [['comment', textLiteral(comment)] as const]),
      ...(before === 'BOF' ? [['at', textLiteral('start')] as const] : []),
      ...option('validate', context.text('validate')),
      ...rest(context),
      ...common,
    ],
  )
  return [cleanup, made]
}
