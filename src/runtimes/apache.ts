import { sh } from '../base/shell.ts'

/** Debian's apache2-bin is the program alone: no service that takes port 80, and no configuration. */
export const apachePackages = ['apache2-bin', 'media-types'] as const

/**
 * One line that serves a folder of the tree on $HOST:$PORT with Apache, as whoever runs it. All of its
 * configuration is on the command line. It keeps its few files in a folder that it removes.
 *
 * Apache drops its requests at SIGTERM and finishes them at SIGWINCH, so the shell stays and turns one
 * into the other.
 */
export function apache(
  root: string,
  modules: readonly string[],
  directives: readonly string[],
): string {
  const load = [...always, ...modules].map(
    (each) => `LoadModule ${each}_module /usr/lib/apache2/modules/mod_${each}.so`,
  )
  const words = [
    ...load.map((each) => sh`-C ${each}`.text),
    // In double quotes, for the shell of the instance to fill in.
    ...['Listen $HOST:$PORT', 'PidFile $run/pid', 'DefaultRuntimeDir $run'].map(
      (each) => `-c "${each}"`,
    ),
    `-c "DocumentRoot \\"$PWD${root === '' ? '' : `/${root}`}\\""`,
    ...[...common, ...directives].map((each) => sh`-c ${each}`.text),
  ]
  return [
    'run=$(mktemp -d) || exit 1',
    `apache2 -d "$PWD" -f /dev/null -D FOREGROUND ${words.join(' ')} & child=$!`,
    'trap "kill -WINCH $child" TERM INT; wait $child; code=$?',
    // The first wait ends with the signal, not with Apache.
    'while kill -0 $child 2>/dev/null; do wait $child; code=$?; done',
    'rm -rf "$run"; exit $code',
  ].join('; ')
}

const always = ['mpm_event', 'authz_core', 'dir', 'mime', 'alias', 'headers']

const common = [
  'ServerName localhost',
  'ServerTokens Prod',
  'ErrorLog "|$exec cat >&2"',
  'TypesConfig /etc/mime.types',
  'AddDefaultCharset utf-8',
  'TraceEnable off',
  'FileETag MTime Size',
  // Times of files are no real ones here, so no cache may guess from them; an ETag makes asking cheap.
  'Header setifempty Cache-Control no-cache',
  // What begins with a dot is not meant for the world.
  'RedirectMatch 404 "/\\.(?!well-known/)"',
  'StartServers 1',
  'ServerLimit 4',
  'ThreadsPerChild 64',
  'MaxRequestWorkers 256',
  'GracefulShutdownTimeout 3600',
]
