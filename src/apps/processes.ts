import { type Shell, sh } from '../base/shell.ts'
import type { App } from '../model/app.ts'
import { propertiesOf } from '../resources/unit-state.ts'

/** An instance as systemd knows it. */
export interface Instance {
  readonly process: string
  readonly release: string
  /** The port of a web instance; 1, 2... of a worker. */
  readonly instance: string
  /** `active`, `activating`, `failed`... */
  readonly state: string
  /** Since when it is in that state, as systemd says it. */
  readonly since: string
  readonly restarts: number
  /** Bytes; undefined where that is not counted. */
  readonly memory: number | undefined
}

/** Lists all instances of an app that systemd has loaded; needs no rights. */
export function listInstances({ name }: App): Shell {
  return sh`systemctl show -p Id,ActiveState,StateChangeTimestamp,NRestarts,MemoryCurrent -- ${`${name}.*@*.service`} 2>/dev/null; :`
}

export function parseInstances({ name }: App, output: string): Instance[] {
  return output.split(/\n\n+/).flatMap((block): Instance[] => {
    const all = propertiesOf(block)
    const [, app, process, release, instance] =
      /^([^.]+)\.([^.]+)\.([0-9a-f]{12}\.[0-9a-f]{6})@(.+)\.service$/.exec(all.get('Id') ?? '') ??
      []
    if (app !== name || !process || !release || !instance) return []
    const memory = Number(all.get('MemoryCurrent'))
    return [
      {
        process,
        release,
        instance,
        state: all.get('ActiveState') ?? 'unknown',
        since: all.get('StateChangeTimestamp') ?? '',
        restarts: Number(all.get('NRestarts') ?? 0),
        memory: Number.isFinite(memory) && memory < 2 ** 60 ? memory : undefined,
      },
    ]
  })
}
