import { lines, sh } from '../base/shell.ts'
import {
  type Change,
  type Difference,
  type Kind,
  type Step,
  nothingPlanned,
} from '../model/kind.ts'
import { type Common, type Resource, describe } from '../model/resource.ts'
import { type Check, account, check, flag, listOf } from '../model/schema.ts'
import { file, fileKind, writeAtomically } from './file.ts'
import { bytesOf } from './in-order.ts'
import { lockOutOf } from './lock-out.ts'
import {
  type SystemFile,
  type SystemFileState,
  parseWithFiles,
  readWithFiles,
} from './system-file.ts'

/**
 * What users may run as another user with sudo (the package of that name): a file in
 * `/etc/sudoers.d`, which `visudo` has to accept before it takes its place. Of several rules that
 * fit a command sudo goes by the last one. `absent(sudo(...))` takes the rule away.
 */
export interface SudoOptions extends Common {
  /**
   * What may be run: `'ALL'`, or paths of programs, with the arguments that they may be given, as
   * in `'/usr/bin/systemctl restart shop'`. Without arguments, any; `""` for none; `*` stands for
   * any text, blanks too, so use it with care.
   */
  readonly commands: 'ALL' | readonly string[]
  /** Who may. Default, when there are no groups either: the user whom the rule is named after. */
  readonly users?: readonly string[]
  /** Whose members may. */
  readonly groups?: readonly string[]
  /** As whom, `'ALL'` for anybody. Default: `['root']`. */
  readonly runAs?: 'ALL' | readonly string[]
  /** Do not ask for the user's own password. Default: false. */
  readonly noPassword?: boolean
}

interface SudoDesired {
  readonly commands: 'ALL' | readonly string[]
  readonly users: readonly string[]
  readonly groups: readonly string[]
  readonly runAs: 'ALL' | readonly string[]
  readonly noPassword: boolean
}

interface SudoState {
  readonly file: SystemFileState
  readonly there: boolean
  /** sudo reads the folder. */
  readonly included: boolean
}

/** Describes a rule: `sudo('deploy', { commands: ['/usr/bin/systemctl restart shop'], noPassword: true })`. */
export function sudo(name: string, options: SudoOptions): Resource {
  const { commands, users, groups = [], runAs = ['root'], noPassword = false, ...common } = options
  const who = users ?? (groups.length > 0 ? [] : [name])
  return describe(sudoKind, name, { commands, users: who, groups, runAs, noPassword }, common)
}

const folder = '/etc/sudoers.d'

/** A backslash is left to what sudo needs one for: a `*` and its like that are meant literally. */
const command = check(
  "a program's path with its arguments, such as '/usr/bin/systemctl restart shop', or 'sudoedit /etc/motd'",
  (value) =>
    typeof value === 'string' &&
    /^(sudoedit )?\/[^\0\r\n]*$/.test(value) &&
    !/\\(?![*?[\]!^])|\s$/.test(value),
)

const manyOrAll =
  (each: Check): Check =>
  (value) =>
    value === 'ALL' ? undefined : (listOf(each)(value) ?? notEmpty(value))

const notEmpty = check("'ALL', or at least one", (value) => (value as unknown[]).length > 0)

export const sudoKind: Kind<SudoDesired, SudoState> = {
  name: 'sudo',
  remembers: ({ desired }) => desired,
  named: check(
    "a name such as 'deploy' (letters, digits, . _ -)",
    (name) => typeof name === 'string' && /^[A-Za-z0-9_][\w.-]{0,60}$/.test(name),
  ),
  user: 'root',
  fields: {
    commands: manyOrAll(command),
    users: listOf(account),
    groups: listOf(account),
    runAs: manyOrAll(account),
    noPassword: flag,
  },

  claims: (resource) => [{ what: `path ${fileOf(resource).name}` }],

  read: (resources) =>
    readWithFiles(
      lines(
        sh`! command -v visudo >/dev/null || echo there`,
        sh`! grep -Eqs ${`^[@#]includedir[[:space:]]+(${folder}|sudoers\\.d)/?[[:space:]]*$`} /etc/sudoers || echo included`,
      ),
      resources.map(fileOf),
    ),

  parse(output, resources) {
    const { own, files } = parseWithFiles(output, resources.map(fileOf))
    const words = own.split('\n')
    return files.map((each) => ({
      file: each,
      there: words.includes('there'),
      included: words.includes('included'),
    }))
  },

  diff(resource, state, context): Difference | undefined {
    const kept = fileKind.diff(fileOf(resource), state.file, nothingPlanned)
    if (resource.absent) return kept && { verb: 'remove', summary: meaning(resource.desired) }
    const wanted = meaning(resource.desired)
    if (!state.there)
      return context.opaque.length > 0
        ? { verb: 'unknown', summary: `${wanted}, once ${context.opaque.at(-1)} has brought sudo` }
        : { verb: 'change', summary: 'there is no visudo here (package sudo)' }
    const early = [...context.earlier.keys()].some((id) => /^\w+:\/etc\/sudoers(#|$)/.test(id))
    const note = state.included || early ? '' : `, but ${unread}`
    if (!kept) return note === '' ? undefined : { verb: 'change', summary: `${wanted}${note}` }
    const same = kept.verb === 'change' && kept.text === undefined && state.file.type === 'file'
    return { ...kept, summary: (same ? kept.summary : wanted) + note }
  },

  apply: ([change]) => applyRule(change!),

  lockOut: (resource, login) => lockOutOf(fileOf(resource).name, login),
}

const unread = `/etc/sudoers does not include ${folder}`

/** sudo does not read files with a dot in their name. */
function fileOf({ name, desired, absent }: Resource<SudoDesired>): SystemFile {
  const made = file(`${folder}/${name.replaceAll('.', '_')}`, {
    content: render(desired),
    owner: 'root',
    group: 'root',
    mode: '0440',
    validate: 'visudo -cf %s',
    user: 'root',
  })
  return { ...(made as SystemFile), absent }
}

function render({ commands, users, groups, runAs, noPassword }: SudoDesired): string {
  const who = [...users.map(word), ...groups.map((each) => `%${each}`)]
  const whom = runAs === 'ALL' ? 'ALL:ALL' : runAs.map(word).join(', ')
  const what = commands === 'ALL' ? 'ALL' : commands.map(escaped).join(', ')
  const rule = `${who.join(', ')} ALL=(${whom}) ${noPassword ? 'NOPASSWD: ' : ''}${what}`
  return `# Kept by Fettle.\n${rule}\n`
}

/** A name in capitals would be an alias. */
const word = (name: string): string => (/^[A-Z][A-Z0-9_]*$/.test(name) ? `"${name}"` : name)

const escaped = (command: string): string => command.replace(/[,:=#]/g, '\\$&')

function meaning({ commands, users, groups, runAs, noPassword }: SudoDesired): string {
  const who = [...users, ...groups.map((each) => `%${each}`)].join(', ')
  const what = commands === 'ALL' ? 'anything' : commands.join(', ')
  const whom = runAs === 'ALL' ? 'anybody' : runAs.join(', ')
  return `${who}: ${what} as ${whom}${noPassword ? ', without a password' : ''}`
}

function applyRule({ resource, state }: Change<SudoDesired, SudoState>): Step {
  const { name, desired } = fileOf(resource)
  if (resource.absent) return { script: sh`rm -f -- ${name}` }
  if (!fileKind.diff(fileOf(resource), state.file, nothingPlanned))
    return {
      script: sh`echo ${`the rule is in place, but ${unread}: add the line @includedir ${folder} to it`}; exit 1`,
    }
  return {
    script: lines(
      sh`command -v visudo >/dev/null || { echo 'there is no visudo here (package sudo)'; exit 1; }`,
      sh`[ -d ${folder} ] || mkdir -p -m 0750 ${folder} || exit 1`,
      writeAtomically(name, desired, {
        validate: desired.validate,
        size: bytesOf(desired.content).length,
      }),
    ),
    input: desired.content,
  }
}
