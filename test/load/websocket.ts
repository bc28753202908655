import { createHash, randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { type Answer, Connection, Failure, type Place, fieldOf } from './connection.ts'

interface Frame {
  readonly code: number
  readonly text: string
}

/** A WebSocket as far as it is needed here: short texts, and a close from either side. */
export class WebSocketClient {
  readonly answer: Answer
  /** The other side has said that it closes, and the connection ended as it should. */
  closed = false
  #buffer: Buffer
  #closing = false
  #ended: Failure | undefined
  #wake: (() => void) | undefined
  readonly #frames: Frame[] = []
  readonly #socket: Socket

  private constructor(socket: Socket, answer: Answer, rest: Buffer) {
    this.#socket = socket
    this.answer = answer
    this.#buffer = rest
    socket.on('data', (data) => {
      this.#buffer = Buffer.concat([this.#buffer, data])
      this.#parse()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => this.#end(error.code ?? ''))
    socket.on('end', () => this.#end('end of file'))
    socket.on('close', () => this.#end('closed'))
    this.#parse()
  }

  static async open(place: Place, host: string, seconds: number): Promise<WebSocketClient> {
    const connection = await Connection.open(place, seconds)
    const key = randomBytes(16).toString('base64')
    const head = `GET /socket HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`
    const answer = await connection.ask(head, undefined, seconds)
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    if (
      answer.status !== 101 ||
      fieldOf(answer, 'sec-websocket-accept') !== accept.digest('base64')
    ) {
      connection.close()
      throw new Failure(answer.status >= 500 ? '5xx' : 'unexpected', `${answer.status}`)
    }
    return new WebSocketClient(connection.socket, answer, connection.release())
  }

  /** Sends a text and waits for what comes back; undefined when the other side closes instead. */
  async echo(text: string, seconds: number): Promise<string | undefined> {
    if (!this.#closing && !this.#ended) this.#send(1, text)
    const until = performance.now() + seconds * 1000
    for (;;) {
      const frame = this.#frames.shift()
      if (frame?.code === 1) return frame.text
      if (this.closed) return undefined
      if (this.#ended) throw this.#ended
      const left = until - performance.now()
      if (left <= 0) {
        this.#socket.destroy()
        throw new Failure('timeout', `no echo within ${seconds} s`)
      }
      await this.#something(left)
    }
  }

  /** Closes as one should. */
  async close(seconds: number): Promise<void> {
    if (!this.#closing && !this.#ended) {
      this.#closing = true
      this.#send(8, '')
    }
    const until = performance.now() + seconds * 1000
    while (!this.#ended && performance.now() < until)
      await this.#something(until - performance.now())
    this.#socket.destroy()
  }

  #something(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #send(code: number, text: string | Buffer): void {
    const content = Buffer.from(text)
    const mask = randomBytes(4)
    const masked = content.map((byte, i) => byte ^ mask[i % 4]!)
    this.#socket.write(
      Buffer.concat([Buffer.from([0x80 | code, 0x80 | content.length]), mask, masked]),
    )
  }

  #parse(): void {
    for (;;) {
      const size = (this.#buffer[1] ?? 0) & 127
      if (this.#buffer.length < 2 + size) break
      if (this.#buffer.length < 2) break
      const code = this.#buffer[0]! & 15
      const content = Buffer.from(this.#buffer.subarray(2, 2 + size))
      this.#buffer = this.#buffer.subarray(2 + size)
      this.#frames.push({ code, text: content.toString() })
      if (code === 8 && !this.#closing) {
        this.#closing = true
        this.#send(8, content)
        this.#socket.end()
      }
    }
    this.#wake?.()
  }

  #end(why: string): void {
    if (this.#closing) this.closed = true
    this.#ended ??= new Failure('reset', `${why}, and nobody had said so`)
    this.#socket.destroy()
    this.#wake?.()
  }
}
