import type { Runtime, SourceFiles } from './runtime.ts'

export const ruby: Runtime = {
  name: 'ruby',
  recognises: (files) => ['Gemfile', 'config.ru'].some((each) => files.paths.includes(each)),
  packages(files, builds) {
    if (!hasGems(files)) return ['ruby', 'ruby-rack', 'puma']
    return ['ruby', 'ruby-bundler', ...(builds ? compiling : [])]
  },
  build(files) {
    if (!hasGems(files)) return undefined
    const locked = files.paths.includes('Gemfile.lock')
    const assets =
      files.paths.includes('bin/rails') &&
      files.paths.some((each) => each.startsWith('app/assets/'))
    return [
      'bundle config set --local path vendor/bundle',
      "bundle config set --local without 'development test'",
      locked && 'bundle config set --local deployment true',
      fetched,
      'bundle install',
      kept,
      assets && 'RAILS_ENV=production SECRET_KEY_BASE_DUMMY=1 bundle exec rails assets:precompile',
    ]
      .filter((each) => each !== false)
      .join(' && ')
  },
  processes(files): Readonly<Record<string, string>> {
    if (!files.paths.includes('config.ru')) return {}
    if (!hasGems(files)) return { web: 'puma --bind "tcp://$HOST:$PORT" config.ru' }
    const gems = `${files.text('Gemfile')}\n${files.text('Gemfile.lock')}`
    return {
      web: /\bpuma\b/.test(gems)
        ? 'bundle exec puma --bind "tcp://$HOST:$PORT"'
        : 'bundle exec rackup --host "$HOST" --port "$PORT"',
    }
  },
  env: () => ({ RACK_ENV: 'production', RAILS_ENV: 'production', RAILS_LOG_TO_STDOUT: '1' }),
}

/**
 * Bundler installs into the tree, so that each has its own gems; those of the build before are there at the
 * start, since fetching and compiling all of Rails takes minutes. Without them a build is only slower.
 */
const fetched =
  'gems=$FETTLE_CACHE/bundle-$(ruby -e "print RUBY_VERSION") && { [ -z "$FETTLE_CACHE" ] || [ ! -d "$gems" ] || [ -e vendor/bundle ] || { mkdir -p vendor && cp -a "$gems" vendor/bundle; }; }'
const kept =
  '{ [ -z "$FETTLE_CACHE" ] || { bundle clean && rm -rf "$FETTLE_CACHE"/bundle-* && mkdir -p "$FETTLE_CACHE" && cp -a vendor/bundle "$gems.new" && mv "$gems.new" "$gems"; } || rm -rf "$FETTLE_CACHE"/bundle-*; }'

/** What gems written in C ask for; the last is for that of YAML, which Rails brings. */
const compiling = ['ruby-dev', 'build-essential', 'pkg-config', 'libyaml-dev'] as const

/** Without knowing better, as for a URL, it has some. */
const hasGems = (files: SourceFiles): boolean =>
  files.paths.includes('Gemfile') || files.paths.length === 0
