import { describe, expect } from 'vitest'
import { bootForFile, labAvailable, labMissing, test } from './fixture.ts'

describe.skipIf(!labAvailable)(`the fixture ${labMissing}`, () => {
  const shared = bootForFile(2)

  test('shares hosts between the tests of a file', async () => {
    const [web1, web2] = shared()
    expect((await web1!.exec('hostname')).output).toBe('web1\n')
    expect((await web2!.exec('cat', 'input')).output).toBe('input')
  })

  test('gives a test hosts of its own', async ({ boot }) => {
    const [web1] = await boot()
    const [web2] = await boot()
    expect(web1!.target.address).not.toBe(shared()[0]!.target.address)
    expect((await web2!.exec('hostname; exit 3')).code).toBe(3)
  })
})
