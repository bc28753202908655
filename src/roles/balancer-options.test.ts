import { describe, expect, test } from 'vitest'
import { balancing } from '../../test/lab/balancer.ts'
import { packages } from '../resources/package.ts'
import { type BalancerOptions, balancer } from './balancer.ts'

describe('what is refused', () => {
  test.each<[RegExp, BalancerOptions]>([
    [/certificates cannot be package:nginx/, { certificates: packages('nginx') }],
    [/address cannot be/, { address: 'a b' }],
    [/stats cannot be/, { stats: '8405' }],
    [/proxyProtocol cannot be "lb.example.com"/, { proxyProtocol: 'lb.example.com' }],
    [/trustedProxies cannot be "10.0.0.0\/33"/, { trustedProxies: ['10.0.0.1', '10.0.0.0/33'] }],
    [/maintenance is too long/, { maintenance: 'x'.repeat(16_000) }],
    [/pair.address cannot be/, { pair: { address: '10.0.0.1', password: 'x' } }],
    [/pair.password cannot be/, { pair: { address: '10.0.0.1/24', password: '123456789' } }],
    [/acme cannot go/, { acme: { email: 'a@b' }, pair: { address: '10.0.0.1/24', password: 'x' } }],
  ])('%s', (words, options) => expect(() => balancer(balancing({}), options)).toThrow(words))

  test('HTTPS without a certificate', () =>
    expect(() =>
      balancer(balancing({ shop: { domains: 'a.b', balance: { https: true } } })),
    ).toThrow(/certificates is missing/))
})
