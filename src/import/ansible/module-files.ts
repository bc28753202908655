import { statSync, readdirSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { type Code, type Entry, and, call, object, textLiteral } from './code.ts'
import { Untranslatable } from './jinja-lexer.ts'
import { type TaskContext, asText, cleanPath, namesOf, option, resource } from './task-context.ts'
import { type Value, joined, literal, printed } from './value.ts'
import { textOf } from './yaml.ts'

const anywhere = { language: 'typescript', look: () => undefined } as const

export function ownership(context: TaskContext): Entry[] {
  context.ignore('selevel', 'serole', 'setype', 'seuser', 'unsafe_writes')
  return [
    ...option('owner', context.text('owner')),
    ...option('group', context.text('group')),
    ...option('mode', context.mode('mode')),
  ]
}

/** Where the file goes: a folder as `dest` gets the name of the source. */
function destination(context: TaskContext, name: string | undefined): Value {
  const dest = context.need('dest')
  const ends =
    typeof dest.constant === 'string' ? dest.constant.endsWith('/') : dest.code.endsWith('/`')
  if (!ends) return cleanPath(dest)
  if (name === undefined)
    throw new Untranslatable('dest is a folder, and the name of the file is computed')
  return cleanPath(joined([dest, basename(name)], anywhere))
}

/** The names that `src` can have, and the code of it. */
function sources(
  context: TaskContext,
  folder: 'templates' | 'files',
): { value: Value; names: readonly string[] } {
  const value = context.need('src')
  const known = namesOf(value)
  if (known) return { value, names: [...new Set(known)] }
  const text = textOf(context.take('src')) ?? ''
  const parts = text.split(/\{\{.*?\}\}/).map((each) => each.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  const names = context.role.fitting(folder, new RegExp(`^${parts.join('.*')}$`))
  if (names.length === 0) throw new Untranslatable(`no file fits ${text}`)
  context.note(`which file it is depends on the host: all that fit ${text} were taken`)
  return { value, names }
}

function found(context: TaskContext, folder: 'templates' | 'files', name: string): string {
  const path = context.role.find(folder, name)
  if (path === undefined) throw new Untranslatable(`there is no file ${name}`)
  return path
}

/** The path of the copy in the result, with the computed part of its name. */
function pathCode(
  context: TaskContext,
  folder: 'templates' | 'files',
  value: Value,
  end: string,
): Code {
  if (typeof value.constant === 'string')
    return textLiteral(context.role.pathOf(folder, value.constant, end))
  const base = context.role.pathOf(folder, '')
  const code = printed(value, anywhere).code
  const inside = code.startsWith('`') ? code.slice(1, -1) : `\${${code}}`
  const short = folder === 'templates' ? inside.replace(/\.j2$/, '') : inside
  if (
    folder === 'templates' &&
    short === inside &&
    namesOf(value)?.some((each) => each.endsWith('.j2'))
  )
    return `\`${base}\${${code}.replace(/\\.j2$/, '')}${end}\``
  return `\`${base}${short}${end}\``
}

const unitPath =
  /^\/etc\/systemd\/system\/([^/]+\.(?:service|socket|timer|path|mount|target|slice))$/

/** The name of the unit, when the file is one that systemd reads and permissions are the usual ones. */
function unitName(context: TaskContext, path: Value): Value | undefined {
  const inside =
    path.constant ??
    (path.code.startsWith('`') ? path.code.slice(1, -1).replaceAll(/\$\{[^}]*\}/g, 'x') : '')
  if (!unitPath.test(String(inside)) || context.has('validate')) return undefined
  const usual = (name: string, ...values: readonly string[]): boolean => {
    const node = context.task.args.get(name)
    return (
      node === undefined ||
      (node.kind === 'scalar' &&
        (values.includes(String(node.value)) || (name === 'mode' && node.value === 0o644)))
    )
  }
  if (
    !usual('mode', '0644', '644', 'u=rw,g=r,o=r') ||
    !usual('owner', 'root') ||
    !usual('group', 'root')
  )
    return undefined
  context.ignore('mode', 'owner', 'group')
  if (typeof path.constant === 'string')
    return literal(path.constant.slice('/etc/systemd/system/'.length))
  const code = `\`${path.code.slice('`/etc/systemd/system/'.length)}`
  return { ...path, code }
}

export function template(context: TaskContext): Code {
  context.ignore('backup', 'force', 'follow', 'newline_sequence', 'output_encoding')
  refuse(context, 'variable_start_string', 'block_start_string', 'lstrip_blocks', 'trim_blocks')
  const { value, names } = sources(context, 'templates')
  const values = new Map<string, string>()
  for (const name of names)
    for (const [key, code] of context.role.template(found(context, 'templates', name), name))
      values.set(key, code)
  const path = destination(
    context,
    typeof value.constant === 'string' ? value.constant.replace(/\.j2$/, '') : undefined,
  )
  const given: Code = object([...values].map(([key, code]) => [key, code]))
  const from = pathCode(context, 'templates', value, '.eta')
  const unit = unitName(context, path)
  if (unit) {
    const content = call(context.use('template'), from, ...(values.size > 0 ? [given] : []))
    return resource(
      context.use('unit'),
      [asText(unit)],
      [['content', content], ...context.common('root')],
    )
  }
  return resource(
    context.use('file'),
    [asText(path)],
    [
      ['template', from],
      ...(values.size > 0 ? [['values', given] as const] : []),
      ...option('validate', context.text('validate')),
      ...ownership(context),
      ...context.common('login'),
    ],
  )
}

/** Options that change what is written, and that are not followed. */
function refuse(context: TaskContext, ...names: readonly string[]): void {
  const given = names.find((each) => context.has(each))
  if (given !== undefined) throw new Untranslatable(`${given} is not followed`)
}

export function copy(context: TaskContext): Code | readonly Code[] {
  context.ignore('backup', 'follow', 'checksum', 'decrypt')
  if (context.flag('remote_src'))
    throw new Untranslatable('it copies a file of the host', 'a command with creates does that')
  if (context.flag('force') === false)
    throw new Untranslatable(
      'force: false keeps a file that is there',
      'Fettle describes what is in a file',
    )
  if (context.has('content')) return content(context)
  const { value, names } = sources(context, 'files')
  if (typeof value.constant === 'string') {
    const path = found(context, 'files', value.constant)
    if (statSync(path).isDirectory()) return folder(context, path, value.constant)
  }
  const path = destination(context, typeof value.constant === 'string' ? value.constant : undefined)
  const unit = unitName(context, path)
  if (unit) {
    for (const name of names) context.role.plainTemplate(found(context, 'files', name), name)
    const text = call(context.use('template'), pathCode(context, 'templates', value, '.eta'))
    return resource(
      context.use('unit'),
      [asText(unit)],
      [['content', text], ...context.common('root')],
    )
  }
  for (const name of names) context.role.file(found(context, 'files', name), name)
  return resource(
    context.use('file'),
    [asText(path)],
    [
      ['source', pathCode(context, 'files', value, '')],
      ...option('validate', context.text('validate')),
      ...ownership(context),
      ...context.common('login'),
    ],
  )
}

function content(context: TaskContext): Code {
  const node = context.take('content')
  if (node && node.kind !== 'scalar')
    throw new Untranslatable(
      'content that is a list or a dict is written as JSON by Ansible',
      'JSON.stringify writes the same data',
    )
  const text = node ? context.textOfNode(node) : literal('')
  const path = cleanPath(context.need('dest'))
  const unit = unitName(context, path)
  if (unit)
    return resource(
      context.use('unit'),
      [asText(unit)],
      [['content', asText(text)], ...context.common('root')],
    )
  return resource(
    context.use('file'),
    [asText(path)],
    [
      ['content', asText(text)],
      ...option('validate', context.text('validate')),
      ...ownership(context),
      ...context.common('login'),
    ],
  )
}

/** All files of a folder. */
function folder(context: TaskContext, path: string, name: string): Code[] {
  const dest = context.path('dest')
  if (typeof dest.constant !== 'string')
    throw new Untranslatable('a folder that is copied to a computed place')
  const base = name.endsWith('/') ? dest.constant : join(dest.constant, basename(name))
  const directoryMode = context.mode('directory_mode')
  const [owner, common] = [ownership(context), context.common('login')]
  const withoutMode = owner.filter(([key]) => key !== 'mode')
  const directory = (at: string): Code =>
    resource(
      context.use('directory'),
      [textLiteral(at)],
      [...withoutMode, ...option('mode', directoryMode), ...common],
    )
  const all = readdirSync(path, { withFileTypes: true, recursive: true }).sort((a, b) =>
    join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1,
  )
  return [
    directory(base),
    ...all.map((each) => {
      const full = join(each.parentPath, each.name)
      const inside = relative(path, full)
      if (each.isDirectory()) return directory(join(base, inside))
      const own = join(name, inside)
      context.role.file(full, own)
      return resource(
        context.use('file'),
        [textLiteral(join(base, inside))],
        [['source', textLiteral(context.role.pathOf('files', own))], ...owner, ...common],
      )
    }),
  ]
}

export function file(context: TaskContext): Code {
  const state = context.text('state')
  const states = state ? namesOf(state) : ['file']
  if (!states) throw new Untranslatable('state is computed')
  if (state && state.constant === undefined && new Set(states).size > 1)
    return choices(context, state, [...new Set(states)])
  return inState(context, states[0]!)
}

/** A state for each item: the cases that there are. */
function choices(context: TaskContext, state: Value, states: readonly string[]): Code {
  const all = states.map((each) =>
    and(`${state.code} === ${textLiteral(each)}`, inState(context, each)),
  )
  return { form: 'list', items: all }
}

function inState(context: TaskContext, state: string): Code {
  context.ignore('force', 'follow', 'unsafe_writes')
  const path = context.path('path', 'dest', 'name')
  const name = [asText(path)]
  if (state === 'directory') {
    if (context.flag('recurse'))
      context.left(
        'recurse: what is inside gets another owner or mode',
        'describe what is inside, or use a command with unless',
      )
    return resource(context.use('directory'), name, [
      ...ownership(context),
      ...context.common('login'),
    ])
  }
  if (state === 'link') {
    const to = context.need('src')
    context.ignore('mode')
    return resource(context.use('link'), name, [['to', asText(to)], ...context.common('login')])
  }
  if (state === 'absent') return removal(context, path)
  if (state === 'touch') return touch(context, path)
  throw new Untranslatable(
    state === 'file'
      ? 'only the permissions of a file are described'
      : `state: ${state} is not translated`,
    state === 'file'
      ? 'describe the file with what is in it: owner, group and mode go with that'
      : 'write it by hand',
  )
}

function removal(context: TaskContext, path: Value): Code {
  context.ignore('mode', 'owner', 'group', 'recurse', 'src')
  const written = textOf(context.take('path', 'dest', 'name')) ?? ''
  const names = namesOf(path) ?? []
  const isFolder =
    written.endsWith('/') ||
    (names.length > 0 &&
      names.every((each) => /\.d$|^\/(srv|opt|var\/lib|home)\/[^.]+$/.test(each)))
  if (isFolder) {
    context.note(
      'it is removed as a directory, with all that is in it',
      'write absent(file(...)) if it is a file',
    )
    const made = resource(
      context.use('directory'),
      [asText(path)],
      [['recursive', 'true'], ...context.common('login')],
    )
    return call(context.use('absent'), made)
  }
  context.note(
    'it is removed as a file or link',
    'write absent(directory(..., { recursive: true })) if it is a directory',
  )
  return call(
    context.use('absent'),
    resource(context.use('file'), [asText(path)], context.common('login')),
  )
}

function touch(context: TaskContext, path: Value): Code {
  context.ignore(
    'modification_time',
    'access_time',
    'modification_time_format',
    'access_time_format',
  )
  context.note('touch: an empty file is made once, and its time is not set again')
  if (typeof path.constant !== 'string')
    throw new Untranslatable('touch of a computed path is not translated')
  const [owner, group, mode] = [context.word('owner'), context.word('group'), context.mode('mode')]
  const flags = [
    mode && `-m ${String(mode).replaceAll("'", '')}`,
    owner && `-o ${owner}`,
    group && `-g ${group}`,
  ]
  const run = ['install', ...flags, '/dev/null', path.constant].filter(Boolean).join(' ')
  return resource(
    context.use('command'),
    [textLiteral(context.role.commandName(`touch ${path.constant}`))],
    [
      ['run', textLiteral(run)],
      ['creates', textLiteral(path.constant)],
      ...context.common('login'),
    ],
  )
}

export function download(context: TaskContext): Code {
  context.ignore('force', 'timeout', 'backup', 'validate_certs')
  const sum = context.word('checksum')
  const [, sha256] = /^sha256:([0-9a-fA-F]{64})$/.exec(sum ?? '') ?? []
  if (sha256 === undefined)
    throw new Untranslatable(
      'what is downloaded has no sha256 checksum',
      'download(path, { url, sha256 }) takes the one that sha256sum prints',
    )
  const url = context.need('url')
  const name = typeof url.constant === 'string' ? url.constant.split('/').at(-1) : undefined
  return resource(
    context.use('download'),
    [asText(destination(context, name))],
    [
      ['url', asText(url)],
      ['sha256', textLiteral(sha256)],
      ...ownership(context),
      ...context.common('login'),
    ],
  )
}
