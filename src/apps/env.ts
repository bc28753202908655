import { Buffer } from 'node:buffer'
import { problem } from '../base/errors.ts'
import { Secret, reveal } from '../base/secret.ts'
import type { AppDescription } from '../model/app.ts'
import { isEnvName } from '../model/app-checks.ts'
import { type OpenedSecrets, secretOf } from '../secrets/secret.ts'
import { parseEnvFile } from './env-file.ts'

export type EnvSource = 'runtime' | '.env' | `secret ${string}` | 'description' | 'instance'

/** What the processes of an app find under one name. */
export interface EnvEntry {
  readonly name: string
  /** A text may hold marks of secrets. */
  readonly value: string | Secret
  readonly from: EnvSource
}

/** Where values come from besides the description. */
export interface EnvSources {
  /** What its language needs: `runtime.env(tree)`. */
  readonly runtime?: Readonly<Record<string, string>>
  /** `env/APP.env` beside the description. */
  readonly file?: { readonly path: string; readonly text: string } | undefined
  readonly secrets?: OpenedSecrets | undefined
  /** What only an instance knows: its unit says these, not the release. */
  readonly instance?: Readonly<Record<string, string>>
}

/** Set for each instance; nobody else may. */
const reserved = ['PORT', 'HOST']

/**
 * The environment of an app in the order of the names. What is nearer to the app counts: runtime, `.env`,
 * secrets of its name (`shop.X` is X for shop), description, instance. Throws what is missing or wrong.
 */
export function envOf(app: AppDescription, sources: EnvSources): readonly EnvEntry[] {
  const { runtime = {}, file, secrets = { values: new Map() }, instance = {} } = sources
  const prefix = `${app.name}.`
  const grouped = [...secrets.values.keys()].filter((name) => name.startsWith(prefix))
  const given: EnvEntry[] = [
    ...entriesOf(runtime, 'runtime'),
    ...(file ? entriesOf(Object.fromEntries(parseEnvFile(file.text, file.path)), '.env') : []),
    ...grouped.map((full): EnvEntry => {
      const name = full.slice(prefix.length)
      return { name, value: secretOf(secrets, full), from: `secret ${full}` }
    }),
    ...entriesOf(app.env, 'description'),
  ]
  for (const entry of given) check(app, entry)
  const last = new Map(
    [...given, ...entriesOf(instance, 'instance')].map((each) => [each.name, each]),
  )
  return [...last.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

function entriesOf(values: AppDescription['env'], from: EnvSource): EnvEntry[] {
  return Object.entries(values).map(([name, value]) => ({
    name,
    value: value instanceof Secret ? value : String(value),
    from,
  }))
}

/** Linux takes no longer text than this, with its name, to start a program with. */
const longest = 128 * 1024 - 1

function check(app: AppDescription, { name, value, from }: EnvEntry): void {
  const text = reveal(String(value))
  const wrong = mistakeIn(name, text)
  if (wrong) throw problem('invalid-env', { app: app.name, name, from, ...wrong }, { at: app.at })
}

function mistakeIn(
  name: string,
  text: string,
): { problem: string; suggestion: string } | undefined {
  if (!isEnvName(name))
    return { problem: 'is not a name', suggestion: 'letters, digits and _, such as DATABASE_URL' }
  if (reserved.includes(name))
    return { problem: 'cannot be set: each instance is told its own', suggestion: 'nothing' }
  // systemd leaves out values with these, with no more than a line in the journal.
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  const odd = /[\0-\x08\x0b-\x1f\x7f\p{Cs}\p{Noncharacter_Code_Point}]/u.exec(text)
  if (odd) {
    const code = odd[0].codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')
    return { problem: `holds the sign U+${code}`, suggestion: 'text, or base64 of it' }
  }
  if (Buffer.byteLength(`${name}=${text}`) >= longest)
    return { problem: 'is longer than 128 KiB', suggestion: 'it into a file' }
  return undefined
}
