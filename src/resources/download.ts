import type { Secret } from '../base/secret.ts'
import { lines, sh } from '../base/shell.ts'
import type { Change, Difference, Kind, Step } from '../model/kind.ts'
import { type Common, type Resource, describe, given } from '../model/resource.ts'
import { account, mode, optional, path } from '../model/schema.ts'
import { failing, obtain, sha256, short, url } from './download-scripts.ts'
import { keepOwnership, takePlace } from './file.ts'
import {
  type Inode,
  type Ownership,
  applyOwnership,
  ownershipDifferences,
  parseStat,
} from './inode.ts'

/**
 * A file that the host downloads itself, with curl, wget or apt's own helper, whichever it has
 * first. It takes its place in one rename, and only once its checksum is the one described; a file
 * with that checksum is never downloaded again. What holds other files is an `archive`.
 */
export interface DownloadOptions extends Ownership, Common {
  /** Where it comes from. A secret in it is never shown; apt's helper takes none. */
  readonly url: string | Secret
  /** Its checksum: the 64 digits that `sha256sum` prints. */
  readonly sha256: string
}

interface DownloadDesired extends Ownership {
  readonly url: string
  readonly sha256: string
}

interface DownloadState extends Inode {
  /** Of the content, in hex; undefined when there is no readable file. */
  readonly sha256: string | undefined
}

/** Describes a downloaded file: `download('/usr/local/bin/tool', { url: 'https://...', sha256: '9f86...', mode: '0755' })`. */
export function download(path: string, options: DownloadOptions): Resource {
  const { url, sha256, owner, group, mode, ...common } = options
  const address = url === undefined ? url : String(url)
  const hash = typeof sha256 === 'string' ? sha256.toLowerCase() : sha256
  const desired = { url: address, sha256: hash, ...given({ owner, group, mode }) }
  return describe(downloadKind, path, desired, common)
}

export const downloadKind: Kind<DownloadDesired, DownloadState> = {
  name: 'download',
  remembers: ({ desired: { sha256 } }) => ({ url: '', sha256 }),
  named: path,
  user: 'login',
  fields: {
    url,
    sha256,
    owner: optional(account),
    group: optional(account),
    mode: optional(mode),
  },

  claims: ({ name }) => [{ what: `path ${name}` }],

  paths: (resources) => resources.map(({ name }) => name),

  read(resources) {
    const paths = resources.map(({ name }) => name)
    return lines(
      sh`set --; for each in ${paths}; do [ -f "$each" ] && [ ! -L "$each" ] && [ -r "$each" ] && set -- "$@" "$each"; done`,
      sh`[ "$#" = 0 ] || sha256sum -z -- "$@"`,
    )
  },

  parse(output, resources) {
    const { inodes, rest } = parseStat(
      output,
      resources.map(({ name }) => name),
    )
    const hashes = new Map(
      rest
        .toString('utf8')
        .split('\0')
        .map((row) => [row.slice(66), row.slice(0, 64)]),
    )
    return inodes.map((inode, i) => ({ ...inode, sha256: hashes.get(resources[i]!.name) }))
  },

  diff({ desired, absent }, state): Difference | undefined {
    const { type, size } = state
    if (absent)
      return type === 'absent' ? undefined : { verb: 'remove', summary: `${type}, ${size} bytes` }
    if (type === 'absent') return { verb: 'create', summary: creation(desired) }
    const changes = [
      ...(type === 'file' ? [] : [`${type} -> file`]),
      ...(isRight(desired, state) ? [] : [content(desired, state)]),
      ...ownershipDifferences(desired, state),
    ]
    return changes.length === 0 ? undefined : { verb: 'change', summary: changes.join(', ') }
  },

  apply: ([change]) => applyDownload(change!),
}

const isRight = (desired: DownloadDesired, { type, sha256 }: DownloadState): boolean =>
  type === 'file' && sha256 === desired.sha256

function creation({ url, sha256, owner, group, mode }: DownloadDesired): string {
  const facts = [
    `${short(sha256)} from ${url}`,
    mode && `mode ${mode.padStart(4, '0')}`,
    owner && `owner ${owner}`,
    group && `group ${group}`,
  ]
  return facts.filter(Boolean).join(', ')
}

function content({ url, sha256 }: DownloadDesired, state: DownloadState): string {
  const now = state.sha256 === undefined ? '' : `${short(state.sha256)} -> `
  return `content ${now}${short(sha256)} from ${url}`
}

/** It is downloaded into a folder beside its place that only we can read. */
function applyDownload({ resource, state }: Change<DownloadDesired, DownloadState>): Step {
  const { name, desired, absent } = resource
  if (absent) return { script: sh`rm -f -- ${name}` }
  if (isRight(desired, state)) return { script: applyOwnership(desired, sh`${name}`) }
  const folder = name.slice(0, name.lastIndexOf('/'))
  return {
    script: lines(
      failing,
      sh`path=${name}`,
      sh`[ ! -d "$path" ] || [ -L "$path" ] || fail 'there is a directory in its place'`,
      sh`work=$(mktemp -d -- ${`${folder}/.fettle.XXXXXXXX`}) || exit 1`,
      sh`trap 'rm -rf -- "$work"' EXIT`,
      sh`new=$work/file`,
      obtain(desired, desired.sha256),
      sh`if [ -f "$path" ] && [ ! -L "$path" ]; then`,
      keepOwnership,
      sh`else chmod 0644 -- "$new" || exit 1; fi`,
      sh`{ ${applyOwnership(desired, sh`"$new"`)}; } || exit 1`,
      takePlace,
    ),
    input: `${desired.url}\n`,
  }
}
