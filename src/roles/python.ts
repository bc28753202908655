import type { Resource } from '../model/resource.ts'
import { packages } from '../resources/package.ts'
import { pipPackages } from '../resources/pip.ts'
import { refuse } from '../resources/refusal.ts'
import { type Language, type Upstream, chooseVersion } from './language-version.ts'
import type { Machine } from './machine.ts'

/** Python with what virtual environments need. */
export interface PythonOptions {
  /** Such as `'3.11'`. Default: that of the distribution; on Ubuntu others come from deadsnakes. */
  readonly version?: string
  /** The key of deadsnakes, for a version that Ubuntu lacks. It is there beside Ubuntu's own. */
  readonly upstream?: Upstream
  /** Virtual environments by path, with their packages: `{ '/opt/shop': ['gunicorn==22.0.0'] }`. */
  readonly venvs?: Readonly<Record<string, readonly string[]>>
  /** Whether packages can be compiled here. Default: false. */
  readonly build?: boolean
}

const language: Language = {
  name: 'python',
  versions: {
    bullseye: '3.9',
    bookworm: '3.11',
    trixie: '3.13',
    jammy: '3.10',
    noble: '3.12',
  },
  upstreams: {
    ubuntu: {
      name: 'deadsnakes',
      uris: () => 'https://ppa.launchpadcontent.net/deadsnakes/ppa/ubuntu',
      key: 'https://launchpad.net/~deadsnakes/+archive/ubuntu/ppa',
    },
  },
}

/** Describes Python: `python(host, { venvs: { '/opt/shop': ['gunicorn'] } })`. */
export function python(host: Machine, options: PythonOptions = {}): Resource[] {
  const { venvs = {}, build = false } = options
  const { version, sources } = chooseVersion(language, host, options)
  const upstream = sources.length > 0
  if (upstream && Object.keys(venvs).length > 0)
    refuse('python', 'venvs', {
      problem: `are made with the distribution's own Python, and not with ${version}`,
      suggestion: 'leave out version, or venvs',
    })
  const name = upstream ? `python${version}` : 'python3'
  return [
    ...sources,
    ...packages(
      name,
      `${name}-venv`,
      ...(upstream ? [] : ['python3-pip']),
      ...(build ? [`${name}-dev`, 'build-essential'] : []),
    ),
    ...Object.entries(venvs).flatMap(([venv, names]) => pipPackages(names, { venv })),
  ]
}
