import type { Resource } from '../model/resource.ts'
import { gemPackages } from '../resources/gem.ts'
import { packages } from '../resources/package.ts'
import { type Language, chooseVersion } from './language-version.ts'
import type { Machine } from './machine.ts'

/** Ruby with Bundler, as the distribution has them. */
export interface RubyOptions {
  /** Such as `'3.1'`, where no other will do: a host that has another one is an error. */
  readonly version?: string
  /** Gems that are there for everybody, such as `'puma@6.4.0'`. */
  readonly gems?: readonly string[]
  /** Whether gems can be compiled here, as many have to be. Default: false. */
  readonly build?: boolean
}

const language: Language = {
  name: 'ruby',
  versions: { bullseye: '2.7', bookworm: '3.1', trixie: '3.3', jammy: '3.0', noble: '3.2' },
  upstreams: {},
}

/** Describes Ruby: `ruby(host, { gems: ['puma@6.4.0'], build: true })`. */
export function ruby(host: Machine, options: RubyOptions = {}): Resource[] {
  const { gems = [], build = false } = options
  chooseVersion(language, host, options)
  return [
    ...packages('ruby', 'bundler', ...(build ? ['ruby-dev', 'build-essential'] : [])),
    ...gemPackages(gems),
  ]
}
