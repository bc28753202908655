import { createHash } from 'node:crypto'
import { problem } from '../base/errors.ts'
import type { ContainerEngine, Network } from './container-engine.ts'

/** The first 8 hex digits of a hash: enough to keep the labs of one machine apart. */
export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8)
}

/**
 * The subnets that a lab tries, in order: 10.83.0.0/24 to 10.98.255.0/24, starting where its
 * id says, so that a lab keeps its addresses and two labs rarely want the same.
 */
export function* subnets(id: string): Generator<string> {
  const first = Number.parseInt(id.slice(0, 8), 16) % 4096
  for (let i = 0; i < 64; i++) {
    const number = (first + i * 61) % 4096
    yield `10.${83 + (number >> 8)}.${number & 255}.0/24`
  }
}

/** The address of the host with a number (from 0) in a subnet; .1 is the machine itself. */
export function addressIn(subnet: string, number: number): string {
  return subnet.replace(/\d+\/24$/, String(number + 10))
}

/** The lab's network: the one that is there, or a new one on the first subnet that is free. */
export async function ensureNetwork(
  engine: ContainerEngine,
  name: string,
  labels: Readonly<Record<string, string>>,
  preferred: string | undefined,
): Promise<Network> {
  const present = (await engine.networks()).find((each) => each.name === name)
  if (present) return present
  const words = Object.entries(labels).flatMap(([key, value]) => ['--label', `${key}=${value}`])
  // The engine's name service would only need a further package.
  const dns = engine.command === 'podman' ? ['--disable-dns'] : []
  let reason = ''
  for (const subnet of new Set([...(preferred ? [preferred] : []), ...subnets(shortHash(name))])) {
    const made = await engine.try(['network', 'create', ...dns, '--subnet', subnet, ...words, name])
    if (made.code === 0) return { name, subnet, labels }
    reason = made.output.trim()
    if (!/already|overlap|in use|conflict/i.test(reason)) break
  }
  throw problem('lab-command-failed', {
    doing: 'make its network',
    reason,
    state: 'No host was started.',
  })
}
