import { Buffer } from 'node:buffer'
import { type KeyObject, X509Certificate, createPrivateKey } from 'node:crypto'
import { problem } from '../base/errors.ts'
import { Secret, reveal } from '../base/secret.ts'
import { type Shell, lines, sh } from '../base/shell.ts'
import {
  type Change,
  type Difference,
  type Kind,
  type Step,
  nothingPlanned,
} from '../model/kind.ts'
import { type Common, type Resource, describe, given, idOf } from '../model/resource.ts'
import { account, check, filled, listOf, optional, path, text } from '../model/schema.ts'
import { file, fileKind, readContents, writeAtomically } from './file.ts'
import { refuse } from './refusal.ts'
import { readSource } from './source.ts'
import type { SystemFile, SystemFileState } from './system-file.ts'

/**
 * A TLS certificate with its key, in the files that servers want: `cert.pem`, `chain.pem`,
 * `fullchain.pem` (both of these), `privkey.pem`, and `combined.pem` (all of it, for HAProxy). Key
 * and certificate must belong together, the chain must lead on from it, and a certificate that has
 * expired is refused. `absent(certificate(...))` takes the files away.
 */
export interface CertificateOptions extends Common {
  /**
   * In PEM, as a text or a Secret, or the path of such a file, relative to the file that describes
   * it. Intermediate certificates may follow in the same text.
   */
  readonly certificate: string | Secret
  /** Its key, without a passphrase: as for the certificate. It is never shown. */
  readonly key: string | Secret
  /** The intermediate certificates, in order, when they are not in `certificate`. */
  readonly chain?: string | Secret
  /** Where the files go. Default: `/etc/ssl/fettle/NAME`. */
  readonly directory?: string
  /** Where `combined.pem` goes, such as into the directory that HAProxy is given. Default: beside the others. */
  readonly combined?: string
  /** A group that may read the key, such as `'haproxy'`. Default: root alone. */
  readonly group?: string
}

interface CertificateDesired {
  readonly certificate: string
  readonly chain: string
  /** Secret. */
  readonly key: string
  readonly directory: string
  readonly combined: string
  readonly group?: string
  /** Whom it is for. */
  readonly hosts: readonly string[]
  /** As `2027-01-31T12:00:00.000Z`. */
  readonly begins: string
  readonly expires: string
}

type CertificateState = readonly SystemFileState[]

/** Describes a certificate: `certificate('shop.example', { certificate: 'tls/shop.pem', key: Secret.file('/etc/shop.key') })`. */
export function certificate(name: string, options: CertificateOptions): Resource {
  const { certificate, key, chain, directory, combined, group, ...common } = options
  const id = `certificate:${name}`
  const all = [
    ...certificatesIn(id, 'certificate', certificate),
    ...(chain === undefined ? [] : certificatesIn(id, 'chain', chain)),
  ]
  checkChain(id, all)
  const leaf = all[0]!
  const folder = directory ?? `/etc/ssl/fettle/${name}`
  const desired = {
    certificate: pem(leaf),
    chain: all.slice(1).map(pem).join(''),
    key: keyIn(id, key, leaf),
    directory: folder,
    combined: combined ?? `${folder}/combined.pem`,
    ...given({ group }),
    hosts: hostsOf(leaf),
    begins: new Date(leaf.validFrom).toISOString(),
    expires: new Date(leaf.validTo).toISOString(),
  }
  return describe(certificateKind, name, desired, common)
}

export const certificateKind: Kind<CertificateDesired, CertificateState> = {
  name: 'certificate',
  remembers: ({ desired: { directory, combined, begins, expires } }) => {
    const gone = { certificate: '', chain: '', key: '', hosts: [] }
    return { ...gone, directory, combined, begins, expires }
  },
  named: check(
    "a name in letters, digits, . _ -, such as 'shop.example'",
    (name) => typeof name === 'string' && /^[A-Za-z0-9_][\w.-]{0,200}$/.test(name),
  ),
  user: 'root',
  fields: {
    certificate: filled,
    chain: text,
    key: filled,
    directory: path,
    combined: path,
    group: optional(account),
    hosts: listOf(filled),
    begins: filled,
    expires: filled,
  },

  // Asked before any host is contacted, when it is known whether it is wanted at all.
  claims(resource) {
    if (!resource.absent) checkDates(resource, new Date())
    return filesOf(resource).map(({ name }) => ({ what: `path ${name}` }))
  },

  paths: (resources) => resources.flatMap(filesOf).map(({ name }) => name),

  read: (resources) => readContents(resources.flatMap(filesOf)),

  parse(output, resources) {
    const files = [...fileKind.parse(output, resources.flatMap(filesOf))]
    return resources.map((resource) => files.splice(0, filesOf(resource).length))
  },

  diff: (resource, state): Difference | undefined =>
    resource.absent ? removal(resource, state) : difference(resource, state),

  apply: ([change]) => applyCertificate(change!),
}

const day = (date: string): string => date.slice(0, 10)

/** Names and addresses that it is for; of an old one its common name. */
function hostsOf(certificate: X509Certificate): string[] {
  const names = (certificate.subjectAltName ?? '')
    .split(', ')
    .flatMap((each) => /^(?:DNS|IP Address):(.+)$/.exec(each)?.[1] ?? [])
  const common = /^CN=(.+)$/m.exec(certificate.subject ?? '')?.[1]
  return names.length > 0 || common === undefined ? names : [common]
}

const pem = (certificate: X509Certificate): string => `${certificate.toString().trim()}\n`

/** The text itself, or that of the file that it names. */
function textOf(given: string | Secret): string {
  const plain = reveal(String(given))
  if (given instanceof Secret || /-----BEGIN|\n/.test(plain)) return plain.replaceAll('\r\n', '\n')
  return Buffer.from(readSource(plain)).toString('utf8').replaceAll('\r\n', '\n')
}

function certificatesIn(id: string, field: string, given: string | Secret): X509Certificate[] {
  if (!(given instanceof Secret) && (typeof given !== 'string' || given === ''))
    refuse(id, field, { problem: 'is missing', suggestion: 'a text in PEM, or the path of a file' })
  const found = textOf(given).match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)
  if (!found)
    refuse(id, field, {
      problem: 'holds no certificate in PEM',
      suggestion: 'what begins with -----BEGIN CERTIFICATE-----',
    })
  return found.map((each) => {
    try {
      return new X509Certificate(each)
    } catch (error) {
      return refuse(id, field, {
        problem: `cannot be read: ${reasonOf(error)}`,
        suggestion: 'the text as its issuer gave it',
      })
    }
  })
}

const reasonOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

function checkChain(id: string, all: readonly X509Certificate[]): void {
  for (const [i, each] of all.entries()) {
    const issuer = all[i + 1]
    if (!issuer || (each.checkIssued(issuer) && each.verify(issuer.publicKey))) continue
    refuse(id, 'chain', {
      problem: `does not lead on: ${nameOf(each)} was not issued by ${nameOf(issuer)}`,
      suggestion: 'the intermediate certificates in order, each after the one that it issued',
    })
  }
}

const nameOf = ({ subject }: X509Certificate): string => (subject ?? '').split('\n').at(-1)!

/** The key as a secret that is written without anything around it. */
function keyIn(id: string, key: string | Secret, leaf: X509Certificate): string {
  const secret = key instanceof Secret
  if (!secret && (typeof key !== 'string' || key === ''))
    refuse(id, 'key', { problem: 'is missing', suggestion: 'a Secret, or the path of a file' })
  const pattern = /-----BEGIN ((?:[A-Z]+ )?PRIVATE KEY)-----[^]+?-----END \1-----/
  const found = pattern.exec(textOf(key))?.[0]
  let parsed: KeyObject
  try {
    if (found === undefined) throw new Error('it holds no private key in PEM')
    parsed = createPrivateKey(found)
  } catch (error) {
    const locked = found !== undefined && /ENCRYPTED/.test(found)
    return refuse(id, 'key', {
      problem: locked
        ? 'is locked with a passphrase, which a server could not give'
        : `cannot be used: ${reasonOf(error)}`,
      suggestion: "the key without a passphrase, such as Secret.file('shop.key')",
    })
  }
  if (!leaf.checkPrivateKey(parsed))
    refuse(id, 'key', {
      problem: `is not that of the certificate for ${hostsOf(leaf).join(', ')}`,
      suggestion: 'the two that belong together',
    })
  const text = `${found}\n`
  return String(secret ? key.map(key.name, () => text) : new Secret(`key of ${id}`, text))
}

function checkDates(resource: Resource<CertificateDesired>, now: Date): void {
  const { begins, expires } = resource.desired
  const wrong =
    new Date(expires) <= now
      ? `has expired on ${day(expires)}`
      : new Date(begins) > now && `is not valid before ${begins}`
  if (wrong)
    throw problem(
      'invalid-resource',
      {
        resource: idOf(resource),
        field: 'certificate',
        problem: wrong,
        suggestion: 'one that is valid',
      },
      { at: resource.at },
    )
}

function filesOf({ desired, absent }: Resource<CertificateDesired>): readonly SystemFile[] {
  const { certificate, chain, key, directory, combined, group } = desired
  const keyMode = group === undefined ? '0600' : '0640'
  const one = (name: string, content: string, closed = false): SystemFile => {
    const readers = closed
      ? { group: group ?? 'root', mode: keyMode }
      : { group: 'root', mode: '0644' }
    const made = file(name, { content, owner: 'root', user: 'root', ...readers })
    return { ...(made as SystemFile), absent: absent || content === '' }
  }
  return [
    one(`${directory}/privkey.pem`, key, true),
    one(combined, certificate + chain + key, true),
    one(`${directory}/fullchain.pem`, certificate + chain),
    one(`${directory}/chain.pem`, chain),
    one(`${directory}/cert.pem`, certificate),
  ]
}

function removal(
  resource: Resource<CertificateDesired>,
  state: CertificateState,
): Difference | undefined {
  const there = filesOf(resource).filter((_, i) => state[i]!.type !== 'absent')
  if (there.length === 0) return undefined
  return { verb: 'remove', summary: there.map((each) => nameIn(resource, each)).join(', ') }
}

/** Within its directory. */
function nameIn({ desired }: Resource<CertificateDesired>, { name }: SystemFile): string {
  const inside = `${desired.directory}/`
  return name.startsWith(inside) ? name.slice(inside.length) : name
}

/** What is written holds secrets, or says nothing to people: there is no diff of the texts. */
function difference(
  resource: Resource<CertificateDesired>,
  state: CertificateState,
): Difference | undefined {
  const { hosts, expires } = resource.desired
  const files = filesOf(resource)
  const found = files.flatMap((file, i) => {
    const each = fileKind.diff(file, state[i]!, nothingPlanned)
    return each ? [{ file, each, now: state[i]! }] : []
  })
  if (found.length === 0) return undefined
  const facts = `${hosts.length === 0 ? '' : `for ${hosts.join(', ')}, `}expires ${day(expires)}`
  if (state.every(({ type }) => type === 'absent')) return { verb: 'create', summary: facts }
  const cert = found.find(({ file }) => file === files.at(-1))
  const before = cert?.now.content && expiryOf(cert.now.content)
  const moved = before && before !== day(expires) ? [`expires ${before} -> ${day(expires)}`] : []
  const others = found.map(({ file, each, now }) => {
    const words =
      each.verb === 'remove' ? 'remove' : now.type === 'absent' ? 'missing' : each.summary
    return `${nameIn(resource, file)}: ${words}`
  })
  return { verb: 'change', summary: [...moved, ...others].join(', ') }
}

/** Of the certificate that is there; undefined when that is none. */
function expiryOf(content: Uint8Array): string | undefined {
  try {
    return day(new Date(new X509Certificate(content).validTo).toISOString())
  } catch {
    return undefined
  }
}

/** All are received before the first takes its place. */
function applyCertificate({ resource, state }: Change<CertificateDesired, CertificateState>): Step {
  const { directory } = resource.desired
  const files = filesOf(resource)
  if (resource.absent)
    return {
      script: lines(
        sh`rm -f -- ${files.map(({ name }) => name)} || exit 1`,
        sh`[ ! -d ${directory} ] || rmdir --ignore-fail-on-non-empty -- ${directory}`,
      ),
    }
  const off = files.filter((each, i) => fileKind.diff(each, state[i]!, nothingPlanned))
  const writes = off.filter((each) => !each.absent)
  const extra = off.filter((each) => each.absent).map(({ name }) => name)
  const group = resource.desired.group
  return {
    script: lines(
      group !== undefined &&
        sh`getent group -- ${group} >/dev/null || { echo ${`there is no group ${group} on this host`}; exit 1; }`,
      sh`umask 077; stage=$(mktemp -d) || exit 1; trap 'rm -rf -- "$stage"' EXIT`,
      ...writes.map(receive),
      ...[...new Set(writes.map(({ name }) => name.slice(0, name.lastIndexOf('/')) || '/'))].map(
        (each) => sh`[ -d ${each} ] || ( umask 022; mkdir -p -- ${each} ) || exit 1`,
      ),
      ...writes.map(
        ({ name, desired }, i) => sh`( ${writeAtomically(name, desired)}
) < "$stage"/${i} || exit 1`,
      ),
      extra.length > 0 && sh`rm -f -- ${extra} || exit 1`,
    ),
    input: writes.map(({ desired }) => desired.content as string).join(''),
  }
}

function receive({ desired }: SystemFile, index: number): Shell {
  const size = Buffer.byteLength(reveal(desired.content as string))
  return sh`dd bs=65536 iflag=fullblock,count_bytes count=${size} of="$stage"/${index} 2>/dev/null || exit 1`
}
