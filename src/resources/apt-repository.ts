import { Shell, lines, sh } from '../base/shell.ts'
import type { Change, Difference, Kind, Step } from '../model/kind.ts'
import { type Common, type Resource, describe, given } from '../model/resource.ts'
import { type Check, check, listOf, oneOf, optional } from '../model/schema.ts'
import { type Inode, parseStat } from './inode.ts'
import { applyFunctions } from './package-scripts.ts'
import { refuse } from './refusal.ts'
import { readSource } from './source.ts'

/**
 * A further source of packages for apt: `/etc/apt/sources.list.d/NAME.sources` and the key that
 * signs it, `/etc/apt/keyrings/NAME.asc`. It takes its place only after apt could read it. One whose
 * addresses name a moment, such as `https://snapshot.debian.org/archive/debian/20250101T000000Z`, may
 * have expired (`Check-Valid-Until: no`).
 */
export interface AptRepositoryOptions extends Common {
  /** Where it is: one address or several, such as `https://deb.nodesource.com/node_22.x`. */
  readonly uris: string | readonly string[]
  /** Its suites, such as `bookworm`; for a repository without suites a path ending in a slash: `./`. */
  readonly suites: string | readonly string[]
  /** Its components. Default: `main`, or none where the suite is a path. */
  readonly components?: readonly string[]
  /** The key that signs it: ASCII-armored text, or the bytes of a `.asc` or `.gpg` file. */
  readonly key?: string | Uint8Array
  /** Instead of `key`: a file to copy, relative to the file that describes it. */
  readonly keySource?: string
  /** Default: `deb` alone. */
  readonly types?: readonly ('deb' | 'deb-src')[]
  /** Only these architectures, such as `amd64`. Default: those of the host. */
  readonly architectures?: readonly string[]
  /** Further fields of sources.list(5), such as `{ 'Check-Valid-Until': 'no' }`. Passwords belong in /etc/apt/auth.conf.d. */
  readonly options?: Readonly<Record<string, string>>
}

interface RepositoryDesired {
  readonly uris: readonly string[]
  readonly suites: readonly string[]
  readonly components: readonly string[]
  readonly types: readonly string[]
  readonly architectures: readonly string[]
  readonly options: Readonly<Record<string, string>>
  readonly key?: Uint8Array
}

interface RepositoryState {
  readonly sources: Found
  readonly armored: Found
  readonly binary: Found
}

interface Found extends Inode {
  readonly content: Buffer
}

/** Describes a source of packages: `aptRepository('nodesource', { uris, suites: 'nodistro', keySource: 'nodesource.asc' })`. */
export function aptRepository(name: string, options: AptRepositoryOptions): Resource {
  const { uris, suites, components, key, keySource, types, architectures, ...rest } = options
  const { options: further = {}, ...common } = rest
  const list = (value: string | readonly string[]): readonly string[] =>
    typeof value === 'string' ? value.split(/\s+/).filter(Boolean) : value
  const paths = Array.isArray(suites) || typeof suites === 'string' ? list(suites) : []
  const flat = paths.every((each) => String(each).endsWith('/'))
  if (flat && components?.length)
    refuse(`apt-repository:${name}`, 'components', {
      problem: 'cannot go with a suite that is a path',
      suggestion: 'either components, or a suite that ends in a slash',
    })
  const bytes = keySource === undefined ? key : readSource(keySource)
  const desired = given({
    uris: list(uris),
    suites: list(suites),
    components: components ?? (flat ? [] : ['main']),
    types: types ?? ['deb'],
    architectures: architectures ?? [],
    options: further,
    key: typeof bytes === 'string' ? Buffer.from(`${bytes.trim()}\n`) : bytes,
  })
  return describe(aptRepositoryKind, name, desired, common)
}

const someOf = (inner: Check): Check => {
  const some = check('at least one', (value) => Array.isArray(value) && value.length > 0)
  return (value) => some(value) ?? listOf(inner)(value)
}

const word = (suggestion: string, pattern: RegExp): Check =>
  check(suggestion, (value) => typeof value === 'string' && pattern.test(value))

export const aptRepositoryKind: Kind<RepositoryDesired, RepositoryState> = {
  name: 'apt-repository',
  remembers: () => ({
    uris: [],
    suites: [],
    components: [],
    types: [],
    architectures: [],
    options: {},
  }),
  named: word("a file's name of letters, digits, . _ and -", /^[\w][\w.-]*$/),
  user: 'root',
  opaque: true,
  fields: {
    uris: someOf(word("an address such as 'https://deb.example.org'", /^[a-z][a-z0-9+.-]*:\S+$/)),
    suites: someOf(word("a suite such as 'bookworm', or './'", /^[^\s-]\S*$/)),
    components: listOf(word("a component such as 'main'", /^[\w][\w./+-]*$/)),
    types: someOf(oneOf('deb', 'deb-src')),
    architectures: listOf(word("an architecture such as 'amd64'", /^[a-z0-9-]+$/)),
    options: check('fields of one line each', (value) =>
      Object.entries(value ?? {}).every(
        ([name, text]) => /^[A-Za-z][\w-]*$/.test(name) && /^[^\n\r\0]+$/.test(String(text)),
      ),
    ),
    key: optional(
      check('ASCII-armored text or the bytes of a key file', (value) => isKey(value as Uint8Array)),
    ),
  },

  claims: ({ name }) => Object.values(pathsOf(name)).map((each) => ({ what: `path ${each}` })),

  paths: (resources) => resources.flatMap(({ name }) => Object.values(pathsOf(name))),

  read(resources) {
    const paths = resources.flatMap(({ name }) => Object.values(pathsOf(name)))
    return sh`for each in ${paths}; do
  [ ! -f "$each" ] || base64 -w 0 -- "$each" 2>/dev/null
  echo
done`
  },

  parse(output, resources) {
    const paths = resources.flatMap(({ name }) => Object.values(pathsOf(name)))
    const { inodes, rest } = parseStat(output, paths)
    const rows = rest.toString('latin1').split('\n')
    const found = inodes.map((inode, i) => ({
      ...inode,
      content: Buffer.from(rows[i] ?? '', 'base64'),
    }))
    return resources.map((_, i) => {
      const [sources, armored, binary] = found.slice(i * 3) as [Found, Found, Found]
      return { sources, armored, binary }
    })
  },

  diff({ name, desired, absent }, state): Difference | undefined {
    const { sources, armored, binary } = state
    const before = sources.content.toString('utf8')
    if (absent) {
      const there = [sources, armored, binary].filter(({ type }) => type !== 'absent')
      if (there.length === 0) return undefined
      const summary = sources.type === 'absent' ? 'its key' : uriOf(before)
      return { verb: 'remove', summary, text: { before, after: '' } }
    }
    const after = sourcesOf(name, desired)
    const text = before === after ? {} : { text: { before, after } }
    if (sources.type === 'absent') return { verb: 'create', summary: uriOf(after), ...text }
    const wanted = keyFile(desired)
    const changes = [
      ...(before === after && sources.type === 'file' ? [] : ['source']),
      ...permissions('source', sources),
      ...(['armored', 'binary'] as const).flatMap((each) =>
        keyChanges(each === wanted ? desired.key : undefined, state[each]),
      ),
    ]
    return changes.length === 0
      ? undefined
      : { verb: 'change', summary: changes.join(', '), ...text }
  },

  apply: ([change]) => applyRepository(change!),
}

function pathsOf(name: string): { sources: string; armored: string; binary: string } {
  return {
    sources: `/etc/apt/sources.list.d/${name}.sources`,
    armored: `/etc/apt/keyrings/${name}.asc`,
    binary: `/etc/apt/keyrings/${name}.gpg`,
  }
}

const isArmored = (key: Uint8Array): boolean =>
  Buffer.from(key.subarray(0, 200)).toString('latin1').includes('-----BEGIN PGP PUBLIC KEY BLOCK')

/** A packet of OpenPGP has its first bit set, so this tells a key from a web page or a path. */
function isKey(value: Uint8Array): boolean {
  return value instanceof Uint8Array && (isArmored(value) || (value[0] ?? 0) >= 0x80)
}

function keyFile({ key }: RepositoryDesired): 'armored' | 'binary' | undefined {
  return key && (isArmored(key) ? 'armored' : 'binary')
}

function sourcesOf(name: string, desired: RepositoryDesired): string {
  const file = keyFile(desired)
  const fields = {
    Types: desired.types.join(' '),
    URIs: desired.uris.join(' '),
    Suites: desired.suites.join(' '),
    Components: desired.components.join(' '),
    Architectures: desired.architectures.join(' '),
    'Signed-By': file ? pathsOf(name)[file] : '',
    'Check-Valid-Until': desired.uris.every(isSnapshot) ? 'no' : '',
    ...desired.options,
  }
  return Object.entries(fields)
    .filter(([, value]) => value !== '')
    .map(([field, value]) => `${field}: ${value}\n`)
    .join('')
}

// What was true at a moment says itself for how long it is valid, and that has always passed.
const isSnapshot = (uri: string): boolean => /\/\d{8}T\d{6}Z(\/|$)/.test(uri)

function uriOf(sources: string): string {
  const field = (name: string): string =>
    new RegExp(`^${name}: *(.*)$`, 'm').exec(sources)?.[1] ?? ''
  return [field('URIs'), field('Suites'), field('Components')].filter(Boolean).join(' ')
}

function permissions(what: string, { type, mode, owner }: Inode): string[] {
  if (type !== 'file') return []
  return [
    ...(mode === '644' ? [] : [`${what} mode ${mode.padStart(4, '0')} -> 0644`]),
    ...(owner === 'root' ? [] : [`${what} owner ${owner} -> root`]),
  ]
}

function keyChanges(wanted: Uint8Array | undefined, found: Found): string[] {
  if (!wanted) return found.type === 'absent' ? [] : ['old key removed']
  if (found.type !== 'file' || !found.content.equals(wanted)) return ['key']
  return permissions('key', found)
}

function applyRepository({ resource }: Change<RepositoryDesired, RepositoryState>): Step {
  const { name, desired, absent } = resource
  const paths = pathsOf(name)
  const all = Object.values(paths)
  if (absent) return { script: lines(applyFunctions, keepAge, sh`rm -f -- ${all} && age`) }
  const file = keyFile(desired)
  const unwanted = all.filter((path) => path !== paths.sources && path !== (file && paths[file]))
  return {
    script: lines(
      applyFunctions,
      keepAge,
      tryOut,
      sh`key=${file ? paths[file] : ''} sources=${paths.sources}`,
      sh`try ${sourcesOf(name, desired)}`,
      file && sh`mkdir -p /etc/apt/keyrings && place "$work/key" "$key"`,
      sh`place "$work/placed.sources" "$sources"`,
      sh`rm -f -- ${unwanted} && age`,
    ),
    input: desired.key,
  }
}

// A changed source makes all lists look old to packages that come later. They are as old as they
// were, but for this one, which was just read.
const keepAge = Shell.literal(`touch -r "$lists" "$work/age" 2>/dev/null
fresh && was=fresh || was=old
age() { if [ "$was" = fresh ]; then touch "$lists"; else touch -r "$work/age" "$lists" 2>/dev/null || :; fi; }`)

// apt reads the new source from a folder of our own first: what it cannot read never takes the
// place of what was there.
const tryOut = Shell.literal(`try() {
  printf %s "$1" >"$work/placed.sources"
  chmod 0755 "$work"
  signature=$work/key.\${key##*.}
  [ -z "$key" ] || { cat >"$work/key" && cp "$work/key" "$signature" && chmod 0644 "$signature"; } || exit 1
  sed "s|^Signed-By: $key$|Signed-By: $signature|" "$work/placed.sources" >"$work/tried.sources"
  chmod 0644 "$work/tried.sources"
  refresh -o Dir::Etc::sourcelist="$work/tried.sources" -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0 && return
  reason=$(sed -n 's/.*GPG error: //;t end;/^E: /b end;d;:end;p;q' "$work/log")
  fail "$reason (nothing was put in place)"
}
place() {
  new=$(mktemp -- "$2.XXXXXXXX") && cat "$1" >"$new" && chmod 0644 "$new" && mv -fT -- "$new" "$2" && return
  rm -f -- "$new"
  exit 1
}`)
