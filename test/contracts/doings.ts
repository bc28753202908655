import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { redact, reveal } from '../../src/base/secret.ts'
import { type Kind, nothingPlanned, type Step } from '../../src/model/kind.ts'
import type { Resource } from '../../src/model/resource.ts'
import type { Inode } from '../../src/resources/inode.ts'
import { kinds } from '../../src/resources/kinds.ts'

/** Programs that change a host. What only looks, or works on a copy, is left out. */
const changing =
  `chmod chown mv rm rmdir mkdir ln systemctl hostname groupadd groupmod groupdel gpasswd
  useradd usermod userdel chpasswd modprobe swapon swapoff mkswap fallocate mount umount localedef podman
  nft gem npm xargs apt-mark "$python" python3`.split(/\s+/)

/** Functions of the scripts that look, wait or give up. */
const looking =
  'age as ask fail files find_device first forgive found fresh probe psql_ ready refuse restore show sql_ stay stays trouble undo units verify'.split(
    ' ',
  )

const onlyLooks =
  /^(systemctl (-q )?(show|is-active|cat|reset-failed)|nft (-c|-s|list)|podman image exists|modprobe --show-depends|python3 -I -c|"\$python" -I -c)/

/** What a step does, a line each, in its order: the commands in it that change the host. */
export function doings(step: Step): string[] {
  const whole = redact(step.script.text).replace(/^ *#.*$/gm, '')
  const functions = [...whole.matchAll(/^(\w+)\(\) \{/gm)].map(([, name]) => name!)
  const short = withoutFunctions(
    whole
      .replace(writing, briefWrite)
      .replace(editing, briefEdit)
      .replace(home, '@make the home if it is missing')
      .replace(keys, '@write .ssh/authorized_keys as the user'),
  )
  const commands = commandsOf(short).flatMap((command, i, list) =>
    list[i + 1] === 'exit 1' && command.startsWith('echo ')
      ? [`or fails: ${plainWords(command.slice(5))}`]
      : brief(command, functions, step),
  )
  const statements = /\b(psql|sql)_\b/.test(whole) ? statementsOf(step) : []
  const all = [...commands, ...statements].filter((each, i, list) => each !== list[i - 1])
  // A step that does nothing but say why.
  return all.every((each) => each.startsWith('or ')) ? all.map((each) => each.slice(3)) : all
}

const plainWords = (word: string): string =>
  word
    .replace(/^['"]|['"]$/g, '')
    .replaceAll("'\\''", "'")
    .replace(/\s+/g, ' ')

/** As `writeAtomically` of file.ts has it. */
const writing =
  /path=(.*)\n\[ ! -d "\$path" \][^]*?new=\$\(mktemp[^]*?\{ : ?(.*); \} \|\| exit 1([^]*?)if \[ -f "\$path" \] && \[ ! -L "\$path" \] && mountpoint[^]*?trap - EXIT; fi|path=(.*)\n\[ ! -d "\$path" \][^]*?new=\$\(mktemp[^]*?\{ : ?(.*); \} \|\| exit 1([^]*?)trap - EXIT; fi/g

function briefWrite(...found: unknown[]): string {
  const [path, ownership, rest] = (
    found[1] === undefined ? found.slice(4, 7) : found.slice(1, 4)
  ) as [string, string, string]
  const owner = /chown -h -- (\S+)/.exec(ownership)?.[1]
  const mode = /chmod -- 0(\d+)/.exec(ownership)?.[1]
  const checked = rest.includes('the new content was not valid') ? 'once it is valid' : ''
  return `\n@write ${[path, owner?.replace(/:$/, ''), mode, checked].filter(Boolean).join(' ')}\n`
}

/** As `applyText` of text-edit.ts has it. */
const editing = /path=(.*)\nif \[ -L "\$path" \][^]*?mv -fT -- "\$new" "\$path"; fi/g

const briefEdit = (_: string, path: string): string => `\n@edit ${path}\n`

/** As users and their keys have it. */
const home = /home=\$\(getent passwd[^]*?\nfi/
const keys = /as "\$uid" "\$gid" sh -c '[^]*?' sh "\$home" \S+/

function withoutFunctions(text: string): string {
  return text.replace(/^\w+\(\) \{.*\}$/gm, '').replace(/^\w+\(\) \{[^]*?\n\}$/gm, '')
}

/** Simple commands, without what stands before them. */
function commandsOf(text: string): string[] {
  const found: string[] = ['']
  let quote = ''
  for (let i = 0; i < text.length; i++) {
    const each = text[i]!
    const end = !quote && (/[;|()\n]/.test(each) || (each === '&' && !/[<>]/.test(text[i - 1]!)))
    if (end) found.push('')
    else {
      if (each === quote) quote = ''
      else if (!quote && /['"]/.test(each) && text[i - 1] !== '\\') quote = each
      found[found.length - 1] += each
    }
  }
  return found.map((each) =>
    each.trim().replace(/^((if|then|else|elif|while|until|do|!|\{|for) +)+/, ''),
  )
}

function brief(command: string, functions: readonly string[], step: Step): string[] {
  const plain = command
    .replace(/ *(\d?>(&\d| ?\/dev\/null)|<\/dev\/null)/g, '')
    .replace(/^(\w+=("[^"]*"|'[^']*'|\$\S*|[^\s"']*) )+/, '')
    .replace(/ -- /g, ' ')
    .trim()
  if (plain.startsWith('@')) return [plain.slice(1)]
  if (/^(gone|flags|allowed)=' *[^' ]/.test(plain) || /^(gone|flags)=[^'\s]/.test(plain))
    return [plain]
  // Straight into a file, as the kernel's settings are.
  const into = /> ?(\/(proc|sys)\/\S+)$/.exec(command)
  if (into) return [plain.replace(/\s+/g, ' ')]
  if (plain.startsWith('eval ')) return [plain]
  const [word = '', ...words] = plain.split(/\s+/)
  if (onlyLooks.test(plain) || looking.includes(word)) return []
  if (!changing.includes(word) && !functions.includes(word)) return []
  // On copies of its own alone.
  const things = words.filter((each) => !each.startsWith('-') && !/^[0-7]{3,5}$/.test(each))
  if (
    /^(chmod|chown|mv|rm|mkdir|touch)$/.test(word) &&
    things.every((each) => /^"\$(new|stage|work|old|stamp)\b/.test(each)) &&
    plain !== 'rm -rf "$work"'
  )
    return []
  const list = word === 'xargs' ? ` < ${String(step.input).split('\0').join(' ').trim()}` : ''
  const line = plain.replace(/\s+/g, ' ')
  return [(line.length > 150 ? `${line.slice(0, 149)}…` : line) + list]
}

/** The SQL that changes something. */
function statementsOf({ input }: Step): string[] {
  return redact(String(input))
    .split('\n')
    .flatMap((each) => {
      if (/\\gexec/.test(each)) return ['the statements that are missing for its access']
      const [, refused] = /RAISE EXCEPTION '(.*)'/.exec(each) ?? []
      if (refused !== undefined) return [`or fails: ${refused}`]
      return /^(CREATE|ALTER|DROP|GRANT|REVOKE)\b/.test(each) ? [each.replace(/\s+/g, ' ')] : []
    })
}

/** The state of a file with this content. */
export function holding(content: string | Buffer, inode: object = {}): object {
  const bytes = typeof content === 'string' ? Buffer.from(reveal(content)) : content
  return {
    type: 'file',
    mode: '644',
    owner: 'root',
    group: 'root',
    target: '',
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    content: bytes,
    ...inode,
  }
}

export const noInode: Inode = {
  type: 'absent',
  mode: '',
  owner: '',
  group: '',
  size: 0,
  target: '',
}
export const noFile: Inode & { sha256: undefined; content: undefined } = {
  ...noInode,
  sha256: undefined,
  content: undefined,
}

export const noText: { type: string; content: Buffer } = {
  type: 'absent',
  content: Buffer.alloc(0),
}
export const textOf = (content: string): object => ({ type: 'file', content: Buffer.from(content) })

/** The files that a step writes, by path, as they are on the host afterwards. */
export function written(resource: Resource, state: unknown): (path: string) => object {
  const kind = kinds.get(resource.kind) as Kind
  const difference = kind.diff(resource as never, state, nothingPlanned)!
  const { script, input } = kind.apply([{ resource, state, difference } as never])
  const text = script.text
  const files = new Map<string, object>()
  const staged = stagedIn(text, reveal(String(input)))
  for (const found of text.matchAll(/path=(\S+)\n\[ ! -d "\$path" \]/g)) {
    const before = text.slice(0, found.index)
    const piped = /printf '?%s'? ('(?:[^']|'\\'')*'|\S+) \| \(\s*$/.exec(before)?.[1]
    const block = text.slice(found.index)
    const kept = /< "\$stage"\/?(\S+)( |$)/m.exec(
      block.slice(0, block.indexOf('\npath=') + 1 || undefined),
    )?.[1]
    const content =
      piped === undefined
        ? (staged.get(kept ?? '') ?? reveal(String(input)))
        : reveal(piped).replace(/^'|'$/g, '').replaceAll("'\\''", "'")
    const [, owner = 'root', , group = 'root'] = /chown -h -- (\w+)(:(\w+))?/.exec(block) ?? []
    const mode = /chmod -- 0+(\d+)/.exec(block)?.[1] ?? '644'
    files.set(found[1]!.replace(/^'|'$/g, ''), holding(content, { owner, group, mode }))
  }
  return (path) => files.get(path) ?? noFile
}

/** What is taken off the input piece by piece. */
function stagedIn(text: string, input: string): Map<string, string> {
  const bytes = Buffer.from(input)
  let at = 0
  return new Map(
    [...text.matchAll(/count=(\d+) of="\$stage"\/(\S+)/g)].map(([, size, name]) => [
      name!,
      bytes.toString('utf8', at, (at += Number(size))),
    ]),
  )
}
