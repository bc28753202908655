import { problem } from '../base/errors.ts'

/** Between two steps. Throws `interrupted` where somebody has asked to stop. */
export function stopIfAsked(stop: AbortSignal): void {
  if (stop.aborted) throw problem('interrupted', { state: 'What had begun is put back.' })
}
