import { exitCodes } from './exit-code.ts'

let stop: AbortController | undefined

/** The first Ctrl-C finishes the step in hand; a second one ends Fettle at once. */
export function stopOnInterrupt(): AbortSignal {
  if (stop) return stop.signal
  const controller = (stop = new AbortController())
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(exitCodes.interrupted)
      process.stderr.write('\nStopping after the step in hand (once more: at once).\n')
      controller.abort()
    })
  return controller.signal
}
