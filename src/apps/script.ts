/** A simple command takes the place of the shell, so that signals reach it and nothing waits beside it. */
export function scriptOf(command: string): string {
  const isSimple = /^[^;&|<>()`\n]*$/.test(command) && !/^\s*(\w+=|exec\s)/.test(command)
  return isSimple ? `exec ${command}` : command
}

/**
 * Runs the words after it. A service that SIGTERM ends has succeeded, systemd thinks: half a build would be
 * a tree, and half of what a release command does a whole.
 */
export const failWhenStopped = 'trap "exit 143" TERM; "$@"'

/**
 * Who is told to end: the program alone, which sees to its own, or all that a shell has started, where
 * that shell would just end itself.
 */
export function killMode(command: string): 'mixed' | 'control-group' {
  return /\b(exec|trap)\b/.test(scriptOf(command)) ? 'mixed' : 'control-group'
}
