import { userInfo } from 'node:os'
import { problem } from '../base/errors.ts'
import { loopArguments } from './loop.ts'
import type { Machine, Session } from './machine.ts'
import { ProcessSession, becomeFailure } from './session.ts'

/** The machine that Fettle itself runs on, asked through a shell of its own. */
export class LocalMachine implements Machine {
  readonly name: string
  readonly #shell: readonly string[]

  /** `shell` is the POSIX shell to use and its leading arguments, such as `['busybox', 'sh']`. */
  constructor(name: string, shell: readonly string[] = ['sh']) {
    this.name = name
    this.#shell = shell
  }

  open(): Session {
    const [program = 'sh', ...first] = this.#shell
    const host = this.name
    const login = userInfo().username
    const state = `What ${host} was asked last may or may not be done.`
    const carrier = { program, words: [...first, ...loopArguments] }
    return new ProcessSession(host, login, carrier, {
      missing: (error) =>
        problem('host-unreachable', { host, address: program, reason: error.message }),
      ended: ({ stderr, exit }) =>
        problem('connection-lost', {
          host,
          reason: stderr || `the shell ended with ${exit}`,
          state,
        }),
      become: (user, output) => becomeFailure(host, login, user, output),
    })
  }
}
