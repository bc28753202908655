/** What a test of a description may import. */
import { type TestBody, addCase } from './testing/case.ts'

export type { Facts } from './model/facts.ts'
export type { TestBody } from './testing/case.ts'
export type {
  FileSeen,
  FileThere,
  Run,
  RunResult,
  ServiceSeen,
  ServiceThere,
  TestHost,
} from './testing/host.ts'
export type { Http, HttpAnswer, HttpOptions, Port } from './testing/network.ts'
export type { Like } from './testing/subject.ts'

/**
 * A test of a role: `fettle test` runs it on a lab host that was made as described.
 *
 *     test('web', 'serves the page', async (host) => {
 *       await host.http('/').gives(200, /Welcome/)
 *     })
 */
export function test(role: string, name: string, body: TestBody): void {
  addCase(role, name, body)
}
