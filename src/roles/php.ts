import { type Secret, reveal } from '../base/secret.ts'
import type { Resource } from '../model/resource.ts'
import { file } from '../resources/file.ts'
import { packages } from '../resources/package.ts'
import { refuse } from '../resources/refusal.ts'
import { transform } from '../resources/secret-text.ts'
import { reload, service } from '../resources/service.ts'
import { unit } from '../resources/unit.ts'
import { user } from '../resources/user.ts'
import { type Language, type Upstream, chooseVersion } from './language-version.ts'
import { type Machine, memoryOf } from './machine.ts'

/** PHP with its own server of processes, php-fpm. */
export interface PhpOptions {
  /** Such as `'8.2'`. Default: that of the distribution; others come from Ondřej Surý, who packages PHP for Debian. */
  readonly version?: string
  /** The key of that source, for a version that the distribution lacks. */
  readonly upstream?: Upstream
  /** Extensions by the end of their packages' names. Default: curl, intl, mbstring, xml and zip. */
  readonly extensions?: readonly string[]
  /** Pools by name; each listens on `phpSocket(name)`. Without any there is the package's own, `www`. */
  readonly pools?: Readonly<Record<string, PhpPool>>
  /** Further settings of php.ini, for all pools and the command line: `{ memory_limit: '512M' }`. */
  readonly settings?: Readonly<Record<string, string | number>>
}

/** Processes that run the PHP of one app, as a user of its own. */
export interface PhpPool {
  /** Who they run as. Default: a system user of the pool's name, who is made. */
  readonly user?: string
  /** At most so many at once. Default: what half of the machine's memory is enough for, shared by all pools. */
  readonly processes?: number
  /** What the program finds in its environment. With secrets the file is for root alone. */
  readonly environment?: Readonly<Record<string, string | Secret>>
  /** Settings of php.ini that the program cannot change. */
  readonly settings?: Readonly<Record<string, string | number>>
}

const ondrej = {
  name: 'php',
  uris: () => 'https://ppa.launchpadcontent.net/ondrej/php/ubuntu',
  key: 'https://launchpad.net/~ondrej/+archive/ubuntu/php',
}

const language: Language = {
  name: 'php',
  versions: { bullseye: '7.4', bookworm: '8.2', trixie: '8.4', jammy: '8.1', noble: '8.3' },
  upstreams: {
    debian: {
      name: 'php',
      uris: () => 'https://packages.sury.org/php/',
      key: 'https://packages.sury.org/php/apt.gpg',
    },
    ubuntu: ondrej,
  },
}

/** Where a pool listens, for `nginxSite`: `{ root: '/srv/shop/public', php: phpSocket('shop') }`. */
export function phpSocket(pool: string): string {
  return `/run/php/${pool}.sock`
}

/** Describes PHP: `php(host, { extensions: ['mbstring', 'pgsql'], pools: { shop: {} } })`. */
export function php(host: Machine, options: PhpOptions = {}): Resource[] {
  const { extensions = ['curl', 'intl', 'mbstring', 'xml', 'zip'], pools = {} } = options
  const { version, sources } = chooseVersion(language, host, options)
  if (version === undefined)
    refuse('php', 'version', {
      problem: `is missing: which one ${host.facts.os.id} ${host.facts.os.version} has is not known`,
      suggestion: "the version, such as version: '8.2'",
    })
  checkPools(pools)
  const fpm = `php${version}-fpm`
  const running = service(fpm)
  const notify = reload(running)
  const folder = `/etc/php/${version}`
  const owned = { owner: 'root', group: 'root', user: 'root' } as const
  const ini = inifile(options)
  const own = Object.keys(pools)
  return [
    ...sources,
    ...packages(fpm, `php${version}-cli`, ...extensions.map((each) => `php${version}-${each}`)),
    unit(`${fpm}.service`, { dropIn: 'fettle', sections: safeReload(version!) }),
    file(`${folder}/fpm/conf.d/90-fettle.ini`, { content: ini, mode: '0644', ...owned, notify }),
    file(`${folder}/cli/conf.d/90-fettle.ini`, { content: ini, mode: '0644', ...owned }),
    ...own.filter((name) => pools[name]!.user === undefined).map(poolUser),
    ...(own.length > 0
      ? [
          file(`${folder}/fpm/pool.d/www.conf`, {
            content: instead,
            mode: '0644',
            ...owned,
            notify,
          }),
        ]
      : []),
    ...own.map((name) =>
      file(`${folder}/fpm/pool.d/${name}.conf`, {
        content: poolOf(name, pools[name]!, processesOf(host, own.length)),
        ...owned,
        validate: validate(version!),
        notify,
      }),
    ),
    running,
  ]
}

const poolUser = (name: string): Resource =>
  user(name, { system: true, shell: '/usr/sbin/nologin', createHome: false })

/** In the place of the package's own pool: a reload waits for the requests that are running. */
const instead = '; Kept by Fettle.\n[global]\nprocess_control_timeout = 30s\n'

/** php-fpm itself would stop on settings that it does not take. */
const safeReload = (version: string) => ({
  Service: {
    ExecReload: ['', `/usr/sbin/php-fpm${version} --test`, '/bin/kill -USR2 $MAINPID'],
  },
})

/** A pool by itself, so that another one that is broken does not stand in its way. */
const validate = (version: string): string =>
  `( all=$(mktemp) && trap 'rm -f -- "$all"' EXIT && { echo '[global]'; echo 'error_log = /dev/null'; echo include = %s; } >"$all" && php-fpm${version} --test --fpm-config "$all" )`

const processesOf = (host: Machine, pools: number): number =>
  Math.max(4, Math.floor(memoryOf(host) / 2 / 64 / pools))

const usual: Readonly<Record<string, string | number>> = {
  expose_php: 'Off',
  display_errors: 'Off',
  log_errors: 'On',
  memory_limit: '256M',
  // As much as nginx lets through.
  upload_max_filesize: '16M',
  post_max_size: '16M',
  'date.timezone': 'UTC',
  'session.use_strict_mode': 'On',
  'session.cookie_httponly': 'On',
  'session.cookie_samesite': 'Lax',
  'opcache.memory_consumption': 128,
  'opcache.max_accelerated_files': 20000,
}

const inifile = ({ settings = {} }: PhpOptions): string =>
  `; Kept by Fettle.\n${rows(Object.entries({ ...usual, ...settings }))}`

const rows = (entries: readonly (readonly [string, string | number])[]): string =>
  entries.map(([name, value]) => `${name} = ${setting(value)}\n`).join('')

/** A word that has a meaning to PHP's reader of settings (`On`, `E_ALL & ~E_NOTICE`) keeps it. */
function setting(value: string | number): string {
  const text = String(value)
  return /^(-?[\w.]+|E_[\w &|~]+)$/.test(text) ? text : quoted(text)
}

const quoted = (text: string): string =>
  transform(text, (text) => `'${text.replaceAll("'", `'"'"'`)}'`)

function poolOf(name: string, pool: PhpPool, processes: number): string {
  const { environment = {}, settings = {} } = pool
  const all = [
    ['user', pool.user ?? name],
    ['listen', phpSocket(name)],
    ['listen.owner', 'www-data'],
    ['listen.group', 'www-data'],
    ['listen.mode', '0660'],
    ['pm', 'ondemand'],
    ['pm.max_children', pool.processes ?? processes],
    ['pm.process_idle_timeout', '60s'],
    ['pm.max_requests', 1000],
    ['catch_workers_output', 'yes'],
    ['decorate_workers_output', 'no'],
    ...Object.entries(settings).map(([key, value]) => [`php_admin_value[${key}]`, value] as const),
  ] as const
  const variables = Object.entries(environment).map(
    ([key, value]) => `env[${key}] = ${quoted(String(value))}\n`,
  )
  return `; Kept by Fettle.\n[${name}]\n${rows(all)}${variables.join('')}`
}

function checkPools(pools: Readonly<Record<string, PhpPool>>): void {
  const fail = (name: string, field: string, value: unknown, suggestion: string): never =>
    refuse(`php ${name}`, field, { problem: `cannot be ${JSON.stringify(value)}`, suggestion })
  for (const [name, { processes = 1, environment = {}, settings = {} }] of Object.entries(pools)) {
    if (!/^[a-z][a-z0-9_-]{0,30}$/.test(name) || ['www', 'global'].includes(name))
      fail(name, 'its name', name, "small letters, digits, '_' and '-', such as 'shop'")
    if (!Number.isInteger(processes) || processes < 1)
      fail(name, 'processes', processes, 'a number from 1')
    for (const [key, value] of Object.entries(environment)) {
      if (!/^\w+$/.test(key)) fail(name, 'environment', key, 'letters, digits and _')
      if (/^$|[\n\0]/.test(reveal(String(value))))
        refuse(`php ${name}`, 'environment', {
          problem: `${key} is empty or more than one line, which php-fpm cannot hand on`,
          suggestion: 'leave it out, or encode it',
        })
    }
    for (const key of Object.keys(settings))
      if (!/^[\w.]+$/.test(key)) fail(name, 'settings', key, 'a name such as memory_limit')
  }
}
