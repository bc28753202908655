import type { Secret } from '../base/secret.ts'
import { lines, sh } from '../base/shell.ts'
import type { Kind, Step } from '../model/kind.ts'
import { type Common, type Resource, describe, given } from '../model/resource.ts'
import { check, filled, flag, line, listOf, oneOf, optional, whole } from '../model/schema.ts'
import { fileKind, writeAtomically } from './file.ts'
import { bytesOf } from './in-order.ts'
import { withProgram } from './program.ts'
import {
  type SystemFile,
  type SystemFileState,
  parseWithFiles,
  readWithFiles,
  systemFile,
} from './system-file.ts'

/**
 * Log files that are put aside and in the end removed, as a file in `/etc/logrotate.d`. logrotate
 * reads it before it takes its place, so what it does not understand, or would refuse to rotate,
 * is an error and changes nothing. Files that are missing or empty are passed over. Needs the
 * package `logrotate`, which looks once a day.
 */
export interface LogrotateOptions extends Common {
  /** Paths or patterns: `'/var/log/shop/*.log'`. */
  readonly files: string | readonly string[]
  /** How often. Default: `'weekly'`. */
  readonly when?: 'daily' | 'weekly' | 'monthly' | 'yearly'
  /** How many old ones are kept. Default: 4. */
  readonly rotate?: number
  /** Whether old ones are compressed, all but the last. Default: true. */
  readonly compress?: boolean
  /** What the new file is to have: `'0640 www-data adm'`. Left out: as `/etc/logrotate.conf` says. */
  readonly create?: string
  /** What a shell is to run after files were rotated, once for all of them. */
  readonly postrotate?: string | Secret
  /** Further lines of logrotate(8): `['su deploy deploy', 'maxsize 100M', 'copytruncate']`. */
  readonly options?: readonly string[]
}

interface LogrotateDesired {
  readonly files: readonly string[]
  readonly when: string
  readonly rotate: number
  readonly compress: boolean
  readonly create?: string
  readonly postrotate?: string
  readonly options?: readonly string[]
}

interface LogrotateState {
  readonly file: SystemFileState
  /** The host has logrotate. */
  readonly able: boolean
}

/** Describes the rotation of logs: `logrotate('shop', { files: '/var/log/shop/*.log', rotate: 14, when: 'daily' })`. */
export function logrotate(name: string, options: LogrotateOptions): Resource {
  const { files, when, rotate, compress, create, postrotate, options: more, ...common } = options
  const desired = {
    files: typeof files === 'string' ? [files] : files,
    when: when ?? 'weekly',
    rotate: rotate ?? 4,
    compress: compress ?? true,
    ...given({
      create,
      postrotate: postrotate === undefined ? undefined : String(postrotate),
      options: more,
    }),
  }
  return describe(logrotateKind, name, desired, common)
}

/** It reads the names up to the brace, whatever quotes they stand in. */
const pattern = check(
  "an absolute path or pattern without quotes, braces and '\\'",
  (value) => typeof value === 'string' && /^\/[^\n\0"'{}\\]+$/.test(value),
)

export const logrotateKind: Kind<LogrotateDesired, LogrotateState> = {
  name: 'logrotate',
  remembers: () => ({ files: [], when: '', rotate: 0, compress: false }),
  named: check(
    'a name in letters, digits, _ and -: logrotate passes over some others',
    (name) => typeof name === 'string' && /^[A-Za-z0-9_][\w-]{0,99}$/.test(name),
  ),
  user: 'root',
  fields: {
    files: (value) =>
      listOf(pattern)(value) ?? check('one or more', (all) => (all as unknown[]).length > 0)(value),
    when: oneOf('daily', 'weekly', 'monthly', 'yearly'),
    rotate: whole,
    compress: flag,
    create: optional(
      check(
        "permissions, owner and group: '0640 www-data adm'",
        (value) => typeof value === 'string' && /^[0-7]{3,4}( [\w.-]+){0,2}$/.test(value),
      ),
    ),
    postrotate: optional(
      (value) =>
        filled(value) ??
        check(
          "a script without a line 'endscript'",
          (text) => !/^[ \t]*endscript\b/m.test(text as string),
        )(value),
    ),
    options: optional(
      listOf(
        (value) =>
          line(value) ??
          check('one directive', (text) => /^[a-z]+( [^{}]*)?$/.test(text as string))(value),
      ),
    ),
  },

  claims: (resource) => [{ what: `path ${fileOf(resource).name}` }],

  read: (resources) =>
    readWithFiles(sh`command -v logrotate >/dev/null && echo able`, resources.map(fileOf)),

  parse(output, resources) {
    const { own, files } = parseWithFiles(output, resources.map(fileOf))
    return files.map((file) => ({ file, able: own.startsWith('able') }))
  },

  diff(resource, { file, able }, context) {
    const found = fileKind.diff(fileOf(resource), file, context)
    if (!found || resource.absent) return found
    const { when, rotate, files } = resource.desired
    const words =
      found.verb === 'create' ? `${files.join(', ')} ${when}, ${rotate} kept` : found.summary
    return withProgram({ ...found, summary: words }, ['logrotate', 'logrotate'], able, context)
  },

  apply: ([change]) => applyLogrotate(fileOf(change!.resource)),
}

/** It says what is wrong, and goes on and succeeds. What it does not know is a warning since 3.22. */
const validate = `wrong=$(logrotate -d -s /dev/null %s 2>&1 | sed -n '/^error: /b wrong;/^warning: .* -- ignoring line$/b wrong;d;:wrong;s/^[a-z]*: \\([^ ]*:[0-9]* \\)*//;s/ -- ignoring line$//;p;q')
[ -z "$wrong" ] || { echo "logrotate does not take it: $wrong (nothing was changed)"; exit 1; }`

function applyLogrotate(file: SystemFile): Step {
  if (file.absent) return { script: sh`rm -f -- ${file.name}` }
  return {
    script: lines(
      sh`command -v logrotate >/dev/null || { echo "logrotate is not installed: describe packages('logrotate') before"; exit 1; }`,
      sh`mkdir -p /etc/logrotate.d || exit 1`,
      writeAtomically(file.name, file.desired, {
        validate,
        size: bytesOf(file.desired.content).length,
      }),
    ),
    input: file.desired.content,
  }
}

function fileOf({ name, desired, absent }: Resource<LogrotateDesired>): SystemFile {
  const { files, when, rotate, compress, create, postrotate, options = [] } = desired
  const directives = [
    when,
    `rotate ${rotate}`,
    'missingok',
    'notifempty',
    ...(compress ? ['compress', 'delaycompress'] : ['nocompress']),
    ...(create === undefined ? [] : [`create ${create}`]),
    ...options,
    ...(postrotate === undefined
      ? []
      : ['sharedscripts', `postrotate\n${postrotate.replace(/\n$/, '')}\n  endscript`]),
  ]
  const rows = [
    '# Kept by Fettle.',
    `${files.map((each) => `"${each}"`).join(' ')} {`,
    ...directives.map((each) => `  ${each}`),
    '}',
    '',
  ]
  return systemFile(`/etc/logrotate.d/${name}`, rows.join('\n'), absent)
}
