import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Answer, Connection, Failure, type Place, check, fieldOf } from './connection.ts'
import { Instances } from './instances.ts'
import { Releases } from './releases.ts'
import { Tally } from './tally.ts'
import { WebSocketClient } from './websocket.ts'

/** How many clients of each kind there are. */
export interface Mix {
  readonly keep: number
  readonly once: number
  readonly sticky: number
  readonly slow: number
  readonly upload: number
  readonly socket: number
}

export interface Wanted {
  readonly place: Place
  /** The domain. */
  readonly host: string
  readonly mix: Mix
  /** Quick requests in each second, of all clients that send such; 0: as many as go. */
  readonly rate: number
  /** MiB. */
  readonly upload: number
}

/** How many of them a WebSocket client sends before it leaves and comes anew. */
const messages = 25

/** All clients together, and what they share. */
export class Clients {
  readonly tally: Tally = new Tally()
  readonly releases: Releases = new Releases()
  readonly #instances = new Instances()
  readonly #wanted: Wanted
  readonly #stop = new AbortController()

  constructor(wanted: Wanted) {
    this.#wanted = wanted
  }

  stop(): void {
    this.#stop.abort()
  }

  get stopped(): boolean {
    return this.#stop.signal.aborted
  }

  /** Until they are stopped. */
  async run(): Promise<void> {
    const { mix } = this.#wanted
    const quick = mix.keep + mix.once + mix.sticky
    const pause = this.#wanted.rate > 0 ? (quick / this.#wanted.rate) * 1000 : 0
    const some = (count: number, client: (i: number) => Promise<void>): Promise<void>[] =>
      Array.from({ length: count }, (_, i) => client(i))
    await Promise.all([
      ...some(mix.keep, () => this.#repeat(pause, this.#asking('keep', '/fast'))),
      ...some(mix.once, () => this.#repeat(pause, this.#asking('once', '/fast'))),
      ...some(mix.sticky, () => this.#repeat(pause, this.#sticky())),
      ...some(mix.slow, (i) =>
        this.#repeat(100, this.#asking('slow', i % 2 ? '/slow/late' : '/slow/drip')),
      ),
      ...some(mix.upload, () => this.#repeat(1000, this.#uploading())),
      ...some(mix.socket, () => this.#talk()),
    ])
  }

  /** So often on average, whatever the requests take, and never in step with other clients. */
  async #repeat(pause: number, once: () => Promise<void>): Promise<void> {
    let at = performance.now() + Math.random() * Math.max(pause, 100)
    while (!this.stopped) {
      const wait = at - performance.now()
      if (wait > 0) await sleep(wait)
      else at = performance.now()
      at += pause * (0.5 + Math.random())
      if (!this.stopped) await once()
    }
  }

  /** Counts what comes of a request. */
  async #counted(kind: string, work: (begun: number) => Promise<void>): Promise<void> {
    const { phase } = this.tally
    const begun = performance.now()
    try {
      await work(begun)
      this.tally.done(phase, kind, performance.now() - begun)
    } catch (thrown) {
      if (!(thrown instanceof Failure)) throw thrown
      this.tally.failedWith(phase, kind, thrown, performance.now() - begun)
      // Nobody gains from thousands of failures in a second.
      await sleep(100)
    }
  }

  #checkRelease(release: string, begun: number): void {
    if (!this.releases.fits(release, begun, performance.now()))
      throw new Failure('wrong release', release || 'none')
  }

  #check(answer: Answer, begun: number, body?: string): void {
    check(answer, body)
    this.#checkRelease(fieldOf(answer, 'x-release'), begun)
    this.#instances.answered(fieldOf(answer, 'x-instance'), begun)
  }

  async #open(kind: string): Promise<Connection> {
    this.tally.connected(kind)
    return Connection.open(this.#wanted.place, 10)
  }

  #asking(kind: string, path: string): () => Promise<void> {
    const keeps = kind !== 'once'
    const head = this.#head('GET', path, keeps ? '' : 'Connection: close\r\n')
    let kept: Connection | undefined
    return () =>
      this.#counted(kind, async (begun) => {
        const connection = kept?.usable ? kept : await this.#open(kind)
        if (keeps) kept = connection
        this.#check(await connection.ask(head, undefined, 30), begun)
      })
  }

  #sticky(): () => Promise<void> {
    let kept: Connection | undefined
    let cookie = ''
    let instance = ''
    return () =>
      this.#counted('sticky', async (begun) => {
        if (!kept?.usable) kept = await this.#open('sticky')
        const head = this.#head('GET', '/fast', cookie && `Cookie: ${cookie}\r\n`)
        const answer = await kept.ask(head, undefined, 30)
        this.#check(answer, begun)
        cookie = fieldOf(answer, 'set-cookie').split(';')[0] || cookie
        const now = fieldOf(answer, 'x-instance')
        const before = instance
        instance = now
        if (before && before !== now) this.#instances.left(before)
      })
  }

  #uploading(): () => Promise<void> {
    const body = randomBytes(this.#wanted.upload * 2 ** 20)
    const hash = createHash('sha1').update(body).digest('hex')
    const head = this.#head('POST', '/upload', `Content-Length: ${body.length}\r\n`)
    let kept: Connection | undefined
    return () =>
      this.#counted('upload', async (begun) => {
        const connection = kept?.usable ? kept : await this.#open('upload')
        kept = connection
        this.#check(await connection.ask(head, body, 60), begun, hash)
      })
  }

  /** One WebSocket after another: each for so many messages, or until the other side closes it. */
  async #talk(): Promise<void> {
    let socket: WebSocketClient | undefined
    let left = 0
    const leave = async (seconds: number): Promise<void> => {
      await socket?.close(seconds)
      socket = undefined
    }
    await this.#repeat(200, async () => {
      if (!socket) {
        await this.#counted('upgrade', async (begun) => {
          this.tally.connected('upgrade')
          socket = await WebSocketClient.open(this.#wanted.place, this.#wanted.host, 10)
          this.#checkRelease(fieldOf(socket.answer, 'x-release'), begun)
        })
        left = messages
      } else if (left-- === 0) await leave(10)
      else
        await this.#counted('socket', async (begun) => {
          try {
            const back = await socket!.echo(`${left}`, 20)
            if (back === undefined) socket = undefined
            else this.#checkEcho(back, `${left}`, begun)
          } catch (thrown) {
            await leave(0)
            throw thrown
          }
        })
    })
    await leave(10)
  }

  #checkEcho(back: string, text: string, begun: number): void {
    const [release = '', rest] = back.split(' ')
    if (rest !== text) throw new Failure('truncated', `${back} is no echo of ${text}`)
    this.#checkRelease(release, begun)
  }

  #head(method: string, path: string, fields: string): string {
    return `${method} ${path} HTTP/1.1\r\nHost: ${this.#wanted.host}\r\n${fields}\r\n`
  }
}
