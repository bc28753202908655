import { problem } from '../base/errors.ts'
import { isEnvName } from '../model/app-checks.ts'

/**
 * The values of a `.env` file: `NAME=value`, `export NAME=value`, comments, values in `'`, `"` or
 * `` ` ``, which may go over several lines. `"` takes \n, \r, \t and a backslash before any sign; nothing
 * is put in for `$NAME`. Of a name that is there twice the last one counts.
 */
export function parseEnvFile(text: string, path: string): Map<string, string> {
  return new EnvFile(text.replace(/^\ufeff/, '').replaceAll('\r\n', '\n'), path).values()
}

class EnvFile {
  readonly #text: string
  readonly #path: string
  #at = 0

  constructor(text: string, path: string) {
    this.#text = text
    this.#path = path
  }

  values(): Map<string, string> {
    const values = new Map<string, string>()
    for (;;) {
      this.#take(/\s*(?:#[^\n]*\s*)*/y)
      if (this.#at >= this.#text.length) return values
      const name = this.#name()
      values.set(name, this.#value(name))
      if (this.#take(/[ \t]*(?:#[^\n]*)?(?:\n|$)/y) === undefined)
        this.#fail(`after the value of ${name} there is more`, 'a quote only around a whole value')
    }
  }

  #name(): string {
    const start = this.#at
    const [, name = ''] = this.#take(/(?:export[ \t]+)?([^\s=#'"`]*)[ \t]*=/y) ?? []
    if (isEnvName(name)) return name
    this.#at = start
    return this.#fail(
      name === '' ? 'this is not NAME=value' : `${name} is not a name`,
      'NAME=value, with a name of letters, digits and _',
    )
  }

  #value(name: string): string {
    if (!this.#take(/[ \t]*(?=['"`])/y)) return this.#take(/(?:(?![ \t]+#)[^\n])*/y)![0].trim()
    const start = this.#at
    const [, double, single, back] =
      this.#take(/"((?:[^"\\]|\\[^])*)"|'([^']*)'|`([^`]*)`/y) ??
      this.#fail(`the quote of ${name} does not end`, 'the same quote at its end', start)
    return double === undefined ? (single ?? back ?? '') : double.replace(/\\([^])/g, unescaped)
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)
    if (!found) return undefined
    this.#at = pattern.lastIndex
    return found
  }

  #fail(what: string, suggestion: string, at = this.#at): never {
    const line = this.#text.slice(0, at).split('\n').length
    throw problem('env-file-broken', { path: this.#path, line, problem: what, suggestion })
  }
}

/** A backslash before a sign that means nothing stays, as in a path of Windows. */
function unescaped(both: string, sign: string): string {
  const control: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' }
  return control[sign] ?? (/["\\$`']/.test(sign) ? sign : both)
}
