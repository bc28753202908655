import { problem } from '../base/errors.ts'
import { Secret } from '../base/secret.ts'
import { callerPosition } from '../model/position.ts'
import { closest } from '../model/suggestion.ts'

/** What is in `secrets.yaml`, opened: in memory only. */
export interface OpenedSecrets {
  /** Values by name; an error where one could not be opened, thrown when it is asked for. */
  readonly values: ReadonlyMap<string, string | Error>
}

const none: OpenedSecrets = { values: new Map() }
let opened = none

/** Those of the description that is loaded next. */
export function useSecrets(secrets: OpenedSecrets = none): void {
  opened = secrets
}

/** A value that is encrypted in `secrets.yaml` beside the description: `secret('shop.DATABASE_URL')`. */
export function secret(name: string): Secret {
  return secretOf(opened, name)
}

export function secretOf({ values }: OpenedSecrets, name: string): Secret {
  const value = values.get(name)
  if (value instanceof Error) throw value
  if (value !== undefined) return new Secret(name, value)
  const near = values.size > 0 ? `, or write ${closest(name, [...values.keys()])}` : ''
  throw problem(
    'secret-missing',
    {
      name,
      reason: 'it is not in secrets.yaml beside the description',
      remedy: `Set it with \`fettle secrets set ${name}\`${near}.`,
    },
    { at: callerPosition() },
  )
}
