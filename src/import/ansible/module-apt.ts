import { type Code, type Entry, call, list, textLiteral } from './code.ts'
import { Untranslatable } from './jinja-lexer.ts'
import { type TaskContext, asText, option, resource } from './task-context.ts'

const keyHint =
  'put the key beside the description and name it: aptRepository(name, { uris, suites, keySource })'

/** The copy of a key here that a task has put at this place on the hosts. */
function keyFor(context: TaskContext, path: string | undefined): Entry[] {
  if (path === undefined)
    throw new Untranslatable('the key that signs it is not named (signed-by)', keyHint)
  const name = path.split('/').at(-1)!
  const found = context.role.find('files', name)
  if (found === undefined)
    throw new Untranslatable(`its key ${path} is not among the files here`, keyHint)
  context.role.file(found, name)
  return [['keySource', textLiteral(context.role.pathOf('files', name))]]
}

/** `deb [arch=amd64 signed-by=...] https://... bookworm main`. */
export function aptRepository(context: TaskContext): Code | readonly Code[] {
  context.ignore(
    'update_cache',
    'update-cache',
    'mode',
    'validate_certs',
    'install_python_apt',
    'update_cache_retries',
    'update_cache_retry_max_delay',
  )
  const line = context.word('repo')!
  const found = /^(deb|deb-src)\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*(.*)$/.exec(line.trim())
  if (!found) throw new Untranslatable(`the source ${line} is not of the usual form`)
  const [, type = '', settings = '', uri = '', suite = '', components = ''] = found
  const options = new Map(
    settings
      .split(/\s+/)
      .filter(Boolean)
      .map((each) => [each.split('=')[0]!, each.split('=').slice(1).join('=')] as const),
  )
  const file = context.word('filename') ?? defaultName(uri, suite, components)
  const gone = context.word('state') === 'absent'
  const old = `/etc/apt/sources.list.d/${file.replace(/\.list$/, '')}.list`
  const remove = call(
    context.use('absent'),
    resource(context.use('file'), [textLiteral(old)], context.common('login')),
  )
  if (gone) return remove
  const entries: Entry[] = [
    ['uris', textLiteral(uri)],
    ['suites', textLiteral(suite)],
    ...(components.trim()
      ? [['components', list(components.trim().split(/\s+/).map(textLiteral))] as const]
      : []),
    ...keyFor(context, options.get('signed-by')),
    ...(options.has('arch')
      ? [['architectures', list(options.get('arch')!.split(',').map(textLiteral))] as const]
      : []),
    ...(type === 'deb' ? [] : [['types', list([textLiteral(type)])] as const]),
    ...context.common('root'),
  ]
  context.note(`it is described in another file than ${old}, which is removed`)
  return [
    resource(context.use('aptRepository'), [textLiteral(file.replace(/\.list$/, ''))], entries),
    remove,
  ]
}

/** As Ansible calls the file when nobody says it. */
function defaultName(uri: string, suite: string, components: string): string {
  const text = [uri.replace(/^[a-z]+:\/\/(?:[^@/]*@)?/, ''), suite, components].join(' ').trim()
  return text.replace(/[^a-zA-Z0-9]+/g, '_').replace(/^_+|_+$/g, '')
}

export function deb822(context: TaskContext): Code {
  context.ignore('mode', 'install_python_debian')
  const name = context.need('name')
  if (context.word('state') === 'absent')
    throw new Untranslatable('a source that is removed', 'write absent(file(...)) for its file')
  return resource(
    context.use('aptRepository'),
    [asText(name)],
    [
      ...option('uris', context.list('uris')),
      ...option('suites', context.list('suites')),
      ...option('components', context.list('components')),
      ...keyFor(context, context.word('signed_by')),
      ...option('architectures', context.list('architectures')),
      ...option('types', context.list('types')),
      ...context.common('root'),
    ],
  )
}

export function aptKey(): never {
  throw new Untranslatable('keys that count for all repositories are not kept', keyHint)
}
