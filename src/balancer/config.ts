import { backendOf } from './backend.ts'
import type { BalancedApp, BalancerSettings, LiveSlots } from './description.ts'
import { frontend } from './frontend.ts'
import { beginning, statsFrontend } from './sections.ts'

/** The whole of haproxy.cfg. Slots that are not live have the word `disabled` at the end of their line. */
export function render(
  settings: BalancerSettings,
  apps: readonly BalancedApp[],
  live: LiveSlots,
): string {
  const sections = [
    ...beginning(settings, apps),
    frontend(settings, apps),
    ...(settings.stats === undefined ? [] : [statsFrontend(settings.stats)]),
    ...apps.map((app) => backendOf(app, live.get(app.name) ?? new Map())),
  ]
  return `# Kept by Fettle. A deploy changes nothing but the word "disabled" of servers.\n${sections.join('\n')}`
}
