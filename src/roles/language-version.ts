import type { Resource } from '../model/resource.ts'
import { aptRepository } from '../resources/apt-repository.ts'
import { refuse } from '../resources/refusal.ts'
import type { Machine } from './machine.ts'

/** Where versions come from that the distribution lacks. Only what is said here is trusted. */
export interface Upstream {
  /** The key that signs it: ASCII-armored text, or the bytes of a `.asc` or `.gpg` file. */
  readonly key?: string | Uint8Array
  /** Instead of `key`: a file to copy, relative to the file that describes it. */
  readonly keySource?: string
  /** A mirror of it. Default: the well-known one. */
  readonly uris?: string | readonly string[]
}

/** A language that distributions have in one version each. */
export interface Language {
  /** The building block. */
  readonly name: string
  /** What each distribution has, by its codename. */
  readonly versions: Readonly<Record<string, string>>
  /** By the distribution's id: who has others, and where their key is told. */
  readonly upstreams: Readonly<Record<string, WellKnown>>
}

interface WellKnown {
  readonly name: string
  readonly uris: (version: string) => string
  /** Default: the distribution's codename. */
  readonly suite?: string
  /** Where its key is to be had. */
  readonly key: string
}

/** The version to have, and the source of packages that it needs beside the distribution's own. */
export interface Chosen {
  /** Undefined: that of a distribution that is not known here. */
  readonly version: string | undefined
  readonly sources: readonly Resource[]
}

/** What the distribution has, or else a version from upstream. */
export function chooseVersion(
  language: Language,
  { facts: { os } }: Machine,
  { version, upstream }: { version?: string | undefined; upstream?: Upstream | undefined },
): Chosen {
  const own = language.versions[os.codename]
  if (version === undefined || version === own) return { version: own, sources: [] }
  const here = `${os.id} ${os.version} has ${own ?? 'one that is not known here'}`
  const fail = (suggestion: string): never =>
    refuse(language.name, 'version', { problem: `is ${version}, and ${here}`, suggestion })
  if (!/^\d+(\.\d+)?$/.test(version)) fail(`a version such as ${own ?? '1.2'}`)
  const known = language.upstreams[os.id]
  if (!known) {
    const has = Object.entries(language.versions).find(([, each]) => each === version)
    return fail(
      `${own === undefined ? 'leave it out' : `version ${own}`}${has ? `, or a host with ${has[0]}` : ''}`,
    )
  }
  if (!upstream?.key && !upstream?.keySource)
    return fail(
      `upstream: { keySource: '${known.name}.asc' }, with the key of ${known.key} in that file`,
    )
  const { key, keySource, uris = known.uris(version) } = upstream
  const source = aptRepository(known.name, {
    uris,
    suites: known.suite ?? os.codename,
    ...(keySource === undefined ? { key: key! } : { keySource }),
  })
  return { version, sources: [source] }
}
