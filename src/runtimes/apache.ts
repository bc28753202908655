import { sh } from '../base/shell.ts'

/** Debian's apache2-bin is the program alone: no service that takes port 80, and no configuration. */
export const apachePackages = ['apache2-bin', 'media-types'] as const

export interface ApacheSite {
  /** The folder of the tree that is served; empty for all of it. */
  readonly root: string
  /** Beyond those of every site. */
  readonly modules?: readonly string[]
  readonly directives: readonly string[]
  /** A directive in which the shell fills in `$run`, the folder of this instance. */
  readonly filled?: string
  /** What runs beside it: a command in the background of the shell. When it ends, all ends. */
  readonly beside?: string
  /** True for the shell when that is ready. */
  readonly ready?: string
}

/**
 * One line that serves a folder of the tree on $HOST:$PORT with Apache, as whoever runs it. All of its
 * configuration is on the command line. It keeps its few files in a folder that it removes.
 *
 * Apache drops its requests at SIGTERM and finishes them at SIGWINCH, so the shell stays and turns one
 * into the other: its unit must send SIGTERM to the shell alone (`KillMode=mixed`).
 */
export function apache(site: ApacheSite): string {
  const { root, modules = [], directives, filled, beside, ready } = site
  const load = [...always, ...modules].map(
    (each) => `LoadModule ${each}_module /usr/lib/apache2/modules/mod_${each}.so`,
  )
  const inShell = [
    'Listen $HOST:$PORT',
    'PidFile $run/pid',
    'DefaultRuntimeDir $run',
    `DocumentRoot "$PWD${root === '' ? '' : `/${root}`}"`,
    ...(filled === undefined ? [] : [filled]),
  ]
  const words = [
    ...load.map((each) => sh`-C ${each}`.text),
    ...inShell.map((each) => `-c "${each.replaceAll('"', '\\"')}"`),
    ...[...common, ...directives].map((each) => sh`-c ${each}`.text),
  ]
  const steps = [
    // Small letters, since AddHandler makes them so.
    'run=/tmp/site-$PORT-$$; mkdir -m 700 "$run" || exit 1;',
    beside && `${beside} & beside=$!;`,
    ready && `until ${ready} || ! kill -0 $beside 2>/dev/null; do sleep 0.1; done;`,
    `/usr/sbin/apache2 -d "$PWD" -f /dev/null -D FOREGROUND ${words.join(' ')} & child=$!;`,
    'trap "kill -WINCH $child" TERM INT;',
    beside &&
      '(while kill -0 $beside && kill -0 $child; do sleep 1; done; kill $child) 2>/dev/null &',
    // The first wait ends with the signal, not with Apache.
    'wait $child; code=$?; while kill -0 $child 2>/dev/null; do wait $child; code=$?; done;',
    beside && 'kill $beside 2>/dev/null; wait $beside;',
    'rm -rf "$run"; exit $code',
  ]
  return steps.filter(Boolean).join(' ')
}

const always = ['mpm_event', 'authz_core', 'dir', 'mime', 'alias', 'headers']

const common = [
  'ServerName localhost',
  'ServerTokens Prod',
  'ErrorLog "|$exec cat >&2"',
  'TypesConfig /etc/mime.types',
  'AddDefaultCharset utf-8',
  'AddCharset utf-8 .css .js .mjs .svg .xml',
  'TraceEnable off',
  'FileETag MTime Size',
  // Times of files are no real ones here, so no cache may guess from them; an ETag makes asking cheap.
  'Header setifempty Cache-Control no-cache',
  // Scheme and name are the balancer's business: from /docs to /docs/ a path is enough.
  'Header always edit Location "^http://[^/]+/" "/"',
  // What begins with a dot is not meant for the world.
  'RedirectMatch 404 "/\\.(?!well-known/)"',
  'StartServers 1',
  'ServerLimit 4',
  'ThreadsPerChild 64',
  'MaxRequestWorkers 256',
  'GracefulShutdownTimeout 3600',
]
