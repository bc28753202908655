import type { Resource } from '../model/resource.ts'
import { npmPackages } from '../resources/npm.ts'
import { packages } from '../resources/package.ts'
import { type Language, type Upstream, chooseVersion } from './language-version.ts'
import type { Machine } from './machine.ts'

/** Node.js with npm. */
export interface NodejsOptions {
  /** The major version. Default: that of the distribution; others come from NodeSource. */
  readonly version?: number
  /** The key of NodeSource, for a version that the distribution lacks. */
  readonly upstream?: Upstream
  /** Whether npm is there too. Default: true. */
  readonly npm?: boolean
  /** Packages of npm that are there for everybody, such as `'pm2@5.3.0'`. */
  readonly packages?: readonly string[]
  /** Whether packages can be compiled here. Default: false. */
  readonly build?: boolean
}

const nodeSource = {
  name: 'nodesource',
  uris: (version: string) => `https://deb.nodesource.com/node_${version}.x`,
  suite: 'nodistro',
  key: 'https://deb.nodesource.com/gpgkey/nodesource-repo.gpg.key (6F71F525282841EEDAF851B42F59B5F99B1BE0B4)',
}

const language: Language = {
  name: 'nodejs',
  versions: { bullseye: '12', bookworm: '18', trixie: '20', jammy: '12', noble: '18' },
  upstreams: { debian: nodeSource, ubuntu: nodeSource },
}

/** Describes Node.js: `nodejs(host)`, or `nodejs(host, { version: 22, upstream: { keySource: 'nodesource.asc' } })`. */
export function nodejs(host: Machine, options: NodejsOptions = {}): Resource[] {
  const { version, upstream, npm = true, packages: names = [], build = false } = options
  const wanted = version === undefined ? undefined : String(version)
  const { sources } = chooseVersion(language, host, { version: wanted, upstream })
  const upstreams = sources.length > 0
  return [
    ...sources,
    ...packages(['nodejs'], upstreams ? { version: `${wanted}.*` } : {}),
    // NodeSource has npm in the package of Node.js; what Debian recommends with it is a compiler and more.
    ...(npm && !upstreams ? packages(['npm'], { recommends: false }) : []),
    ...(build ? packages('build-essential', 'python3') : []),
    ...npmPackages(names),
  ]
}
