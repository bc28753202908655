const { createServer } = require('node:http')

const products = ['tea', 'coffee', 'cocoa']
const server = createServer((request, response) => {
  if (request.url === '/health') return response.end('well\n')
  response.setHeader('content-type', 'application/json')
  response.end(`${JSON.stringify({ products, release: process.env.FETTLE_RELEASE })}\n`)
})
server.listen(Number(process.env.PORT), process.env.HOST)

// What is being answered is finished first.
process.on('SIGTERM', () => {
  server.close(() => process.exit(0))
  server.closeIdleConnections()
})
