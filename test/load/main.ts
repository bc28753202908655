import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { Clients } from './client.ts'

/**
 * The load generator, as a process of its own. It says what it has counted in a line of JSON each
 * second, and is told what goes on by lines of JSON: `{"phase": "reload"}`, `{"releases": ["r1", "r2"]}`,
 * `{"stop": true}`. It ends with its input, and in any case after so many requests or seconds.
 */
const { values: flags } = parseArgs({
  options: {
    /** Of a lab host. */
    address: { type: 'string' },
    port: { type: 'string', default: '80' },
    host: { type: 'string' },
    keep: { type: 'string', default: '8' },
    once: { type: 'string', default: '4' },
    sticky: { type: 'string', default: '4' },
    slow: { type: 'string', default: '6' },
    upload: { type: 'string', default: '2' },
    socket: { type: 'string', default: '6' },
    rate: { type: 'string', default: '500' },
    size: { type: 'string', default: '2' },
    requests: { type: 'string', default: '2000000' },
    seconds: { type: 'string', default: '900' },
    releases: { type: 'string', default: '' },
  },
})

const { address = '', host = '' } = flags
// Hosts of a lab have no other ones: nobody else is ever flooded by mistake.
if (!/^(10|127|192\.168|172\.(1[6-9]|2\d|3[01]))\.[\d.]+$/.test(address))
  throw new Error(`${address || 'nothing'} is not the address of a lab host`)
const [requests, seconds] = [Number(flags.requests), Number(flags.seconds)]
const { keep, once, sticky, slow, upload, socket } = flags
const clients = new Clients({
  place: { address, port: Number(flags.port) },
  host,
  mix: {
    keep: Number(keep),
    once: Number(once),
    sticky: Number(sticky),
    slow: Number(slow),
    upload: Number(upload),
    socket: Number(socket),
  },
  rate: Number(flags.rate),
  upload: Number(flags.size),
})
clients.releases.allow(flags.releases.split(','), performance.now())

const say = (words: object): void => void process.stdout.write(`${JSON.stringify(words)}\n`)
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { phase, releases, stop } = JSON.parse(line) as {
      readonly phase?: string
      readonly releases?: readonly string[]
      readonly stop?: boolean
    }
    if (phase) clients.tally.phase = phase
    if (releases) clients.releases.allow(releases, performance.now())
    if (stop) clients.stop()
  })
  .on('close', () => clients.stop())
const limit = setTimeout(() => clients.stop(), seconds * 1000)
const ticks = setInterval(() => {
  const { tally } = clients
  say({ requests: tally.requests, failed: tally.failed })
  if (tally.requests >= requests) clients.stop()
}, 1000)
await clients.run()
clearTimeout(limit)
clearInterval(ticks)
say({ report: clients.tally.report() })
process.stdin.destroy()
