import { Agent, type IncomingMessage, get } from 'node:http'

/** Asks a site all the time, over connections that are kept and over new ones, and counts. */
export class Requests {
  readonly #address: string
  readonly #domain: string
  readonly #kept = new Agent({ keepAlive: true })
  /** Answers by what they say of their release. */
  readonly answers: Map<string, number> = new Map()
  readonly failures: string[] = []
  #going = true
  readonly #clients: Promise<void>[]

  constructor(address: string, domain: string, clients: number) {
    this.#address = address
    this.#domain = domain
    this.#clients = Array.from({ length: clients }, (_, i) => this.#client(i % 2 === 0))
  }

  /** Ends it, when all that was asked is answered. */
  async end(): Promise<void> {
    this.#going = false
    await Promise.all(this.#clients)
    this.#kept.destroy()
  }

  async #client(keeps: boolean): Promise<void> {
    while (this.#going)
      try {
        const { status, text } = await ask(this.#address, this.#domain, keeps ? this.#kept : false)
        const release = /Release (\S+)\./.exec(text)?.[1]
        if (status === 200 && release)
          this.answers.set(release, (this.answers.get(release) ?? 0) + 1)
        else this.failures.push(`status ${status}: ${text.slice(0, 80)}`)
      } catch (error) {
        this.failures.push(String(error))
      }
  }
}

/** A page of a site, asked for at the address of its balancer. */
export async function ask(
  host: string,
  domain: string,
  agent: Agent | false = false,
): Promise<{ status: number; text: string }> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = get({ host, headers: { host: domain }, timeout: 15_000, agent }, resolve)
    request.on('timeout', () => request.destroy(new Error('no answer within 15 s')))
    request.on('error', reject)
  })
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }
}
