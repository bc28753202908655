import { render } from '../resources/unit.ts'
import { Call, Copied, type Value } from './call.ts'
import { type Entry, type LeftOut, entry } from './draft.ts'
import { contentOf, ownershipOf } from './files.ts'
import type { Found, Inventory, Unit } from './inventory.ts'
import { asText, isHidden, secretIn } from './secrets.ts'

const folder = '/etc/systemd/system/'
const suffix = /\.(service|socket|timer|path|mount|automount|swap|target|slice)$/

export const shortName = (unit: string): string => unit.replace(/\.service$/, '')

/** A unit file that was written by hand, or an addition to one of a package. */
export interface UnitFile {
  readonly path: string
  /** The unit that it is or changes. */
  readonly unit: string
  readonly entry: Entry
}

/** Files below /etc/systemd/system, other than what enabling and masking leave there. */
export function unitFiles(inventory: Inventory): {
  readonly files: readonly UnitFile[]
  readonly leftOut: readonly LeftOut[]
} {
  const files: UnitFile[] = []
  const leftOut: LeftOut[] = []
  for (const found of inventory.unowned) {
    if (!found.path.startsWith(folder) || found.type === 'directory') continue
    const name = found.path.slice(folder.length)
    const unit = name.split('/')[0]!.replace(/\.d$/, '')
    if (found.type === 'link') {
      const call = linkOf(name, found)
      if (call) files.push({ path: found.path, unit, entry: entry(call) })
      continue
    }
    const why = reasonAgainst(found, inventory)
    if (why === undefined)
      files.push({ path: found.path, unit, entry: fileEntry(name, unit, found, inventory) })
    else leftOut.push({ what: found.path, why })
  }
  return { files, leftOut }
}

/**
 * What masks templates, the target of the boot, and units that are kept elsewhere; links to what
 * packages brought are how units are enabled.
 */
function linkOf(name: string, { path, target }: Found): Call | undefined {
  const masksTemplate = target === '/dev/null' && /@\./.test(name)
  const ofPackages = /^((\.\.\/)+|\/)((usr\/)?lib\/systemd|dev)\//.test(target)
  const isElsewhere = target.includes('/') && !ofPackages
  return masksTemplate || isElsewhere || name === 'default.target'
    ? new Call('link', path, { to: target })
    : undefined
}

function reasonAgainst(found: Found, { contents }: Inventory): string | undefined {
  const content = contents.get(found.path)
  if (content === undefined)
    return isHidden(found)
      ? `only ${found.owner} may read it (mode ${found.mode}): describe it with a Secret`
      : 'it could not be read'
  const text = asText(content)
  if (text === undefined) return 'no text'
  const secret = secretIn(text)
  return secret === undefined ? undefined : `${secret}: describe it with a Secret`
}

function fileEntry(name: string, unit: string, found: Found, inventory: Inventory): Entry {
  const content = inventory.contents.get(found.path)!
  const text = content.toString('utf8')
  const isRunning = inventory.units.get(unit)?.active === 'active'
  const notify = isRunning ? new Call('restart', shortName(unit)) : undefined
  const plain = new Call('file', found.path, {
    ...contentOf(found.path, content),
    ...ownershipOf(found, '0644'),
    notify,
  })
  const dropIn = /\.d\/([\w-][\w.-]*)\.conf$/.exec(name)?.[1]
  const isUnit = suffix.test(unit) && (dropIn !== undefined || name === unit) && !/<%/.test(text)
  if (!isUnit) return entry(plain)
  const sections = sectionsOf(text)
  const body: Record<string, Value> = sections
    ? { sections }
    : { content: new Call('template', new Copied(found.path.slice(1), content)) }
  const settings = { dropIn, ...body }
  const verified = new Call('unit', unit, { ...settings, notify })
  return { ways: [[verified], [plain]] }
}

/** The settings, when nothing else is in the text: no comments, no unusual form. */
export function sectionsOf(text: string): Record<string, Record<string, Value>> | undefined {
  const sections: Record<string, Record<string, string | string[]>> = {}
  let current: Record<string, string | string[]> | undefined
  for (const row of text.split('\n')) {
    const section = /^\[([A-Za-z][\w-]*)\]$/.exec(row)?.[1]
    const setting = /^([A-Za-z][\w-]*)=(.*)$/.exec(row)
    if (section !== undefined) current = sections[section] = {}
    else if (setting && current) {
      const [, key = '', value = ''] = setting
      const before = current[key]
      current[key] = before === undefined ? value : [before, value].flat()
    } else if (row !== '') return undefined
  }
  try {
    return render(sections) === text ? sections : undefined
  } catch {
    return undefined
  }
}

/** A unit that is to be described, and why it is. */
export interface ServiceDraft {
  readonly unit: string
  /** The package that brought it, where it is needed for what is described. */
  readonly package: string | undefined
  readonly entry: Entry
}

/** Units whose switch was set by hand, those of hand-made files, and those that files notify. */
export function servicesOf(
  inventory: Inventory,
  handMade: ReadonlySet<string>,
  notified: ReadonlySet<string>,
): ServiceDraft[] {
  return [...inventory.units]
    .filter(([name]) => suffix.test(name) && !/@\./.test(name))
    .filter(
      ([name, unit]) =>
        notified.has(name) ||
        (handMade.has(name) || handMade.has(name.replace(/@[^.]*/, '@'))
          ? isOwnWork(unit)
          : isMasked(unit)
            ? isSet(name, inventory)
            : wasSwitched(name, unit, inventory)),
    )
    .sort(
      ([a, one], [b, other]) => Number(isMasked(one)) - Number(isMasked(other)) || (a < b ? -1 : 1),
    )
    .map(([name, unit]) => ({
      unit: name,
      package: isMasked(unit) ? undefined : unit.package,
      entry: { ways: serviceCalls(name, unit).map((call) => [call]) },
    }))
}

const isMasked = ({ state }: Unit): boolean => state.startsWith('masked')

/** A unit file that only a timer or another unit starts needs no description of its own. */
const isOwnWork = ({ state, active }: Unit): boolean =>
  active === 'active' || ['enabled', 'disabled'].includes(state)

/** A mask of the distribution lies with its packages. */
const isSet = (name: string, { unowned }: Inventory): boolean =>
  unowned.some(({ path, target }) => path === `${folder}${name}` && target === '/dev/null')

/** What runs for a chosen package, and what is enabled or disabled other than its package did it. */
function wasSwitched(name: string, unit: Unit, { packages }: Inventory): boolean {
  if (unit.package === undefined || !/\.(service|socket|timer)$/.test(name)) return false
  const base = ['required', 'important', 'standard'].includes(
    packages.get(unit.package)?.priority ?? '',
  )
  const disabled = unit.state === 'disabled' && unit.enabledByPackage && name !== 'ssh.socket'
  const enabled =
    unit.state === 'enabled' && !unit.enabledByPackage && !unit.package.startsWith('systemd')
  const runs = unit.state === 'enabled' && unit.active === 'active' && !base
  return disabled || enabled || runs
}

/** Whether an instance of a template is enabled is only known when it is read. */
function serviceCalls(name: string, unit: Unit): Call[] {
  const short = shortName(name)
  if (isMasked(unit)) return [new Call('service', short, { masked: true })]
  const running = ['active', 'reloading', 'activating'].includes(unit.active)
  const call = (enabled: boolean): Call =>
    new Call('service', short, {
      running: running ? undefined : false,
      enabled: enabled ? undefined : false,
    })
  return unit.state === '' ? [call(true), call(false)] : [call(unit.state !== 'disabled')]
}
