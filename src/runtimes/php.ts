import { apache, apachePackages } from './apache.ts'
import type { Runtime, SourceFiles } from './runtime.ts'

/**
 * PHP's own server is not made for the world. Apache answers, serves what is a file, and hands programs to
 * php-fpm over a socket. Both belong to the one instance, and run as its user: Debian's own service of
 * php-fpm has no part in it.
 */
export const php: Runtime = {
  name: 'php',
  recognises: ({ paths }) =>
    ['composer.json', 'index.php', 'public/index.php'].some((each) => paths.includes(each)),
  packages: (files, builds) => [
    ...apachePackages,
    'php-fpm',
    ...(builds && hasRequirements(files)
      ? ['composer', 'php-cli', 'php-mbstring', 'php-xml', 'unzip']
      : []),
    ...extensionsOf(files),
  ],
  build: (files) =>
    hasRequirements(files)
      ? 'composer install --no-dev --no-interaction --no-progress --prefer-dist --optimize-autoloader'
      : undefined,
  processes({ paths }): Readonly<Record<string, string>> {
    const root = ['public', 'web', ''].find((each) => paths.includes(under(each, 'index.php')))
    if (root === undefined) return {}
    return {
      web: apache({
        root,
        modules: ['proxy', 'proxy_fcgi'],
        directives,
        filled: 'AddHandler "proxy:unix:$run/php.sock|fcgi://localhost" .php',
        beside: `(${fpm})`,
        ready: '[ -S "$run/php.sock" ]',
      }),
    }
  },
  env: (tree) => ({ PATH: `${tree}/vendor/bin:/usr/local/bin:/usr/bin:/bin` }),
}

const under = (folder: string, file: string): string => (folder === '' ? file : `${folder}/${file}`)

const settings = [
  '[global]',
  'error_log=/dev/null',
  'log_level=warning',
  '[web]',
  'listen=$run/php.sock',
  'pm=static',
  'pm.max_children=${PHP_WORKERS:-8}',
  'pm.max_requests=500',
  'clear_env=no',
  'catch_workers_output=yes',
  'decorate_workers_output=no',
]

/** The newest one that is there. What its processes say is in the log once, not of Apache too. */
const fpm = [
  `printf '%s\\n' ${settings.map((each) => `"${each}"`).join(' ')} >"$run/fpm.conf" || exit 1`,
  'for fpm in /usr/sbin/php-fpm*; do :; done',
  'exec "$fpm" -F -O -d expose_php=0 -d fastcgi.logging=0 -y "$run/fpm.conf"',
].join('; ')

const directives = [
  // Without a section, which the command line cannot have, a handler goes by all endings of a name.
  'RedirectMatch 404 "\\.php\\.[^/]*$"',
  'RedirectMatch 404 "^/(vendor|composer\\.(json|lock)|Procfile)(/|$)"',
  'DirectoryIndex index.php index.html',
  'FallbackResource /index.php',
  'ProxyTimeout 3600',
]

/** What a composer.json asks for, apart from PHP itself. */
function required(files: SourceFiles): string[] {
  try {
    const found = JSON.parse(files.text('composer.json') ?? '{}') as { require?: object }
    return Object.keys(found.require ?? {})
  } catch {
    return []
  }
}

const hasRequirements = (files: SourceFiles): boolean =>
  required(files).some((each) => each.includes('/'))

/** Extensions that Debian has in packages of their own. */
const packaged: Readonly<Record<string, string>> = {
  'ext-curl': 'php-curl',
  'ext-gd': 'php-gd',
  'ext-intl': 'php-intl',
  'ext-mbstring': 'php-mbstring',
  'ext-pdo_mysql': 'php-mysql',
  'ext-mysqli': 'php-mysql',
  'ext-pdo_pgsql': 'php-pgsql',
  'ext-pgsql': 'php-pgsql',
  'ext-pdo_sqlite': 'php-sqlite3',
  'ext-redis': 'php-redis',
  'ext-soap': 'php-soap',
  'ext-xml': 'php-xml',
  'ext-dom': 'php-xml',
  'ext-simplexml': 'php-xml',
  'ext-zip': 'php-zip',
  'ext-bcmath': 'php-bcmath',
}

function extensionsOf(files: SourceFiles): string[] {
  return [...new Set(required(files).flatMap((each) => packaged[each] ?? []))]
}
