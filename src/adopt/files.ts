import { Call, Copied, type Value } from './call.ts'
import { type Entry, type LeftOut, entry } from './draft.ts'
import { idleWhenEmpty, isGenerated, ofMachine } from './ignored.ts'
import { longestFile } from './inventory-script.ts'
import type { Found, Inventory } from './inventory.ts'
import { asText, isHidden, isSecretKey, secretIn } from './secrets.ts'

/** A file, link or folder that was made or changed by hand. */
export interface Placed {
  readonly path: string
  readonly entry: Entry
}

export interface Files {
  readonly placed: readonly Placed[]
  readonly leftOut: readonly LeftOut[]
}

/** What to do when a file changes; undefined: nothing. */
export type NotifyOf = (path: string) => Call | undefined

/** Everything that no package brought, or that is not as its package brought it. */
export function filesOf(
  inventory: Inventory,
  standFor: ReadonlySet<string>,
  notifyOf: NotifyOf,
): Files {
  const { all, conffiles, unowned, stock, verify } = inventory
  const changed = [...conffiles]
    .filter(([, gone]) => !gone)
    .flatMap(([path]) => all.get(path) ?? [])
  const both = [...unowned.filter(({ path }) => !stock.has(path)), ...changed]
  const candidates = [...new Map(both.map((each) => [each.path, each])).values()]
    .filter(({ path }) => !isGenerated(path) && !standFor.has(path))
    .filter(({ path }) => !path.startsWith('/etc/systemd/system/'))
    .sort((a, b) => (a.path < b.path ? -1 : 1))
  const placed: Placed[] = []
  const leftOut: LeftOut[] = []
  for (const found of candidates) {
    if (found.type === 'directory') continue
    const why = reasonAgainst(found, inventory)
    if (why === 'idle') continue
    if (why === undefined)
      placed.push({ path: found.path, entry: entryOf(found, inventory, notifyOf) })
    else leftOut.push({ what: found.path, why })
  }
  const gone = [...conffiles]
    .filter(([path, missing]) => missing && !isGenerated(path) && !all.has(path))
    .map(([path]): Placed => ({ path, entry: entry(new Call('absent', new Call('file', path))) }))
  const removed = usualDefaults
    .filter(([owner, path]) => inventory.packages.has(owner) && !all.has(path))
    .map(([, path]): Placed => {
      const file = new Call('file', path, { notify: notifyOf(path) })
      return { path, entry: entry(new Call('absent', file)) }
    })
  const folders = foldersOf(placed, unowned)
  return {
    placed: [...folders, ...placed, ...gone, ...removed],
    leftOut: [
      ...together(leftOut),
      ...verify.map((what) => ({
        what,
        why: 'it belongs to a package, whose next version replaces it',
      })),
    ],
  }
}

/** What packages enable when they are installed, and people often take away. */
const usualDefaults: readonly (readonly [string, string])[] = [
  ['nginx-common', '/etc/nginx/sites-enabled/default'],
  ['apache2', '/etc/apache2/sites-enabled/000-default.conf'],
]

/** Why a file is not described; `idle`: because it does nothing. */
function reasonAgainst(found: Found, { contents, all }: Inventory): string | undefined {
  const { path, type, size } = found
  const fits = ofMachine(path)
  if (fits !== undefined) return fits
  if (type === 'link') return undefined
  const content = contents.get(path)
  if (content === undefined && size > longestFile) return `${size} bytes: more than ${longestFile}`
  if (content === undefined)
    return isHidden(found)
      ? `only ${found.owner} may read it (mode ${found.mode}): describe it with a Secret`
      : 'it could not be read'
  const text = asText(content)
  if (text === undefined && isKeyring(path) && isSecretKey(content)) return 'a private key'
  if (text === undefined) return isKeyring(path) ? undefined : `no text, ${size} bytes`
  if (idleWhenEmpty.has(path) && !/^\s*[^\s#]/m.test(text)) return 'idle'
  if (path === '/etc/fstab') return 'the disks of this machine'
  const secret = secretIn(text)
  if (secret !== undefined) return `${secret}: describe it with a Secret`
  return all.has(path) ? undefined : 'it could not be read'
}

/** Keys that sign packages are binary, public, and needed. */
const isKeyring = (path: string): boolean =>
  /^\/(etc\/apt\/(keyrings|trusted\.gpg\.d)|usr\/share\/keyrings)\/[^/]+$/.test(path) ||
  path === '/etc/apt/trusted.gpg'

function entryOf(found: Found, { contents }: Inventory, notifyOf: NotifyOf): Entry {
  const { path, type, target } = found
  const notify = notifyOf(path)
  if (type === 'link') return entry(new Call('link', path, { to: target, notify }))
  const validate = path.startsWith('/etc/sudoers') ? 'visudo -cf %s' : undefined
  return entry(
    new Call('file', path, {
      ...contentOf(path, contents.get(path)!),
      ...ownershipOf(found, '0644'),
      validate,
      notify,
    }),
  )
}

/** A line is written where it is described, everything else in a file of its own. */
export function contentOf(path: string, content: Buffer): Record<string, Value> {
  const text = asText(content)
  const short = text !== undefined && text.length <= 80 && /^[^\n]*\n?$/.test(text)
  return short ? { content: text } : { source: new Copied(path.slice(1), content) }
}

export function ownershipOf(
  { owner, group, mode }: Found,
  usual: string,
): Record<string, string | undefined> {
  return {
    owner: owner === 'root' ? undefined : owner,
    group: group === 'root' ? undefined : group,
    mode: mode === usual ? undefined : mode,
  }
}

/** Folders of what is described that no package brings. */
function foldersOf(placed: readonly Placed[], unowned: readonly Found[]): Placed[] {
  const folders = unowned.filter(({ type, path }) => type === 'directory' && !isGenerated(path))
  return folders
    .filter(({ path }) => placed.some((each) => each.path.startsWith(`${path}/`)))
    .map((found) => ({
      path: found.path,
      entry: entry(new Call('directory', found.path, ownershipOf(found, '0755'))),
    }))
}

/** Those of one folder that are left out for the same reason are one line. */
function together(all: readonly LeftOut[]): LeftOut[] {
  const groups = new Map<string, LeftOut[]>()
  for (const each of all) {
    const folder = each.what.slice(0, each.what.lastIndexOf('/'))
    const key = `${folder}\n${each.why}`
    groups.set(key, [...(groups.get(key) ?? []), each])
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group
    if (group.length < 4) return group
    const folder = first!.what.slice(0, first!.what.lastIndexOf('/'))
    return [{ what: `${folder}/ (${group.length} files)`, why: first!.why }]
  })
}
