import { Untranslatable } from './jinja-lexer.ts'
import { int, word } from './types.ts'
import { type Value, level, literal } from './value.ts'

const host = (code: string, at: number = level.last): Value => ({
  code,
  level: at,
  type: word,
  host: true,
})

/** What Ansible finds out about a host, as Fettle's facts have it. */
const facts: Readonly<Record<string, () => Value>> = {
  hostname: () => host("host.facts.hostname.split('.')[0]!"),
  nodename: () => host('host.facts.hostname'),
  distribution: () => host("host.facts.os.id === 'ubuntu' ? 'Ubuntu' : 'Debian'", level.choice),
  distribution_release: () => host('host.facts.os.codename'),
  distribution_major_version: () => host("host.facts.os.version.split('.')[0]!"),
  os_family: () => literal('Debian'),
  system: () => literal('Linux'),
  pkg_mgr: () => literal('apt'),
  service_mgr: () => literal('systemd'),
  architecture: () => host('host.facts.architecture'),
  kernel: () => host('host.facts.kernel'),
  processor_nproc: () => ({ ...host('host.facts.cpus'), type: int }),
  processor_vcpus: () => ({ ...host('host.facts.cpus'), type: int }),
  memtotal_mb: () => ({ ...host('Math.floor(host.facts.memory / 1024 ** 2)'), type: int }),
  all_ipv4_addresses: () => ({
    ...host("host.facts.addresses.filter((each) => !each.includes(':'))"),
    type: { kind: 'list', of: word },
  }),
  default_ipv4: () => parts('ansible_default_ipv4', { address: host('host.facts.addresses[0]!') }),
  lsb: () => parts('ansible_lsb', { codename: host('host.facts.os.codename') }),
}

function parts(code: string, fields: Readonly<Record<string, Value>>): Value {
  return {
    code,
    level: level.last,
    type: { kind: 'dict', fields: new Map() },
    host: true,
    field: (name) => fields[name],
  }
}

/** `ansible_facts` itself. */
const allFacts = (): Value => ({
  code: 'ansible_facts',
  level: level.last,
  type: { kind: 'dict', fields: new Map() },
  host: true,
  field: (name) => facts[name]?.(),
})

/** Names that Ansible gives a meaning by itself; undefined: this is none of them. */
export function magic(name: string): Value | undefined {
  switch (name) {
    case 'inventory_hostname':
      return host('host.name')
    case 'inventory_hostname_short':
      return host("host.name.split('.')[0]!")
    case 'ansible_host':
      return host('host.address')
    case 'fettle os id':
      return host('host.facts.os.id')
    case 'ansible_managed':
      return literal('Ansible managed')
    case 'ansible_check_mode':
      return literal(false)
    case 'ansible_facts':
      return allFacts()
    case 'hostvars':
    case 'ansible_env':
    case 'ansible_date_time':
    case 'playbook_dir':
    case 'role_path':
    case 'ansible_fqdn':
    case 'ansible_play_hosts':
    case 'ansible_distribution_version':
      throw new Untranslatable(
        `${name} is not among what Fettle knows of a host`,
        'use host.vars, host.facts or host.peers(...)',
      )
    default:
  }
  if (!name.startsWith('ansible_')) return undefined
  const fact = facts[name.slice('ansible_'.length)]
  if (fact) return fact()
  return undefined
}
