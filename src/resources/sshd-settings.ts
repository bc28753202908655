import { type Complaint, line } from '../model/schema.ts'

/** One setting; true and false stand for `yes` and `no`, a list for several lines or words. */
export type SshdValue = string | number | boolean | readonly (string | number)[]

type Switch = 'yes' | 'no' | boolean

/** Keywords of sshd_config(5), as they are written there. Any other keyword may be named too. */
export interface SshdSettings {
  readonly Port?: number | readonly number[]
  readonly ListenAddress?: string | readonly string[]
  readonly PermitRootLogin?: 'yes' | 'no' | 'prohibit-password' | 'forced-commands-only' | boolean
  readonly PasswordAuthentication?: Switch
  readonly KbdInteractiveAuthentication?: Switch
  readonly PubkeyAuthentication?: Switch
  readonly PermitEmptyPasswords?: Switch
  /** Such as `'publickey,keyboard-interactive'`: one after the other. */
  readonly AuthenticationMethods?: string | readonly string[]
  readonly UsePAM?: Switch
  readonly AllowUsers?: string | readonly string[]
  readonly AllowGroups?: string | readonly string[]
  readonly DenyUsers?: string | readonly string[]
  readonly DenyGroups?: string | readonly string[]
  readonly AuthorizedKeysFile?: string | readonly string[]
  readonly TrustedUserCAKeys?: string
  readonly AllowTcpForwarding?: 'yes' | 'no' | 'all' | 'local' | 'remote' | boolean
  readonly AllowAgentForwarding?: Switch
  readonly X11Forwarding?: Switch
  readonly GatewayPorts?: 'yes' | 'no' | 'clientspecified' | boolean
  readonly PermitTunnel?: 'yes' | 'no' | 'point-to-point' | 'ethernet' | boolean
  readonly PermitUserEnvironment?: string | boolean
  readonly AcceptEnv?: string | readonly string[]
  readonly ClientAliveInterval?: number | string
  readonly ClientAliveCountMax?: number
  readonly LoginGraceTime?: number | string
  readonly MaxAuthTries?: number
  readonly MaxSessions?: number
  readonly MaxStartups?: number | string
  readonly Banner?: string
  readonly PrintMotd?: Switch
  readonly LogLevel?:
    | 'QUIET'
    | 'FATAL'
    | 'ERROR'
    | 'INFO'
    | 'VERBOSE'
    | 'DEBUG'
    | 'DEBUG1'
    | 'DEBUG2'
    | 'DEBUG3'
  readonly UseDNS?: Switch
  readonly Ciphers?: string | readonly string[]
  readonly MACs?: string | readonly string[]
  readonly KexAlgorithms?: string | readonly string[]
  readonly HostKeyAlgorithms?: string | readonly string[]
  readonly PubkeyAcceptedAlgorithms?: string | readonly string[]
  readonly HostKey?: string | readonly string[]
  readonly ForceCommand?: string
  readonly ChrootDirectory?: string
  readonly [keyword: string]: SshdValue | undefined
}

/** A keyword with the words after it, for each line of a drop-in. */
export type SshdLine = readonly [keyword: string, words: string]

/** Keywords that gather the values of all lines; of all others the first line holds. */
const gathering = [
  'acceptenv',
  'allowgroups',
  'allowusers',
  'denygroups',
  'denyusers',
  'hostcertificate',
  'hostkey',
  'listenaddress',
  'port',
  'subsystem',
]

/** Of these, more than what is described is none of the description's business. */
const open = ['acceptenv', 'hostcertificate', 'hostkey', 'subsystem']

export const gathers = (keyword: string): boolean => gathering.includes(canonical(keyword))

export const isOpen = (keyword: string): boolean => open.includes(canonical(keyword))

const aliases: Readonly<Record<string, string>> = {
  challengeresponseauthentication: 'kbdinteractiveauthentication',
  skeyauthentication: 'kbdinteractiveauthentication',
  pubkeyacceptedkeytypes: 'pubkeyacceptedalgorithms',
  hostbasedacceptedkeytypes: 'hostbasedacceptedalgorithms',
}

/** The name by which `sshd -T` lists it. */
export function canonical(keyword: string): string {
  const lower = keyword.toLowerCase()
  return aliases[lower] ?? lower
}

export function linesOf(settings: SshdSettings): SshdLine[] {
  return Object.entries(settings).flatMap(([keyword, value]): SshdLine[] => {
    if (value === undefined) return []
    if (!Array.isArray(value)) return [[keyword, wordOf(value as string)]]
    if (gathers(keyword)) return value.map((each) => [keyword, wordOf(each as string)])
    const commas = /algorithms|ciphers|macs/.test(canonical(keyword))
    return [[keyword, value.join(commas ? ',' : ' ')]]
  })
}

const wordOf = (value: string | number | boolean): string =>
  value === true ? 'yes' : value === false ? 'no' : String(value)

export function complaintAbout(settings: unknown): Complaint | undefined {
  const example = "such as { PasswordAuthentication: 'no' }"
  const wrong = (problem: string, suggestion = example): Complaint => ({ problem, suggestion })
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings))
    return wrong('is no list of settings')
  const entries = Object.entries(settings).filter(([, value]) => value !== undefined)
  if (entries.length === 0) return wrong('is empty')
  const seen = new Set<string>()
  for (const [keyword, value] of entries) {
    const name = canonical(keyword)
    if (!/^[a-z][a-z0-9]*$/.test(name)) return wrong(`cannot have ${JSON.stringify(keyword)}`)
    if (name === 'match') return wrong('cannot have Match', "the option match: 'User git'")
    if (name === 'include') return wrong('cannot have Include', 'a resource of its own for each')
    if (seen.has(name)) return wrong(`has ${keyword} twice`)
    seen.add(name)
    const values: unknown[] = Array.isArray(value) ? value : [value]
    const fits = values.every(
      (each) =>
        typeof each === 'boolean' ||
        Number.isFinite(each) ||
        (!line(each) && !(each as string).includes('\r')),
    )
    if (values.length === 0 || !fits)
      return wrong(`cannot have this ${keyword}`, 'one line of text, a number, true or false')
  }
  return undefined
}
