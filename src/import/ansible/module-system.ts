import { type Code, type Entry, call, list, textLiteral } from './code.ts'
import { commandEntries, probeLine } from './command-entries.ts'
import { Untranslatable } from './jinja-lexer.ts'
import { isTemplate, valueOfText } from './strings.ts'
import { TaskContext, asText, namesOf, option, resource } from './task-context.ts'
import { textOf } from './yaml.ts'

const absentOr = (context: TaskContext, gone: boolean, made: Code): Code =>
  gone ? call(context.use('absent'), made) : made

export function packages(context: TaskContext): Code | readonly Code[] | undefined {
  context.ignore(
    'update_cache',
    'update-cache',
    'cache_valid_time',
    'force_apt_get',
    'use',
    'lock_timeout',
    'policy_rc_d',
    'update_cache_retries',
    'allow_change_held_packages',
    'allow_downgrade',
  )
  if (!context.has('name', 'pkg', 'package')) {
    if (context.has('deb'))
      throw new Untranslatable(
        'a package from a file or an address is not translated',
        'use an aptRepository',
      )
    if (context.has('upgrade', 'dist'))
      throw new Untranslatable('all packages are upgraded', 'Fettle changes only what is described')
    context.ignore('autoremove', 'autoclean', 'clean')
    context.note('lists of packages are read when a package needs it; nothing else is done here')
    return undefined
  }
  const state = context.word('state') ?? 'present'
  if (state === 'latest')
    context.note(
      'state: latest: an installed package is not upgraded',
      'say a version to have another one',
    )
  if (!['present', 'installed', 'latest', 'absent', 'removed'].includes(state))
    throw new Untranslatable(`state: ${state} is not translated`)
  const gone = state === 'absent' || state === 'removed'
  const names = known(context) ?? context.list('name', 'pkg', 'package')!
  const recommends = context.flag('install_recommends')
  const purge = context.flag('purge')
  const entries: Entry[] = [
    ...(recommends === undefined ? [] : [['recommends', String(recommends)] as const]),
    ...(purge && gone ? [['purge', 'true'] as const] : []),
    ...context.common('root'),
  ]
  const fn = context.use('packages')
  const made =
    typeof names === 'string' || names.form !== 'list'
      ? [withOptions(fn, names, entries)]
      : listed(fn, names.items, entries)
  return made.map((each) => absentOr(context, gone, each))
}

/** The names themselves, when a variable says versions with them. */
function known(context: TaskContext): Code | undefined {
  const node = context.take('name', 'pkg', 'package')
  if (node?.kind !== 'scalar' || !isTemplate(node.text)) return undefined
  const { samples } = valueOfText(node.text, context.role.scope.translate)
  const [all] = samples ?? []
  if (
    samples?.length !== 1 ||
    !Array.isArray(all) ||
    !all.some((each) => String(each).includes('='))
  )
    return undefined
  return list(all.map((each) => textLiteral(String(each))))
}

function withOptions(fn: string, names: Code, entries: readonly Entry[]): Code {
  return resource(fn, [names], entries)
}

/** Names with a version (`nginx=1.22*`) apart from those without. */
function listed(fn: string, items: readonly Code[], entries: readonly Entry[]): Code[] {
  const versioned = (each: Code): boolean =>
    typeof each === 'string' && /^'[^'$]+=[^'$]+'$/.test(each)
  const plain = items.filter((each) => !versioned(each))
  if (plain.some((each) => typeof each === 'string' && each.includes('.deb')))
    throw new Untranslatable('a package from a file is not translated')
  const all = items.filter(versioned).map((each) => {
    const [name = '', version = ''] = String(each).slice(1, -1).split('=')
    return resource(
      fn,
      [list([textLiteral(name)])],
      [['version', textLiteral(version)], ...entries],
    )
  })
  if (plain.length === 0) return all
  return [entries.length === 0 ? call(fn, ...plain) : withOptions(fn, list(plain), entries), ...all]
}

export function service(context: TaskContext): Code | undefined {
  context.ignore(
    'daemon_reload',
    'daemon-reload',
    'daemon_reexec',
    'force',
    'no_block',
    'pattern',
    'sleep',
    'use',
    'arguments',
    'runlevel',
  )
  if (!context.has('name', 'service', 'unit')) {
    context.note('systemd reads its units in the step that changes one')
    return undefined
  }
  if ((context.word('scope') ?? 'system') !== 'system')
    throw new Untranslatable('services of a user are not translated')
  const name = context.need('name', 'service', 'unit')
  const state = context.word('state')
  const enabled = context.flag('enabled')
  const masked = context.flag('masked')
  if (state === 'restarted' || state === 'reloaded')
    throw new Untranslatable(
      `it is ${state} in every run`,
      `notify: ${state === 'restarted' ? 'restart' : 'reload'}(...) on what it depends on`,
    )
  const running = state === undefined ? undefined : state === 'started'
  if (!masked && running === undefined && enabled !== false)
    context.note('it is kept running too', 'say running: false if it is not to run')
  if (!masked && enabled === undefined)
    context.note(
      `it is ${running === false ? 'disabled' : 'enabled'} at boot too`,
      'say enabled: if that is not wanted',
    )
  for (const each of namesOf(name) ?? []) context.role.services.add(each.replace(/\.service$/, ''))
  const whole = running === false && (enabled === undefined || enabled === false) && !masked
  const entries: Entry[] = whole
    ? context.common('root')
    : [
        ...(running === false || (running === undefined && enabled === false)
          ? [['running', 'false'] as const]
          : []),
        ...(enabled === false ? [['enabled', 'false'] as const] : []),
        ...(masked ? [['masked', 'true'] as const] : []),
        ...context.common('root'),
      ]
  const given = masked ? entries.filter(([key]) => key !== 'running' && key !== 'enabled') : entries
  return absentOr(
    context,
    whole,
    resource(context.use('service'), [asText(name).replace(/\.service(['`])$/, '$1')], given),
  )
}

const scheduleFields = ['minute', 'hour', 'day', 'month', 'weekday'] as const

export function cron(context: TaskContext): Code {
  context.ignore('backup', 'insertafter', 'insertbefore')
  const name = context.need('name')
  if (typeof name.constant !== 'string')
    throw new Untranslatable('a job with a computed name is not translated')
  if (context.flag('env'))
    throw new Untranslatable(
      'a variable of a crontab is not translated',
      'say it in environment of the job',
    )
  const special = context.word('special_time')
  const times = scheduleFields.map((each) =>
    context.text(each === 'day' && context.has('dom') ? 'dom' : each),
  )
  if (times.some((each) => each && each.constant === undefined))
    throw new Untranslatable('computed times are not translated')
  const schedule = special
    ? `@${special.replace('annually', 'yearly')}`
    : times.map((each) => each?.constant ?? '*').join(' ')
  const file = context.word('cron_file')
  const short = (file?.split('/').at(-1) ?? name.constant)
    .replace(/[^A-Za-z0-9_-]+/g, '-')
    .replace(/^-+|-+$/g, '')
  const gone = context.word('state') === 'absent'
  const user = context.word('user') ?? context.become ?? 'root'
  const disabled = context.flag('disabled')
  if (file === undefined)
    context.left(
      `the old entry stays in the crontab of ${user}`,
      `remove it (crontab -u ${user} -e), or the job runs twice`,
    )
  const job = context.text('job', 'value')
  if (typeof job?.constant === 'string' && /(^|[^\\])%/.test(job.constant))
    throw new Untranslatable('a % in the job begins its input', 'use input of a script')
  const run =
    typeof job?.constant === 'string'
      ? textLiteral(job.constant.replaceAll('\\%', '%'))
      : asText(job ?? context.need('job'))
  const entries: Entry[] = [
    ['schedule', textLiteral(schedule)],
    ['command', run],
    ...(user === 'root' ? [] : [['runAs', textLiteral(user)] as const]),
    ...context.common('root').filter(([key]) => key !== 'user'),
  ]
  return absentOr(
    context,
    gone || disabled === true,
    resource(context.use('cron'), [textLiteral(short)], entries),
  )
}

export function sysctl(context: TaskContext): Code {
  context.ignore('reload', 'sysctl_set', 'ignoreerrors')
  const file = context.word('sysctl_file')
  context.note(
    `it is kept in a file of its own; the line in ${file ?? '/etc/sysctl.conf'} stays`,
    'remove that line',
  )
  const gone = context.word('state') === 'absent'
  const node = context.take('value', 'val')
  const value =
    node?.kind === 'scalar' && typeof node.value === 'number'
      ? String(node.value)
      : node
        ? asText(context.textOfNode(node))
        : "''"
  return absentOr(
    context,
    gone,
    resource(
      context.use('sysctl'),
      [asText(context.need('name', 'key')), value],
      context.common('root'),
    ),
  )
}

export function git(context: TaskContext): Code {
  context.ignore('accept_hostkey', 'accept_newhostkey', 'update', 'clone', 'track_submodules')
  const version = context.text('version')
  if (!version || version.constant === 'HEAD')
    throw new Untranslatable(
      'no version is said',
      'git(path, { url, ref }) takes a branch, a tag or a commit',
    )
  const depth = context.take('depth')
  if (context.flag('recursive') === undefined) context.note('submodules are not fetched')
  return resource(
    context.use('git'),
    [asText(context.path('dest'))],
    [
      ['url', asText(context.need('repo', 'name'))],
      ['ref', asText(version)],
      ...(depth ? [['depth', textOf(depth)!] as const] : []),
      ...(context.flag('force') ? [['force', 'true'] as const] : []),
      ...context.common('login'),
    ],
  )
}

/** A command needs to know when there is something to do. */
export function command(context: TaskContext): Code | undefined {
  const { task, role } = context
  const registered = textOf(task.keywords.get('register'))
  const creates = context.text('creates')
  const removes = context.word('removes')
  const [guard, ...more] = role.guards
  if (more.length > 0 || (guard && creates))
    throw new Untranslatable('it has several guards', 'unless and onlyIf take whole shell lines')
  const looks = textOf(task.keywords.get('changed_when')) === 'False'
  if (looks && registered !== undefined && !creates && removes === undefined && !guard) {
    role.probes.set(registered, task)
    context.free()
    context.ignore('executable', 'chdir', 'warn')
    context.note('it only looks; a command that asks for what it found has it as its guard')
    return undefined
  }
  if (!creates && removes === undefined && !guard)
    throw new Untranslatable(
      'it runs in every run',
      "say when there is something to do: unless, onlyIf, creates, or when: 'notified'",
    )
  const entries = commandEntries(context)
  const conditions: Entry[] = [
    ...option('creates', creates),
    ...(removes === undefined ? [] : [['onlyIf', textLiteral(`[ -e ${removes} ]`)] as const]),
    ...(guard ? [guardEntry(context, guard)] : []),
  ]
  return resource(
    context.use('command'),
    [
      textLiteral(
        role.commandName(task.name === task.module ? (textOf(task.free) ?? task.name) : task.name),
      ),
    ],
    [...entries, ...conditions, ...context.common('login')],
  )
}

function guardEntry(
  context: TaskContext,
  guard: NonNullable<(typeof context.role.guards)[number]>,
): Entry {
  const probe = new TaskContext(context.role, guard.probe)
  if (guard.probe.module === 'stat') return ['creates', asText(probe.path('path', 'dest', 'name'))]
  if (guard.field === 'creates') throw new Untranslatable('what it asks is not known')
  return [guard.field, probeLine(probe, guard.probe, guard.printed)]
}

export function stat(context: TaskContext): undefined {
  const registered = textOf(context.task.keywords.get('register'))
  context.ignore(...context.task.args.keys())
  if (registered !== undefined) context.role.probes.set(registered, context.task)
  return undefined
}

export function hostname(context: TaskContext): Code {
  context.ignore('use')
  return resource(context.use('hostname'), [asText(context.need('name'))], context.common('root'))
}

export function timezone(context: TaskContext): Code {
  context.ignore('hwclock')
  return resource(context.use('timezone'), [asText(context.need('name'))], context.common('root'))
}

export function locale(context: TaskContext): Code {
  const gone = context.word('state') === 'absent'
  return absentOr(
    context,
    gone,
    resource(context.use('locale'), [asText(context.need('name'))], context.common('root')),
  )
}

export function mount(context: TaskContext): Code {
  context.ignore('backup', 'boot')
  const state = context.word('state') ?? 'mounted'
  const options = context.word('opts')
  const type = context.text('fstype')
  const kept =
    state === 'present' ? [...(options?.split(',') ?? []), 'noauto'] : options?.split(',')
  if (!['mounted', 'absent', 'present'].includes(state))
    throw new Untranslatable(`state: ${state} is not translated`)
  context.ignore('dump')
  const pass = context.word('passno')
  const made = resource(
    context.use('mount'),
    [asText(context.path('path', 'name'))],
    [
      ['device', asText(context.need('src'))],
      ...option('type', type),
      ...(kept && options !== 'defaults'
        ? [['options', list(kept.map(textLiteral))] as const]
        : []),
      ...(pass === '1' || pass === '2' ? [['pass', pass] as const] : []),
      ...context.common('root'),
    ],
  )
  return absentOr(context, state === 'absent', made)
}
