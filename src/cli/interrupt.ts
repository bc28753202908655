import { exitCodes } from './exit-code.ts'

let stop: AbortController | undefined

/** The first Ctrl-C says what is done before the end, and asks for that; a second one ends Fettle at once. */
export function stopOnInterrupt(last = 'Stopping after the step in hand'): AbortSignal {
  if (stop) return stop.signal
  const controller = (stop = new AbortController())
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(exitCodes.interrupted)
      process.stderr.write(`\n${last} (once more: at once).\n`)
      controller.abort()
    })
  return controller.signal
}
