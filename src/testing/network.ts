import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { createConnection } from 'node:net'
import {
  type Like,
  NothingSeen,
  Subject,
  type Surroundings,
  excerpt,
  isLike,
  likeWords,
} from './subject.ts'

/** A request over HTTP. */
export interface HttpOptions {
  /** Default: GET, or POST with a body. */
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface HttpAnswer {
  readonly status: number
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** For one answer. Seconds. */
const longestWait = 10

/** What a web server answers, asked from outside the host. Redirects are not followed. */
export class Http extends Subject<HttpAnswer> {
  readonly #address: string
  readonly #url: URL
  readonly #options: HttpOptions

  constructor(address: string, url: string, options: HttpOptions, around: Surroundings) {
    const method = options.method ?? (options.body === undefined ? 'GET' : 'POST')
    super(`${method} ${url}`, around)
    this.#address = address
    this.#url = new URL(url, `http://${address}`)
    this.#options = { ...options, method }
  }

  /** It answers with this status, and with this text in the body. */
  gives(status: number, text?: Like): Promise<void> {
    const body = text === undefined ? '' : ` with ${likeWords(text)}`
    return this.expect(`gives ${status}${body}`, (seen) => {
      const right = seen.status === status && (text === undefined || isLike(seen.body, text))
      return right ? undefined : `${seen.status}${placeOf(seen)}${excerpt(seen.body)}`
    })
  }

  protected read(): Promise<HttpAnswer> {
    const { protocol, hostname, port, pathname, search, host } = this.#url
    const { method, headers, body } = this.#options
    const secure = protocol === 'https:'
    return new Promise((resolve, reject) => {
      const nothing = (error: Error): void =>
        reject(
          new NothingSeen(`no answer (${error.message || (error as NodeJS.ErrnoException).code})`),
        )
      const request = (secure ? requestHttps : requestHttp)({
        // Whatever name it is asked by, it is this host that is asked.
        host: this.#address,
        port: port || (secure ? 443 : 80),
        path: `${pathname}${search}`,
        method,
        headers: { host, ...headers },
        timeout: longestWait * 1000,
        agent: false,
        // A lab host cannot have a certificate that the world knows.
        rejectUnauthorized: false,
        ...(secure && !/^[\d.]+$|:/.test(hostname) ? { servername: hostname } : {}),
      })
      request.on('error', nothing)
      request.on('timeout', () => request.destroy(new Error(`none within ${longestWait} s`)))
      request.on('response', (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', nothing)
        response.on('end', () => {
          const all = Object.entries(response.headers).map(([name, value]) => [name, String(value)])
          const text = Buffer.concat(chunks).toString('utf8')
          resolve({
            status: response.statusCode ?? 0,
            headers: Object.fromEntries(all) as Record<string, string>,
            body: text,
          })
        })
      })
      request.end(body)
    })
  }
}

const placeOf = ({ headers }: HttpAnswer): string =>
  headers['location'] === undefined ? '' : ` to ${headers['location']}`

/** A TCP port, seen from outside the host. */
export class Port extends Subject<{ readonly open: boolean }> {
  readonly #address: string
  readonly #number: number

  constructor(address: string, number: number, around: Surroundings) {
    super(`port ${number}`, around)
    this.#address = address
    this.#number = number
  }

  isOpen(): Promise<void> {
    return this.expect('is open', ({ open }) => (open ? undefined : 'it is closed'))
  }

  /** Nothing outside the host can reach it; on the host itself it may be open. */
  isClosed(): Promise<void> {
    return this.expect('is closed', ({ open }) => (open ? 'it is open' : undefined))
  }

  protected read(): Promise<{ open: boolean }> {
    return new Promise((resolve) => {
      const socket = createConnection({ host: this.#address, port: this.#number, timeout: 2000 })
      const end = (open: boolean): void => {
        socket.destroy()
        resolve({ open })
      }
      socket.on('connect', () => end(true))
      socket.on('error', () => end(false))
      socket.on('timeout', () => end(false))
    })
  }
}
