import { expect, test } from 'vitest'
import { addressIn, shortHash, subnets } from './network.ts'

test('a lab tries its own subnets in the same order each time', () => {
  const tried = [...subnets(shortHash('/home/ada/fleet'))]
  expect(tried).toEqual([...subnets(shortHash('/home/ada/fleet'))])
  expect(new Set(tried).size).toBe(64)
  for (const subnet of tried) expect(subnet).toMatch(/^10\.(8[3-9]|9[0-8])\.\d{1,3}\.0\/24$/)
  expect([...subnets(shortHash('/home/bob/fleet'))][0]).not.toBe(tried[0])
})

test('addresses count from .10', () => {
  expect(addressIn('10.83.7.0/24', 0)).toBe('10.83.7.10')
  expect(addressIn('10.83.7.0/24', 3)).toBe('10.83.7.13')
})
