import { readAppState } from '../apps/delivery.ts'
import type { AppState } from '../apps/state.ts'
import { type FettleError, asFettleError } from '../base/errors.ts'
import type { AppHost, PlacedApp } from '../model/app.ts'
import type { Session } from '../transport/machine.ts'
import type { Context } from './context.ts'

/** What a host knows of an app, or why it could not be asked. */
export type Look<Found> = { readonly host: AppHost } & (
  | { readonly found: Found }
  | { readonly error: FettleError }
)

/** Asks all hosts of an app at once, without having it. */
export async function lookEverywhere<Found>(
  context: Context,
  { app, hosts }: PlacedApp,
  ask: (session: Session, state: AppState) => Promise<Found>,
): Promise<Look<Found>[]> {
  return Promise.all(
    hosts.map(async (host) => {
      const session = context.machineOf(context.fleet.hosts.get(host.name)!).open()
      try {
        return { host, found: await ask(session, await readAppState(app, session)) }
      } catch (thrown) {
        return { host, error: asFettleError(thrown) }
      } finally {
        await session.close()
      }
    }),
  )
}
