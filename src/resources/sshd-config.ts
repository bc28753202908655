import { Buffer } from 'node:buffer'
import { Shell, lines, sh } from '../base/shell.ts'
import { canonical } from './sshd-settings.ts'

/** The settings of sshd as they are written on a host, in the files that it reads. */
export interface SshdConfig {
  readonly texts: ReadonlyMap<string, string>
  /** What each pattern of an Include stands for, in order. */
  readonly included: ReadonlyMap<string, readonly string[]>
}

/** One line of it. */
export interface Written {
  readonly keyword: string
  readonly words: string
  /** `PATH:LINE`. */
  readonly where: string
  readonly path: string
  /** What the Match says that it stands in. */
  readonly match?: string
}

const main = '/etc/ssh/sshd_config'
const includes = String.raw`s/^[[:space:]]*[Ii][Nn][Cc][Ll][Uu][Dd][Ee][[:space:]=]*//p`

/** Prints the files, one line each, and what their Includes stand for: three files deep. */
export const readConfig: Shell = lines(
  sh`folder=/etc/ssh
show() {
  printf 'file %s %s\n' "$(base64 -w 0 < "$1")" "$1"
  set -f
  for pattern in $(sed -n ${includes} "$1"); do
    case $pattern in /*) ;; *) pattern=$folder/$pattern;; esac
    set +f`,
  Shell.literal(`    for each in $pattern; do
      [ -f "$each" ] || continue
      printf 'include %s %s\\n' "$pattern" "$each"
      [ "$2" = 2 ] || ( show "$each" $(($2 + 1)) )
    done
    set -f
  done
  set +f
}`),
  sh`[ ! -r ${main} ] || show ${main} 0`,
)

export function parseConfig(output: string): SshdConfig {
  const texts = new Map<string, string>()
  const included = new Map<string, string[]>()
  for (const row of output.split('\n')) {
    const file = /^file (\S*) (.*)$/.exec(row)
    if (file) texts.set(file[2]!, Buffer.from(file[1]!, 'base64').toString('utf8'))
    const include = /^include (\S+) (.*)$/.exec(row)
    if (!include) continue
    const paths = included.get(include[1]!) ?? []
    if (!paths.includes(include[2]!)) paths.push(include[2]!)
    included.set(include[1]!, paths)
  }
  return { texts, included }
}

/** The same with a file in the folder of drop-ins, or without it. */
export function withDropIn(config: SshdConfig, path: string, text: string | undefined): SshdConfig {
  const pattern = `${path.slice(0, path.lastIndexOf('/'))}/*.conf`
  const others = (config.included.get(pattern) ?? []).filter((each) => each !== path)
  const paths = text === undefined ? others : [...others, path].sort()
  const texts = new Map(config.texts)
  if (text === undefined) texts.delete(path)
  else texts.set(path, text)
  return { texts, included: new Map(config.included).set(pattern, paths) }
}

/** Every line, in the order in which sshd reads them. */
export function written(config: SshdConfig): Written[] {
  return linesIn(config, main, undefined, 0)
}

function linesIn(
  config: SshdConfig,
  path: string,
  outer: string | undefined,
  depth: number,
): Written[] {
  let match = outer
  return (config.texts.get(path) ?? '').split('\n').flatMap((row, i): Written[] => {
    const found = /^\s*([A-Za-z]\w*)(?:\s*=\s*|\s+)(.*?)\s*$/.exec(row)
    if (!found) return []
    const keyword = canonical(found[1]!)
    const words = found[2]!
    if (keyword === 'match') {
      match = /^all$/i.test(words) ? outer : words
      return []
    }
    if (keyword === 'include')
      return depth > 16
        ? []
        : words
            .split(/\s+/)
            .map((each) => (each.startsWith('/') ? each : `/etc/ssh/${each}`))
            .flatMap((each) => config.included.get(each) ?? [])
            .flatMap((each) => linesIn(config, each, match, depth + 1))
    const within = match === undefined ? {} : { match }
    return [{ keyword, words, where: `${path}:${i + 1}`, path, ...within }]
  })
}

/** What `sshd -T` printed: the values of each keyword. */
export function effective(output: string): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const row of output.split('\n')) {
    const [, keyword, words] = /^([a-z]\w*) (.*)$/.exec(row) ?? []
    if (keyword !== undefined) found.set(keyword, [...(found.get(keyword) ?? []), words!])
  }
  return found
}
