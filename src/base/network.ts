import { isIP } from 'node:net'

/** A range of addresses, `10.0.0.0/8`; a single one is as long as its family allows. */
export interface Network {
  readonly family: 'ipv4' | 'ipv6'
  readonly address: string
  /** Of the prefix, in bits. */
  readonly length: number
}

/** Reads an address or a network in CIDR notation (RFC 4632, RFC 4291); undefined: it is neither. */
export function networkOf(text: unknown): Network | undefined {
  if (typeof text !== 'string') return undefined
  const [, address = '', given] = /^([0-9A-Fa-f.:]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const version = isIP(address)
  const longest = version === 4 ? 32 : 128
  const length = given === undefined ? longest : Number(given)
  if (version === 0 || length > longest) return undefined
  return { family: version === 4 ? 'ipv4' : 'ipv6', address, length }
}
