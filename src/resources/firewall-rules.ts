import { BlockList, isIP } from 'node:net'
import { type Network, networkOf } from '../base/network.ts'
import type { Check, Complaint } from '../model/schema.ts'

/** A port, or several as `'60000-61000'`. */
export type FirewallPort = number | string

/** What a rule is for. What is left out may be anything. */
export interface FirewallMatch {
  /** Ports of this host. */
  readonly port?: FirewallPort | readonly FirewallPort[]
  /** Default: `'tcp'` where there are ports, else any. */
  readonly protocol?: string | readonly string[]
  /** Addresses or networks that it comes from: `'10.0.0.0/8'`, `'2001:db8::/32'`. Not names. */
  readonly from?: string | readonly string[]
  /** The network interface that it comes in by, such as `'eth1'`; `*` at the end for any that begin so. */
  readonly interface?: string
  /** A few words to see in `nft list ruleset`. */
  readonly comment?: string
}

export interface FirewallRule {
  readonly verdict: 'accept' | 'drop'
  readonly ports: readonly string[]
  readonly protocols: readonly string[]
  readonly from: readonly string[]
  readonly interface?: string
  readonly comment?: string
}

export type FirewallPolicy = 'drop' | 'reject' | 'accept'

/** Lets in: `allow({ port: 22, from: '10.0.0.0/8' })`. */
export function allow(match: FirewallMatch): FirewallRule {
  return ruleOf('accept', match)
}

/** Keeps out, without an answer: `deny({ from: '192.0.2.0/24' })`. */
export function deny(match: FirewallMatch): FirewallRule {
  return ruleOf('drop', match)
}

function ruleOf(verdict: FirewallRule['verdict'], match: FirewallMatch): FirewallRule {
  const { port, protocol, from, interface: name, comment, ...rest } = match
  const ports = listed(port).map(String)
  const protocols = listed(protocol ?? (ports.length > 0 ? 'tcp' : undefined))
  return {
    verdict,
    ports,
    protocols,
    from: listed(from),
    ...(name === undefined ? {} : { interface: name }),
    ...(comment === undefined ? {} : { comment }),
    // Whatever is misspelled stays, to be found.
    ...rest,
  }
}

function listed<Each>(given: Each | readonly Each[] | undefined): readonly Each[] {
  if (given === undefined) return []
  return Array.isArray(given) ? given : [given as Each]
}

const known = ['verdict', 'ports', 'protocols', 'from', 'interface', 'comment']
const withPorts = ['tcp', 'udp', 'sctp', 'udplite', 'dccp']
const protocolNames = [...withPorts, 'esp', 'ah', 'gre', 'icmp', 'icmpv6', 'vrrp', 'ospf', 'ipip']
/** By number where nft itself has no name. */
const numbers: Readonly<Record<string, string>> = {
  gre: '47',
  vrrp: '112',
  ospf: '89',
  ipip: '4',
  icmpv6: 'ipv6-icmp',
}

export const rules: Check = (value) => {
  const example = 'such as [allow({ port: 22 })]'
  if (!Array.isArray(value)) return { problem: 'is no list of rules', suggestion: example }
  for (const each of value) {
    const found = complaintAbout(each as FirewallRule)
    if (found) return found
  }
  return undefined
}

function complaintAbout(rule: FirewallRule): Complaint | undefined {
  const wrong = (value: unknown, suggestion: string): Complaint => ({
    problem: `cannot have ${JSON.stringify(value)}`,
    suggestion,
  })
  if (typeof rule !== 'object' || rule === null || !Array.isArray(rule.ports))
    return wrong(rule, 'a rule such as allow({ port: 22 })')
  const other = Object.keys(rule).find((each) => !known.includes(each))
  if (other !== undefined) return wrong(other, 'port, protocol, from, interface or comment')
  const port = rule.ports.find((each) => !rangeOf(each))
  if (port !== undefined) return wrong(port, "a port from 1 to 65535, or a range such as '80-90'")
  const protocol = rule.protocols.find((each) => !protocolNames.includes(each))
  if (protocol !== undefined) return wrong(protocol, `one of ${protocolNames.join(', ')}`)
  const portless = rule.protocols.find((each) => !withPorts.includes(each))
  if (rule.ports.length > 0 && portless !== undefined)
    return wrong(`ports of ${portless}`, 'a rule of its own for it')
  const from = rule.from.find((each) => !networkOf(each))
  if (from !== undefined)
    return wrong(from, "an address or a network, such as '10.0.0.0/8' or '2001:db8::1'")
  if (rule.interface !== undefined && !/^[\w.:@-]{1,15}\*?$/.test(rule.interface))
    return wrong(rule.interface, "the name of an interface, such as 'eth0'")
  if (rule.comment !== undefined && !/^[^"\\\p{C}]{1,60}$/u.test(rule.comment))
    return wrong(rule.comment, 'up to 60 letters without quotes')
  return undefined
}

function rangeOf(port: string): readonly [number, number] | undefined {
  const found = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(port)
  if (!found) return undefined
  const [low, high] = [Number(found[1]), Number(found[2] ?? found[1])]
  return low >= 1 && low <= high && high <= 65535 ? [low, high] : undefined
}

function contains(network: Network, address: string): boolean {
  const list = new BlockList()
  list.addSubnet(network.address, network.length, network.family)
  return list.check(address, network.family)
}

/** Networks of one family without those that are within another, which nft would take for a conflict. */
function networksOf(rule: FirewallRule, family: Network['family']): string[] {
  const all = rule.from.map((each) => networkOf(each)!).filter((each) => each.family === family)
  return all
    .filter(
      (each, i) =>
        !all.some((other, j) => {
          if (i === j || !contains(other, each.address)) return false
          return other.length < each.length || (other.length === each.length && j < i)
        }),
    )
    .map(({ address, length }) =>
      length === (family === 'ipv4' ? 32 : 128) ? address : `${address}/${length}`,
    )
}

/** Ports in order, with what overlaps made one. */
function portsOf(rule: FirewallRule): string[] {
  const ranges = rule.ports.map((each) => [...rangeOf(each)!]).sort((a, b) => a[0]! - b[0]!)
  const merged: number[][] = []
  for (const [low, high] of ranges as [number, number][]) {
    const last = merged.at(-1)
    if (last && low <= last[1]!) last[1] = Math.max(last[1]!, high)
    else merged.push([low, high])
  }
  return merged.map(([low, high]) => (low === high ? String(low) : `${low}-${high}`))
}

const set = (values: readonly string[]): string =>
  values.length === 1 ? values[0]! : `{ ${values.join(', ')} }`

function linesOf(rule: FirewallRule): string[] {
  const way = rule.interface === undefined ? [] : [`iifname "${rule.interface}"`]
  const families = (['ipv4', 'ipv6'] as const)
    .map((family) => [family === 'ipv4' ? 'ip' : 'ip6', networksOf(rule, family)] as const)
    .filter(([, networks]) => networks.length > 0)
    .map(([word, networks]) => [`${word} saddr ${set(networks)}`])
  const ports = portsOf(rule)
  const what =
    ports.length > 0
      ? rule.protocols.map((each) => [`${each} dport ${set(ports)}`])
      : rule.protocols.length > 0
        ? [[`meta l4proto ${set(rule.protocols.map((each) => numbers[each] ?? each))}`]]
        : [[]]
  const note = rule.comment === undefined ? [] : [`comment "${rule.comment}"`]
  return (rule.from.length === 0 ? [[]] : families).flatMap((source) =>
    what.map((each) => [...way, ...source, ...each, rule.verdict, ...note].join(' ')),
  )
}

/** What every host needs: itself, answers, the errors that networks report, neighbours, DHCPv6. */
const basis = `    iif "lo" accept
    ct state established,related accept
    ct state invalid drop
    icmp type { destination-unreachable, echo-request, time-exceeded, parameter-problem } accept
    icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem, echo-request, mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report, nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, ind-neighbor-solicit, ind-neighbor-advert } accept
    ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept`

/** A file for `nft -f`: one transaction, which leaves other tables alone. */
export function ruleset(policy: FirewallPolicy, all: readonly FirewallRule[]): string {
  const own = all.flatMap(linesOf).map((each) => `    ${each}\n`)
  return `# Kept by Fettle.
table inet fettle
delete table inet fettle
table inet fettle {
  chain input {
    type filter hook input priority filter; policy ${policy === 'accept' ? 'accept' : 'drop'};
${basis}
${own.join('')}${policy === 'reject' ? '    reject\n' : ''}  }
}
`
}

/** A connection, as the host sees it. */
export interface Connection {
  readonly from: string
  readonly to: string
  readonly port: number
}

/** Whether a new one like it is let in; undefined: that depends on the interface. */
export function admits(
  policy: FirewallPolicy,
  all: readonly FirewallRule[],
  { from, to, port }: Connection,
): boolean | undefined {
  const source = from.replace(/^::ffff:(?=[\d.]+$)/i, '')
  const family = isIP(source) === 4 ? 'ipv4' : 'ipv6'
  if (source === to || source === '::1' || source.startsWith('127.')) return true
  let unsure = false
  const fits = (rule: FirewallRule): boolean =>
    (rule.protocols.length === 0 || rule.protocols.includes('tcp')) &&
    (rule.ports.length === 0 ||
      rule.ports
        .map((each) => rangeOf(each)!)
        .some(([low, high]) => port >= low && port <= high)) &&
    (rule.from.length === 0 ||
      rule.from
        .map((each) => networkOf(each)!)
        .some((each) => each.family === family && contains(each, source)))
  for (const rule of all.filter(fits)) {
    if (rule.interface !== undefined) unsure = true
    else if (unsure) return undefined
    else return rule.verdict === 'accept'
  }
  return unsure ? undefined : policy === 'accept'
}
