/** What is mounted at a path, as /proc/self/mountinfo has it. */
export interface Mounted {
  readonly type: string
  readonly source: string
  /** Of this mount. */
  readonly options: readonly string[]
  /** Of the file system, for all its mounts. */
  readonly superOptions: readonly string[]
}

/** A word that sets something, the word that clears it, and whether clear is what mount(8) takes for granted. */
const flags: readonly (readonly [set: string, clear: string, granted: boolean])[] = [
  ['ro', 'rw', true],
  ['nosuid', 'suid', true],
  ['nodev', 'dev', true],
  ['noexec', 'exec', true],
  ['nodiratime', 'diratime', true],
  ['nosymfollow', 'symfollow', true],
  ['sync', 'async', true],
  ['dirsync', 'nodirsync', false],
  ['lazytime', 'nolazytime', false],
]

const times = ['noatime', 'relatime', 'strictatime']

/** For mount(8), fstab and systemd alone: the kernel never sees them. */
const forOthers =
  /^(defaults|(no)?auto|(no)?users?|owner|group|nofail|_netdev|r?bind|(make-)?r?(private|shared|slave|unbindable)|[xX]-.*|comment=.*|u?helper=.*)$/

/** What these stand for. */
const implied: Readonly<Record<string, readonly string[]>> = {
  user: ['noexec', 'nosuid', 'nodev'],
  users: ['noexec', 'nosuid', 'nodev'],
  owner: ['nosuid', 'nodev'],
  group: ['nosuid', 'nodev'],
  norelatime: ['strictatime'],
  atime: ['relatime'],
}

/** Never to be written to, whatever is asked for. */
const readOnly = ['iso9660', 'squashfs', 'erofs', 'cramfs', 'romfs', 'udf']

export const isBind = (options: readonly string[]): boolean =>
  options.includes('bind') || options.includes('rbind')

/** Its entry is all there is: something else mounts it, when it is needed. */
export const isLater = (options: readonly string[]): boolean =>
  options.includes('noauto') || options.includes('x-systemd.automount')

export const forKernel = (options: readonly string[]): string[] =>
  options.filter((each) => !forOthers.test(each))

/** One option that is not as described: the word for what it is, and for what it is to be. */
export interface OptionDifference {
  readonly now: string
  readonly wanted: string
}

/**
 * What differs between a mount and its described options. A setting that the kernel does not show
 * (many file systems hide what is their default) is taken to be as described.
 */
export function optionDifferences(
  described: readonly string[],
  mounted: Mounted,
): OptionDifference[] {
  const words = described.flatMap((each) => implied[each] ?? [each])
  return [...flagDifferences(words, mounted), ...settingDifferences(words, mounted)]
}

function flagDifferences(words: readonly string[], mounted: Mounted): OptionDifference[] {
  const { type, options, superOptions } = mounted
  // A bind mount takes its flags from what it shows, a file system in user space from its program.
  const inherits = isBind(words) || type.startsWith('fuse')
  const found: OptionDifference[] = []
  for (const [set, clear, granted] of flags) {
    const last = words.findLast((each) => each === set || each === clear)
    const forced = set === 'ro' && readOnly.includes(type)
    if (last === undefined && (!granted || inherits || forced)) continue
    const wanted = last ?? clear
    const now = options.includes(set) || superOptions.includes(set) ? set : clear
    if (now !== wanted) found.push({ now, wanted })
  }
  const time = words.findLast((each) => times.includes(each))
  const now = times.find((each) => options.includes(each)) ?? 'strictatime'
  const wanted = time ?? (inherits ? now : 'relatime')
  return now === wanted ? found : [...found, { now, wanted }]
}

const tmpfsDefaults: Readonly<Record<string, string>> = {
  mode: '1777',
  uid: '0',
  gid: '0',
  size: '50%',
}

function settingDifferences(words: readonly string[], mounted: Mounted): OptionDifference[] {
  const shown = new Map(mounted.superOptions.map(pair))
  const settings = new Map(
    forKernel(words)
      .filter((each) => each.includes('='))
      .map(pair),
  )
  return [...settings].flatMap(([key, value]) => {
    const now = shown.get(key) ?? (mounted.type === 'tmpfs' ? tmpfsDefaults[key] : undefined)
    return now === undefined || isSame(value, now)
      ? []
      : [{ now: `${key}=${now}`, wanted: `${key}=${value}` }]
  })
}

function pair(option: string): [string, string] {
  const at = option.indexOf('=')
  return at < 0 ? [option, ''] : [option.slice(0, at), option.slice(at + 1)]
}

/** The kernel writes sizes in its own unit, permissions without zeros, users as numbers. */
function isSame(wanted: string, now: string): boolean {
  const incomparable = wanted.endsWith('%') || (/^[a-z_][\w-]*$/i.test(wanted) && /^\d+$/.test(now))
  return incomparable || usual(wanted) === usual(now) || now.startsWith(`${wanted}:`)
}

const units = ['', 'k', 'm', 'g', 't']

function usual(value: string): string {
  const text = value.replace(/^["/]+|"$/g, '')
  const [, number, unit = ''] = /^0*(\d+)([kmgt]?)$/i.exec(text) ?? []
  return number === undefined
    ? text
    : String(Number(number) * 1024 ** units.indexOf(unit.toLowerCase()))
}

/** What an entry said and the description does not, and a remount cannot take away. */
export function lostOptions(
  before: readonly string[],
  described: readonly string[],
  mounted: Mounted,
): string[] {
  const keys = new Set(described.map((each) => pair(each)[0]))
  const words = flags.flatMap(([set, clear]) => [set, clear])
  return forKernel(before)
    .map((each) => pair(each)[0])
    .filter((key) => !keys.has(key) && ![...words, ...times].includes(key))
    .flatMap((key) => mounted.superOptions.filter((each) => pair(each)[0] === key))
}
