import type { Code } from './code.ts'
import { Untranslatable } from './jinja-lexer.ts'
import { authorizedKeys, group, user } from './module-accounts.ts'
import { aptKey, aptRepository, deb822 } from './module-apt.ts'
import { block, line } from './module-edits.ts'
import { copy, download, file, template } from './module-files.ts'
import {
  command,
  cron,
  git,
  hostname,
  locale,
  mount,
  packages,
  service,
  stat,
  sysctl,
  timezone,
} from './module-system.ts'
import type { TaskContext } from './task-context.ts'
import { textOf } from './yaml.ts'

/** Translates a task; undefined: nothing is described. */
export type Module = (task: TaskContext) => Code | readonly Code[] | undefined

/** What changes nothing on the host. */
const dropped =
  (why: string): Module =>
  (context) => {
    context.ignore(...context.task.args.keys())
    context.free()
    context.note(why)
    return undefined
  }

const refused =
  (why: string, todo: string): Module =>
  () => {
    throw new Untranslatable(why, todo)
  }

const facts: Module = (context) => {
  for (const [name, node] of context.task.args) {
    context.ignore(name)
    if (name !== 'cacheable') context.role.scope.set(name, node)
  }
  return undefined
}

const meta: Module = (context) => {
  const what = textOf(context.free()) ?? ''
  if (what === 'flush_handlers')
    context.note('flush_handlers: what is notified is done at the end of the run')
  else if (!/^(noop|clear_facts|refresh_inventory|clear_host_errors|reset_connection)$/.test(what))
    throw new Untranslatable(`meta: ${what} is not translated`)
  return undefined
}

/** The modules that are translated, by name. */
export const modules: Readonly<Record<string, Module>> = {
  apt: packages,
  package: packages,
  apt_repository: aptRepository,
  deb822_repository: deb822,
  apt_key: aptKey,
  copy,
  template,
  file,
  lineinfile: line,
  blockinfile: block,
  get_url: download,
  unarchive: refused(
    'what was unpacked before cannot be recognised',
    'archive(path, { url or source, sha256 }) keeps a directory of its own',
  ),
  user,
  group,
  authorized_key: authorizedKeys,
  service,
  systemd: service,
  systemd_service: service,
  cron,
  sysctl,
  git,
  command,
  shell: command,
  stat,
  hostname,
  timezone,
  locale_gen: locale,
  mount,
  set_fact: facts,
  meta,
  debug: dropped('it only prints'),
  assert: dropped('it only checks what the compiler or a role can check'),
  fail: dropped('it only stops the run'),
  pause: dropped('it only waits'),
  wait_for: dropped('it only waits'),
  wait_for_connection: dropped('it only waits'),
  ping: dropped('it only looks'),
  setup: dropped('facts are read anyway'),
  gather_facts: dropped('facts are read anyway'),
  package_facts: refused('what is installed is not asked', 'describe what is to be installed'),
  service_facts: refused('what runs is not asked', 'describe what is to run'),
}
