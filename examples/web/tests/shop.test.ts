import { test } from 'fettle/testing'

// `npx fettle test` makes throwaway hosts as described and runs this on the one of each role.
test('web', 'serves the shop', async (host) => {
  await host.http('/').gives(200, `Hello from ${host.name}`)
  await host.http('http://shop.example.test/nothing').gives(404)
})

test('web', 'keeps its worker running', async (host) => {
  await host.service('shop-worker').isRunning()
  await host.service('shop-worker').isEnabled()
})

test('base', 'lets us in, and nobody else', async (host) => {
  await host.file('/home/deploy/.ssh/authorized_keys').contains('ada@example.test')
  await host.file('/home/deploy/.ssh').is({ mode: '0700', owner: 'deploy' })
  await host.run('id -un', { user: 'deploy' }).gives(0, 'deploy')
  await host.port(5432).isClosed()
})
