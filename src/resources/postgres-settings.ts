/** A setting as pg_settings(5) shows it. */
export interface Setting {
  /** In its unit. */
  readonly value: string
  /** `8kB`, `MB`, `ms`...; null when it has none. */
  readonly unit: string | null
  /** `postmaster` when only a restart changes it. */
  readonly context: string
  /** `bool`, `integer`, `real`, `enum`, `string`. */
  readonly type: string
  /** The file that sets it. */
  readonly file: string | null
  /** Waits for a restart. */
  readonly pending: boolean
}

const bytes: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1024,
  '8kB': 8192,
  MB: 1024 ** 2,
  GB: 1024 ** 3,
  TB: 1024 ** 4,
}
const milliseconds: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** Whether a setting has this value, written as in a file; false where that is not certain. */
export function isSetTo({ value, unit, type }: Setting, wanted: string): boolean {
  if (type === 'bool') return yes(wanted) === (value === 'on')
  if (type === 'enum') return wanted.toLowerCase() === value
  if (type === 'string') return wanted === value
  const number = inUnit(wanted, unit)
  return number !== undefined && number === Number(value)
}

function yes(word: string): boolean | undefined {
  if (/^(on|true|yes|1)$/i.test(word)) return true
  return /^(off|false|no|0)$/i.test(word) ? false : undefined
}

/** A number with or without a unit of its own, in this unit. */
function inUnit(text: string, unit: string | null): number | undefined {
  const [, number, own] = /^(-?\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text.trim()) ?? []
  if (number === undefined) return undefined
  if (own === '' || own === undefined) return Number(number)
  const scale = unit === null ? undefined : [bytes, milliseconds].find((each) => unit in each)
  const from = scale?.[own]
  return from === undefined ? undefined : (Number(number) * from) / scale![unit!]!
}

/** For people, such as `128MB`. */
export function shownValue({ value, unit }: Setting): string {
  if (unit === null) return value
  const scale = unit in bytes ? bytes : unit in milliseconds ? milliseconds : {}
  const total = Number(value) * (scale[unit] ?? Number.NaN)
  const best = Object.entries(scale).findLast(
    ([name, size]) => name !== '8kB' && total >= size && total % size === 0,
  )
  return best && total > 0 ? `${total / best[1]}${best[0]}` : value
}
