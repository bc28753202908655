import { createHash } from 'node:crypto'
import { type Socket, connect } from 'node:net'

/** What can become of a request, beside being answered well. */
export type Trouble =
  | 'refused'
  | 'reset'
  | '5xx'
  | 'unexpected'
  | 'truncated'
  | 'wrong release'
  | 'moved'
  | 'timeout'

export class Failure extends Error {
  readonly trouble: Trouble

  constructor(trouble: Trouble, detail: string) {
    super(detail)
    this.trouble = trouble
  }
}

export interface Place {
  readonly address: string
  readonly port: number
}

export interface Answer {
  readonly status: number
  readonly head: string
  readonly body: Buffer
}

interface Waiting {
  readonly resolve: (answer: Answer) => void
  readonly reject: (failure: Failure) => void
}

const nothing = Buffer.alloc(0)

/** One connection to the balancer, with one request at a time. */
export class Connection {
  readonly socket: Socket
  #buffer: Buffer = nothing
  #waiting: Waiting | undefined
  #broken: Failure | undefined

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (data) => this.#take(data))
    socket.on('error', (error: NodeJS.ErrnoException) => this.#end(error.code ?? error.message))
    socket.on('end', () => this.#end('end of file'))
    socket.on('close', () => this.#end('closed'))
  }

  static open({ address, port }: Place, seconds: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: address, port, noDelay: true })
      const fail = (failure: Failure): void => {
        clearTimeout(timer)
        socket.destroy()
        reject(failure)
      }
      const timer = setTimeout(() => fail(new Failure('timeout', 'connect')), seconds * 1000)
      const failed = ({ code = '' }: NodeJS.ErrnoException): void =>
        fail(new Failure(code === 'ECONNREFUSED' ? 'refused' : 'reset', `connect: ${code}`))
      socket.once('error', failed)
      socket.once('connect', () => {
        clearTimeout(timer)
        socket.off('error', failed)
        resolve(new Connection(socket))
      })
    })
  }

  /** Can be asked again: nobody has said that it ends. */
  get usable(): boolean {
    return this.#broken === undefined
  }

  /** Sends a request and waits for its answer. Rejects with a `Failure`. */
  async ask(head: string, body: Buffer | undefined, seconds: number): Promise<Answer> {
    if (this.#broken) throw this.#broken
    const answered = new Promise<Answer>((resolve, reject) => (this.#waiting = { resolve, reject }))
    if (body) {
      this.socket.write(head)
      this.socket.write(body)
    } else this.socket.write(head)
    const timer = setTimeout(() => {
      this.#broken = new Failure('timeout', `no answer within ${seconds} s`)
      this.#waiting?.reject(this.#broken)
      this.socket.destroy()
    }, seconds * 1000)
    try {
      const answer = await answered
      // An answer of unknown length is none of the app's: what follows is not read.
      const known = answer.status === 101 || /^content-length:/im.test(answer.head)
      if (!known || /^connection: *close/im.test(answer.head)) this.close()
      return answer
    } finally {
      clearTimeout(timer)
      this.#waiting = undefined
    }
  }

  /** From here on another protocol has the socket; what has come of it already is handed over. */
  release(): Buffer {
    this.socket.removeAllListeners()
    return this.#buffer
  }

  close(): void {
    this.#broken ??= new Failure('reset', 'closed here')
    this.socket.destroy()
  }

  #take(data: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? data : Buffer.concat([this.#buffer, data])
    const end = this.#buffer.indexOf('\r\n\r\n')
    if (end < 0) return
    const head = this.#buffer.toString('latin1', 0, end)
    const status = Number(head.slice(9, 12))
    const length = status === 101 ? 0 : Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)
    if (this.#buffer.length < end + 4 + length) return
    const body = this.#buffer.subarray(end + 4, end + 4 + length)
    this.#buffer = this.#buffer.subarray(end + 4 + length)
    this.#waiting?.resolve({ status, head, body })
  }

  #end(why: string): void {
    const some = this.#buffer.length
    const failure =
      some > 0
        ? new Failure('truncated', `${why} after ${some} bytes`)
        : new Failure('reset', `${why} before an answer`)
    this.#broken ??= failure
    this.#waiting?.reject(failure)
    this.socket.destroy()
  }
}

export const fieldOf = ({ head }: Answer, name: string): string =>
  new RegExp(`^${name}: *([^\\r\\n]*)`, 'im').exec(head)?.[1] ?? ''

/** Throws where an answer is not what the app answers. */
export function check(answer: Answer, body?: string): void {
  const { status } = answer
  if (status >= 500) throw new Failure('5xx', `${status}`)
  if (status !== 200) throw new Failure('unexpected', `${status}`)
  const hash = createHash('sha1').update(answer.body).digest('hex')
  if (hash !== fieldOf(answer, 'x-hash'))
    throw new Failure('truncated', 'not the body that was sent')
  if (body !== undefined && body !== answer.body.toString())
    throw new Failure('truncated', 'the upload did not arrive whole')
}
