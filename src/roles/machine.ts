import type { Facts } from '../model/facts.ts'

/** As much of a host as a building block looks at. */
export interface Machine {
  readonly facts: Facts
}

const mebibyte = 1024 ** 2

/**
 * The memory of the machine in MiB as one would say it (4 GiB, not 3.82): what a kernel keeps for
 * itself differs from one to the next, and must not be a reason to restart a database.
 */
export function memoryOf({ facts }: Machine): number {
  const sizes = Array.from({ length: 16 }, (_, i) => 2 ** i * 256 * mebibyte)
  const all = sizes.flatMap((size) => [size, size * 1.5])
  const distance = (size: number): number => Math.abs(Math.log(size / facts.memory))
  return all.reduce((best, each) => (distance(each) < distance(best) ? each : best)) / mebibyte
}

/** MiB in the largest unit that fits, as most configuration files take it: `4GB`. */
export const inMegabytes = (size: number): string =>
  size >= 1024 && size % 1024 === 0 ? `${size / 1024}GB` : `${size}MB`
