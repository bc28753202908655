import { expect } from 'vitest'
import type { Resource } from '../../src/model/resource.ts'
import type { TestHost } from './fixture.ts'
import { plan, settle } from './settle.ts'

/** What is planned, a line each. */
export async function planned(host: TestHost, resources: readonly Resource[]): Promise<string[]> {
  const changes = await plan(host, resources)
  return changes.map(({ id, difference }) => `${difference.verb} ${id}: ${difference.summary}`)
}

/** Makes the resources true: what was planned is made, and nothing is left. Gives what was planned. */
export async function converges(host: TestHost, resources: readonly Resource[]): Promise<string[]> {
  const before = await planned(host, resources)
  const settled = await settle(host, resources)
  expect(settled.made).toEqual(settled.planned)
  expect(await planned(host, resources)).toEqual([])
  return before
}

/** The words with which it fails. */
export async function failure(host: TestHost, resources: readonly Resource[]): Promise<string> {
  return settle(host, resources).then(
    () => 'it did not fail',
    (error: Error) => error.message,
  )
}
