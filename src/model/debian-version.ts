/** Less than 0 when `a` is the older version, as dpkg orders them (deb-version(7)). */
export function compareVersions(a: string, b: string): number {
  const [one, other] = [partsOf(a), partsOf(b)]
  return (
    one.epoch - other.epoch ||
    comparePart(one.upstream, other.upstream) ||
    comparePart(one.revision, other.revision)
  )
}

function partsOf(version: string): { epoch: number; upstream: string; revision: string } {
  const colon = version.indexOf(':')
  const rest = version.slice(colon + 1)
  const dash = rest.lastIndexOf('-')
  return {
    epoch: colon < 0 ? 0 : Number(version.slice(0, colon)),
    upstream: dash < 0 ? rest : rest.slice(0, dash),
    revision: dash < 0 ? '' : rest.slice(dash + 1),
  }
}

/** Runs of other characters and runs of digits take turns, the former first. */
function comparePart(a: string, b: string): number {
  const [one, other] = [runsOf(a), runsOf(b)]
  for (let i = 0; i < Math.max(one.length, other.length); i++) {
    const [x = '', y = ''] = [one[i], other[i]]
    const found = i % 2 === 0 ? compareText(x, y) : Number(x) - Number(y)
    if (found !== 0) return found
  }
  return 0
}

const runsOf = (part: string): string[] => part.split(/(\d+)/)

function compareText(a: string, b: string): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const found = rank(a[i]) - rank(b[i])
    if (found !== 0) return found
  }
  return 0
}

/** A tilde is before the end, the end before letters, letters before all else. */
function rank(character: string | undefined): number {
  if (character === '~') return -1
  if (character === undefined) return 0
  const code = character.charCodeAt(0)
  return /[A-Za-z]/.test(character) ? code : code + 256
}
