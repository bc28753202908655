import type { Complaint } from '../model/schema.ts'

/** Lets users in from elsewhere, by password. */
export interface PostgresAccessRule {
  /** An address or network such as `'10.0.0.0/24'`, or a list of them. */
  readonly from: string | readonly string[]
  /** Default: all. */
  readonly databases?: readonly string[]
  /** Default: all. */
  readonly users?: readonly string[]
  /** Only over TLS. Default: true outside of this machine and private networks. */
  readonly tls?: boolean
}

/** What Debian has for this machine itself. */
const local = `local all postgres peer
local all all peer
host all all 127.0.0.1/32 scram-sha-256
host all all ::1/128 scram-sha-256
local replication all peer
host replication all 127.0.0.1/32 scram-sha-256
host replication all ::1/128 scram-sha-256
`

/** The text of pg_hba.conf. */
export function accessFile(rules: readonly PostgresAccessRule[]): string {
  const rows = rules.flatMap(({ from, databases, users, tls }) =>
    networksOf(from).map((network) =>
      [
        (tls ?? !isPrivate(network)) ? 'hostssl' : 'host',
        namesOf(databases),
        namesOf(users),
        network,
        'scram-sha-256\n',
      ].join(' '),
    ),
  )
  return local + rows.join('')
}

const networksOf = (from: string | readonly string[]): string[] =>
  (typeof from === 'string' ? [from] : [...from]).map((each) =>
    each.includes('/') ? each : `${each}/${each.includes(':') ? 128 : 32}`,
  )

const isPrivate = (network: string): boolean =>
  /^(10\.|127\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|::1\/|f[cd][0-9a-f]{2}:)/i.test(network)

/** In quotes no name is a keyword. */
const namesOf = (names: readonly string[] | undefined): string =>
  names === undefined
    ? 'all'
    : names.map((name) => (name === 'replication' ? name : `"${name}"`)).join(',')

const address = /^([0-9a-f:]*:[0-9a-f:.]*|\d{1,3}(\.\d{1,3}){3})(\/\d{1,3})?$/i

/** What is wrong with the rules. Names that could mean more than themselves have no place here. */
export function complaintAboutRules(rules: readonly PostgresAccessRule[]): Complaint | undefined {
  for (const { from, databases, users } of rules) {
    const wrong = networksOf(from).find((each) => !address.test(each))
    if (wrong !== undefined || from.length === 0)
      return {
        problem: `cannot be from ${JSON.stringify(wrong ?? from)}`,
        suggestion: "addresses or networks such as '10.0.0.0/24'",
      }
    const odd = [...(databases ?? []), ...(users ?? [])].find(
      (name) => !/^[\w][\w.@ -]{0,62}$/.test(name),
    )
    if (odd !== undefined || databases?.length === 0 || users?.length === 0)
      return {
        problem: `cannot name ${JSON.stringify(odd ?? [])}`,
        suggestion: 'names of letters, digits, _ . - @ here, at least one; or leave it out',
      }
  }
  return undefined
}
