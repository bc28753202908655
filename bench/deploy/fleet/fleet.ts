import { type Fleet, app, balancer, fleet, packages, role } from 'fettle'

const atOnce = 1
const settle = 1

const shop = app('shop', {
  source: './shop',
  domains: 'shop.example.com',
  // What is in git is the release already.
  build: { command: '' },
  processes: { web: 'exec python3 -S server.py' },
  rollout: { atOnce, settle, drain: 5 },
})

const described: Fleet = fleet({
  hosts: { lb1: {}, web1: {}, web2: {}, web3: {} },
  roles: [
    role('python', () => packages('python3')).on('web1', 'web2', 'web3'),
    role('balancer', (host) => balancer(host)).on('lb1'),
  ],
  apps: [shop.on('web1', 'web2', 'web3')],
})

export default described
