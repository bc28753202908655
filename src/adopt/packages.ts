import { nothingPlanned } from '../model/kind.ts'
import { aptRepositoryKind } from '../resources/apt-repository.ts'
import { type Inode, nothingThere } from '../resources/inode.ts'
import { Call, Copied } from './call.ts'
import { type Entry, type LeftOut, type Part, entry } from './draft.ts'
import type { Inventory } from './inventory.ts'
import { asText, isSecretKey, secretIn } from './secrets.ts'

/** What Debian's installer puts on a machine because of its hardware. */
const ofHardware =
  /^(linux-(image|headers|base)|grub-|shim-|firmware-|(intel|amd64)-microcode$|efibootmgr$|initramfs-tools|os-prober$|qemu-guest-agent$|open-vm-tools$)/

/**
 * The packages that somebody chose: neither Debian's own base nor what others brought along. `used`
 * are packages of what is described: a smaller system than this one may come without them.
 */
export function chosenPackages(inventory: Inventory, used: ReadonlySet<string>): Part {
  const { packages, manual, fetchable, held } = inventory
  const brought = closure(inventory)
  // Whoever has services has systemd.
  const usual = (name: string): boolean =>
    !name.startsWith('systemd') &&
    ['important', 'standard'].includes(packages.get(name)?.priority ?? '')
  const chosen = [...manual.filter((name) => !brought.has(name)), ...[...used].filter(usual)]
    .filter((name) => packages.has(name))
    .sort()
  const hardware = chosen.filter((name) => ofHardware.test(name))
  // Where apt has no lists at all, nobody can tell.
  const known = fetchable.size > 0
  const nowhere = chosen.filter((name) => known && !fetchable.has(name) && manual.includes(name))
  const described = chosen.filter((name) => !hardware.includes(name) && !nowhere.includes(name))
  const out = (names: readonly string[], why: string): LeftOut[] =>
    names.length === 0 ? [] : [{ what: `package ${names.join(', ')}`, why }]
  return {
    entries: described.length === 0 ? [] : [entry(new Call('packages', ...described))],
    leftOut: [
      ...out(hardware, 'it fits the hardware of this machine'),
      ...out(nowhere, 'in no repository: installed by hand'),
      ...out(held, 'held at its version: describe it with `version`'),
    ],
  }
}

const basic = ['required', 'important', 'standard']

/** Debian's base, with all that it depends on; and libraries, which come with what needs them. */
function closure({ packages }: Inventory): Set<string> {
  const providers = new Map<string, string[]>()
  for (const [name, { provides }] of packages)
    for (const each of provides) providers.set(each, [...(providers.get(each) ?? []), name])
  const reached = new Set<string>()
  const waiting = [...packages].flatMap(([name, { priority }]) =>
    basic.includes(priority) ? [name] : [],
  )
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (reached.has(name)) continue
    reached.add(name)
    for (const each of packages.get(name)?.depends ?? [])
      waiting.push(...(packages.has(each) ? [each] : (providers.get(each) ?? [])))
  }
  const needed = new Set([...packages.values()].flatMap(({ depends }) => depends))
  for (const [name, { section }] of packages)
    if (/(^|\/)(libs|oldlibs|perl)$/.test(section) && needed.has(name)) reached.add(name)
  return reached
}

/** A repository that is just as `aptRepository` writes it, and the paths that it stands for. */
export function repositoryOf(
  path: string,
  inventory: Inventory,
): { entry: Entry; paths: readonly string[] } | undefined {
  const name = /^\/etc\/apt\/sources\.list\.d\/([\w][\w.-]*)\.sources$/.exec(path)?.[1]
  const text = asText(inventory.contents.get(path) ?? Buffer.alloc(0))
  if (!name || !text || secretIn(text) !== undefined) return undefined
  const fields = new Map(
    text.split('\n').flatMap((row): [string, string][] => {
      const found = /^([A-Za-z][\w-]*): *(.*)$/.exec(row)
      return found ? [[found[1]!, found[2]!]] : []
    }),
  )
  const take = (field: string): string[] => {
    const value = fields.get(field) ?? ''
    fields.delete(field)
    return value.split(/\s+/).filter(Boolean)
  }
  const one = (list: readonly string[]): string | readonly string[] =>
    list.length === 1 ? list[0]! : list
  const [types, uris, suites] = [take('Types'), take('URIs'), take('Suites')]
  const [components, architectures, [key]] = [
    take('Components'),
    take('Architectures'),
    take('Signed-By'),
  ]
  const keyBytes = key === undefined ? undefined : inventory.contents.get(key)
  if (keyBytes && (isSecretKey(keyBytes) || secretIn(keyBytes.toString('latin1')))) return undefined
  const usual = components.join(' ') === 'main'
  const call = new Call('aptRepository', name, {
    uris: one(uris),
    suites: one(suites),
    components: usual || components.length === 0 ? undefined : components,
    types: types.join(' ') === 'deb' ? undefined : types,
    architectures: architectures.length === 0 ? undefined : architectures,
    options: fields.size === 0 ? undefined : Object.fromEntries(fields),
    keySource: keyBytes && new Copied(key!.slice(1), keyBytes),
  })
  if (!isExact(call, name, inventory)) return undefined
  return { entry: entry(call), paths: key === undefined ? [path] : [path, key] }
}

function isExact(call: Call, name: string, { all, contents }: Inventory): boolean {
  const at = (path: string): Inode & { content: Buffer } => {
    const found = all.get(path)
    const mode = found?.mode.replace(/^0+/, '') ?? ''
    const content = contents.get(path) ?? Buffer.alloc(0)
    return found ? { ...found, mode, content } : { ...nothingThere, content }
  }
  const state = {
    sources: at(`/etc/apt/sources.list.d/${name}.sources`),
    armored: at(`/etc/apt/keyrings/${name}.asc`),
    binary: at(`/etc/apt/keyrings/${name}.gpg`),
  }
  try {
    const [resource] = call.resources()
    return aptRepositoryKind.diff(resource as never, state, nothingPlanned) === undefined
  } catch {
    return false
  }
}
