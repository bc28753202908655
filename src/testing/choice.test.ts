import { expect, test } from 'vitest'
import { fleet } from '../model/fleet.ts'
import { role } from '../model/role.ts'
import { app } from '../roles/app.ts'
import { chooseHosts } from './choice.ts'

const web = role('web', () => [])
const [shop, blog] = ['shop', 'blog'].map((name) => app(name, { source: '.' }))
const described = fleet({
  hosts: { web1: {}, web2: {}, web3: {}, web4: {}, bare: {} },
  roles: [web.on('web1', 'web2', 'web3', 'web4')],
  apps: [shop!.on('web1', 'web2', 'web3'), blog!.on('web3')],
})
const chosen = (wishes: { roles?: string[]; hosts?: string[] } = {}): string[] =>
  chooseHosts(described, { roles: [], hosts: [], ...wishes }).map(
    ({ host, standsFor, apps }) =>
      `${host.name} [${apps.join(' ')}] for ${standsFor.map(({ name }) => name).join(' ')}`,
  )

test('hosts stand for those that have the same roles and the same apps', () => {
  expect(chosen()).toEqual([
    'web1 [shop] for web1 web2',
    'web3 [shop blog] for web3',
    'web4 [] for web4',
    'bare [] for bare',
  ])
  expect(chosen({ roles: ['web'] })).toHaveLength(3)
})

test('hosts that are named stand for themselves, and for those like them that are not', () => {
  expect(chosen({ hosts: ['web1', 'web2'] })).toEqual([
    'web1 [shop] for web1',
    'web2 [shop] for web2',
  ])
  expect(chosen({ hosts: ['web2'] })).toEqual(['web2 [shop] for web1 web2'])
})
