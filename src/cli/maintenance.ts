import { closeForMaintenance, openAgain } from '../apps/maintenance.ts'
import { type Flags, openContext } from './context.ts'
import { appNamed, delivering } from './delivering.ts'

/** `fettle maintenance APP on|off`: the balancer answers with the app's maintenance page, or no more. */
export async function maintenance(name: string, to: 'on' | 'off', flags: Flags): Promise<number> {
  const context = await openContext(flags)
  const placed = appNamed(context.fleet, name)
  const intent = { app: name, action: 'maintenance', to } as const
  return delivering(context, placed, flags, intent, async ({ crew }) => {
    await (to === 'on' ? closeForMaintenance(crew) : openAgain(crew))
    return {}
  })
}
