import { Buffer } from 'node:buffer'
import { Shell, lines, sh } from '../base/shell.ts'
import {
  type Change,
  type Context,
  type Difference,
  type Kind,
  type Step,
  nothingPlanned,
} from '../model/kind.ts'
import { type Common, type Resource, describe, given } from '../model/resource.ts'
import { check, line, optional } from '../model/schema.ts'
import { fileKind, writeAtomically } from './file.ts'
import { lockOutOf } from './lock-out.ts'
import { effective, parseConfig, readConfig, withDropIn, written } from './sshd-config.ts'
import {
  type SshdSettings,
  canonical,
  complaintAbout,
  gathers,
  isOpen,
  linesOf,
} from './sshd-settings.ts'
import {
  type SystemFile,
  type SystemFileState,
  parseWithFiles,
  readWithFiles,
  systemFile,
} from './system-file.ts'

/**
 * Settings of the SSH server, in a file of their own in `/etc/ssh/sshd_config.d` that comes before
 * all others there, as the first value holds. Settings that sshd refuses do not stay, and sshd is
 * reloaded once they hold. What sshd itself says to be in effect is compared too: another file or a
 * Match that overrides a setting is shown as a difference, and is yours to settle.
 * `absent(sshd(...))` takes the file away.
 */
export interface SshdOptions extends Common {
  /** What the file is called, for several of them. Default: `'fettle'`. */
  readonly name?: string
  /**
   * Only for connections that this fits, such as `'User git'` or `'Group sftp Address 10.0.0.0/8'`.
   * Whether another Match comes first is not looked at.
   */
  readonly match?: string
}

interface SshdDesired {
  readonly settings: SshdSettings
  readonly match?: string
}

/** Something else in the files that decides about a setting. */
interface Override {
  readonly keyword: string
  readonly words: string
  readonly where: string
  readonly match?: string
}

interface Setting {
  readonly keyword: string
  /** The values as sshd itself writes them; undefined when it does not say. */
  readonly now: readonly string[] | undefined
  readonly wanted: readonly string[] | undefined
}

interface SshdState {
  readonly there: boolean
  readonly file: SystemFileState
  /** A file was changed since sshd last read them. */
  readonly stale: boolean
  /** Why sshd does not take its settings as they are, or the described ones. */
  readonly refusesNow: string | undefined
  readonly refuses: string | undefined
  /** sshd reads the file at all. */
  readonly included: boolean
  readonly settings: readonly Setting[]
  readonly overrides: readonly Override[]
}

/** Describes settings of the SSH server: `sshd({ PasswordAuthentication: 'no', PermitRootLogin: 'prohibit-password' })`. */
export function sshd(settings: SshdSettings, options: SshdOptions = {}): Resource {
  const { name = 'fettle', match, ...common } = options
  return describe(sshdKind, name, { settings, ...given({ match }) }, common)
}

const folder = '/etc/ssh/sshd_config.d'
const title = '# Kept by Fettle.\n'

export const sshdKind: Kind<SshdDesired, SshdState> = {
  name: 'sshd',
  remembers: ({ desired: { match } }) => ({ settings: {}, ...given({ match }) }),
  named: check(
    "a name in letters, digits, . _ -, such as 'fettle'",
    (name) => typeof name === 'string' && /^[A-Za-z0-9][\w.-]{0,60}$/.test(name),
  ),
  user: 'root',
  fields: { settings: complaintAbout, match: optional(line) },

  claims: (resource) => [
    { what: `path ${fileOf(resource).name}` },
    ...(resource.absent ? [] : linesOf(resource.desired.settings)).map(([keyword]) => ({
      what: `sshd's ${[resource.desired.match, canonical(keyword)].filter(Boolean).join(' ')}`,
      shared: gathers(keyword),
    })),
  ],

  // A line for each answer. What sshd makes of the described settings alone says how it would write
  // their values; its keys and ports have to be added, as it does not start without.
  read: (resources) =>
    readWithFiles(
      lines(
        sh`sshd=$(command -v sshd) || exit 0`,
        readStale,
        sh`all=$("$sshd" -T 2>&1) && word=now || word=refused`,
        sh`printf '%s %s\n' "$word" "$(printf '%s\n' "$all" | base64 -w 0)"`,
        ...resources.map(({ desired, absent }, i) => {
          if (absent) return undefined
          const own = linesOf(desired.settings).map(([keyword]) => canonical(keyword))
          const added = ['port', 'hostkey'].filter((each) => desired.match || !own.includes(each))
          const pattern = `/^\\(${added.join('\\|')}\\) /p`
          return sh`alone=$({ [ $word = refused ] || printf '%s\n' "$all" | sed -n ${pattern}; printf '%s' ${render(desired)}; } | "$sshd" -T -f /dev/stdin 2>&1) && found=alone || found=not
printf '%s %s %s\n' "$found" ${i} "$(printf '%s\n' "$alone" | base64 -w 0)"`
        }),
        readConfig,
      ),
      resources.map(fileOf),
    ),

  parse(output, resources) {
    const { own, files } = parseWithFiles(output, resources.map(fileOf))
    const answers = answersIn(own)
    const config = parseConfig(own)
    return resources.map((resource, i): SshdState => {
      const { match } = resource.desired
      const now = answers.get('now')
      const alone = answers.get(`alone ${i}`)
      const path = fileOf(resource).name
      const rows = written(withDropIn(config, path, render(resource.desired)))
      return {
        there: now !== undefined || answers.has('refused'),
        file: files[i]!,
        stale: answers.has('stale'),
        refusesNow: firstLine(answers.get('refused')),
        refuses: firstLine(answers.get(`not ${i}`)),
        included: rows.some((each) => each.path === path),
        settings: match === undefined ? settingsOf(resource, now, alone) : [],
        overrides: match === undefined ? overridesOf(resource, rows, config.texts) : [],
      }
    })
  },

  diff(resource, state, context) {
    const kept = fileKind.diff(fileOf(resource), state.file, nothingPlanned)
    if (resource.absent) {
      if (kept) return { verb: 'remove', summary: `its settings, reload` }
      return state.stale && state.there ? { verb: 'change', summary: 'reload' } : undefined
    }
    return difference(resource, state, context, kept)
  },

  apply: ([change]) => applySettings(change!),

  lockOut: (resource, login) => lockOutOf(fileOf(resource).name, login),
}

/** systemd has a new time of it when it has reloaded; a time to come says nothing. */
const readStale = Shell.literal(`for unit in ssh sshd; do
  since=$(systemctl show --timestamp=us+utc -p StateChangeTimestamp -- "$unit" 2>/dev/null | sed -n s/^StateChangeTimestamp=//p)
  [ -z "$since" ] || ! systemctl -q is-active "$unit" || break
  since=
done
if [ -n "$since" ] && [ -n "$(find /etc/ssh/sshd_config /etc/ssh/sshd_config.d -newermt "$since" ! -newermt now 2>/dev/null | sed 1q)" ]; then echo stale; fi`)

function answersIn(own: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const row of own.split('\n')) {
    const [, word, text = ''] =
      /^(stale|now|refused|alone \d+|not \d+) ?([\w+/=]*)$/.exec(row) ?? []
    if (word !== undefined) found.set(word, Buffer.from(text, 'base64').toString('utf8'))
  }
  return found
}

/** Without a file and a line that nobody else knows. */
const firstLine = (text: string | undefined): string | undefined =>
  text?.split(/\r?\n/)[0]!.replace(/^\/dev\/stdin:? (line \d+:? ?)?/, '')

const fileOf = ({ name, desired, absent }: Resource<SshdDesired>): SystemFile =>
  systemFile(`${folder}/00-${name}.conf`, render(desired), absent)

function render({ settings, match }: SshdDesired): string {
  const rows = linesOf(settings).map((each) => each.join(' '))
  const within = match === undefined ? rows : [`Match ${match}`, ...rows.map((each) => `  ${each}`)]
  return title + within.map((each) => `${each}\n`).join('')
}

function settingsOf(
  { desired, absent }: Resource<SshdDesired>,
  now: string | undefined,
  alone: string | undefined,
): Setting[] {
  if (absent) return []
  const [all, own] = [now, alone].map((each) => (each === undefined ? undefined : effective(each)))
  return [...new Set(linesOf(desired.settings).map(([keyword]) => keyword))].map((keyword) => ({
    keyword,
    now: all && (all.get(canonical(keyword)) ?? []),
    wanted: own && (own.get(canonical(keyword)) ?? []),
  }))
}

/** Lines elsewhere that sshd goes by instead of the described ones. */
function overridesOf(
  resource: Resource<SshdDesired>,
  rows: ReturnType<typeof written>,
  texts: ReadonlyMap<string, string>,
): Override[] {
  const path = fileOf(resource).name
  const plain = (words: string): string => words.replaceAll('"', '').toLowerCase()
  return linesOf(resource.desired.settings).flatMap(([keyword, words]) => {
    const others = rows.filter(
      (each) => each.keyword === canonical(keyword) && plain(each.words) !== plain(words),
    )
    const first = rows.find((each) => each.keyword === canonical(keyword) && !each.match)
    const before = gathers(keyword) || first?.path === path ? [] : [first]
    return [...before, ...others.filter(({ match }) => match !== undefined)].flatMap((each) => {
      // What Fettle itself keeps for some connections is described.
      if (!each || !others.includes(each)) return []
      if (each.match && texts.get(each.path)?.startsWith(title)) return []
      const within = given({ match: each.match })
      return [{ keyword, words: each.words, where: each.where, ...within }]
    })
  })
}

/** Of what gathers values, others may add some only where that widens nothing. */
function holds({ keyword, now, wanted }: Setting): boolean {
  if (!now || !wanted) return false
  if (isOpen(keyword)) return wanted.every((each) => now.includes(each))
  return [...now].sort().join('\n') === [...wanted].sort().join('\n')
}

function difference(
  resource: Resource<SshdDesired>,
  state: SshdState,
  context: Context,
  kept: Difference | undefined,
): Difference | undefined {
  const { overrides, file, refuses, refusesNow, stale, included } = state
  const wanted = linesOf(resource.desired.settings)
    .map((each) => each.join(' '))
    .join(', ')
  if (!state.there) return missing(wanted, context)
  const verb = file.type === 'absent' ? 'create' : 'change'
  const text = kept?.text === undefined ? {} : { text: kept.text }
  if (refuses !== undefined)
    return { verb, summary: `sshd here does not take it: ${refuses}`, ...text }
  const off = refusesNow === undefined ? state.settings.filter((each) => !holds(each)) : []
  const within = overrides.filter(({ match }) => match !== undefined)
  const broken = refusesNow !== undefined
  const ids = [...context.earlier.keys()]
  const files = ids.some((id) => /^[\w-]+:\/etc\/ssh(\/sshd_config|$)/.test(id))
  const later = files || ids.some((id) => id.startsWith('sshd:'))
  if (!kept && !stale && off.length + within.length === 0 && !broken)
    return files ? { verb: 'unknown', summary: 'reload, for what is changed before' } : undefined
  // Whatever else is in the way may be put right by then.
  if (!kept && (later || context.opaque.length > 0)) return { verb: 'unknown', summary: wanted }
  const notes = later
    ? []
    : [
        ...overrides.map(overruled),
        ...(included ? [] : [`but /etc/ssh/sshd_config does not include ${folder}/*.conf`]),
        ...(broken ? [`sshd does not take its settings as they are: ${refusesNow}`] : []),
      ]
  const changes = off.map(moved)
  const first = changes.length > 0 || !kept ? changes : [`${wanted} (in its file)`]
  const reload = kept || stale ? ['reload'] : []
  return { verb, summary: [...first, ...reload, ...notes].join(', '), ...text }
}

const moved = ({ keyword, now, wanted }: Setting): string =>
  `${keyword} ${brief(now)} -> ${brief(wanted)}`

function brief(values: readonly string[] | undefined): string {
  const text = values === undefined || values.length === 0 ? 'none' : values.join(' ')
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}

const overruled = ({ keyword, words, where, match }: Override): string =>
  match === undefined
    ? `but ${where} says ${keyword} ${words} first`
    : `but ${where} says ${keyword} ${words} for Match ${match}`

function missing(wanted: string, { opaque }: Context): Difference {
  return opaque.length > 0
    ? { verb: 'unknown', summary: `${wanted}, once ${opaque.at(-1)} has brought it` }
    : { verb: 'change', summary: 'there is no sshd here (package openssh-server)' }
}

function applySettings({ resource, state }: Change<SshdDesired, SshdState>): Step {
  const file = fileOf(resource)
  const kept = fileKind.diff(file, state.file, nothingPlanned)
  const place = resource.absent
    ? sh`rm -f -- ${file.name}`
    : sh`( ${writeAtomically(file.name, file.desired)}
) < "$stage/new"`
  return {
    script: lines(
      sh`sshd=$(command -v sshd) || { echo 'there is no sshd here (package openssh-server)'; exit 1; }`,
      sh`[ -d /run/sshd ] || mkdir -m 0755 /run/sshd`,
      kept && lines(sh`path=${file.name}`, prepare, !resource.absent && tryAlone),
      kept && onSignal,
      kept && sh`${place} || undo 'could not put the settings in place'`,
      kept && tryAll,
      !kept && whyNot(state),
      reload,
    ),
    input: resource.absent ? '' : (file.desired.content as string),
  }
}

/** Nothing of ours is left to be done where others are in the way. */
function whyNot({ overrides, stale }: SshdState): Shell | false {
  if (stale || overrides.length === 0) return false
  const reason = overrides.map(overruled).join('; ').replace(/^but /, '')
  return sh`echo ${`the settings are in place, but do not hold: ${reason}. Change or remove it there`}; exit 1`
}

const prepare = Shell.literal(`umask 077
stage=$(mktemp -d) || exit 1
trap 'rm -rf -- "$stage"' EXIT
first() { printf '%s\\n' "$1" | tr -d '\\r' | sed "s|^$stage/alone:* *||; s|^line [0-9]*: *||; 1q"; }
undo() {
  if [ -e "$stage/old" ] || [ -L "$stage/old" ]; then cp -a -- "$stage/old" "$path.fettle" && mv -fT -- "$path.fettle" "$path"; else rm -f -- "$path"; fi
  touch -r "$stage/folder" -- "\${path%/*}"
  echo "$1"
  exit 1
}
cat > "$stage/new" || exit 1
mkdir -p -m 0755 -- "\${path%/*}" && touch -r "\${path%/*}" "$stage/folder" || exit 1
if [ -e "$path" ] || [ -L "$path" ]; then cp -a -- "$path" "$stage/old" || exit 1; fi`)

const onSignal = sh`trap 'undo "interrupted; the old settings are back"' HUP INT TERM`

const tryAlone =
  Shell.literal(`for key in /etc/ssh/ssh_host_*_key; do [ ! -e "$key" ] || echo "HostKey $key"; done > "$stage/alone"
cat "$stage/new" >> "$stage/alone"
reason=$("$sshd" -t -f "$stage/alone" 2>&1) || {
  echo "sshd does not take these settings: $(first "$reason"). Nothing was changed"
  exit 1
}`)

const tryAll = Shell.literal(`reason=$("$sshd" -t 2>&1) ||
  undo "sshd does not take all settings together: $(first "$reason"). The old ones are back"
trap - HUP INT TERM`)

/** On Ubuntu a socket listens where sshd's settings say, as a generator reads them. */
const reload = Shell.literal(`for unit in ssh sshd; do
  if systemctl -q is-active "$unit.service"; then
    systemctl reload "$unit.service" || { journalctl -q -u "$unit" -n 20 --no-pager; echo "$unit did not reload; its log is above"; exit 1; }
    break
  fi
done
if systemctl -q is-active ssh.socket && [ -e /usr/lib/systemd/system-generators/sshd-socket-generator ]; then
  systemctl daemon-reload && systemctl restart ssh.socket || exit 1
fi`)
