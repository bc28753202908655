import { type Code, type Entry, list, print, textLiteral } from './code.ts'
import { Untranslatable } from './jinja-lexer.ts'
import { type TaskContext, asText, option, resource, stateful } from './task-context.ts'
import { has, only } from './types.ts'
import { joined } from './value.ts'
import { textOf } from './yaml.ts'

export function user(context: TaskContext): Code {
  context.ignore('force', 'non_unique', 'skeleton', 'move_home', 'local')
  const append = context.flag('append')
  const groups = context.list('groups')
  const create = context.flag('create_home', 'createhome')
  const system = context.flag('system')
  const locked = context.flag('password_lock')
  const uid = context.take('uid')
  const password = context.text('password')
  if (context.word('update_password') === 'on_create')
    context.note('the password is set whenever it differs', 'leave password out if users change it')
  const entries: Entry[] = [
    ...(uid ? [['uid', number(context, 'uid')] as const] : []),
    ...option('group', context.text('group')),
    ...option('groups', groups),
    ...(append && groups !== undefined ? [['keepGroups', 'true'] as const] : []),
    ...option('home', context.text('home')),
    ...(create === undefined || (create && !system)
      ? []
      : [['createHome', String(create)] as const]),
    ...option('shell', context.text('shell')),
    ...option('comment', context.text('comment')),
    ...(system ? [['system', 'true'] as const] : []),
    ...(password
      ? [['password', only(password.type, 'secret') ? password.code : asText(password)] as const]
      : []),
    ...(locked === undefined ? [] : [['locked', String(locked)] as const]),
    ...(context.flag('remove') ? [['removeHome', 'true'] as const] : []),
    ...context.common('root'),
  ]
  if (password && has(password.type, 'missing'))
    context.note('the password may be missing for some')
  return stateful(context, () =>
    resource(context.use('user'), [asText(context.need('name', 'user'))], entries),
  )
}

function number(context: TaskContext, name: string): string {
  const node = context.take(name)!
  const text = textOf(node) ?? ''
  if (/^\d+$/.test(text)) return text
  const value = context.valueOfNode(node)
  return only(value.type, 'int', 'missing') ? value.code : `Number(${value.code})`
}

export function group(context: TaskContext): Code {
  context.ignore('local', 'non_unique')
  const gid = context.take('gid')
  const entries: Entry[] = [
    ...(gid ? [['gid', number(context, 'gid')] as const] : []),
    ...(context.flag('system') ? [['system', 'true'] as const] : []),
    ...context.common('root'),
  ]
  return stateful(context, () =>
    resource(context.use('group'), [asText(context.need('name'))], entries),
  )
}

export function authorizedKeys(context: TaskContext): Code {
  context.ignore('manage_dir', 'follow', 'validate_certs', 'comment')
  if (context.has('path'))
    throw new Untranslatable(
      'keys in another file than ~/.ssh/authorized_keys',
      'describe the file',
    )
  const key = context.need('key')
  const options = context.text('key_options')
  if (typeof key.constant === 'string' && /^https?:/.test(key.constant))
    throw new Untranslatable(
      'keys from an address are not translated',
      'write them in the description',
    )
  const scope = context.role.scope.translate
  const line = options ? joined([options, ' ', key], scope) : key
  const keys: Code =
    typeof line.constant === 'string'
      ? list(
          line.constant
            .split('\n')
            .map((each) => each.trim())
            .filter((each) => each !== '' && !each.startsWith('#'))
            .map(textLiteral),
        )
      : list([asText(line)])
  const whole =
    line.constant === undefined && key.samples?.some((each) => String(each).trim().includes('\n'))
  const given: Code = whole ? `${print(asText(key))}.trim().split('\\n')` : keys
  return stateful(context, () =>
    resource(
      context.use('authorizedKeys'),
      [asText(context.need('user'))],
      [
        ['keys', given],
        ...(context.flag('exclusive') ? [['exclusive', 'true'] as const] : []),
        ...context.common('root'),
      ],
    ),
  )
}
