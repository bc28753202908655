/** What every benchmark is as a program. */

/** The first Ctrl-C ends what runs and removes the hosts. */
export function stopOnInterrupt(): AbortSignal {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(130)
      controller.abort(new Error('Stopped.'))
    })
  return controller.signal
}

/** To a person; what is measured goes to files. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
