import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { Eta, type TemplateFunction } from 'eta'

import { FettleError, problem } from '../base/errors.ts'
import { FactsNeeded } from '../model/facts.ts'
import { callerPosition } from '../model/position.ts'
import { closest } from '../model/suggestion.ts'

/** The bytes of a file of the description, named relative to the file that calls this. */
export function readSource(path: string): Uint8Array {
  return readBeside(path).bytes
}

/**
 * Renders an Eta template, named relative to the file that calls this: `<%= it.port %>` puts a
 * value in, `<% if (it.tls) { %> ... <% } %>` is TypeScript's own control flow. A name that is not
 * among the values is an error, not an empty text. Nothing is escaped: these are not web pages.
 */
export function template(path: string, values: Readonly<Record<string, unknown>> = {}): string {
  const { file, bytes } = readBeside(path)
  const at = callerPosition()
  const text = Buffer.from(bytes).toString('utf8')
  try {
    return engine.render(compiled(text), strict(values, file, text))
  } catch (error) {
    if (error instanceof FettleError || error instanceof FactsNeeded) throw error
    throw problem(
      'template-broken',
      { path: file, reason: error instanceof Error ? error.message : String(error) },
      { at },
    )
  }
}

/** A template that many hosts and resources use is compiled once. */
function compiled(text: string): TemplateFunction {
  const known = functions.get(text) ?? engine.compile(text)
  functions.set(text, known)
  return known
}

const functions = new Map<string, TemplateFunction>()
const engine = new Eta({ autoEscape: false, autoTrim: false, useWith: false, cache: false })

function readBeside(path: string): { file: string; bytes: Uint8Array } {
  const at = callerPosition()
  const file = resolve(at === undefined ? '.' : dirname(at.file), path)
  try {
    return { file, bytes: readFileSync(file) }
  } catch {
    throw problem('template-not-found', { path: file }, { at })
  }
}

/**
 * The values, except that a name that is not among them throws instead of being undefined, in the
 * objects and lists among them too. `name` is what the template calls them.
 */
function strict<Values extends object>(
  values: Values,
  path: string,
  text: string,
  name = 'it',
): Values {
  return new Proxy(values, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key)
      // JSON.stringify asks every object whether it has a form of its own.
      if (typeof key === 'symbol' || key === 'toJSON') return value
      const full = `${name}.${key}`
      if (key in target) return isPlain(value) ? strict(value, path, text, full) : value
      const line =
        text
          .split('\n')
          .findIndex((each) => new RegExp(`\\.${key.replace(/\W/g, '\\$&')}\\b`).test(each)) + 1
      const suggestion = closest(key, Object.keys(target))
      throw problem(
        'template-undefined-name',
        { path, line, name: full, suggestion },
        { at: { file: path, line } },
      )
    },
  })
}

/** Objects as they are written in a description, and lists; others may depend on being themselves. */
function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype
}
