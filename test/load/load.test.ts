import { createHash } from 'node:crypto'
import { type RequestListener, type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { Load } from './load.ts'
import type { Count, Report } from './tally.ts'

/** That nothing was lost means something only if the load notices when something is. */
describe('the load generator notices', () => {
  const servers: Server[] = []
  afterEach(() => servers.splice(0).forEach((each) => each.close().closeAllConnections()))

  const serving = async (answer: RequestListener): Promise<number> => {
    const server = createServer(answer)
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return (server.address() as AddressInfo).port
  }

  const none = { keep: 0, once: 0, sticky: 0, slow: 0, upload: 0, socket: 0 }
  const load = (port: number, mix: Partial<typeof none>): Promise<Report> =>
    new Load({
      address: '127.0.0.1',
      port,
      host: 'a',
      releases: 'r1',
      rate: 50,
      size: 1,
      seconds: 1,
      ...none,
      ...mix,
    }).report

  const count = async (report: Promise<Report>, kind: string): Promise<Count> =>
    (await report).phases['rest']![kind]!

  const fields = (body: string, release = 'r1', instance = 'a'): Record<string, string> => ({
    'X-Release': release,
    'X-Instance': instance,
    'X-Hash': createHash('sha1').update(body).digest('hex'),
    'Content-Length': String(body.length),
  })

  test('nothing where all is well', async () => {
    const port = await serving((_, response) => response.writeHead(200, fields('ok')).end('ok'))
    const { failed, phases } = await load(port, { keep: 2, once: 2, sticky: 2 })
    expect(failed).toBe(0)
    const { keep, once } = phases['rest']!
    expect(keep!.connections).toBe(2)
    expect(once!.connections).toBe(once!.requests)
  })

  test.each<[string, RequestListener]>([
    ['5xx', (_, response) => response.writeHead(503).end()],
    ['unexpected', (_, response) => response.writeHead(404, fields('')).end()],
    ['reset', (request) => request.socket.resetAndDestroy()],
    ['reset', (request) => request.socket.end()],
    [
      'truncated',
      (request, response) => {
        response.writeHead(200, fields('ok')).write('o')
        setTimeout(() => request.socket.destroy(), 20)
      },
    ],
    ['truncated', (_, response) => response.writeHead(200, fields('ok')).end('ko')],
    ['wrong release', (_, response) => response.writeHead(200, fields('ok', 'r2')).end('ok')],
    ['wrong release', (_, response) => response.writeHead(200, fields('ok', '')).end('ok')],
  ])('%s', async (trouble, answer) => {
    const { requests, troubles } = await count(load(await serving(answer), { keep: 1 }), 'keep')
    expect(troubles).toEqual({ [trouble]: requests })
    expect(requests).toBeGreaterThan(0)
  })

  test('refused', async () => {
    const port = await serving(() => undefined)
    servers.pop()!.close()
    const { requests, troubles } = await count(load(port, { once: 1 }), 'once')
    expect(troubles).toEqual({ refused: requests })
  })

  test('an upload that did not arrive whole', async () => {
    const port = await serving((request, response) =>
      request
        .resume()
        .on('end', () => response.writeHead(200, fields('0'.repeat(40))).end('0'.repeat(40))),
    )
    const { requests, troubles } = await count(load(port, { upload: 1 }), 'upload')
    expect(troubles).toEqual({ truncated: requests })
  })

  test('a sticky client that is taken from an instance which goes on', async () => {
    let asked = 0
    const port = await serving((_, response) => {
      const instance = asked++ % 3 ? 'a' : 'b'
      response
        .writeHead(200, { ...fields('ok', 'r1', instance), 'Set-Cookie': 'slot=1; Path=/' })
        .end('ok')
    })
    const { troubles } = await count(load(port, { sticky: 2 }), 'sticky')
    expect(troubles.moved).toBeGreaterThan(0)
  })

  test('a WebSocket that ends without a word, and not one that is closed', async () => {
    const upgraded = async (last: Buffer): Promise<Record<'upgrade' | 'socket', Count>> => {
      const port = await serving(() => undefined)
      servers.at(-1)!.on('upgrade', (request, socket) => {
        const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`
        const accept = createHash('sha1').update(key).digest('base64')
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Release: r1\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
        )
        socket.on('error', () => undefined)
        socket.end(last)
      })
      const { upgrade, socket } = (await load(port, { socket: 1 })).phases['rest']!
      return { upgrade: upgrade!, socket: socket! }
    }
    const cut = await upgraded(Buffer.alloc(0))
    expect(cut.socket.troubles).toEqual({ reset: cut.socket.requests })
    const closed = await upgraded(Buffer.from([0x88, 2, 3, 0xe9]))
    expect(closed.socket.troubles).toEqual({})
    expect(closed.upgrade.troubles).toEqual({})
    expect(closed.upgrade.connections).toBeGreaterThan(1)
  })

  test('that an address is not that of a lab host', async () => {
    await expect(
      new Load({ address: '93.184.216.34', host: 'a', seconds: 1 }).report,
    ).rejects.toThrow('ended with 1')
  })
})
