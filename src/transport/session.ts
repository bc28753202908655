import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { type FettleError, problem } from '../base/errors.ts'
import { reveal } from '../base/secret.ts'
import type { Answer, Frame, Limit, Session } from './machine.ts'

interface Waiting {
  readonly frame: Frame
  readonly chunks: Buffer[]
  resolve(answer: Answer): void
  reject(error: FettleError): void
}

/** How a session says what went wrong, given what the program that carries it printed. */
export interface Failures {
  /** The program could not be started. */
  missing(error: Error): FettleError
  /** It ended before every frame was answered. */
  ended(end: End): FettleError
  /** The frame's user could not be become; the output is what sudo or runuser said. */
  become(user: string, output: string): FettleError
}

/** How the program that carries a session ended. */
export interface End {
  /** Its exit code, or the signal that ended it. */
  readonly exit: string
  readonly stderr: string
  /** The loop on the host had answered. */
  readonly started: boolean
  /** What login scripts and the like printed when the loop had not answered. */
  readonly greeting: string
}

/** The program that carries a session. */
export interface Carrier {
  readonly program: string
  readonly words: readonly string[]
  /** Tried once more with these words when it ended like this, before anything was answered. */
  readonly again?: { readonly words: readonly string[]; fits(end: End): boolean }
  /** How long the login may take, the second try included. Left out: as long as it likes. */
  readonly login?: Limit
}

/** A session over a child process that runs the loop of `loop.ts` somewhere. */
export class ProcessSession implements Session {
  readonly host: string
  readonly login: string | undefined
  roundTrips = 0
  readonly loggedIn: Promise<void>
  readonly #carrier: Carrier
  readonly #failures: Failures
  #child: ChildProcess
  #mark = ''
  #boundary = Buffer.alloc(0)
  readonly #queue: Waiting[] = []
  #stderr = ''
  #started = false
  #greet: () => void = () => undefined
  readonly #loginTimer: NodeJS.Timeout | undefined
  #pending: Buffer = Buffer.alloc(0)
  #failure: FettleError | undefined
  #retried = false
  #closing = false

  constructor(host: string, login: string | undefined, carrier: Carrier, failures: Failures) {
    this.host = host
    this.login = login
    this.#carrier = carrier
    this.#failures = failures
    this.loggedIn = new Promise((resolve) => (this.#greet = resolve))
    const { login: limit } = carrier
    this.#loginTimer =
      limit && setTimeout(() => this.#abort(limit.error()), limit.seconds * 1000).unref()
    this.#child = this.#start(carrier.words)
  }

  #start(words: readonly string[]): ChildProcess {
    const child = spawn(this.#carrier.program, words, {
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    })
    child.stdout.on('data', (chunk: Buffer) => this.#receive(chunk))
    child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-8192)
    })
    // What is left unwritten when the host goes away is told by `exit`.
    child.stdin.on('error', () => undefined)
    child.on('error', (error) => this.#fail(this.#failures.missing(error)))
    child.on('exit', (code, signal) => {
      // A connection that stays behind for sharing keeps these pipes open: do not wait for it.
      setImmediate(() => {
        child.stdout.destroy()
        child.stderr.destroy()
        this.#ended(String(signal ?? code))
      })
    })
    // Only now, as ssh is on its way meanwhile.
    if (this.#mark === '') this.#mark = randomBytes(16).toString('hex')
    this.#boundary = Buffer.from(`\n${this.#mark} `)
    child.stdin.write(`${this.#mark}\n`)
    return child
  }

  /** The program is gone: the frames that wait are tried once more, or told why. */
  #ended(exit: string): void {
    const end = this.#end(exit)
    const again = this.#carrier.again
    if (this.#failure || this.#closing || this.#retried || !again?.fits(end))
      return this.#fail(this.#failures.ended(end))
    this.#retried = true
    this.#stderr = ''
    this.#pending = Buffer.alloc(0)
    this.#child = this.#start(again.words)
    for (const { frame } of this.#queue) this.#send(frame)
  }

  async run(frames: readonly Frame[], limit?: Limit): Promise<Answer[]> {
    if (frames.length === 0) return []
    this.roundTrips += 1
    const timer = limit && setTimeout(() => this.#abort(limit.error()), limit.seconds * 1000)
    try {
      return await this.#ask(frames)
    } finally {
      clearTimeout(timer)
    }
  }

  async #ask(frames: readonly Frame[]): Promise<Answer[]> {
    const answers = frames.map((frame) => this.#expect(frame))
    const settled = Promise.all(answers)
    // The first rejection is what the caller sees; the others must not count as unhandled.
    settled.catch(() => undefined)
    if (!this.#failure) for (const frame of frames) this.#send(frame)
    return settled
  }

  /** Nothing is left to be waited for: the program ends by itself when its input does. */
  async close(): Promise<void> {
    const child = this.#child
    this.#closing = true
    clearTimeout(this.#loginTimer)
    child.stdin!.end()
    child.unref()
    for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as Socket).unref()
    setTimeout(() => child.kill('SIGTERM'), 2000).unref()
  }

  /** Ends the session now, whatever runs on the host; frames that wait are rejected with `error`. */
  #abort(error: FettleError): void {
    this.#fail(error)
    this.#child.kill('SIGTERM')
  }

  #expect(frame: Frame): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#failure) reject(this.#failure)
      else this.#queue.push({ frame, chunks: [], resolve, reject })
    })
  }

  #send(frame: Frame): void {
    const script = Buffer.from(reveal(frame.script.text))
    const input = typeof frame.input === 'string' ? Buffer.from(reveal(frame.input)) : frame.input
    const head = `${frame.user ?? '-'} ${script.length} ${input?.length ?? 0}\n`
    this.#child.stdin!.write(Buffer.concat([Buffer.from(head), script]))
    if (input && input.length > 0) this.#child.stdin!.write(input)
  }

  #receive(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    if (!this.#started && !this.#skipGreeting()) return
    for (let next = this.#queue[0]; next; next = this.#queue[0]) if (!this.#takeAnswer(next)) return
  }

  #end(exit: string): End {
    const started = this.#started
    const greeting = started ? '' : this.#pending.toString().trim()
    return { exit, stderr: this.#stderr.trim(), started, greeting }
  }

  /** Drops what login scripts printed before the loop began. */
  #skipGreeting(): boolean {
    const at = this.#pending.indexOf(`${this.#mark}\n`)
    if (at < 0) return false
    this.#pending = this.#pending.subarray(at + this.#mark.length + 1)
    clearTimeout(this.#loginTimer)
    this.#greet()
    return (this.#started = true)
  }

  #takeAnswer(waiting: Waiting): boolean {
    const boundary = this.#boundary
    const at = this.#pending.indexOf(boundary)
    const end = at < 0 ? -1 : this.#pending.indexOf('\n', at + boundary.length)
    if (end < 0) {
      const safe = at < 0 ? endOfOutput(this.#pending, boundary) : at
      this.#keep(waiting, this.#pending.subarray(0, safe))
      this.#pending = this.#pending.subarray(safe)
      return false
    }
    this.#keep(waiting, this.#pending.subarray(0, at))
    const code = this.#pending.subarray(at + boundary.length, end).toString()
    this.#pending = this.#pending.subarray(end + 1)
    this.#queue.shift()
    const output = Buffer.concat(waiting.chunks)
    if (code === 'become') this.#notBecome(waiting, output)
    else waiting.resolve({ code: Number(code), output })
    return true
  }

  #notBecome({ frame, resolve, reject }: Waiting, output: Buffer): void {
    const error = this.#failures.become(frame.user ?? '-', output.toString().trim())
    if (frame.userMayLack && error.code === 'no-such-user')
      resolve({ code: 127, output: Buffer.alloc(0), lacksUser: error })
    else reject(error)
  }

  #keep(waiting: Waiting, output: Buffer): void {
    if (output.length === 0) return
    waiting.chunks.push(output)
    waiting.frame.onOutput?.(output)
  }

  #fail(error: FettleError): void {
    clearTimeout(this.#loginTimer)
    this.#failure ??= error
    for (const waiting of this.#queue.splice(0)) waiting.reject(this.#failure)
  }
}

/** Where what could be the start of a boundary begins: all before it is output for certain. */
function endOfOutput(bytes: Buffer, boundary: Buffer): number {
  let at = Math.max(0, bytes.length - boundary.length)
  for (at = bytes.indexOf(boundary[0]!, at); at >= 0; at = bytes.indexOf(boundary[0]!, at + 1))
    if (boundary.indexOf(bytes.subarray(at)) === 0) return at
  return bytes.length
}

/** What to say when a frame's user could not be become, from what sudo or runuser printed. */
export function becomeFailure(
  host: string,
  login: string,
  user: string,
  output: string,
): FettleError {
  if (/does not exist|unknown user/i.test(output)) return problem('no-such-user', { host, user })
  if (/sudo: not found|sudo: command not found/i.test(output))
    return problem('sudo-missing', { host, login, user })
  return problem('sudo-needs-password', { host, login, user }, { log: output })
}
