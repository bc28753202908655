import { readIdentity } from './identity.ts'
import type { OpenedSecrets } from './secret.ts'
import { SecretStore } from './store.ts'

/**
 * Opens all that can be opened, as a description asks for values while it is evaluated, where nothing
 * can be waited for. What cannot be opened is an error only for who asks for it.
 */
export async function openSecrets(folder: string): Promise<OpenedSecrets> {
  const store = new SecretStore(folder)
  const identity = await readIdentity().catch((thrown: unknown) => thrown as Error)
  if (identity instanceof Error)
    return { values: new Map([...store.values.keys()].map((name) => [name, identity])) }
  return { values: await store.openAll(identity) }
}
