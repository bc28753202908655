import { type Shell, lines } from '../base/shell.ts'
import type { Kind } from '../model/kind.ts'
import type { Resource } from '../model/resource.ts'
import { statPaths } from '../resources/inode.ts'
import { showUnits, unitBlocks } from '../resources/unit-state.ts'

/** Resources of one kind that are read as one user. */
export interface Reading {
  readonly kind: Kind
  readonly user: string | undefined
  readonly resources: readonly Resource[]
}

const pathsOf = ({ kind, resources }: Reading): readonly string[] => kind.paths?.(resources) ?? []
const unitsOf = ({ kind, resources }: Reading): readonly string[] => kind.units?.(resources) ?? []

/** One script with all that the kind wants to know, for a reading that is made by itself. */
export function scriptOf(reading: Reading): Shell {
  const { kind, resources } = reading
  const units = unitsOf(reading)
  return lines(
    kind.paths && statPaths(pathsOf(reading)),
    units.length > 0 && showUnits(units),
    kind.read?.(resources),
  )
}

/**
 * What several kinds want to know of the same programs is asked once: a process takes a host longer
 * than its answer does. Each kind gets what it would have got from `scriptOf`.
 */
export class SharedReads {
  readonly #readings: readonly Reading[]
  readonly #units: readonly string[]

  constructor(readings: readonly Reading[]) {
    this.#readings = readings
    this.#units = [...new Set(readings.flatMap(unitsOf))]
  }

  /** What is shared, first; then what each reading has of its own. Undefined: nothing to ask. */
  get scripts(): readonly (Shell | undefined)[] {
    const paths = this.#readings.some(({ kind }) => kind.paths)
    return [
      paths ? statPaths(this.#readings.flatMap(pathsOf)) : undefined,
      this.#units.length > 0 ? showUnits(this.#units) : undefined,
      ...this.#readings.map(({ kind, resources }) => kind.read?.(resources)),
    ]
  }

  /** The output for each reading, from those of the scripts; undefined where one was cut short. */
  outputs([stat, units, ...own]: readonly (Buffer | undefined)[]): (Buffer | undefined)[] {
    const inodes = stat && rowsByPath(stat)
    const blocks = units && this.#blocksByUnit(units.toString('utf8'))
    return this.#readings.map((reading, i) => {
      const mine = own[i]
      const asked = unitsOf(reading)
      if (!mine || (reading.kind.paths && !inodes) || (asked.length > 0 && !blocks))
        return undefined
      return Buffer.concat([
        ...(reading.kind.paths ? [...rowsOf(pathsOf(reading), inodes!), end] : []),
        ...(asked.length > 0 ? [Buffer.from(blocks!(asked))] : []),
        mine,
      ])
    })
  }

  /**
   * Answers have no names that can be relied on (aliases): only all of them, in order, will do. Else
   * systemd has not answered anybody, since kinds go by the order too.
   */
  #blocksByUnit(output: string): (units: readonly string[]) => string {
    const blocks = unitBlocks(output)
    if (blocks.length !== this.#units.length) return () => ''
    const byUnit = new Map(this.#units.map((unit, i) => [unit, blocks[i]!.trimEnd()]))
    return (units) => `${units.map((unit) => byUnit.get(unit)).join('\n\n')}\n`
  }
}

const end = Buffer.from('end\0')
/** How many fields `statPaths` prints of a path. */
const fields = 7

/** What `statPaths` printed, as it is, by path. */
function rowsByPath(output: Buffer): ReadonlyMap<string, Buffer> {
  const rows = new Map<string, Buffer>()
  for (let at = 0; at < output.length && !output.subarray(at, at + end.length).equals(end);) {
    const start = at
    for (let field = 0; field < fields; field++) at = output.indexOf(0, at) + 1 || output.length
    rows.set(output.toString('utf8', start, output.indexOf(0, start)), output.subarray(start, at))
  }
  return rows
}

const rowsOf = (paths: readonly string[], rows: ReadonlyMap<string, Buffer>): Buffer[] =>
  paths.flatMap((path) => rows.get(path) ?? [])
