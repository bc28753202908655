import { app, balancer, fleet, role } from 'fettle'

/** Where requests arrive. */
const edge = role('edge', (host) => balancer(host))

/** Recognised as Python by its wsgi.py: gunicorn serves it. */
const storefront = app('storefront', {
  source: './storefront',
  domains: ['shop.test', 'www.shop.test'],
  health: '/health',
  env: { CURRENCY: 'EUR' },
  rollout: { settle: 2, drain: 10 },
})

/** Has a Procfile: what answers requests, and a worker beside it. */
const api = app('api', {
  source: './api',
  domains: 'api.shop.test',
  health: '/health',
  instances: { web: 1, worker: 1 },
  rollout: { settle: 1, drain: 10 },
})

/** Recognised as a static site by its index.html. */
const help = app('help', {
  source: './help',
  domains: 'help.test',
  instances: 1,
  rollout: { settle: 1, drain: 10 },
})

export default fleet({
  hosts: {
    edge1: { address: '203.0.113.20', login: 'root' },
    app1: { address: '203.0.113.21', login: 'root' },
    app2: { address: '203.0.113.22', login: 'root' },
  },
  roles: [edge.on('edge1')],
  apps: [storefront.on('app1', 'app2'), api.on('app1', 'app2'), help.on('app1', 'app2')],
})
