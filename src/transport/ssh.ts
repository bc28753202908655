import { mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type FettleError, problem } from '../base/errors.ts'
import { loopCommand } from './loop.ts'
import type { Limit, Machine, Session } from './machine.ts'
import { type End, ProcessSession, becomeFailure } from './session.ts'
import { ownTimeouts } from './ssh-config.ts'
import type { Target } from './target.ts'

/** A host behind the system's OpenSSH client, with all that the user's ssh config says about it. */
export class SshMachine implements Machine {
  readonly name: string
  readonly #target: Target

  constructor(target: Target) {
    this.name = target.name
    this.#target = target
  }

  open(anew = false): Session {
    const target = this.#target
    const user = target.login ?? 'the login user'
    const shared = [...sshWords(target), loopCommand]
    const own = ['-S', 'none', ...shared]
    const login = loginLimit(target)
    const carrier = anew
      ? { program: 'ssh', words: own, login }
      : { program: 'ssh', words: shared, login, again: { words: own, fits: lostSharedConnection } }
    return new ProcessSession(target.name, target.login, carrier, {
      missing: () => problem('ssh-missing', {}),
      ended: (end) => endOfSsh(target, end),
      become: (wanted, output) => becomeFailure(target.name, user, wanted, output),
    })
  }
}

/**
 * A connection that was kept for sharing may lead to a host that has been restarted since; ssh then
 * ends without having asked the host anything.
 */
function lostSharedConnection({ exit, started, stderr }: End): boolean {
  return exit === '255' && !started && /^$|mux_client|broken pipe|shared connection/i.test(stderr)
}

/** How long ssh may take to reach the host, unless the user's config speaks of that. Seconds. */
const connectSeconds = 10

/** What a login may take beside that: keys, names, PAM, the start files of the shell. Seconds. */
const loginSeconds = 20

/** An address that is dead, or a login that hangs, is named long before a read is given up. */
function loginLimit({ name: host, address }: Target): Limit {
  const seconds = Math.max(connectSeconds, ...ownTimeouts()) + loginSeconds
  return { seconds, error: () => problem('login-timeout', { host, address, seconds }) }
}

/** The words of an ssh command line for a target, up to and with the address. */
export function sshWords(target: Target, interactive = false): string[] {
  const settings = [
    ...(interactive ? [] : ['BatchMode=yes']),
    ...(ownTimeouts().length > 0 ? [] : [`ConnectTimeout=${connectSeconds}`]),
    'ServerAliveInterval=5',
    'ServerAliveCountMax=3',
    'ControlMaster=auto',
    'ControlPersist=60',
    `ControlPath=${join(socketFolder(), '%C')}`,
  ]
  return [
    ...(interactive ? [] : ['-T']),
    ...settings.flatMap((setting) => ['-o', setting]),
    ...(target.port === undefined ? [] : ['-p', String(target.port)]),
    ...(target.login === undefined ? [] : ['-l', target.login]),
    ...(target.options ?? []),
    '--',
    target.address,
  ]
}

/** Where shared connections live: short, because a socket's path may have 104 bytes at most. */
function socketFolder(): string {
  const runtime = process.env['XDG_RUNTIME_DIR']
  const folder = runtime ? join(runtime, 'fettle') : join(homedir(), '.cache', 'fettle')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return folder
}

/**
 * Why ssh ended. It reports every failure of its own as exit code 255, so its words are all there
 * is to tell them apart; they have been the same for many years (sshconnect.c, sshconnect2.c).
 */
function endOfSsh(target: Target, { exit, stderr, started, greeting }: End): FettleError {
  const { name: host, address } = target
  const reason = lastLine(stderr) || `ssh ended with ${exit}`
  const more = stderr.includes('\n') ? { log: stderr } : {}
  if (started) {
    const state = `What ${host} was asked last may or may not be done.`
    return problem('connection-lost', { host, reason, state }, more)
  }
  if (exit !== '255') {
    const said = lastLine(greeting) || lastLine(stderr) || `it ended with ${exit}`
    return problem('login-shell-failed', { host, address, reason: said }, more)
  }
  if (/REMOTE HOST IDENTIFICATION HAS CHANGED/.test(stderr))
    return problem('host-key-changed', { host, address }, more)
  if (/Host key verification failed|host key is known/.test(stderr))
    return problem('host-key-unknown', { host, address }, more)
  if (/Permission denied|Too many authentication failures/.test(stderr))
    return problem('login-refused', { host, address, reason }, more)
  return problem('host-unreachable', { host, address, reason }, more)
}

const lastLine = (text: string): string => text.split('\n').at(-1) ?? ''
