import { Call } from './call.ts'
import { type Draft, type Entry, type RoleDraft, entry } from './draft.ts'
import { type Placed, filesOf } from './files.ts'
import type { Inventory } from './inventory.ts'
import { chosenPackages, repositoryOf } from './packages.ts'
import { people } from './people.ts'
import { type ServiceDraft, servicesOf, shortName, unitFiles } from './services.ts'

/** A first description of a host, in roles as a person would cut them. */
export function describeHost(inventory: Inventory): Draft {
  const repositories = inventory.unowned.flatMap(({ path }) => repositoryOf(path, inventory) ?? [])
  const standFor = new Set(repositories.flatMap(({ paths }) => paths))
  const targets = new Map<string, string>()
  const files = filesOf(inventory, standFor, (path) => {
    const found = serviceFor(path, inventory)
    if (found) targets.set(path, found.unit)
    return found && new Call(found.action, shortName(found.unit))
  })
  const units = unitFiles(inventory)
  const handMade = new Set(units.files.map(({ unit }) => unit))
  const services = servicesOf(inventory, handMade, new Set(targets.values()))
  const scripts = scriptsOf(
    units.files.map(({ path, unit }) => [path, unit] as const),
    inventory,
  )
  const placedUnits = units.files.map(({ path, unit, entry: made }) => ({
    path,
    unit,
    entry: made,
  }))
  const roleOf = (unit: string): string => roleName(unit, services, handMade, targets)
  const own = (path: string): string => {
    const unit = targets.get(path) ?? scripts.get(path)
    if (unit !== undefined) return roleOf(unit)
    // A folder belongs to what is in it.
    const inside = [...targets].filter(([each]) => each.startsWith(`${path}/`))
    const roles = new Set(inside.map(([, each]) => roleOf(each)))
    return roles.size === 1 ? [...roles][0]! : topicOf(path)
  }
  const used = new Set(services.flatMap((each) => each.package ?? []))
  const chosen = chosenPackages(inventory, used)
  const persons = people(inventory)
  const sorted = new Map<string, Entry[]>([
    ['base', []],
    ['people', [...persons.entries]],
    ['system', systemEntries(inventory)],
  ])
  const add = (role: string, made: Entry): void =>
    void sorted.set(role, [...(sorted.get(role) ?? []), made])
  for (const each of files.placed) add(own(each.path), each.entry)
  for (const each of repositories) add('base', each.entry)
  for (const each of chosen.entries) add('base', each)
  for (const each of placedUnits) add(roleOf(each.unit), each.entry)
  for (const each of services) add(roleOf(each.unit), each.entry)
  return {
    roles: [...sorted].filter(([, entries]) => entries.length > 0).map(asRole),
    leftOut: [
      ...chosen.leftOut,
      ...persons.leftOut,
      ...files.leftOut,
      ...units.leftOut,
      ...firewall(inventory, files.placed),
    ],
  }
}

const about: Readonly<Record<string, string>> = {
  base: 'Where packages come from, and which there are.',
  people: 'Who is there, and who may do what.',
  system: 'What belongs to no single service.',
}

const asRole = ([name, entries]: [string, Entry[]]): RoleDraft => ({
  name,
  about: about[name] ?? `The service ${name}.`,
  entries,
})

/** The service that reads a file, as far as its path tells. */
function serviceFor(
  path: string,
  { units }: Inventory,
): { unit: string; action: 'reload' | 'restart' } | undefined {
  const systemd = /^\/etc\/systemd\/(\w+d)\.conf(\.d\/|$)/.exec(path)?.[1]
  const defaults = /^\/etc\/default\/([^/]+)$/.exec(path)?.[1]
  const folder = /^\/etc\/([^/]+?)(?:\.conf|\/.+)$/.exec(path)?.[1]
  const kernel = /^\/etc\/sysctl\.(conf$|d\/)/.test(path) ? 'systemd-sysctl' : undefined
  const name =
    kernel ??
    (systemd && `systemd-${systemd}`) ??
    defaults ??
    (folder && (otherNames[folder] ?? folder))
  if (!name) return undefined
  const unit = units.get(`${name}.service`)
  if (unit?.active !== 'active' || unit.state.startsWith('masked')) return undefined
  return { unit: `${name}.service`, action: kernel || systemd || defaults ? 'restart' : 'reload' }
}

/** Services that are called otherwise than the folder of their configuration. */
const otherNames: Readonly<Record<string, string>> = {
  mysql: 'mariadb',
  php: 'php-fpm',
  bind: 'named',
}

/** What a unit, its timer and its instances have in common. */
const stemOf = (unit: string): string => unit.replace(/(@[^.]*)?\.\w+$/, '')

/** The role of a unit: one of its own where it has files of its own. */
function roleName(
  unit: string,
  services: readonly ServiceDraft[],
  handMade: ReadonlySet<string>,
  targets: ReadonlyMap<string, string>,
): string {
  const stem = stemOf(unit)
  const isOwn =
    !/^(systemd-|default$|getty|autovt)/.test(stem) &&
    ([...targets.values()].includes(unit) ||
      [...handMade].some((each) => stemOf(each) === stem && each !== 'default.target'))
  if (!isOwn || !services.some((each) => stemOf(each.unit) === stem)) return 'system'
  const name = stem.replace(/[^\w-]+/g, '-').replace(/^-+|-+$/g, '')
  return ['base', 'people', 'system'].includes(name) ? `${name}-service` : name || 'system'
}

/** Scripts below /usr/local that a hand-made unit runs, and files of its own name, by path. */
function scriptsOf(
  units: readonly (readonly [string, string])[],
  { contents }: Inventory,
): Map<string, string> {
  const scripts = new Map<string, string>()
  for (const [path, unit] of units)
    for (const [script] of (contents.get(path)?.toString('utf8') ?? '').matchAll(
      /\/(?:usr\/local|etc)\/[\w./-]+/g,
    ))
      scripts.set(script, unit)
  return scripts
}

function topicOf(path: string): string {
  if (/^\/(etc\/apt|usr\/share\/keyrings|etc\/dpkg)(\/|$)/.test(path)) return 'base'
  if (/^\/etc\/(sudoers|security)/.test(path)) return 'people'
  return 'system'
}

function systemEntries({ zone, hosts, hostname }: Inventory): Entry[] {
  const named = new Map<string, string[]>()
  for (const row of hosts.split('\n')) {
    const [address = '', ...all] = row.replace(/#.*/, '').trim().split(/\s+/)
    const usual = /^(127\.|::1$|f[ef]0)/.test(address) || all.length === 0
    if (!usual && !all.includes(hostname))
      named.set(address, [...(named.get(address) ?? []), ...all])
  }
  const names = [...named].map(([address, all]) => entry(new Call('hostEntry', address, all)))
  return [...(zone === '' ? [] : [entry(new Call('timezone', zone))]), ...names]
}

function firewall(
  { firewallRules }: Inventory,
  placed: readonly Placed[],
): { what: string; why: string }[] {
  const kept = placed.some(({ path }) => /^\/etc\/(nftables|ufw|iptables|firewalld)/.test(path))
  if (firewallRules === 0 || kept) return []
  return [
    {
      what: `${firewallRules} lines of firewall rules`,
      why: 'they are in the kernel and in no file that was changed by hand',
    },
  ]
}
